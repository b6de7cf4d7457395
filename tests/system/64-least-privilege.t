#!/bin/bash
# novacpx-api as a server runs it has no rights but its work: what the kernel says of the running process, and what a
# program that gives up the same rights by the same functions can do still.
. "$(dirname "$0")/lib.sh"

state=/var/lib/novacpx
probe=build/$variant/tests/confined/confined

# Each thread's line of /proc/PID/status for NAME, all the same or told as they are
thread_lines() { # PID NAME
	run sh -c "grep -h '^$2:' /proc/$1/task/*/status" | sort -u | tr -s '\t ' '  ' | sed 's/ *$//'
}

pid_on() { # PORT
	run ss -Hltnp "sport = :$1" | grep -o 'pid=[0-9]*' | head -n 1 | cut -d= -f2
}

as_api() {
	run setpriv --reuid novacpx --regid novacpx --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
}

tries() { # ACT [ARGUMENT]: as root starts it
	run confined -- "$@" 2>&1
}

refused() { # NAME ACT ARGUMENT: and without confinement root would get it
	is "$1" "$(tries "${@:2}")" "refused: Permission denied"
}

# ends NAME ACT [ARGUMENT]: the process does not survive it
ends() {
	local rc=0
	tries "${@:2}" >"$scratch/out" || rc=$?
	is "$1 ends the process" "$rc $(grep -E '^(went on|refused)' "$scratch/out")" "159 " # by SIGSYS
}

for program in novacpxd novacpx-api; do
	[[ -x $checkout/build/$variant/$program ]] || bail "$program is not built"
done
make -C "$checkout" -s VARIANT="$variant" "$probe" || bail "the probe was not built"
machine_up -b "$checkout/$probe:/usr/bin/confined:ro"
put /root/state.yaml <<'END_OF_STATE'
novacpx: 1
users: {admin: {role: admin, email: admin@host.example}}
accounts: {john: {domains: {a.example: {type: primary}}}}
END_OF_STATE
run novacpx apply --yes --no-diff -f /root/state.yaml >/dev/null 2>&1
daemon novacpxd novacpxd
ok "the engine runs" wait_socket /run/novacpx/engine.sock
# whatever the modes say
msh 'mkdir -p /var/vmail/a.example/info/new; echo mail >/var/vmail/a.example/info/new/1; echo note >/home/john/note
chmod -R a+rwX /var/vmail /home/john; mkdir -p /srv/open; chmod 1777 /srv/open'
daemon api novacpx-api --http 8000 --listen 8882 # gives up root itself
ok "the API runs" wait_port 8000
daemon api-2 setpriv --reuid novacpx --regid novacpx --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
	novacpx-api --http 8001 --listen 8883 # as its unit starts it
ok "and as the unit starts it" wait_port 8001
uid=$(run id -u novacpx)
gid=$(run id -g novacpx)

for port in 8000 8001; do
	pid=$(pid_on $port)
	diag "the process on port $port, thread by thread"
	ok "it has threads" test "$(run sh -c "ls /proc/$pid/task | wc -l")" -gt 4
	is "user" "$(thread_lines "$pid" Uid)" "Uid: $uid $uid $uid $uid"
	is "group" "$(thread_lines "$pid" Gid)" "Gid: $gid $gid $gid $gid"
	like "no other groups" "$(thread_lines "$pid" Groups)" "^Groups:( $gid)?$"
	for set in Inh Prm Eff Bnd Amb; do
		is "Cap$set" "$(thread_lines "$pid" Cap$set)" "Cap$set: 0000000000000000"
	done
	is "no new privileges" "$(thread_lines "$pid" NoNewPrivs)" "NoNewPrivs: 1"
	is "system calls are filtered" "$(thread_lines "$pid" Seccomp)" "Seccomp: 2"
	like "files are for it alone" "$(thread_lines "$pid" Umask)" "0077"
	like "no core file" "$(run grep 'core file' "/proc/$pid/limits")" "0 +0 "
	fails "its own user cannot look into it" as_api cat "/proc/$pid/environ"
	is "it has nothing open but its own" "$(run sh -c "readlink /proc/$pid/fd/*" |
		grep -vE "^(socket|pipe|anon_inode):|^/dev/(null|urandom)$|^$state/model/(model|api)\.db(-wal|-shm)?$|^/var/log/api")" ""
	unlike "and no folder that it came from" "$(run sh -c "readlink /proc/$pid/fd/*")" "engine\.db"
	is "it serves" "$(status http://localhost:$port/healthz)" 200
	is "and no child" "$(run pgrep -P "$pid")" ""
done

diag "what its like can do"
is "the probe works" "$(tries read $state/model/model.db)" "went on"
for path in /etc/shadow /etc/gshadow $state/engine/engine.db /home/john/note /var/vmail/a.example/info/new/1; do
	is "root reads $path" "$(run confined --unconfined -- read $path)" "went on"
done
refused "it does not read the passwords" read /etc/shadow
refused "nor those of groups" read /etc/gshadow
refused "nor the engine's database" read $state/engine/engine.db
like "nor who has been root" "$(tries list /root)" "refused"
like "nor another process" "$(tries read /proc/1/environ)" "refused"
if run grep -q "no Landlock" /var/log/api.log; then
	skip "what modes would let it have" "the kernel has no Landlock"
else
	refused "nor the users" read /etc/passwd
	refused "nor a home that is open to all" read /home/john/note
	refused "nor which homes there are" list /home
	refused "nor mail that is open to all" read /var/vmail/a.example/info/new/1
	refused "it writes nowhere else" write /srv/open/x
	refused "nor in /tmp" write /tmp/x
	refused "nor does it remove" remove /home/john/note
	is "but in its own folder" "$(tries write $state/model/x)" "went on"
	run rm -f $state/model/x
fi
is "it reaches the engine" "$(tries unix /run/novacpx/engine.sock)" "went on"
is "but nobody by the network" "$(tries connect 127.0.0.1)" "refused: Operation not permitted"
is "nor the wire" "$(tries packet)" "refused: Operation not permitted"
is "it opens no door" "$(tries listen $state/model/door)" "refused: Operation not permitted"
is "it makes no process" "$(tries fork)" "refused: Operation not permitted"
is "it ends none" "$(tries kill "$(run pgrep -x novacpxd)")" "refused: Operation not permitted"
ends "running a program" exec /bin/true
ends "becoming root" root
ends "tracing" ptrace "$(pid_on 8000)"
ends "mounting" mount /srv
is "the API serves still" "$(status http://localhost:8000/healthz)" 200
done_testing
