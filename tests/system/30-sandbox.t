#!/bin/bash
# `make run`: the examples really answer from a sandbox, by the commands it prints; again it does nothing; the
# host is not touched; `make stop` leaves nothing running.
. "$(dirname "$0")/lib.sh"

[[ -x $checkout/build/$variant/novacpx ]] || bail "build/$variant/novacpx is not built"

in_copy() { # CMD...: in the copy of the checkout
	# shellcheck disable=SC2016
	run sh -c 'cd /root/nova && exec "$@" 2>&1 </dev/null' in_copy "$@"
}

make_run() {
	in_copy make --no-print-directory "$@" NOVACPX=/usr/bin/novacpx >"$scratch/make"
}

sandbox() {
	in_copy novacpx --root run "$@"
}

# The host's own files: what, whose, how, when changed. (A pid namespace's /run/lock and utmp belong to nobody here.)
host_files() {
	run find /etc /home /var /run /usr /opt /srv -xdev -printf '%p %m %u %g %s %T@ %l\n' | LC_ALL=C sort
}

# All but what a job of the examples writes when its time has come.
sandbox_files() {
	run find /root/nova/run/etc /root/nova/run/home /root/nova/run/var/lib/bind -type f ! -name heartbeat.log -printf '%p %T@\n' |
		LC_ALL=C sort
}

# The printed command with NAME in it, the Nth of them, as a person pastes it.
printed() {
	grep -E "^  ($1) " "$scratch/commands" | grep -F -- "$2" | sed -n "${3:-1}p"
}

paste() {
	local command
	command=$(printed "$@")
	[[ $command ]] || {
		echo "no such command was printed"
		return 1
	}
	msh "$command" 2>&1 </dev/null
}

arrives() { # ADDRESS WORD
	paste curl "${1/@/%40}@" | grep -qF "$2"
}

daemons() {
	run ps -eo comm= | grep -E '^(nginx|named|php-fpm|master|dovecot|cron|novacpxd|novacpx-api|qmgr|pickup|imap|anvil)' | sort | uniq -c
}

# A process that was ended may stay in the list for a moment on a busy machine.
none_runs() {
	[[ -z $(daemons) ]]
}

machine_up -b "$checkout:/src:ro"
msh 'mkdir /root/nova; cd /src; tar -cf - --exclude=./build --exclude=./.git --exclude=./run . | tar -xf - -C /root/nova'
host_before=$(host_files)

ok "make run goes through, without a network" make_run run
like "it says that nothing was held or failed" "$(cat "$scratch/make")" "applied: [0-9]+ done, 0 failed or held"
is "all eight daemons run" "$(grep -cE '^  [a-z0-9.-]+ +runs, process [0-9]+$' "$scratch/make")" 8
grep -E '^  (curl|dig|swaks) ' "$scratch/make" >"$scratch/commands"
is "all ten domains are printed" "$(grep -c '^  curl -i --resolve' "$scratch/commands")" 10
is "all five zones" "$(grep -c '^  dig ' "$scratch/commands")" 5
is "all five mailboxes" "$(grep -c '^  swaks ' "$scratch/commands")" 5
is "the host's own files are as they were" "$(diff <(echo "$host_before") <(host_files))" ""
is "no port below 1024 is taken" "$(run ss -Hltun | awk '{ sub(/.*:/, "", $5); if ($5 + 0 < 1024) print }')" ""

while read -r site code text; do
	answer=$(paste curl "http://$site:")
	like "http://$site answers $code" "$answer" "HTTP/1.1 $code"
	like "with what it should" "$answer" "$text"
done <<'END'
anna.example 200 Welcome.*anna
anna.test 200 Welcome.*anna
shop.anna.example 200 shop.anna.example
photos.example 200 photos.example
old-anna.example 301 Location:.https://anna.example/
sale.test 302 Location:.http://shop.anna.example/sale
bjorn.test 200 Welcome.*bjorn
blog.bjorn.test 200 blog.bjorn.test
club.example 503 suspended
club.test 503 suspended
END
like "https://anna.example answers with its certificate" "$(paste curl https://anna.example:)" "HTTP/2 200"
# shellcheck disable=SC2016
msh 'echo "<?php echo \"uid=\", posix_geteuid();" >/root/nova/run/home/bjorn/public_html/me.php'
uid=$(run awk -F: '$1 == "bjorn" { print $3 }' /root/nova/run/etc/passwd)
is "PHP runs as the account" "$(fetch --resolve bjorn.test:8080:127.0.0.1 http://bjorn.test:8080/me.php)" "uid=$uid"

while read -r zone text; do
	like "dig $zone" "$(paste dig " $zone ")" "SOA.ns1.host.example.*$text"
done <<'END'
anna.example MX.10.mail.anna.example
photos.example A.192.0.2.10
bjorn.test MX.10.mail.host.example
club.example A.192.0.2.30
2.0.192.in-addr.arpa NS.ns2.host.example
END
is "a record deep in a zone" "$(dns -p 1053 10.2.0.192.in-addr.arpa PTR)" anna.example.

for address in info@anna.example anna@photos.example bjorn@bjorn.test; do
	like "mail to $address is taken" "$(paste swaks " $address")" "250 2.0.0 Ok"
	ok "and can be read by IMAP" eventually 20 arrives "$address" "This is a test mailing"
done
for address in old@anna.example board@club.example; do
	like "mail to the suspended $address is refused" "$(paste swaks " $address")" "<\*\* 5[0-9][0-9] "
	like "and so is the login" "$(paste curl "${address/@/%40}@")" "Login denied"
done
ok "mail to a forwarder is taken" run swaks --server 127.0.0.1:2525 --from a@elsewhere.example --to hello@bjorn.test --header 'Subject: forwarded'
ok "and arrives where it forwards to" eventually 20 arrives bjorn@bjorn.test "Subject: forwarded"

like "the API answers as its printed command says" "$(msh "$(grep '^  curl -i http://127' "$scratch/make")")" "HTTP/1.1 [0-9]+ "
like "and with TLS, to the administrator of the examples" "$(paste curl auth/login)" '"username":"keeper"'
like "who is told of the accounts" "$(paste curl accounts/list)" '"username":"anna"'
is "it runs as the sandbox's user novacpx" "$(run ps -o uid= -C novacpx-api | tr -d ' ')" \
	"$(run awk -F: '$1 == "novacpx" { print $3 }' /root/nova/run/etc/passwd)"
ok "and sees nothing but the sandbox" run sh -c 'test ! -e /proc/$(cat /root/nova/run/run/novacpx/novacpx-api.pid)/root/root/nova'

ok "a file of ours that is removed" run rm /root/nova/run/etc/cron.d/novacpx-anna
ok "is written again by the engine" eventually 20 run test -s /root/nova/run/etc/cron.d/novacpx-anna

files=$(sandbox_files)
pids=$(grep -oE 'runs, process [0-9]+' "$scratch/make")
ok "a second make run goes through" make_run run
like "it finds nothing to do" "$(cat "$scratch/make")" "Nothing to do: the machine is as revision"
is "the daemons are the same" "$(grep -oE 'runs, process [0-9]+' "$scratch/make")" "$pids"
is "no file's time has changed" "$(diff <(echo "$files") <(sandbox_files))" ""

ok "make stop" make_run stop
ok "nothing is left running" eventually 20 none_runs
is "nothing is left mounted" "$(run grep -c " /root/nova" /proc/mounts)" 0
ok "a second make stop" make_run stop
like "has nothing to do" "$(cat "$scratch/make")" "Nothing runs"
sandbox set setting/dns_port value=53 --yes --no-diff >/dev/null
fails "a usual port is refused when it starts" sandbox sandbox start
like "with the reason" "$said" "dns_port is 53; in a sandbox it is 1024 or more"
ok "make run after a stop" make_run run
ok "brings the zones back" eventually 10 msh "$(printed dig ' bjorn.test ') | grep -q SOA"
like "and the sites" "$(paste curl http://bjorn.test:)" "HTTP/1.1 200"
ok "and stops again" make_run stop
ok "without a rest" eventually 20 none_runs
is "the host's own files are still as they were" "$(diff <(echo "$host_before") <(host_files))" ""
done_testing
