#!/bin/bash
# 64 clients read and write for a minute while the engine converges: no failure, no lost write. Then the API is
# killed in the midst of it: every acknowledged revision is in the log with its content. LOAD_SECONDS=600 for longer.
. "$(dirname "$0")/lib.sh"

seconds=${LOAD_SECONDS:-60}
clients=64
zones=8
model=/var/lib/novacpx/model

sql() { # STATEMENT: of model.db; by the user that owns it, as novacpxd insists
	run setpriv --reuid novacpx --regid novacpx --clear-groups dump $model/model.db "PRAGMA busy_timeout=20000" "$@" |
		sed 1d
}

start_api() {
	daemon api novacpx-api --http 8000 --listen 8882 --rate 1000000000 --login-rate 1000000000
	wait_port 8000
}

api_pid() { run pgrep -x novacpx-api; }

ask() { # METHOD PATH [BODY]
	fetch -X "$1" -b "$cookie" ${3:+-d "$3"} "http://localhost:8000/api/$2"
}

load() { # SECONDS FILE
	run load 8000 "$cookie" $clients "$1" $zones "/root/$2" 2>"$scratch/refused"
}

applied() { # the revision that the engine is at
	run python3 - <<'PY'
import re, socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect("/run/novacpx/engine.sock")
s.sendall(b'{"op":"status"}\n')
print(re.search(rb'"applied":([0-9]+)', s.makefile("rb").readline())[1].decode())
PY
}

counted() { # NAME: of what load said
	sed -n "s/.*$1=\([0-9]*\).*/\1/p" "$scratch/load"
}

# Of each line of an acknowledgement: whether that revision has just this change.
missing() { # FILE
	run cat "/root/$1" | sort -u >"$scratch/acks"
	sql "SELECT rev || '|' || op || '|' || key FROM change WHERE kind='record'" |
		awk -F'[|/]' '{ print $1 "|" $2 "|" $4 "|" ($2 == "-" ? "" : $6) }' | sort -u >"$scratch/changes"
	comm -23 "$scratch/acks" "$scratch/changes"
}

# Of what was acknowledged last for each name: whether it is so now.
lost() { # FILE
	sql "SELECT name || '|' || value FROM record WHERE name LIKE 'c%-%'" | sort >"$scratch/now"
	run cat "/root/$1" | sort -t'|' -k1n | awk -F'|' '{ op[$3] = $2; value[$3] = $4 }
		END { for (n in op) if (op[n] != "-") print n "|" value[n] }' | sort | comm -23 - "$scratch/now"
}

for program in novacpxd novacpx-api; do
	[[ -x $checkout/build/$variant/$program ]] || bail "$program is not built"
done
machine_up
gcc -O1 -pthread -o "$scratch/load.bin" "$tests_dir/load/load.c" || bail "no load program"
gcc -o "$scratch/dump" "$tests_dir/fault/dump.c" -lsqlite3 || bail "no program for SQL"
put /usr/local/bin/load <"$scratch/load.bin"
put /usr/local/bin/dump <"$scratch/dump"
run chmod 755 /usr/local/bin/load /usr/local/bin/dump
ok "nginx runs" start_nginx
ok "named runs" start_named
{
	echo "novacpx: 1"
	echo "users: {admin: {role: admin, email: admin@host.example}}"
	echo "accounts:"
	# records enough that what the clients delete is no mass deletion, which a guard would stop
	for i in $(seq $zones); do
		printf '  user%d:\n    domains: {z%d.example: {type: primary}}\n    zones:\n      z%d.example:\n        records:\n' "$i" "$i" "$i"
		printf '          - {name: s%d, type: A, value: 192.0.2.1}\n' $(seq 50)
	done
} | put /root/state.yaml
run novacpx apply --yes --no-diff -f /root/state.yaml >"$scratch/apply" 2>&1
msh 'echo Nova2026-pass | novacpx passwd user/admin --yes --no-diff' >"$scratch/passwd" 2>&1
daemon novacpxd novacpxd
ok "the engine runs" wait_socket /run/novacpx/engine.sock
ok "the API runs" start_api
run curl -sS -o /dev/null -c /root/jar -d '{"username":"admin","password":"Nova2026-pass"}' http://localhost:8000/api/auth/login
cookie=ncpx_session=$(run awk '$6 == "ncpx_session" { print $7 }' /root/jar)
like "the administrator is logged in" "$(ask GET auth/me)" '"success":true'
is "the zones are there" "$(sql "SELECT count(*) FROM zone")" $zones

diag "$clients clients for $seconds s"
before=$(sql "SELECT max(rev) FROM revision")
load "$seconds" acks >"$scratch/load" &
client=$!
applied=$before
while kill -0 "$client" 2>/dev/null; do
	sleep 1
	applied=$(applied)
done
wait "$client"
diag "$(cat "$scratch/load")"
is "no answer but 200, none cut" "$(counted not_200) $(counted server_errors) $(counted cut) $(head -n 3 "$scratch/refused")" "0 0 0 "
ok "they wrote" test "$(counted writes)" -gt $((seconds * 5))
ok "and read" test "$(counted requests)" -gt $((seconds * 50))
is "each acknowledged revision has its change" "$(missing acks | head -n 5)" ""
is "each revision is one that was acknowledged" \
	"$(($(sql "SELECT max(rev) FROM revision") - before)) $(run sh -c 'cut -d"|" -f1 /root/acks | sort -u | wc -l')" \
	"$(counted writes) $(counted writes)"
is "no write is lost" "$(lost acks | head -n 5)" ""
ok "the engine applied some of it meanwhile" test "$applied" -gt "$before"
answer=$(ask POST 'dns/add-record?wait=60' '{"zone_id":1,"type":"A","name":"last","value":"192.0.2.99"}')
like "and catches up with all of it" "$answer" '"type":"Ready"'
is "so that the name server answers the last" "$(dns last.z1.example A)" 192.0.2.99
one=$(sql "SELECT name || '.' || zone || ' ' || value FROM record WHERE name LIKE 'c%-%' LIMIT 1")
is "and one of theirs" "$(dns "${one% *}" A)" "${one#* }"

diag "killed in the midst of it"
load 30 acks-2 >"$scratch/load" &
client=$!
sleep 6
run pkill -KILL -x novacpx-api
wait "$client"
diag "$(cat "$scratch/load")"
is "until then no answer but 200" "$(counted not_200)" 0
ok "all clients saw it go" test "$(counted cut)" -gt 0
ok "they had written" test "$(counted writes)" -gt 20
ok "it starts again" start_api
is "the database is sound" "$(sql "PRAGMA integrity_check")" ok
is "each acknowledged revision is in the log with its change" "$(missing acks-2 | head -n 5)" ""
is "no revision is missing" "$(sql "SELECT count(*) - max(rev) FROM revision")" 0
like "the session holds" "$(ask GET auth/me)" '"success":true'
answer=$(ask POST 'dns/add-record?wait=60' '{"zone_id":1,"type":"A","name":"after","value":"192.0.2.98"}')
like "and it writes, and the engine follows" "$answer" '"type":"Ready"'
is "to the name server" "$(dns after.z1.example A)" 192.0.2.98
done_testing
