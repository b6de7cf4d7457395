# What the tests of whole servers share (bash, sourced after lib.sh): all daemons, listings of the machine.
# shellcheck shell=bash

examples=/usr/share/novacpx/examples

start_daemons() {
	start_nginx && start_php_fpm && start_named && start_postfix && start_dovecot && start_cron
}

# While looks at the whole machine are compared, no job of the examples' accounts may write to its home.
hold_cron() {
	msh 'kill -STOP "$(cat /run/crond.pid)"'
}

release_cron() {
	msh 'kill -CONT "$(cat /run/crond.pid)"'
}

# exit_code CMD...: the status of a command in the machine; what it said is in $said
exit_code() {
	local rc=0
	said=$(run "$@" 2>&1 </dev/null) || rc=$?
	echo "$rc"
}

# novacpx_is NAME STATUS ARGUMENT...: the command line's exit code; what it said is in $said
novacpx_is() {
	local title=$1 want=$2 rc=0
	shift 2
	said=$(run novacpx "$@" 2>&1 </dev/null) || rc=$?
	((rc == want))
	report $? "$title" "exit code $rc, not $want, of: novacpx $*
$(tail -n 30 <<<"$said")"
}

# listing PATH...: everything there is, with inode, mode, owner, size, times, target, a line each
listing() {
	# shellcheck disable=SC2016
	run sh -c 'find "$@" -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o \
		-printf "%p|%i|%M|%u:%g|%s|%T@|%C@|%l\n" | LC_ALL=C sort' listing "$@"
}

# contents PATH...: type, mode, owner and digest of everything, without inodes and times
contents() {
	# shellcheck disable=SC2016
	run sh -c 'find "$@" -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o \
		-printf "%y %m %u:%g %p %l\n" | LC_ALL=C sort
		find "$@" -xdev \( -path /proc -o -path /sys -o -path /dev \) -prune -o -type f -print0 |
		LC_ALL=C sort -z | xargs -0 -r sha256sum' contents "$@"
}

# generations: who runs since when; a reload or restart changes it. Helpers that come and go are left out.
generations() {
	# shellcheck disable=SC2016
	run bash -c '
		for stat in /proc/[0-9]*/stat; do
			read -r line <"$stat" || continue
			set -- ${line##*) }
			comm=${line#*(} comm=${comm%)*}
			case $comm in
			nginx | php-fpm* | named | master | qmgr | dovecot | cron) echo "$comm ${line%% *} ${20}" ;;
			esac
		done 2>/dev/null | sort
		rndc status | grep "last configured"'
}

# sql_tool: puts /root/sql into the machine, which writes to a database past all of our checks: sql FILE STATEMENT...
sql_tool() {
	cat >"$scratch/sql.c" <<'C'
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	sqlite3 *db;
	char *why = NULL;

	if (argc < 3 || sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 1;
	for (int i = 2; i < argc; i++) {
		if (sqlite3_exec(db, argv[i], NULL, NULL, &why) != SQLITE_OK || sqlite3_changes(db) < 1) {
			fprintf(stderr, "%s: %s\n", argv[i], why ? why : "no row changed");
			return 1;
		}
	}
	return sqlite3_close(db) != SQLITE_OK;
}
C
	gcc -o "$scratch/sql" "$scratch/sql.c" -lsqlite3 && run sh -c 'cat >/root/sql && chmod 755 /root/sql' <"$scratch/sql"
}
