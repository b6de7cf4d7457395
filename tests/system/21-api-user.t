#!/bin/bash
# The user novacpx, as which the API runs: what it may ask of novacpxd, what it is told, and that owning model.db
# does not make it root.
. "$(dirname "$0")/lib.sh"

# as_api PROGRAM...: with that user's ids, without capabilities
as_api() {
	run setpriv --reuid novacpx --regid novacpx --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
}

put_client() {
	put /usr/local/bin/ask <<'END'
#!/usr/bin/python3
"""ask LINE...: each line to the engine's socket, an answer a line; ask --follow SECONDS: what it tells"""
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect("/run/novacpx/engine.sock")
f = s.makefile("rb")
if sys.argv[1] == "--follow":
    s.sendall(b'{"op":"follow"}\n')
    s.settimeout(float(sys.argv[2]))
    try:
        for line in f:
            print(line.decode().strip(), flush=True)
    except TimeoutError:
        pass
    sys.exit()
for line in sys.argv[1:]:
    s.sendall(line.encode() + b"\n")
    print(f.readline().decode().strip())
END
	run chmod 755 /usr/local/bin/ask
}

ask() { as_api ask "$@"; }

pick() { # EXPRESSION: of the answer `a` on stdin, in Python
	python3 -c 'import json, sys; a = json.loads(sys.stdin.readline()); print(eval(sys.argv[1]))' "$1"
}

settled() {
	ask '{"op":"status"}' | pick 'a["applied"] == a["head"] > 0 and a["passes"] > 0' | grep -q True
}

start_engine() {
	daemon novacpxd novacpxd
	wait_socket /run/novacpx/engine.sock && eventually 20 ask '{"op":"status"}'
}

stop_engine() {
	local pid
	pid=$(run cat /run/novacpx/novacpxd.pid)
	run kill -TERM "$pid"
	gone() { ! run kill -0 "$pid"; }
	eventually 10 gone
}

model=/var/lib/novacpx/model

machine_up
[[ -x $checkout/build/$variant/novacpxd ]] || bail "novacpxd is not built"
put_client
gcc -o "$scratch/sql" "$tests_dir/fault/dump.c" -lsqlite3 || bail "no program for SQL"
put /usr/local/bin/sql <"$scratch/sql"
run chmod 755 /usr/local/bin/sql
ok "nginx runs" start_nginx
put /root/state.yaml <<'END'
novacpx: 1
accounts:
  john:
    domains:
      a.example: {type: primary}
END
# 5: no name server and no mail runs here
run novacpx apply --yes --no-diff -f /root/state.yaml >/dev/null
is "the user is the system's and cannot log in" \
	"$(run getent passwd novacpx | awk -F: '{ print ($3 >= 100 && $3 < 1000), $6, $7 }')" "1 /var/lib/novacpx /usr/sbin/nologin"
is "the model is its own" "$(run stat -c '%a %U' $model $model/model.db | tr '\n' ' ')" "700 novacpx 600 novacpx "
is "the rest is root's" "$(run stat -c '%a %U' /var/lib/novacpx /var/lib/novacpx/engine | tr '\n' ' ')" "755 root 700 root "
fails "and closed" as_api ls /var/lib/novacpx/engine
ok "the engine starts" start_engine
ok "and makes a pass" eventually 30 settled

diag "what it may ask"
like "status" "$(ask '{"op":"status"}')" '"ok":true'
like "of resources" "$(ask '{"op":"status","resources":["domain/a.example","server/bind"]}')" '"list":\['
like "of a kind" "$(ask '{"op":"status","kind":"domain"}')" '"list":\[\]'
like "of a kind that is none" "$(ask '{"op":"status","kind":"x"}')" '"error":"invalid".*no such kind'
like "of a resource that is none" "$(ask '{"op":"status","resources":[7]}')" '"error":"invalid".*"field":"/resources/0"'
like "of too many" "$(ask "{\"op\":\"status\",\"resources\":[$(printf '"domain/x",%.0s' {1..100})\"domain/y\"]}")" 'at most 100'
like "wake" "$(ask '{"op":"wake"}')" '"ok":true'
like "wait" "$(ask '{"op":"wait","revision":1}')" '"ok":true,"applied":'
plan=$(ask '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"b.example","fields":{"account":"john","type":"addon"}}]}')
is "a plan has diffs, and says how long it held the lock" \
	"$(pick '[x["diff"].startswith("--- /dev/null") for x in a["actions"] if x["type"] == "file"][0], a["locked_ms"] < 1000' <<<"$plan")" \
	"(True, True)"
python3 -c 'import json; print(json.dumps({"op": "plan", "changes": [{"op": "put", "kind": "domain", "key": "d%d.example" % i,
    "fields": {"account": "john", "type": "addon"}} for i in range(1500)]}, separators=(",", ":")))' >"$scratch/many"
put /tmp/many <"$scratch/many"
put /usr/local/bin/ask-stdin <<'END'
#!/usr/bin/python3
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect("/run/novacpx/engine.sock")
s.sendall(sys.stdin.buffer.read())
print(s.makefile("rb").readline().decode().strip())
END
run chmod 755 /usr/local/bin/ask-stdin
like "a plan of $(wc -c <"$scratch/many") bytes is taken, its diffs are cut" \
	"$(as_api sh -c 'ask-stdin </tmp/many' | pick 'a.get("changes"), a.get("truncated"), a.get("message")')" "^\(1500, True, None\)"
is "no drift" "$(ask '{"op":"drift"}' | pick 'a["ok"], a["count"]')" "(True, 0)"

diag "while a plan runs the API writes"
# a write each ten milliseconds or so, each in a transaction, as the API makes them; how long the slowest took
put /usr/local/bin/write <<'END'
#!/bin/bash
slowest=0 n=0
until ((SECONDS >= $1)); do
	from=$(date +%s%N)
	sql /var/lib/novacpx/model/model.db "PRAGMA busy_timeout=10000" "BEGIN IMMEDIATE" \
		"UPDATE account SET created=created+1" COMMIT >/dev/null || exit
	took=$((($(date +%s%N) - from) / 1000000))
	((took <= slowest)) || slowest=$took
	n=$((n + 1))
done
echo "$n writes, the slowest $slowest ms"
END
run chmod 755 /usr/local/bin/write
as_api write 4 >"$scratch/writes" 2>&1 &
writer=$!
for _ in 1 2 3; do as_api sh -c 'ask-stdin </tmp/many' >/dev/null; done
wait "$writer"
like "none of its writes fails" "$(cat "$scratch/writes")" "^[0-9]+ writes, the slowest [0-9]+ ms"
diag "$(cat "$scratch/writes")"

diag "following"
as_api ask --follow 8 >"$scratch/told" &
follower=$!
sleep 1
run mkdir -p /etc/novacpx/nginx.d/a.example
put /etc/novacpx/nginx.d/a.example/x.conf <<<'nonsense here;'
told() { grep -q "$1" "$scratch/told"; }
ok "a condition is told" eventually 5 told '"event":"condition","resource":"domain/a.example","type":"Quarantined","reason":"ValidationFailed"'
run rm -r /etc/novacpx/nginx.d/a.example
ok "and its end" eventually 5 told '"resource":"domain/a.example","type":"Ready"'
run novacpx set domain/a.example php=false --yes --no-diff >/dev/null
ok "and a revision" eventually 5 told '"event":"applied","revision":2'
wait "$follower"
like "first comes the answer" "$(head -n 1 "$scratch/told")" '^\{"ok":true,"applied":[0-9]+\}$'
is "after it left nobody follows" "$(ask '{"op":"status"}' | pick 'a["followers"]')" 0
is "at most 16 follow" "$(as_api python3 - <<'END'
import socket
all = []
said = []
for i in range(17):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("/run/novacpx/engine.sock")
    s.sendall(b'{"op":"follow"}\n')
    said.append(s.makefile("rb").readline())
    all.append(s)
print(sum(b'"ok":true' in x for x in said), b'"error":"busy"' in said[-1])
END
)" "16 True"
is "some connections are left for root" "$(as_api python3 - <<'END'
import socket
all = []
served = 0
for i in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect("/run/novacpx/engine.sock")
    all.append(s)
for s in all:
    try:
        s.sendall(b'{"op":"status"}\n')
    except OSError:
        pass
    served += b'"ok":true' in s.makefile("rb").readline()
print(served)
END
)" 240

diag "tricks with what it owns, while the engine runs"
sql() {
	as_api sql /var/lib/novacpx/model/model.db "PRAGMA busy_timeout=10000" "$@"
}
error_of() { ask '{"op":"status"}' | pick 'a.get("last_pass_error", "")'; }
has_error() { [[ $(error_of) =~ $1 ]]; }
ok "it plants a trigger" sql "CREATE TRIGGER evil AFTER INSERT ON revision BEGIN DELETE FROM domain; END"
ask '{"op":"wake"}' >/dev/null
ok "the next pass names it and does nothing" eventually 10 has_error "trigger evil"
like "so does a plan" "$(ask '{"op":"plan","changes":[{"op":"delete","kind":"domain","key":"a.example"}]}')" '"error":"corrupt".*trigger evil'
fails "and the command line" run novacpx set domain/a.example php=true --yes
like "in the same words" "$said" "trigger evil"
ok "without it" sql "DROP TRIGGER evil"
ask '{"op":"wake"}' >/dev/null
ok "all goes on" eventually 15 settled
ok "the engine ends" stop_engine
msh 'echo precious >/root/precious; chmod 600 /root/precious'
intact() { [[ $(run stat -c '%a %U %s' /root/precious) == "600 root 9" ]]; }
trick() { # NAME SHELL-COMMANDS
	as_api sh -c "cd $model && $2"
	fails "$1: root does not go along" timeout 20 "$machine" run "$name" novacpx log
	like "$1: and says why" "$said" "is not opened: it must be a plain file with one name"
	ok "$1: nothing happened to others" intact
}
trick "a linked log" 'ln -s /root/precious model.db-wal'
as_api rm $model/model.db-wal
trick "a linked index" 'ln -s /root/precious model.db-shm'
as_api rm $model/model.db-shm
trick "a linked database" 'mv model.db mine && ln -s /root/precious model.db'
as_api mv $model/mine $model/model.db
trick "a pipe" 'mv model.db mine && mkfifo -m 400 model.db'
as_api mv $model/mine $model/model.db
trick "a second name" 'ln model.db second'
as_api rm $model/second
ok "with all put back it is as before" run novacpx log
ok "and the engine starts" start_engine
done_testing
