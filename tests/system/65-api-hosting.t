#!/bin/bash
# A hosting server by the API alone, all daemons and both programs running as their units run them: a reseller, its
# customers, domains, records, mail and cron. Each call waits for the engine (?wait=10), and what it made is asked for
# in the moment its answer is there: never slept for, never asked twice. How long each call took is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

module=$checkout/examples/whmcs/modules/servers/novacpx/novacpx.php
key=key-of-the-billing-system-1234

# call WHO METHOD PATH [BODY [PROBE]] in the machine: milliseconds of the call and until the probe had said its word, the
# HTTP status; the answer, a line; what the shell commands of PROBE say at once.
put_call() {
	put /usr/local/bin/call <<'END'
#!/bin/bash
site() { # HOST[/PATH]: status, and where to or the first line
	curl -sS -m 10 -o /tmp/page -w '%{http_code} %{redirect_url}' --noproxy '*' --connect-to '::127.0.0.1:' "http://$1"
	head -n 1 /tmp/page
}
php_of() { # HOST FOLDER ACCOUNT: who runs a script of it
	echo '<?php echo get_current_user(), " ", posix_getpwuid(posix_geteuid())["name"], "\n";' |
		install -m 644 -o "$3" -g "$3" /dev/stdin "/home/$3/$2/who.php"
	site "$1/who.php"
}
# As resolvers ask: to who wants recursion, BIND repeats a failure for a second, though it has the zone meanwhile.
record() { dig +short +norecurse +time=5 +tries=1 @127.0.0.1 "$@"; }
taken() { # ADDRESS [SUBJECT]: what SMTP says of mail for it
	swaks --server 127.0.0.1 --from sender@elsewhere.test --to "$1" --header "Subject: ${2:-none}" |
		sed -n '/^ -> RCPT/{n;s/^<[-~*]* *//p}'
}
login() { # ADDRESS PASSWORD: whether IMAP lets it in. Each comes from an address of its own: Dovecot lets those wait who failed.
	curl -sSk -m 10 --interface "127.0.$((RANDOM % 250 + 1)).$((RANDOM % 250 + 1))" \
		--noproxy '*' --url imaps://127.0.0.1/ --user "$1:$2" -X NOOP >/dev/null 2>&1 && echo in || echo out
}
now() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

base=https://localhost:${PORT:-8882}/api
from=$(now)
code=$(curl -sS -m 60 --noproxy '*' --cacert /var/lib/novacpx/model/tls.pem -b "/root/$1" -c "/root/$1" -o /tmp/answer \
	-w '%{http_code}' -X "$2" ${4:+--data-binary "$4"} "$base/$3" 2>/tmp/curl) || cat /tmp/curl >/tmp/answer
answered=$(now)
eval "${5:-}" >/tmp/probe 2>&1
echo "$((answered - from)) $(($(now) - from)) $code"
head -c 60000 /tmp/answer
echo
cat /tmp/probe
END
	run chmod 755 /usr/local/bin/call
}

slowest=0
call() { # as above: $code, $answer and $seen
	local out
	out=$(run call "$@")
	{
		read -r took until code
		read -r answer
		seen=$(cat)
	} <<<"$out"
	((took <= slowest)) || slowest=$took
}

pick() { # EXPRESSION: of the last answer `a` and its data `d`, in Python
	python3 -c 'import json, sys; a = json.load(sys.stdin); d = a.get("data"); print(eval(sys.argv[1]))' "$1" <<<"$answer" 2>&1
}

# made NAME WHO PATH BODY [PROBE REGEX]: a write that is live when its answer comes
made() {
	call "$2" POST "$3?wait=10" "$4" "${5:-}"
	diag "$(printf '%5d ms, probed at %5d ms: %s' "$took" "$until" "$3")"
	is "$1" "$code $(pick 'a["condition"]["type"], a["condition"]["reason"]')" "200 ('Ready', 'Applied')" ||
		diag "$answer"
	[[ ! ${5:-} ]] || like "$1: at once" "$seen" "$6"
}

asked() { # NAME WHO PATH EXPRESSION WANT: reading
	call "$2" GET "$3"
	is "$1" "$(pick "$4")" "$5" || diag "$code $answer"
}

refused() { # NAME WHO METHOD PATH BODY STATUS
	call "${@:2:4}"
	is "$1" "$code $(pick 'a["success"]')" "$6 False" || diag "$answer"
}

comes_in() { # WHO PASSWORD STATUS
	call "$1" POST auth/login "{\"username\":\"$1\",\"password\":\"$2\"}"
	is "login of $1: $3" "$code" "$3" || bail "$answer"
}

# The module runs where WHMCS runs, another host: this one, in the machine's network alone.
whmcs() { # FUNCTION [MEMBERS OF PARAMS]
	nsenter -t "$("$machine" pid "$name")" -n php "$tests_dir/system/whmcs.php" "$module" "$1" "{\"serverid\":7,
		\"serverip\":\"127.0.0.1\",\"serverhostname\":\"localhost\",\"serverport\":\"8882\",\"serversecure\":true,
		\"serveraccesshash\":\"$key\\nca=$scratch/cert.pem\",\"domain\":\"shop.example\",\"username\":\"shop\"${2:+,$2}}" 2>&1
}

billed() { # NAME PROBE REGEX FUNCTION [MEMBERS]: a call of the module, and what is so when it returns
	local from=$EPOCHREALTIME said
	said=$(whmcs "${@:4}")
	is "$1" "$said" success
	diag "$(printf '%5d ms: %s' $(((${EPOCHREALTIME/[.,]/} - ${from/[.,]/}) / 1000)) "$4")"
	call nobody GET system/version '' "$2"
	like "$1: at once" "$seen" "$3"
}

command -v php >/dev/null || bail "php is not installed (tests/deps test)"
started_at=$SECONDS
machine_up
for program in novacpxd novacpx-api; do
	[[ -x $checkout/build/$variant/$program ]] || bail "$program is not built"
done
put_call
ok "all daemons run" start_daemons
# What an administrator does once on a new server.
ok "the administrator is made" msh '
novacpx set user/admin role=admin email=admin@host.example --yes --no-diff >/dev/null
echo "Nova2026!!" | novacpx passwd user/admin --yes --no-diff >/dev/null
for setting in server_ipv4=192.0.2.1 mail_hostname=mail.host.example ns1_hostname=ns1.host.example ns2_hostname=ns2.host.example; do
	novacpx set "setting/${setting%%=*}" "value=${setting#*=}" --yes --no-diff >/dev/null
done'
start_engine() {
	daemon novacpxd novacpxd
	wait_socket /run/novacpx/engine.sock
}
start_api() { # by its sockets, as its user
	daemon novacpx-api systemd-socket-activate -l 8880 -l 8881 -l 8882 \
		setpriv --reuid novacpx --regid novacpx --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
		novacpx-api
	wait_port 8882
}
ok "the engine runs" start_engine
ok "the API runs" start_api
is "as its user" "$(eventually 20 run pgrep -x novacpx-api; run ps -o user= -C novacpx-api | sort -u)" novacpx
diag "machine and daemons: $((SECONDS - started_at)) s"
tested_at=$SECONDS

diag "a reseller"
comes_in admin 'Nova2026!!' 200
made "the administrator makes a reseller" admin users/create \
	'{"username":"resale","email":"office@resale.example","password":"Resale-2026","role":"reseller","max_accounts":5}'
comes_in resale Resale-2026 200
made "the reseller makes a package" resale packages/create \
	'{"name":"small","disk_mb":500,"max_domains":5,"max_addon_domains":3,"max_subdomains":5,"max_parked_domains":3,"max_email":5}'
small=$(pick 'd["id"]')
made "and another" resale packages/create '{"name":"large","disk_mb":2000,"max_domains":0,"max_addon_domains":0,"max_subdomains":0,"max_parked_domains":0,"max_email":0}'
large=$(pick 'd["id"]')

diag "an account"
made "the reseller makes an account" resale accounts/create \
	"{\"username\":\"shop\",\"domain\":\"shop.example\",\"email\":\"owner@mail.example\",\"password\":\"Owner-2026\",\"package_id\":$small}" \
	'site shop.example; record shop.example A; record shop.example MX; php_of shop.example public_html shop' \
	'^200 .*192\.0\.2\.1.10 mail\.shop\.example\..200 shop shop$'
shop=$(pick 'd["account_id"]')
made "and another one" resale accounts/create \
	"{\"username\":\"other\",\"domain\":\"other.example\",\"email\":\"other@mail.example\",\"password\":\"Other-2026\",\"package_id\":$small}" \
	'php_of other.example public_html other' '^200 other other$'
other=$(pick 'd["account_id"]')

diag "domains"
made "an addon domain" resale domains/add-addon "{\"account_id\":$shop,\"domain\":\"extra.example\",\"document_root\":\"/home/shop/extra\"}" \
	'php_of extra.example extra shop; record www.extra.example A' '^200 shop shop.192\.0\.2\.1$'
extra=$(pick 'd["id"]')
made "a subdomain" resale domains/add-subdomain "{\"account_id\":$shop,\"subdomain\":\"blog\",\"document_root\":\"/home/shop/blog\"}" \
	'php_of blog.shop.example blog shop; record blog.shop.example A' '^200 shop shop.192\.0\.2\.1$'
made "an alias" resale domains/add-alias "{\"account_id\":$shop,\"domain\":\"alias.example\"}" \
	'site alias.example/who.php; record alias.example A' '^200 shop shop.192\.0\.2\.1$'
made "a redirect" resale domains/add \
	"{\"account_id\":$shop,\"domain\":\"old.example\",\"type\":\"redirect\",\"redirect_to\":\"https://shop.example/\",\"redirect_code\":301}" \
	'site old.example; record old.example A' '^301 https://shop\.example/.*192\.0\.2\.1$'

diag "records"
call resale GET "dns/list?account_id=$shop"
zone=$(pick '[z["id"] for z in d if z["domain"] == "shop.example"][0]')
made "a record" resale dns/add-record "{\"zone_id\":$zone,\"type\":\"A\",\"name\":\"api\",\"value\":\"192.0.2.77\",\"ttl\":300}" \
	'record api.shop.example A' '^192\.0\.2\.77$'
api_record=$(pick 'd["id"]')
made "of text" resale dns/add-record "{\"zone_id\":$zone,\"type\":\"TXT\",\"name\":\"@\",\"value\":\"owner=shop; \\\"yes\\\"\"}" \
	'record shop.example TXT' 'owner=shop'
made "changed" resale dns/update-record "{\"record_id\":$api_record,\"value\":\"192.0.2.78\"}" 'record api.shop.example A' '^192\.0\.2\.78$'

diag "mail"
made "a mailbox" resale email/create "{\"account_id\":$shop,\"email\":\"info@shop.example\",\"password\":\"Mail-2026-a\",\"quota_mb\":50}" \
	'login info@shop.example Mail-2026-a; taken info@shop.example first' '^in.250 2\.1\.5 Ok$'
mailbox=$(pick 'd["id"]')
made "a forwarder" resale email/add-forwarder \
	"{\"account_id\":$shop,\"source\":\"sales@shop.example\",\"destination\":\"info@shop.example\"}" \
	'taken sales@shop.example forwarded' '^250 2\.1\.5 Ok$'
# What Postfix took is delivered in its own time.
has_mail() {
	run curl -sSk -m 20 --url imap://127.0.0.1/INBOX --user "info@shop.example:$1" -X "SEARCH SUBJECT $2" | grep -q 'SEARCH [0-9]'
}
ok "mail comes" eventually 15 has_mail Mail-2026-a first
ok "and by the forwarder" eventually 15 has_mail Mail-2026-a forwarded
made "another password" resale email/change-password "{\"id\":$mailbox,\"password\":\"Mail-2026-b\"}" \
	'login info@shop.example Mail-2026-a; login info@shop.example Mail-2026-b' '^out.in$'
made "a mailbox off" resale email/suspend "{\"id\":$mailbox}" \
	'login info@shop.example Mail-2026-b; taken info@shop.example' '^out.550 5\.2\.1 '
made "and on" resale email/unsuspend "{\"id\":$mailbox}" \
	'login info@shop.example Mail-2026-b; taken info@shop.example' '^in.250 '

diag "cron"
made "a job" resale cron/create "{\"account_id\":$shop,\"schedule\":\"30 4 * * *\",\"command\":\"true nightly\"}" \
	'cat /etc/cron.d/novacpx-shop; stat -c "%U %a" /etc/cron.d/novacpx-shop' '30 4 \* \* \* shop .*true nightly.*root 6[04]{2}$'
job=$(pick 'd["id"]')

diag "the customer"
comes_in shop Owner-2026 200
asked "sees its domains" shop domains/list?account_id=$shop 'sorted(x["domain"] for x in d)' \
	"['alias.example', 'blog.shop.example', 'extra.example', 'old.example', 'shop.example']"
asked "and no other's, whatever it asks for" shop domains/list?account_id=$other 'len([x for x in d if "other" in x["domain"]])' 0
refused "no list of accounts" shop GET accounts/list '' 403
call resale GET "dns/list?account_id=$other"
foreign=$(pick 'd[0]["id"]')
refused "no foreign zone" shop GET "dns/records?zone_id=$foreign" '' 404
refused "nor a record in it" shop POST dns/add-record?wait=10 "{\"zone_id\":$foreign,\"type\":\"A\",\"name\":\"x\",\"value\":\"192.0.2.9\"}" 404
made "makes a mailbox of its own" shop email/create '{"account_id":'"$shop"',"email":"desk@shop.example","password":"Desk-2026-a"}' \
	'login desk@shop.example Desk-2026-a; taken desk@shop.example' '^in.250 '
refused "not one of another's domain" shop POST email/create '{"account_id":'"$shop"',"email":"x@other.example","password":"Desk-2026-a"}' 403

diag "WHMCS"
made "the administrator lets it in" admin system/save-option "{\"key\":\"whmcs_api_key\",\"value\":\"$key\"}"
made "wholly" admin system/save-option '{"key":"whmcs_enabled","value":"1"}'
run sed -n '/BEGIN CERT/,/END CERT/p' /var/lib/novacpx/model/tls.pem >"$scratch/cert.pem"
is "the connection" "$(whmcs TestConnection)" '{"success":true,"error":""}'
contents /home/shop /var/vmail >"$scratch/before"
state='site shop.example/who.php; site extra.example/who.php; site alias.example/who.php; taken info@shop.example; taken sales@shop.example
	login info@shop.example Mail-2026-b; test -e /etc/cron.d/novacpx-shop && echo cron || echo no cron; record shop.example A
	passwd -S shop | cut -d" " -f2; site other.example/who.php'
billed "suspend" "$state" '^503 .*503 .*503 .*550 5\.2\.1 .*550 5\.2\.1 .*out.no cron.192\.0\.2\.1.L.200 other other$' \
	SuspendAccount '"suspendreason":"Overdue"'
is "nothing is lost" "$(diff "$scratch/before" <(contents /home/shop /var/vmail) | grep -v '\(dovecot\|maildirsize\)')" ""
comes_in shop Owner-2026 401
billed "unsuspend" "$state" '^200 shop shop.200 shop shop.200 shop shop.250 .*250 .*in.cron.192\.0\.2\.1.P.200 other other$' UnsuspendAccount
comes_in shop Owner-2026 200
billed "change of package" 'true' '' ChangePackage "\"configoption1\":\"large\""
asked "is seen" resale "accounts/usage?id=$shop" 'd["disk_limit_mb"]' 2000

diag "back"
asked "the revisions are listed" admin 'revisions/list?per_page=1' 'd["items"][0]["actor"], d["items"][0]["source"]' "('billing', 'whmcs')"
revision=$(pick 'd["items"][0]["revision"]')
made "a domain goes" shop domains/remove "{\"domain_id\":$extra}" 'site extra.example/who.php; record www.extra.example A; echo none' \
	'^404 [^0-9]*none$'
made "a record too" shop dns/delete-record "{\"record_id\":$api_record}" 'record api.shop.example A; echo none' '^none$'
made "and the job" shop cron/delete "{\"id\":$job}" 'test -e /etc/cron.d/novacpx-shop || echo gone' '^gone$'
made "one call brings all back" admin revisions/rollback "{\"revision\":$revision}" \
	'site extra.example/who.php; record www.extra.example A; record api.shop.example A; tail -n 1 /etc/cron.d/novacpx-shop' \
	'^200 shop shop.192\.0\.2\.1.192\.0\.2\.78.*true nightly'
refused "which customers may not" shop POST revisions/rollback "{\"revision\":1}" 403

diag "WHMCS is told what is not done"
run mkdir -p /etc/novacpx/nginx.d/extra.example
put /etc/novacpx/nginx.d/extra.example/x.conf <<<'nonsense here;'
is "a snippet that nginx refuses is in no suspension's way" "$(whmcs SuspendAccount)" success
like "but in the way back" "$(whmcs UnsuspendAccount)" \
	'^NovaCPX has stored this, but could not .* domain/extra.example is Quarantined \(ValidationFailed\): nginx: .*unknown directive'
run rm -r /etc/novacpx/nginx.d/extra.example

diag "its end"
billed "terminate" "$state; id shop; ls -d /home/shop" \
	'^404 .*404 .*404 .*550 .*550 .*out.no cron.passwd: user .shop. does not exist.200 other other.id: .shop.: no such user.*No such file' \
	TerminateAccount
comes_in shop Owner-2026 401
asked "the other one is left" resale accounts/list '[x["username"] for x in d["items"]]' "['other']"
like "its data lies in the trash" "$(run novacpx trash list)" 'shop'

diag "what is not live is not called ready"
run mkdir -p /etc/novacpx/nginx.d/fail.example
put /etc/novacpx/nginx.d/fail.example/x.conf <<<'nonsense here;'
call resale POST 'accounts/create?wait=10' \
	'{"username":"fail","domain":"fail.example","email":"fail@mail.example","password":"Fail-2026-a"}'
is "an account whose site nginx refuses" "$code $(pick 'a["condition"]["resource"], a["condition"]["type"]')" \
	"200 ('domain/fail.example', 'Quarantined')" || diag "$answer"
# shellcheck disable=SC2016
ok "named ends" msh 'pid=$(cat /run/named/named.pid); kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done'
call resale POST 'dns/add-record?wait=10' "{\"zone_id\":$foreign,\"type\":\"A\",\"name\":\"one\",\"value\":\"192.0.2.51\"}"
is "a record that nobody loads" "$code $(pick '[a["condition"][m] for m in ("resource", "type", "reason")]')" \
	"200 ['zone/other.example', 'Progressing', 'NotRunning']" || diag "$answer"
ok "named starts" start_named
made "another one, then" resale dns/add-record "{\"zone_id\":$foreign,\"type\":\"A\",\"name\":\"two\",\"value\":\"192.0.2.52\"}" \
	'record one.other.example A; record two.other.example A' '^192\.0\.2\.51.192\.0\.2\.52$'
two=$(pick 'd["id"]')

diag "what a guard holds back"
run pkill -STOP -x novacpxd
for label in @ mail www _dmarc one; do
	call resale GET "dns/records?zone_id=$foreign"
	id=$(pick "[x['id'] for x in d if x['name'] == '$label' and x['type'] != 'MX'][0]")
	call resale POST dns/delete-record "{\"record_id\":$id}"
done
run pkill -CONT -x novacpxd
call resale POST 'dns/update-record?wait=10' "{\"record_id\":$two,\"value\":\"192.0.2.53\"}"
is "five records of eleven at once" "$code $(pick 'a["condition"]["type"], a["condition"]["reason"]')" "200 ('Blocked', 'Guard')"
like "with what is to be done" "$answer" 'this would delete 5 of [0-9]+ records \(over 30 %\); on the server `novacpx pass` says how'
run novacpx pass --no-diff >"$scratch/pass" 2>&1
digest=$(sed -n 's/.*--force \([0-9a-f]*\).*/\1/p' "$scratch/pass")
novacpx_is "which an administrator does; the site that nginx refuses is not ready" 5 pass --no-diff --force "$digest"
made "and all goes on" resale dns/update-record "{\"record_id\":$two,\"value\":\"192.0.2.54\"}" \
	'record two.other.example A; record one.other.example A; echo none' '^192\.0\.2\.54.none$'

diag "the slowest call took $slowest ms; all of it $((SECONDS - tested_at)) s"
done_testing
