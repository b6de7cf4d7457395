#!/bin/bash
# What a daemon's own check refuses is held back alone, in the daemon's words, with the file that a person knows;
# the rest of the same batch goes live. What was broken before is nobody's fault who changed something now.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

code() { # HOST[/PATH]
	run curl -sS -m 20 -o /dev/null -w '%{http_code}' --connect-to '::127.0.0.1:' "http://$1" 2>&1
}

conditions() { # RESOURCE: "TYPE REASON" of each of its conditions
	run novacpx status --json | perl -MJSON::PP -e '
		my $s = decode_json(join "", <STDIN>);
		print "$_->{type} $_->{reason}\n" for grep { $_->{resource} eq $ARGV[0] } @{$s->{conditions}}' "$1"
}

message_of() { # RESOURCE: the words of its conditions
	run novacpx status --json | perl -MJSON::PP -e '
		my $s = decode_json(join "", <STDIN>);
		print "$_->{message}\n" for grep { $_->{resource} eq $ARGV[0] } @{$s->{conditions}}' "$1"
}

not_ready() { # all resources with conditions
	run novacpx status --json | perl -MJSON::PP -e '
		my $s = decode_json(join "", <STDIN>);
		my %seen; print join " ", sort grep { !$seen{$_}++ } map { $_->{resource} } @{$s->{conditions}}'
}

# batch SIDE: a state file of 4 accounts with 96 domains, whose sites lie at SIDE: each change of it is 96 vhosts
batch() {
	local account n
	echo "novacpx: 1"
	echo "packages: {big: {max_domains: 200, max_addon_domains: 200, max_email: 50, max_subdomains: 100}}"
	echo "accounts:"
	for account in ann ben cleo dora; do
		printf '  %s:\n    package: big\n    domains:\n      %s.test: {type: primary}\n' $account $account
		for n in {1..24}; do
			echo "      $account-$n.test: {type: addon, document_root: /home/$account/public_html/$1}"
		done
		printf '    zones:\n      %s.test:\n        records:\n          - {name: "@", type: A, value: %s}\n' $account "$2"
	done
}

reached() { # SIDE: how many of the 96 sites show it
	local account
	for account in ann ben cleo dora; do
		for n in {1..24}; do echo "url = http://$account-$n.test/who.txt"; done
	done | run curl -sS -m 20 --connect-to '::127.0.0.1:' -K - | grep -cx "$1"
}

vhost() { # DOMAIN: path of its vhost
	run sh -c 'echo /etc/nginx/novacpx/sites/*/*/'"$1.conf"
}

machine_up
ok "all daemons run" start_daemons
batch one 192.0.2.1 | put /root/state.yaml
novacpx_is "the first state" 0 apply --yes --no-diff -f /root/state.yaml
for account in ann ben cleo dora; do
	for side in one two three four five; do
		echo $side | run install -D -m 644 -o $account -g $account /dev/stdin "/home/$account/public_html/$side/who.txt"
	done
done
is "all 96 sites are there" "$(reached one)" 96

# ---- (a) a broken snippet, and 99 good changes in the same batch

run mkdir -p /etc/novacpx/nginx.d/ben-7.test
printf 'add_header X-Good yes;\nproxy_passs http://127.0.0.1:9;\n' | put /etc/novacpx/nginx.d/ben-7.test/x.conf
batch two 192.0.2.2 | put /root/state.yaml
novacpx_is "a batch with one broken snippet" 5 apply --yes --no-diff -f /root/state.yaml
like "says who is held" "$said" "domain/ben-7.test: Quarantined \(ValidationFailed\)"
is "it alone is not ready" "$(not_ready)" domain/ben-7.test
like "in nginx's words with file and line, the file that was written by hand" "$(message_of domain/ben-7.test)" \
	"unknown directive .proxy_passs. in /etc/novacpx/nginx\.d/ben-7\.test/x\.conf:2"
novacpx_is "status says so" 5 status domain/ben-7.test
like "Quarantined" "$said" "Quarantined"
is "95 sites are on their new side" "$(reached two)" 95
is "the held one keeps its last good" "$(site ben-7.test /who.txt)" one
is "the zones of the batch are live" "$(for a in ann ben cleo dora; do dns $a.test A; done | sort | uniq -c | xargs)" "4 192.0.2.1 4 192.0.2.2"
fails "its copy is not live" run sh -c 'ls /etc/nginx/novacpx/sites/*/*/ben-7.test.d/x.conf'
ok "what is live is sound" run nginx -t
novacpx_is "a pass holds it still" 5 pass --full
is "with the same last good" "$(site ben-7.test /who.txt)" one
printf 'add_header X-Good yes;\n' | put /etc/novacpx/nginx.d/ben-7.test/x.conf
novacpx_is "mended, a pass takes it" 0 pass
is "its new side is live" "$(site ben-7.test /who.txt)" two
like "with the snippet" "$(run curl -sS -i --connect-to '::127.0.0.1:' http://ben-7.test/who.txt)" "X-Good: yes"
is "every resource is ready" "$(not_ready)" ""

# ---- (b) a certificate whose file is missing

cat >"$scratch/cert.yaml" <<'YAML'
novacpx: 1
accounts:
  ann:
    certificates:
      ann-3.test: {type: custom, cert_path: /etc/ssl/ann-3.pem, key_path: /etc/ssl/ann-3.key}
YAML
batch three 192.0.2.3 | put /root/state.yaml
put /root/cert.yaml <"$scratch/cert.yaml"
novacpx_is "a batch with a certificate that is not there" 5 apply --yes --no-diff -f /root/state.yaml -f /root/cert.yaml
is "its domain alone is not ready" "$(not_ready)" domain/ann-3.test
is "it is quarantined" "$(conditions domain/ann-3.test)" "Quarantined ValidationFailed"
like "in nginx's words with the file" "$(message_of domain/ann-3.test)" 'cannot load certificate "/etc/ssl/ann-3.pem".*No such file'
is "95 sites are on their new side" "$(reached three)" 95
is "it keeps its last good" "$(site ann-3.test /who.txt)" two
msh 'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ann-3.test \
	-addext subjectAltName=DNS:ann-3.test -keyout /etc/ssl/ann-3.key -out /etc/ssl/ann-3.pem' >/dev/null 2>&1
novacpx_is "with the file there, a pass takes it" 0 pass
is "by TLS, with its certificate" \
	"$(run curl -sS --cacert /etc/ssl/ann-3.pem --connect-to '::127.0.0.1:' https://ann-3.test/who.txt)" three

# ---- (c) a pool with a bad override

run mkdir -p /etc/novacpx/php.d/cleo
put /etc/novacpx/php.d/cleo/x.conf <<<'pm.max_childrenn = 7'
for account in ann ben cleo dora; do
	run install -m 644 -o $account -g $account /dev/stdin "/home/$account/public_html/limit.php" \
		<<<'<?php echo ini_get("memory_limit"), " ", posix_getuid();'
	printf 'novacpx: 1\naccounts: {%s: {php: {memory_limit: 99M}}}\n' $account | put "/root/php/$account.yaml"
done
novacpx_is "a batch with one bad override" 5 apply --yes --no-diff -f /root/php
is "its account alone is not ready" "$(not_ready)" account/cleo
is "it is quarantined" "$(conditions account/cleo)" "Quarantined ValidationFailed"
like "in FPM's words with file and line" "$(message_of account/cleo)" \
	"/etc/novacpx/php\.d/cleo/x\.conf:1\] unknown entry 'pm.max_childrenn'"
for account in ann ben dora; do
	is "the pool of $account has its new value" "$(site $account.test /limit.php)" "99M $(run id -u $account)"
done
is "that of cleo its last good" "$(site cleo.test /limit.php)" "256M $(run id -u cleo)"
put /etc/novacpx/php.d/cleo/x.conf <<<'listen = /nowhere/at/all.sock'
novacpx_is "one that FPM's check lets through, and its master dies of" 5 pass
like "is refused with file and line" "$(message_of account/cleo)" "/etc/novacpx/php\.d/cleo/x\.conf:1: a pool's socket"
is "is held as well" "$(conditions account/cleo)" "Quarantined ValidationFailed"
is "and the others run" "$(site ann.test /limit.php)" "99M $(run id -u ann)"
put /etc/novacpx/php.d/cleo/x.conf <<<'pm.max_children = 7'
novacpx_is "mended, a pass takes it" 0 pass
is "with its new value" "$(site cleo.test /limit.php)" "99M $(run id -u cleo)"

# ---- (d) zones that named refuses: rows that the model would never have taken, written past it

hostile() { # SQL...: a stranger writes to the database
	run /root/sql /var/lib/novacpx/model/model.db "$@"
}

served_a() { # A: zones of the batch that answer with it
	local account n=0
	for account in ann ben cleo dora; do
		! dns $account.test A | grep -qx "$1" || n=$((n + 1))
	done
	echo $n
}

sql_tool || bail "the program that writes past our checks was not built"
ok "a row is written past the model" hostile "UPDATE record SET value='300.1.2.3' WHERE zone='ben.test' AND value='192.0.2.3'"
batch four 192.0.2.4 | put /root/state.yaml
novacpx_is "a batch over it" 5 apply --yes --no-diff -f /root/state.yaml
is "the zone alone is not ready" "$(not_ready)" zone/ben.test
like "and why" "$(message_of zone/ben.test)" "300\.1\.2\.3"
is "the other zones are live" "$(served_a 192.0.2.4)" 3
is "it answers with its last good" "$(dns ben.test A | xargs)" "192.0.2.1 192.0.2.2 192.0.2.3"
is "all sites are on their new side" "$(reached four)" 96
hostile "UPDATE record SET value='192.0.2.3' WHERE zone='ben.test' AND value='300.1.2.3'"
novacpx_is "mended, a pass takes it" 0 pass
is "all zones are live" "$(served_a 192.0.2.4)" 4
# Two rows that are each right and that named refuses together: a CNAME beside other data.
ok "a row that is right alone" run novacpx set record/dora.test/shop/A/192.0.2.77 --yes --no-diff
ok "becomes one that is not, beside another" hostile \
	"UPDATE record SET name='@', type='CNAME', value='ann.test.' WHERE zone='dora.test' AND name='shop'"
novacpx_is "what is refused by named's own check is quarantined" 5 pass --full
is "alone" "$(not_ready)" zone/dora.test
is "so" "$(conditions zone/dora.test)" "Quarantined ValidationFailed"
like "in named's words" "$(message_of zone/dora.test)" "dora.test.*CNAME and other data"
is "it answers with its last good" "$(dns shop.dora.test A)" 192.0.2.77
hostile "UPDATE record SET name='shop', type='A', value='192.0.2.77' WHERE zone='dora.test' AND type='CNAME'"
novacpx_is "mended, a pass is content" 0 pass --full
# What another resource is rendered from, though it was not touched itself: an alias' target, an account's package.
ok "an alias" run novacpx set domain/also.test account=ann type=alias target=ann-1.test --yes --no-diff
ok "whose target gets a folder that is not its account's" hostile "UPDATE domain SET document_root='/etc' WHERE name='ann-1.test'"
novacpx_is "which is taken neither for it nor for the alias" 5 pass --full
is "both say so" "$(not_ready)" "domain/also.test domain/ann-1.test"
is "the one" "$(conditions domain/ann-1.test)" "Failed RenderFailed"
is "and the other" "$(conditions domain/also.test)" "Failed RenderFailed"
ok "one with a folder that could be rendered, and a field of it that is not right" hostile \
	"UPDATE domain SET document_root='/home/ann/public_html/five', redirect_code='200' WHERE name='ann-1.test'"
novacpx_is "is not rendered either" 5 pass --full
is "the one" "$(conditions domain/ann-1.test)" "Failed InvalidRow"
is "and the other" "$(conditions domain/also.test)" "Failed InvalidRow"
is "both are served as before" "$(site ann-1.test /who.txt) $(site also.test /who.txt)" "four four"
hostile "UPDATE domain SET document_root='/home/ann/public_html/four', redirect_code=NULL WHERE name='ann-1.test'"
novacpx_is "mended, a pass is content" 0 pass --full
ok "a package" run novacpx set package/other max_domains=200 max_addon_domains=200 php_version=8.2 --yes --no-diff
ok "of an account" run novacpx set account/cleo package=other --yes --no-diff
ok "gets a version that is none" hostile "UPDATE package SET php_version='8.2/../../../home/cleo' WHERE name='other'"
novacpx_is "and nothing is made of it" 5 pass --full
is "but a condition" "$(conditions account/cleo | sort -u)" "Failed RenderFailed"
like "that names it" "$(message_of account/cleo)" "php_version: .*8\.2/\.\./"
like "PHP runs as before" "$(site cleo.test /limit.php)" "^[0-9]+M $(run id -u cleo)$"
ok "one whose limit is none, while a file is to be written again" \
	hostile "UPDATE package SET php_version='8.2', max_email=-5 WHERE name='other'"
pool=/etc/php/8.2/fpm/pool.d/novacpx-cleo.conf
run rm $pool
novacpx_is "holds it too" 5 pass --full
is "in the check of all that is done something about" "$(conditions account/cleo | sort -u)" "Failed InvalidRow"
like "which names the field" "$(message_of account/cleo)" "max_email: .*-5"
fails "nothing was written" run test -e $pool
hostile "UPDATE package SET max_email=10 WHERE name='other'"
novacpx_is "mended, a pass is content with it too" 0 pass --full
ok "and writes it" run test -s $pool
is "all is ready again" "$(not_ready)" ""

# ---- (e) the live tree broken by hand before

put /etc/nginx/conf.d/broken.conf <<<'this is no nginx configuration'
batch five 192.0.2.5 | put /root/state.yaml
cat >"$scratch/more.yaml" <<'YAML'
novacpx: 1
accounts: {ann: {forwarders: [{source: hello@ann.test, destination: ann@elsewhere.test}]}}
YAML
put /root/more.yaml <"$scratch/more.yaml"
novacpx_is "a batch over a broken live tree" 5 apply --yes --no-diff -f /root/state.yaml -f /root/more.yaml
is "nginx itself is not well" "$(conditions server/nginx)" "Failed BaselineBroken"
like "in its words" "$(message_of server/nginx)" "\[emerg\].* in /etc/nginx/conf\.d/broken\.conf:[12]$"
is "no change of the batch is blamed" "$(run novacpx status --json | grep -c Quarantined)" 0
is "a change that waits says so" "$(conditions domain/dora-9.test)" "Blocked BaselineBroken"
is "the old sites are served on" "$(reached four)" 96
is "DNS is live" "$(served_a 192.0.2.5)" 4
is "mail too" "$(run postmap -q hello@ann.test lmdb:/etc/postfix/novacpx/aliases)" ann@elsewhere.test
run rm /etc/nginx/conf.d/broken.conf
novacpx_is "mended, a pass applies what waited" 0 pass
is "all of it" "$(reached five)" 96
is "all is ready" "$(not_ready)" ""

# ---- (f) a vhost of ours broken by hand, and another changed: ours is healed, the batch is live

path=$(vhost ben-11.test)
echo 'broken by hand' | put "$path"
fails "the live tree is broken" run nginx -t
printf 'novacpx: 1\naccounts: {cleo: {domains: {cleo-5.test: {type: addon, document_root: /home/cleo/public_html/two}}}}\n' |
	put /root/one.yaml
novacpx_is "a change of another site" 0 apply --yes --no-diff -f /root/one.yaml
is "is live" "$(site cleo-5.test /who.txt)" two
ok "the broken one is healed" run nginx -t
is "and served" "$(site ben-11.test /who.txt)" five
echo 'broken again' | put "$path"
put /etc/nginx/conf.d/broken.conf <<<'foreign'
printf 'novacpx: 1\naccounts: {cleo: {domains: {cleo-5.test: {type: addon, document_root: /home/cleo/public_html/three}}}}\n' |
	put /root/one.yaml
novacpx_is "both kinds of damage at once" 5 apply --yes --no-diff -f /root/one.yaml
is "blame nobody" "$(run novacpx status --json | grep -c Quarantined)" 0
is "and all is served on" "$(site cleo-5.test /who.txt) $(site ben-11.test /who.txt)" "two five"
run rm /etc/nginx/conf.d/broken.conf
novacpx_is "the foreign one mended, a full pass heals ours" 0 pass --full
is "and applies what waited" "$(site cleo-5.test /who.txt) $(site ben-11.test /who.txt)" "three five"

# ---- (g) php-fpm's master lived through all of it

is "PHP answers everywhere" "$(for a in ann ben cleo dora; do site $a.test /limit.php | cut -d' ' -f1; done | xargs)" "99M 99M 99M 99M"
is "its master reloaded, and never died" "$(run pgrep -c -f 'php-fpm: master')" 1
is "its log has no error" "$(run sh -c 'grep -c "failed\|ERROR" /var/log/php8.2-fpm.log' || true)" 0
is "in the end all is ready" "$(not_ready)" ""
novacpx_is "and nothing is left to do" 0 pass --full
like "at all" "$said" "^No action"
done_testing
