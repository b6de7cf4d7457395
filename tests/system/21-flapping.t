#!/bin/bash
# Another tool writes a file of ours for ever: novacpxd ends the fight, says so, and takes it up again when asked.
. "$(dirname "$0")/lib.sh"

status_of() { # EXPRESSION of the status `s`, in Python
	run novacpx --json status | python3 -c 'import json, sys; s = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

start_engine() {
	daemon novacpxd novacpxd "$@"
	wait_socket /run/novacpx/engine.sock
}

applied() { [[ $(status_of 's["applied"] == s["head"]') == True ]]; }
flaps() { [[ $(status_of '[c["reason"] for c in s["conditions"] if c["resource"] == "domain/a.example"]') == "['Flapping']" ]]; }
is_well() { [[ $(status_of 's["conditions"]') == "[]" ]]; }
theirs() { run grep -q 'another tool' "$site"; }
ours() { ! theirs; }
fight() { # TIMES: writes it as often as it was healed
	local i
	for ((i = 0; i < $1; i++)); do
		eventually 5 ours || return 1
		run sh -c "echo '# another tool' >>$site"
	done
}
passes() {
	run python3 - <<'END' | sed -E 's/.*"passes":([0-9]+).*/\1/'
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/novacpx/engine.sock")
s.sendall(b'{"op":"status"}\n')
print(s.makefile().readline())
END
}
generations() { run sh -c 'ps -o ppid=,pid= -C nginx | awk "\$1 != 1" | sort | sha256sum'; }

machine_up
[[ -x $checkout/build/$variant/novacpxd ]] || bail "novacpxd is not built"
ok "nginx runs" start_nginx
ok "php-fpm runs" start_php_fpm
put /root/state.yaml <<'END'
novacpx: 1
settings: {flap_limit: 3, dns_server: none, mail_server: none}
accounts:
  john:
    domains:
      a.example: {type: primary}
      b.example: {type: addon}
END
ok "a state is applied" run novacpx apply --yes -f /root/state.yaml
site=$(run sh -c "grep -rl 'server_name a.example' /etc/nginx/novacpx | head -n 1")
other=$(run sh -c "grep -rl 'server_name b.example' /etc/nginx/novacpx | head -n 1")
ok "the engine starts" start_engine
ok "and has nothing to do" eventually 20 applied
ok "after its first passes" quiet passes

diag "held"
ok "it heals as often as allowed" fight 4
ok "then it says that something else writes the file" eventually 5 flaps
ok "and leaves it" theirs
said=$(run novacpx status)
like "it says how often, until when, and what to do" "$said" \
	'healed 3 times since [0-9:]+ UTC .*until [0-9:]+ UTC.*novacpx pass --full --force'
ok "its passes end" quiet passes
before=$(passes)
like "it counts its passes" "$before" '^[0-9]+$'
workers=$(generations)
for _ in {1..20}; do run sh -c "echo '# another tool' >>$site"; done
sleep 1
is "what goes on writing it wakes nobody" "$(passes)" "$before"
is "and reloads nothing" "$(generations)" "$workers"
run sh -c "echo '# by hand' >>$other"
healed() { ! run grep -q 'by hand' "$other"; }
ok "other files are mended as ever" eventually 3 healed
ok "a pass of the command line leaves it too" theirs
run novacpx pass --full >/dev/null
is "and says that something is not as wanted" "$?" 5
ok "it is still theirs" theirs
like "drift shows it" "$(run novacpx drift --no-diff)" "$site"

diag "a new life"
run kill -9 "$(run cat /run/novacpx/novacpxd.pid)"
ok "it starts again" start_engine
sleep 2
ok "and still holds it" theirs
ok "and says so" flaps

diag "let go"
ok "somebody who says so has it healed" run novacpx pass --full --force
ok "at once" ours
ok "and the condition is gone" eventually 5 is_well
sleep 1
ok "it is counted anew" fight 3
ok "and held anew" eventually 5 flaps
ok "a change of the domain is carried out" run novacpx set domain/a.example force_https=true --yes
ok "and heals it" ours
done_testing
