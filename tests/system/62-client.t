#!/bin/bash
# examples/novacpx-client: each of its commands and options, against novacpx-api and an engine; and what it does with
# text that a shell, curl or JSON would take for its own.
. "$(dirname "$0")/lib.sh"
. "$tests_dir/system/api.sh"

export NOVACPX_SESSION=$scratch/session
sh=$(command -v dash || echo sh)

client() { "$sh" "$checkout/examples/novacpx-client" "$@" 2>&1; }

# status_of CMD...: its exit status alone
status_of() {
	"$@" >"$scratch/said" 2>&1 </dev/null
	echo $?
}

pick() { # EXPRESSION: of the answer on stdin, in Python
	python3 -c 'import json, sys; a = json.load(sys.stdin); d = a.get("data"); print(eval(sys.argv[1]))' "$1"
}

api_make
engine_up
api_up
base=http://127.0.0.1:$http
cert=$scratch/cert.pem
sed -n '/BEGIN CERT/,/END CERT/p' "$root/var/lib/novacpx/model/tls.pem" >"$cert"

diag "coming in"
like "help says how" "$(client help)" 'novacpx-client login.*call POST accounts/suspend'
is "no command is wrong use" "$(status_of client)" 2
is "before the login" "$(status_of client get accounts/list) $(cat "$scratch/said")" \
	"2 novacpx-client: not logged in: novacpx-client login URL USER"
is "a wrong password" "$(client login "$base" admin <<<wrong | pick 'a["success"], a["message"]')" "(False, 'Invalid credentials')"
is "leaves no session" "$(status_of client get accounts/list)" 2
is "no password over the net in clear" "$(status_of client login http://host.example admin)" 2
is "login" "$(client login "$base" admin <<<'Nova2026!!' | pick 'd["user"]["role"]')" admin
is "the session is nobody else's" "$(stat -c %a "$NOVACPX_SESSION" "$NOVACPX_SESSION"/* | tr '\n' ' ')" "700 600 600 600 "
is "get" "$(client get accounts/list | pick 'd["items"]')" "[]"
is "get with values" "$(client get accounts/list 'search=a&b c' per_page=5 | pick 'a["meta"]["per_page"]')" 5

diag "writing"
is "a package" "$(client call POST packages/create name=small disk_mb=500 | pick 'd["name"], d["disk_mb"]')" "('small', 500)"
create=(POST accounts/create username=anna domain=anna.example email=anna@mail.example password=- package_id=1)
plan=$(client call -n "${create[@]}" <<<Abc123xyz9)
like "a dry run shows actions" "$(pick 'd["actions"][0]["type"]' <<<"$plan")" '^[a-z]+$'
is "and does nothing" "$(client get accounts/list | pick 'd["items"]')" "[]"
is "create, with the password from standard input" \
	"$(client call -w 10 -i order-1 "${create[@]}" <<<Abc123xyz9 | pick 'd["username"], a["condition"]["type"] != "Progressing"')" \
	"('anna', True)"
is "sent again it is done once" "$(client call -i order-1 "${create[@]}" <<<Abc123xyz9 | pick 'a["success"]') $(client get accounts/list | pick 'len(d["items"])')" "True 1"
is "refused: status 1" "$(status_of client call POST accounts/create username=anna) $(pick 'a["success"]' <"$scratch/said")" "1 False"
revision=$(client get accounts/get id=1 | pick 'd["revision"]')
is "with the revision that was seen" "$(client call -m "$revision" POST accounts/suspend id=1 reason=Overdue | pick 'a["success"]')" True
is "with an old one it is refused" "$(status_of client call -m "$revision" POST accounts/unsuspend id=1)" 1
is "and stays" "$(client get accounts/get id=1 | pick 'd["status"], d["suspend_reason"]')" "('suspended', 'Overdue')"
like "what accounts still have is withdrawn" "$(client call DELETE packages/delete id=1)" 'no longer offered; 1 account'
client call POST packages/create name=unused >/dev/null
is "DELETE" "$(client call DELETE packages/delete id=2 | pick 'a["success"]') $(client get packages/list | pick 'len(d)')" "True 0"
is "nothing there" "$(status_of client call POST no/such)" 1

diag "text is text"
for reason in 'say "no" \ to $(id) `id`; & | '\'' %s' '@/etc/passwd' '\u0041 \n' 'ünï' '=x'; do
	client call POST accounts/suspend id=1 "reason=${reason/#=/==}" >/dev/null
	is "$reason" "$(client get accounts/get id=1 | pick 'd["suspend_reason"]')" "$reason"
done
client call POST accounts/suspend id=1 reason==- >/dev/null
is "a hyphen" "$(client get accounts/get id=1 | pick 'd["suspend_reason"]')" -
for wrong in "call POST accounts/suspend id" "call POST accounts/suspend =1" "call PUT accounts/list" "call POST ../x?y" \
	"call -n GET accounts/list" "call -w 1;2 POST accounts/suspend" "call -x POST a/b" "login x" "call POST"; do
	# shellcheck disable=SC2086
	is "wrong use: $wrong" "$(status_of client $wrong)" 2
done
is "no header of another line" "$(status_of client call -i $'a\r\nX: y' POST accounts/suspend id=1)" 2

diag "TLS"
login_tls() { client login "$@" "https://localhost:$https" admin <<<'Nova2026!!'; }
login_tls >"$scratch/said"
is "is refused" "$? $(grep -c 'no answer from' "$scratch/said")" "3 1"
is "unless it is named" "$(login_tls -c "$cert" | pick 'a["success"]') $(client get auth/me | pick 'a["success"]')" "True True"
is "or does not matter" "$(login_tls -k | pick 'a["success"]') $(client get auth/me | pick 'a["success"]')" "True True"
is "logout" "$(client logout | pick 'a["success"]')" True
is "nothing is left of it" "$(ls "$NOVACPX_SESSION" 2>&1 | grep -c jar)" 0
is "and one is out" "$(status_of client get accounts/list)" 2
login_tls -k >/dev/null
api_down
is "no answer: status 3" "$(status_of client get accounts/list)" 3
done_testing
