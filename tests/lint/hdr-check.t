#!/bin/bash
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1
flags=(-std=c17 -Wall -Wextra -Wpedantic -Werror -I.)

header() { # LINE...
	printf '%s\n' '#ifndef A_H' '#define A_H' "$@" '#endif' >a.h
}

hdr_check() {
	"$lint/hdr-check" "${CC:-gcc}" "${flags[@]}" -- a.h
}

header '#include <stddef.h>' 'size_t f(void);'
check "a header with all it needs passes" passes hdr_check
header '#define A 1'
check "so does one of macros only" passes hdr_check
header '' 'size_t f(void);'
check "a missing include is caught with its line" catches '(^|/)a\.h:4:.*size_t' hdr_check
header 'void f(struct s *s);'
check "and a struct that nobody declared" catches '(^|/)a\.h:3:.*struct s' hdr_check
printf 'enum a { A };\n' >a.h
check "and a missing guard" catches '(^|/)a\.h:1:' hdr_check
check "a missing header is no success" catches 'gone\.h' "$lint/hdr-check" "${CC:-gcc}" "${flags[@]}" -- gone.h
check "nor is no header at all" catches 'usage' "$lint/hdr-check" "${CC:-gcc}" "${flags[@]}" --
finish
