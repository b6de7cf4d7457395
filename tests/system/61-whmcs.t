#!/bin/bash
# The WHMCS module of examples/whmcs against novacpx-api: each function as WHMCS calls it, what came of it by the API,
# and the words for a person when something is wrong.
. "$(dirname "$0")/lib.sh"
. "$tests_dir/system/api.sh"

module=$checkout/examples/whmcs/modules/servers/novacpx/novacpx.php
key=key-of-the-billing-system-1234
service='"domain":"Shop.example","username":"shop"'

# whmcs FUNCTION [MEMBERS OF PARAMS]: over TLS with the API's own certificate as the only authority
whmcs() {
	php "$tests_dir/system/whmcs.php" "$module" "$1" "{\"serverid\":7,\"serverip\":\"127.0.0.1\",
		\"serverhostname\":\"localhost\",\"serverport\":\"$https\",\"serversecure\":true,
		\"serveraccesshash\":\"$key\\nca=$cert\"${2:+,$2}}" 2>&1
}

field() { # NAME: of the account shop, by the API
	api GET accounts/list | python3 -c 'import json, sys
print(*[a[sys.argv[1]] for a in json.load(sys.stdin)["data"]["items"] if a["username"] == "shop"])' "$1"
}

can_login() { # PASSWORD
	curl -sS -o /dev/null -w '%{http_code}' -d "{\"username\":\"shop\",\"password\":\"$1\"}" \
		"http://127.0.0.1:$http/api/auth/login"
}

command -v php >/dev/null || bail "php is not installed (tests/deps test)"
api_make
settle setting/whmcs_enabled value=true
printf '%s\n' "$key" | "$checkout/build/$variant/novacpx" --root "$root" passwd setting/whmcs_api_key --yes --no-diff \
	>"$scratch/settle" 2>&1
settle package/small disk_mb=500 bandwidth_mb=9000
settle package/large disk_mb=2000
api_up
api_login
cert=$scratch/cert.pem
sed -n '/BEGIN CERT/,/END CERT/p' "$root/var/lib/novacpx/model/tls.pem" >"$cert"

diag "a service's life"
is "the connection" "$(whmcs TestConnection)" '{"success":true,"error":""}'
create="$service,\"password\":\"Abc123xyz9\",\"clientsdetails\":{\"email\":\"owner@mail.example\"},\"configoption1\":\"small\""
is "create" "$(whmcs CreateAccount "$create")" success
is "the account is there" "$(field domain) $(field email) $(field package_name) $(field status)" \
	"shop.example owner@mail.example small active"
is "its holder logs in" "$(can_login Abc123xyz9)" 200
is "create again is the same account" "$(whmcs CreateAccount "$create")" success
is "there is one" "$(field username)" shop
is "suspend" "$(whmcs SuspendAccount "$service,\"suspendreason\":\"Overdue\"")" success
is "with the reason" "$(field status) $(field suspend_reason)" "suspended Overdue"
is "its holder is out" "$(can_login Abc123xyz9)" 401
is "unsuspend" "$(whmcs UnsuspendAccount "$service")" success
is "without a reason" "$(field status) $(field suspend_reason)" "active None"
is "change of package" "$(whmcs ChangePackage "$service,\"configoption1\":\"large\"")" success
is "by name" "$(field package_name)" large
is "by number" "$(whmcs ChangePackage "$service,\"configoption1\":\"1\"") $(field package_name)" "success small"
is "change of password" "$(whmcs ChangePassword "$service,\"password\":\"New456abc7\"")" success
is "the new one counts, the old one does not" "$(can_login New456abc7) $(can_login Abc123xyz9)" "200 401"
is "renew" "$(whmcs Renew "$service")" success
is "usage goes to the services of the server" "$(whmcs UsageUpdate)" 'success
{"where":{"server":7,"username":"shop"},"set":{"diskusage":0,"disklimit":500,"bwusage":0,"bwlimit":9000}}'
like "list" "$(whmcs ListAccounts)" '^\{"success":true,"accounts":\[\{"email":"owner@mail.example","username":"shop","domain":"shop.example","uniqueIdentifier":"shop","product":"small","primaryip":"127.0.0.1","created":"20[0-9: -]*","status":"Active"\}\]\}$'
like "the customer's link" "$(whmcs ClientArea "$service")" 'href="https://localhost:8880/"'
is "no single sign-on is offered" "$(php -r 'define("WHMCS", 1); require $argv[1]; var_export(function_exists("novacpx_ServiceSingleSignOn"));' "$module")" false

diag "what a person is told"
like "a package that is none" "$(whmcs ChangePackage "$service,\"configoption1\":\"huge\"")" 'huge|[Pp]ackage'
is "and nothing changed" "$(field package_name)" small
like "no package" "$(whmcs ChangePackage "$service")" 'no package in its module settings'
settle package/small max_domains=5 max_addon_domains=5
settle package/tiny max_domains=1
for more in second third; do
	api POST domains/add-addon "{\"account_id\":$(field id),\"domain\":\"$more.example\"}" >/dev/null
done
small=$(whmcs ChangePackage "$service,\"configoption1\":\"tiny\"")
like "a package that is too small" "$small" 'package "tiny" allows 1 domains'
unlike "with no word of the bridge being off" "$small" whmcs_enabled
unlike "a password that is too short" "$(whmcs ChangePassword "$service,\"password\":\"x\"")" '^success'
like "no e-mail address" "$(whmcs CreateAccount "$service,\"password\":\"Abc123xyz9\"")" 'has no email'
taken='"domain":"other.example","username":"shop"'
unlike "a name that is taken" "$(whmcs CreateAccount "$taken,\"password\":\"Abc123xyz9\",\"clientsdetails\":{\"email\":\"z@mail.example\"}")" '^success'
for function in SuspendAccount TerminateAccount ChangePassword; do
	like "$function of a service whose name is another's does nothing" \
		"$(whmcs $function "$taken,\"password\":\"Abc123xyz9\"")" 'Nothing was done.*"shop" does not have the domain other.example'
	like "$function of a service whose domain is another's does nothing" \
		"$(whmcs $function '"domain":"shop.example","username":"theirs","password":"Abc123xyz9"')" 'Nothing was done.*belongs to the account "shop"'
done
is "the account is as it was" "$(field status) $(can_login New456abc7)" "active 200"
like "of none" "$(whmcs SuspendAccount '"domain":"no.example","username":"none"')" 'has no account for this service'
like "of no name at all" "$(whmcs SuspendAccount)" 'neither a domain nor a user name'

diag "the way to the server"
like "the key is wrong" "$(key=wrong whmcs SuspendAccount "$service")" 'Invalid API key.*access hash'
like "also at the test" "$(key=wrong whmcs TestConnection)" '"success":false,"error":"Invalid API key'
like "no key" "$(key='' whmcs SuspendAccount "$service")" 'access hash of the server entry in WHMCS is empty'
like "a certificate that nobody vouches for" \
	"$(whmcs SuspendAccount "$service,\"serveraccesshash\":\"$key\"")" 'certificate of https://localhost:[0-9]* is not trusted'
pin=sha256//$(openssl x509 -in "$cert" -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
is "but its key is known" "$(whmcs Renew "$service,\"serveraccesshash\":\"$key\\npin=$pin\"")" success
like "another's key" "$(whmcs Renew "$service,\"serveraccesshash\":\"$key\\npin=sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"")" 'is not trusted'
is "or the administrator says that any does" "$(whmcs Renew "$service,\"serveraccesshash\":\"$key\\nverify=no\"")" success
like "a line that is nothing" "$(whmcs Renew "$service,\"serveraccesshash\":\"$key\\nverify=maybe\"")" 'none of ca=/FILE'
is "in clear on the loopback" "$(whmcs Renew "$service,\"serversecure\":false,\"serverport\":\"$http\"")" success
like "never to another host" "$(whmcs Renew "$service,\"serversecure\":false,\"serverhostname\":\"host.example\"")" 'Tick "Secure"'
like "a host name that is an address of a page" "$(whmcs Renew "$service,\"serverhostname\":\"https://x/\"")" 'is not a host name'
log=$(WHMCS_LOG=1 whmcs ChangePassword "$service,\"password\":\"Third789abc\"")
like "the module log has the call" "$log" 'log: .*changepassword.*"username":"shop"'
unlike "without its secrets" "$log" "$key|Third789abc"
settle setting/whmcs_enabled value=false
like "the bridge is off" "$(whmcs SuspendAccount "$service")" 'WHMCS integration is disabled.*whmcs_enabled'
settle setting/whmcs_enabled value=true

diag "its end"
is "terminate" "$(whmcs TerminateAccount "$service")" success
is "the account is gone" "$(field username)" ""
is "terminate again" "$(whmcs TerminateAccount "$service")" success
like "renew says that it is gone" "$(whmcs Renew "$service")" 'no account for this service any more'
api_down
like "the server is down" "$(whmcs SuspendAccount "$service")" 'NovaCPX at https://localhost:[0-9]* cannot be reached'
like "also for the list" "$(whmcs ListAccounts)" '"success":false,"error":".*cannot be reached'
python3 -m http.server --bind 127.0.0.1 "$http" >/dev/null 2>&1 &
other=$!
eventually 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$http"
like "something else answers" "$(whmcs Renew "$service,\"serversecure\":false,\"serverport\":\"$http\"")" 'is not NovaCPX'
kill $other
done_testing
