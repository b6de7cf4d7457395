#!/bin/bash
. "$(dirname "$0")/lib.sh"
mkdir -p "$scratch/renderers"
cc=${CC:-gcc}

compile() { # FLAGS BODY
	# shellcheck disable=SC2086
	printf '%s\n' '#include <fcntl.h>' '#include <stdio.h>' '#include <stdlib.h>' '#include <string.h>' \
		'#include <sys/random.h>' '#include <sys/socket.h>' '#include <sys/stat.h>' '#include <time.h>' \
		'#include <unistd.h>' 'int f(char *s);' 'int fs_read(void);' 'int fs_path_is_clean(const char *);' \
		'int f(char *s)' '{' "$2" '}' |
		"$cc" -D_GNU_SOURCE -g $1 -x c -c - -o "$scratch/renderers/a.o"
}

pure() { # FLAGS BODY
	compile "$1" "$2"
	check "pure: $2 ($1)" passes "$lint/pure-check" "$scratch"
}

impure() { # FLAGS BODY SYMBOL-AND-WHY
	compile "$1" "$2"
	check "refused: $2 ($1)" catches ":[0-9]+: $3" "$lint/pure-check" "$scratch"
}

check "nothing built is no success" catches 'no object' "$lint/pure-check" "$scratch"
pure -O0 'return (int)strlen(s);'
pure -O0 'return snprintf(s, 8, "%d", 7);'
pure '-O2 -D_FORTIFY_SOURCE=2' 'char b[9]; snprintf(b, sizeof(b), s, 7); return b[0];'
pure -O0 'return fs_path_is_clean(s);'
pure -O0 'struct tm t = { 0 }; time_t n = 7; return gmtime_r(&n, &t) ? t.tm_sec : 0;'
impure -O0 'return open(s, O_RDONLY);' 'open: .*file'
impure '-O0 -D_FILE_OFFSET_BITS=64' 'return open(s, O_RDONLY);' 'open64: .*file'
impure '-O2 -D_FORTIFY_SOURCE=2' 'return open(s, rand());' '(__open_2|rand): '
impure -O0 'return fopen(s, "r") != NULL;' 'fopen: .*file'
impure -O0 'struct stat st; return stat(s, &st);' 'stat: .*file'
impure '-O2 -D_FORTIFY_SOURCE=2' 'return printf(s);' '__printf_chk: .*file'
impure -O0 'int n; return sscanf(s, "%d", &n) + fscanf(stdin, "%d", &n);' '__isoc99_fscanf: .*file'
impure -O0 'return (int)time(NULL);' 'time: .*clock'
impure -O0 'struct timespec t; return clock_gettime(CLOCK_REALTIME, &t);' 'clock_gettime: .*clock'
impure -O0 'time_t n = 7; struct tm t; return localtime_r(&n, &t) != NULL;' 'localtime_r: .*clock'
impure -O0 'return getenv(s) != NULL;' 'getenv: .*environment'
impure -O0 'return gethostname(s, 8);' 'gethostname: .*environment'
impure -O0 'return fork();' 'fork: .*process'
impure -O0 'return execlp(s, s, (char *)NULL);' 'execlp: .*process'
impure -O0 'return system(s);' 'system: .*process'
impure -O0 'return socket(1, 1, 0);' 'socket: .*network'
impure -O0 'return rand();' 'rand: .*randomness'
impure -O0 'return (int)getrandom(s, 8, 0);' 'getrandom: .*randomness'
impure -O0 'return fs_read();' 'fs_read: .*our file'
impure -O0 'int (*p)(const char *) = system; return p == NULL;' 'system: .*process'
finish
