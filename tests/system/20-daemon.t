#!/bin/bash
# novacpxd on a machine: woken, asked, lied to, killed; edits by hand are mended.
. "$(dirname "$0")/lib.sh"

# ask LINE...: sends lines to the engine's socket over one connection, prints an answer a line
ask() {
	run python3 - "$@" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect("/run/novacpx/engine.sock")
f = s.makefile("rb")
for line in sys.argv[1:]:
    s.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
    print(f.readline().decode().strip())
END
}

# pick EXPRESSION: of the answer `a` on stdin, in Python
pick() {
	python3 -c 'import json, sys; a = json.loads(sys.stdin.readline()); print(eval(sys.argv[1]))' "$1"
}

status_of() { # MEMBER
	ask '{"op":"status"}' | pick "a['$1']"
}

start_engine() { # [OPTION]...
	daemon novacpxd novacpxd "$@"
	wait_socket /run/novacpx/engine.sock && eventually 20 ask '{"op":"status"}'
}

settled() { # all that is wanted is applied, and no pass is left to come
	ask '{"op":"status"}' | pick 'a["applied"] == a["head"] and a["passes"] > 0' | grep -q True
}


machine_up
[[ -x $checkout/build/$variant/novacpxd ]] || bail "novacpxd is not built"
ok "nginx runs" start_nginx
ok "named runs" start_named
ok "php-fpm runs" start_php_fpm
ok "postfix runs" start_postfix
ok "dovecot runs" start_dovecot
ok "the engine starts" start_engine
ok "and makes its first pass" eventually 30 settled
is "its socket is root's and the API's" "$(run stat -c '%a %U:%G' /run/novacpx/engine.sock)" "660 root:novacpx"
like "it says how it is" "$(ask '{"op":"status"}')" '"ok":true,"applied":0,"head":0,'

diag "a revision of the command line"
put /root/state.yaml <<'END'
novacpx: 1
accounts:
  john:
    domains:
      a.example: {type: primary}
      b.example: {type: addon}
    zones:
      a.example: {records: [{name: www, type: A, value: 192.0.2.7}]}
END
ok "state files are applied" run novacpx apply --yes -f /root/state.yaml
ok "the engine sees what the command line did" eventually 10 settled
rev=$(status_of head)
is "a wait for what is applied answers at once" \
	"$(ask "{\"op\":\"wait\",\"revision\":$rev,\"resource\":\"domain/a.example\"}" | pick 'a["ok"], a["applied"], a["conditions"]')" \
	"(True, $rev, [])"
is "a wait for what will never be ends in time" \
	"$(ask "{\"op\":\"wait\",\"revision\":999,\"timeout_ms\":200}" | pick 'a["error"], a["applied"]')" "('timeout', $rev)"
is "both see the same conditions" "$(status_of conditions)" \
	"$(run novacpx --json status | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["conditions"]))')"
ok "folders are watched" test "$(status_of watches)" -gt 3

diag "edits by hand"
site=$(run sh -c "grep -rl 'server_name a.example' /etc/nginx/novacpx | head -n 1")
like "the site has a file" "$site" "^/etc/nginx/novacpx/"
before=$(run sha256sum "$site")
healed() {
	[[ $(run sha256sum "$site") == "$before" ]]
}
run sh -c "echo '# mine' >>$site"
ok "an edited file is mended" eventually 1 healed
run rm "$site"
ok "a removed one too" eventually 1 healed
run chmod 0600 "$site"
mode_back() { [[ $(run stat -c %a "$site") == 644 ]]; }
ok "and another mode" eventually 1 mode_back
folder=$(dirname "$site")
run rm -rf "$folder"
ok "and the whole folder" eventually 1 healed
run sh -c "echo '# again' >>$site"
ok "in which edits are still seen" eventually 1 healed
run mv "$folder" /root/moved
ok "a folder that is moved away comes back" eventually 1 healed
ok "its own writing does not wake it for ever" quiet status_of passes

diag "the administrator's include folders"
put /etc/novacpx/nginx.d/a.example/hello.conf <<<'add_header X-Hello "from the administrator" always;'
greets() {
	fetch -o /dev/null -D - --connect-to ::127.0.0.1: http://a.example/ | grep -qi '^x-hello: from the admin'
}
ok "what is put there is served" eventually 4 greets
run sh -c 'echo "add_header X-Hello more" >/etc/novacpx/nginx.d/a.example/hello.conf'
broken() {
	ask "{\"op\":\"wait\",\"revision\":$rev,\"resource\":\"domain/a.example\"}" | pick 'a["conditions"][0]["type"]' |
		grep -q Quarantined
}
ok "what nginx refuses is quarantined, and a wait says so" eventually 5 broken
ok "and what was good is still served" greets
run rm -r /etc/novacpx/nginx.d/a.example
mended() { ! broken; }
ok "without it all is well" eventually 5 mended

diag "plans"
tree() { # everything that a plan must not touch
	run sh -c 'find /etc /home /var/lib/novacpx -type f -not -name "*-shm" -not -name "*-wal" -not -name ".*" |
		LC_ALL=C sort | xargs -d "\n" sha256sum | sha256sum'
}
was=$(tree)
plan=$(ask '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"new.example","fields":{"account":"john","type":"addon"}}]}')
like "a plan of a new domain names its file" "$plan" '"op":"create","type":"file","path":"/etc/nginx/novacpx/[^"]*new.example'
is "and counts" "$(pick 'a["ok"] and a["changes"] == 1 and a["count"] == len(a["actions"]) > 0' <<<"$plan")" True
is "nothing was changed by it" "$(tree)" "$was"
is "not even a revision" "$(status_of head)" "$rev"
is "a deletion has a plan" \
	"$(ask '{"op":"plan","changes":[{"op":"delete","kind":"domain","key":"b.example"}]}' | pick '"delete" in [x["op"] for x in a["actions"]]')" True
is "what changes nothing has none" \
	"$(ask '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"b.example","fields":{"type":"addon"}}]}' |
		pick 'a["changes"], a["actions"]')" "(0, [])"
is "all that is wrong is told" \
	"$(ask '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"x.example","fields":{"type":"addon"}},{"op":"put","kind":"mailbox","key":"a@nowhere.example","fields":{"account":"john"}}]}' |
		pick 'a["ok"], a["error"], len(a["problems"]) >= 2')" "(False, 'invalid', True)"

diag "hostile lines"
refused() { # NAME LINE ERROR TEXT
	local answer
	answer=$(ask "$2")
	like "$1" "$answer" "^\{\"ok\":false,\"error\":\"$3\",.*$4"
}
refused "no JSON" 'wake up' invalid 'not JSON at column [0-9]'
refused "JSON of another shape" '["wake"]' invalid 'a JSON object is needed'
refused "another operation" '{"op":"reboot"}' invalid 'one of wake, wait, status, follow, plan, drift'
refused "an operation that is no text" '{"op":7}' invalid 'one of wake, wait, status, follow, plan, drift'
refused "a key that nobody knows" '{"op":"wait","revison":1}' invalid 'did you mean .*revision'
refused "a key that another operation has" '{"op":"wake","revision":1}' invalid 'revision.* is not known here'
refused "the same key twice" '{"op":"wake","op":"status"}' invalid 'not JSON'
refused "a number with a fraction" '{"op":"wait","revision":1.5}' invalid 'revision: an integer from 0'
refused "a number below zero" '{"op":"wait","revision":-1}' invalid 'revision: an integer from 0'
refused "a number that is too large" '{"op":"wait","revision":99999999999999999999}' invalid 'not JSON|too big'
refused "a wait of a year" '{"op":"wait","revision":1,"timeout_ms":31536000000}' invalid 'timeout_ms: an integer from 0 to 600000'
refused "a wait without revision" '{"op":"wait"}' invalid 'revision: must be given'
refused "a resource without name" '{"op":"wait","revision":1,"resource":"domain"}' invalid 'KIND/NAME'
refused "bytes that are not UTF-8" $'{"op":"\xff"}' invalid 'not JSON'
refused "a NUL in a text" '{"op":"wake\u0000"}' invalid 'not JSON'
refused "deep nesting" "$(printf '[%.0s' {1..5000})" invalid 'not JSON'
refused "a plan of nothing" '{"op":"plan","changes":[]}' invalid 'at least one change'
refused "a change that is no object" '{"op":"plan","changes":[1]}' invalid 'an object is needed'
refused "a kind that is none" '{"op":"plan","changes":[{"op":"put","kind":"sqlite_master","key":"x"}]}' invalid 'no such kind'
refused "a field that is none" '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"x.example","fields":{"documentroot":"/"}}]}' \
	invalid 'did you mean .*document_root.*"field":"/changes/0/fields/documentroot"'
refused "a field of another type" '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"x.example","fields":{"php":{"a":1}}}]}' \
	invalid '"field":"/changes/0/fields/php"'
refused "a field that follows from others" \
	'{"op":"plan","changes":[{"op":"put","kind":"mailbox","key":"a@a.example","fields":{"domain":"b.example"}}]}' invalid 'cannot be set'
refused "a name with a newline" '{"op":"plan","changes":[{"op":"put","kind":"domain","key":"a.example\n","fields":{"type":"addon"}}]}' \
	invalid '/changes/0/key'
like "a line that is too long is refused and the connection ends" "$(run python3 - <<'END'
import socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect("/run/novacpx/engine.sock")
try:
    s.sendall(b"x" * 200000)
except OSError:
    pass
said = b""
try:
    while True:
        more = s.recv(4096)
        if not more:
            break
        said += more
except OSError:
    pass
print(said.decode())
END
)" '"error":"toobig"'
is "many lines at once are answered in their order" "$(run python3 - <<'END'
import socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect("/run/novacpx/engine.sock")
s.sendall(b'{"op":"wait","revision":999,"timeout_ms":300}\r\n\n{"op":"wake"}\nnonsense\n' * 3 + b'{"op":"status"}')
s.shutdown(socket.SHUT_WR)
for a in s.makefile().read().splitlines():
    print("timeout" if '"timeout"' in a else "invalid" if '"invalid"' in a else "status" if '"head"' in a else "ok", end=" ")
END
)" "timeout ok invalid timeout ok invalid timeout ok invalid status "
is "of three hundred connections 256 are served and the others told" "$(run python3 - <<'END'
import socket
all = []
for i in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/novacpx/engine.sock")
    s.settimeout(20)
    all.append(s)
served = busy = 0
for s in all:
    try:
        s.sendall(b'{"op":"status"}\n')
    except OSError:
        pass
    a = s.makefile().readline()
    served += '"ok":true' in a
    busy += '"error":"busy"' in a
print(served, busy)
END
)" "256 44"
refuses_others() {
	run python3 - <<'END'
import os, socket
s = socket.socket(socket.AF_UNIX)
os.chmod("/run/novacpx/engine.sock", 0o666)
os.setuid(65534)
s.connect("/run/novacpx/engine.sock")
print(s.makefile().readline())
END
}
like "others than root and novacpx are refused, whatever the socket's mode is" "$(refuses_others)" '"error":"denied"'
run chmod 660 /run/novacpx/engine.sock

diag "a daemon that died, with nothing to do"
dead() { run novacpx status | grep -q '^server/php8.2-fpm: Progressing (NotRunning)'; }
well() { ! dead; }
run sh -c 'kill -9 $(cat /run/php/php8.2-fpm.pid); pkill -9 -x php-fpm8.2; true'
ok "nobody looks at once" well
run kill -HUP "$(run cat /run/novacpx/novacpxd.pid)"
ok "the sweep says that php-fpm is not running" eventually 5 dead
run novacpx pass --full >"$scratch/pass"
is "so does a full pass" "$?" 5
like "in plain words" "$(cat "$scratch/pass")" 'server/php8.2-fpm: Progressing \(NotRunning\).*php8.2-fpm is not running'
like "and the doctor" "$(run novacpx doctor)" 'php8.2-fpm +installed, not running'
ok "any later pass says so too" run sh -c 'novacpx pass | grep -q "php8.2-fpm is not running"'
ok "it is started" start_php_fpm
ok "which is seen without anybody asking" eventually 20 well

diag "several of them, and none"
fails "a second one does not start" run timeout 20 novacpxd
like "it says who runs" "$said" "runs already.*process $(run cat /run/novacpx/novacpxd.pid)"
fails "an argument is refused" run novacpxd --sweep never
like "and named" "$said" "--sweep never: a number from 1"
like "--version" "$(run novacpxd --version)" "^novacpxd [0-9]"

held() { # the lock of the machine until /run/release, as by a pass of the command line
	run python3 - <<'END'
import fcntl, os, time
f = open("/var/lib/novacpx/engine/engine.lock", "a")
fcntl.flock(f, fcntl.LOCK_EX)
open("/run/is-held", "w")
while not os.path.exists("/run/release"):
    time.sleep(0.05)
END
}
held &
holder=$!
ok "another process takes the lock" eventually 10 run test -e /run/is-held
run sh -c "echo '# while it is locked' >>$site"
sleep 1
ok "while another process holds the lock nothing is touched" run grep -q 'while it is locked' "$site"
ok "but questions are answered" ask '{"op":"status"}'
run touch /run/release
wait "$holder"
ok "afterwards it is mended" eventually 2 healed

pid=$(run cat /run/novacpx/novacpxd.pid)
run kill -9 "$pid"
run sh -c "echo '# while it is dead' >>$site"
ok "after kill -9 it starts again" start_engine
ok "and mends what happened meanwhile" eventually 5 healed
pid=$(run cat /run/novacpx/novacpxd.pid)
run kill -TERM "$pid"
gone() { ! run kill -0 "$pid"; }
ok "SIGTERM ends it" eventually 5 gone
run sh -c "echo '# once' >>$site"
run novacpxd --once
like "--once makes one pass, and its status says that something is not as wanted" "$?" "^[05]$"
ok "which mends" healed
rss() { run awk '/VmRSS/ { print $2 }' "/proc/$(run cat /run/novacpx/novacpxd.pid)/status"; }
ok "it starts with few watches" start_engine --watches 2
like "and says which edits it will not see" "$(ask '{"op":"status"}')" '"watches":2,"watches_limited":"more than 2 folders'
ok "in the log too" run grep -q 'more than 2 folders' /var/log/novacpxd.log
diag "resident: $(rss) KiB"
done_testing
