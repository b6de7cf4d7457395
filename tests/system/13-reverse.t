#!/bin/bash
# Reverse zones of private networks: named keeps the world out of them by empty zones of its own; hosted ones take
# their place while it runs, stay over reloads and restarts, and leave the empty one behind.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

answer() { # ADDRESS: what named says of its name: the name, or whose zone says that there is none
	run dig +noall +answer +authority +time=2 +tries=1 @127.0.0.1 -x "$1" | awk '$4 == "PTR" { print $5 } $4 == "SOA" { print tolower($1), $5 }'
}
own() { [[ $(answer "$1") == "$2 $2" || $(answer "$1") == "$2 ${2^^}" ]]; }
builtin() { # NAME ADDRESS ZONE
	ok "$1" own "$2" "$3."
}

machine_up
ok "named runs" start_named
put /root/state.yaml <<'END'
novacpx: 1
settings: {web_server: none, mail_server: none}
accounts:
  john:
    zones:
      168.192.in-addr.arpa: {records: [{name: "1.2", type: PTR, value: router.john.example}]}
      1.10.in-addr.arpa: {records: [{name: "1.2", type: PTR, value: printer.john.example}]}
      8.b.d.0.1.0.0.2.ip6.arpa: {records: [{name: "1.0.0.0", type: PTR, value: six.john.example}]}
END
ok "zones are applied" run sh -c 'novacpx apply --yes --no-diff -f /root/state.yaml; [ $? -eq 0 -o $? -eq 5 ]'
unlike "none of them failed" "$(run novacpx status)" "zone/"
is "one in the very name of an empty zone" "$(answer 192.168.2.1)" "router.john.example."
is "one below an empty zone" "$(answer 10.1.2.1)" "printer.john.example."
like "one of documentation addresses" "$(run dig +short @127.0.0.1 1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR)" six.john.example
builtin "beside it the empty zone answers" 10.2.2.1 10.in-addr.arpa
builtin "and those of other networks" 172.16.2.1 16.172.in-addr.arpa

diag "reload and restart"
ok "named reads its configuration anew" run rndc reconfig
is "the hosted zone stays" "$(answer 192.168.2.1)" "router.john.example."
ok "and all zones" run rndc reload
hosted() { [[ $(answer 192.168.2.1) == router.john.example. ]]; }
ok "it stays" eventually 5 hosted
run rndc stop
gone() { ! run pgrep -x named; }
eventually 10 gone
ok "named starts anew" start_named
ok "it stays" eventually 5 hosted
builtin "and the empty ones" 10.2.2.1 10.in-addr.arpa
ok "nothing is left to do" run sh -c 'novacpx pass --full | grep -q "^No"'

diag "a change, and the end"
ok "a record changes" run novacpx set record/168.192.in-addr.arpa/1.2/PTR/router.john.example ttl=77 --yes
is "it stays" "$(answer 192.168.2.1)" "router.john.example."
run novacpx unset zone/168.192.in-addr.arpa --yes --no-diff >/dev/null
builtin "named's own is back in its place" 192.168.2.1 168.192.in-addr.arpa

diag "an administrator's zone of such a name"
msh 'printf "\$TTL 60\n@ SOA a. b. 7 1 1 1 1\n@ NS a.\n1.2 PTR admin.example.\n" >/var/lib/bind/admin.zone
echo "zone \"16.172.in-addr.arpa\" { type primary; file \"/var/lib/bind/admin.zone\"; };" >>/etc/bind/named.conf.local
rndc reconfig'
is "is served" "$(answer 172.16.2.1)" admin.example.
put /root/more.yaml <<'END'
novacpx: 1
accounts: {john: {zones: {16.172.in-addr.arpa: {records: [{name: "1.2", type: PTR, value: thief.john.example}]}}}}
END
run novacpx apply --yes --no-diff -f /root/more.yaml >/dev/null
is "and not taken by ours" "$(answer 172.16.2.1)" admin.example.
like "which is said" "$(run novacpx status zone/16.172.in-addr.arpa)" "not ours"
done_testing
