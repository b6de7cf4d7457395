#!/bin/bash
# examples/hosting on real daemons: after one apply everything in it is served, tenants are apart, what is suspended
# is off and lost nothing; a second apply touches nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

code() { # HOST[/PATH] [CURL OPTION]...: status and target of a redirect
	local url=$1
	shift
	run curl -sS -m 20 -o /dev/null -w '%{http_code} %{redirect_url}' --connect-to '::127.0.0.1:' "http://$url" "$@" 2>&1 |
		sed 's/ $//'
}

own() { # ACCOUNT PATH: stdin to a file of the account's own
	run install -D -m 644 -o "$1" -g "$1" /dev/stdin "$2"
}

imap_search() { # USER PASSWORD SUBJECT: succeeds when the mailbox has such a message
	run curl -sSk -m 20 --url imap://127.0.0.1/INBOX --user "$1:$2" -X "SEARCH SUBJECT $3" | grep -q 'SEARCH [0-9]'
}

subject_n=0
arrives() { # NAME SENT-TO MAILBOX PASSWORD
	local subject=novacpx-$((++subject_n))
	ok "$1: is taken" mail_send "$2" --header "Subject: $subject"
	ok "$1: is read by IMAP" eventually 15 imap_search "$3" "$4" "$subject"
}

refused() { # NAME SENT-TO REGEX
	local out
	out=$(mail_send "$2" 2>&1) && out="was taken: $out"
	like "$1" "$(sed -n 's/^<\*\* *//p' <<<"$out")" "$3"
}

logs_in() { # USER PASSWORD [PROTOCOL]
	run curl -sSk -m 20 "${3:-imap}://127.0.0.1/" --user "$1:$2" >/dev/null 2>&1
}

no_login() { # NAME USER PASSWORD
	local protocol
	for protocol in imap imaps pop3; do
		fails "$1 by $protocol" run curl -sSk -m 20 "$protocol://127.0.0.1/" --user "$2:$3"
	done
}

submit() { # FROM TO [CURL OPTION]...: by submission with TLS
	local from=$1 to=$2
	shift 2
	printf 'From: <%s>\nTo: <%s>\nSubject: submitted\n\nHello\n' "$from" "$to" | run sh -c 'cat >/tmp/message'
	run curl -sSk -m 20 --ssl-reqd --mail-from "$from" --mail-rcpt "$to" --upload-file /tmp/message \
		"$@" $( [[ $* == *--url* ]] || echo --url smtp://127.0.0.1:587)
}

probe='<?php header("Content-Type: text/plain");
echo posix_getuid(), " ", posix_getgid(), " ", implode(",", posix_getgroups()), "\n";
foreach (explode(":", $_GET["read"] ?? "") as $f)
	if ($f !== "") echo $f, " ", @file_get_contents($f) === false ? "refused" : "READ", "\n";'

machine_up
ok "all daemons run" start_daemons
# The machine relays nothing; here what leaves it goes to a sink.
msh 'postconf -e default_transport=smtp "relayhost=[127.0.0.1]:2526" && mkdir -m 777 /var/sink && postfix reload' >/dev/null 2>&1
daemon sink smtp-sink -u nobody -d /var/sink/%s. 127.0.0.1:2526 20
novacpx_is "one apply" 0 apply --yes --no-diff -f $examples/hosting
like "did all" "$said" "Revision 1 applied: [0-9]+ done, 0 failed or held"
novacpx_is "every resource is ready" 0 status
like "and says so" "$said" "Every resource is ready"

# ---- again: nothing happens

hold_cron
quiet listing / # what the daemons still write about their reload
listing / >"$scratch/before"
generations >"$scratch/running"
run sh -c 'cd /var/lib/novacpx && sha256sum model/*.db engine/*.db' >"$scratch/databases"
novacpx_is "a second apply" 0 apply --yes -f $examples/hosting
like "has no action" "$said" "^No action"
novacpx_is "so has a pass" 0 pass
like "which says so" "$said" "^No action"
novacpx_is "and a full one" 0 pass --full
like "which says so too" "$said" "^No action"
# SQLite makes and removes its -wal and -shm beside the databases, which is their folder's time.
listing / | grep -v '^/var/lib/novacpx/[me][a-z]*|' >"$scratch/after"
sed -i '\:^/var/lib/novacpx/[me][a-z]*|:d' "$scratch/before"
is "no file's inode, mode, owner, size or times changed" "$(diff "$scratch/before" "$scratch/after")" ""
is "the databases neither" "$(run sh -c 'cd /var/lib/novacpx && sha256sum model/*.db engine/*.db')" "$(cat "$scratch/databases")"
is "no daemon was reloaded" "$(generations)" "$(cat "$scratch/running")"
is "there is one revision" "$(run novacpx log | wc -l)" 1
release_cron

# ---- cron, which takes a minute: its answer is waited for at the end

# shellcheck disable=SC2016
novacpx_is "a job each minute is taken" 0 set cron_job/anna/marker 'schedule=* * * * *' \
	'command=id >$HOME/marker.part && mv $HOME/marker.part $HOME/marker' --yes

# ---- sites

for root in anna/public_html anna/shop/public anna/public_html/photos.example bjorn/public_html \
	bjorn/public_html/blog.bjorn.test; do
	echo "this is $root" | own "${root%%/*}" "/home/$root/who.txt"
	own "${root%%/*}" "/home/$root/probe.php" <<<"$probe"
done
while read -r host want text; do
	is "$host is $want" "$(code "$host/who.txt?a=b")" "${want/+/ }"
	[[ ! $text ]] || is "$host shows $text" "$(site "$host" /who.txt)" "this is $text"
done <<'SITES'
anna.example 200 anna/public_html
www.anna.example 200 anna/public_html
anna.test 200 anna/public_html
www.anna.test 200 anna/public_html
shop.anna.example 200 anna/shop/public
photos.example 200 anna/public_html/photos.example
www.photos.example 200 anna/public_html/photos.example
bjorn.test 200 bjorn/public_html
www.bjorn.test 200 bjorn/public_html
blog.bjorn.test 200 bjorn/public_html/blog.bjorn.test
old-anna.example 301+https://anna.example/
www.old-anna.example 301+https://anna.example/
sale.test 302+http://shop.anna.example/sale
club.example 503
www.club.example 503
club.test 503
SITES
like "the first page of a site" "$(site bjorn.test)" "Welcome, bjorn"
unlike "www.shop.anna.example is nobody's" "$(site www.shop.anna.example /who.txt)" "this is"
unlike "www.sale.test is nobody's" "$(code www.sale.test)" "^30"
is "what is not there is a 404" "$(code photos.example/missing)" 404
own anna /home/anna/public_html/.env <<<"secret"
is "a dotfile is a 404" "$(code anna.example/.env)" 404

run sh -c 'cat /etc/novacpx/ssl/*/anna.example/cert.pem' >"$scratch/cert.pem"
run cp /etc/novacpx/ssl/99/anna.example/cert.pem /tmp/ca.pem
is "anna.example has its certificate" \
	"$(run curl -sS --cacert /tmp/ca.pem --connect-to '::127.0.0.1:' https://anna.example/who.txt)" "this is anna/public_html"
is "www too" \
	"$(run curl -sS --cacert /tmp/ca.pem --connect-to '::127.0.0.1:' https://www.anna.example/who.txt)" "this is anna/public_html"
fails "a site without one is not served with another's" run curl -sSk --connect-to '::127.0.0.1:' https://bjorn.test/

# ---- PHP

anna_id=$(run id -u anna) bjorn_id=$(run id -u bjorn)
is "PHP runs as anna with no other group" "$(site anna.example /probe.php)" "$anna_id $anna_id $anna_id"
is "in her subdomain too" "$(site shop.anna.example /probe.php)" "$anna_id $anna_id $anna_id"
is "and as bjorn at his" "$(site bjorn.test /probe.php)" "$bjorn_id $bjorn_id $bjorn_id"
is "a site without PHP does not hand out its source" "$(code photos.example/probe.php)" 404
is "what is not PHP is not run" "$(own anna /home/anna/public_html/x.png <<<'<?php echo 6*7;'; code anna.example/x.png/a.php)" 404
for who in anna bjorn; do
	is "$who is in no group but the own" "$(run id -G "$who")" "$(run id -u "$who")"
done
is "www-data has no tenants" "$(run getent group www-data | cut -d: -f4)" ""

own anna /home/anna/note.txt <<<"of anna"
reads="?read=/home/anna/note.txt:/home/bjorn/public_html/who.txt:/home/bjorn/tmp:/etc/passwd:/etc/novacpx/ssl/99/anna.example/key.pem"
is "it reads its own home and nobody else's" "$(site anna.example "/probe.php$reads" | tail -n +2)" \
	"/home/anna/note.txt READ
/home/bjorn/public_html/who.txt refused
/home/bjorn/tmp refused
/etc/passwd refused
/etc/novacpx/ssl/99/anna.example/key.pem refused"
put /etc/novacpx/php.d/anna/open.conf <<<'php_admin_value[open_basedir] = none'
novacpx_is "an override of the administrator" 0 pass --full
is "without open_basedir the homes keep her out all the same" "$(site anna.example "/probe.php$reads" | tail -n +2)" \
	"/home/anna/note.txt READ
/home/bjorn/public_html/who.txt refused
/home/bjorn/tmp refused
/etc/passwd READ
/etc/novacpx/ssl/99/anna.example/key.pem refused"
run rm /etc/novacpx/php.d/anna/open.conf
novacpx_is "the override goes" 0 pass --full
like "and open_basedir is back" "$(site anna.example "/probe.php$reads")" "/etc/passwd refused"
fails "a shell of anna cannot look into bjorn's home" run setpriv --reuid anna --regid anna --init-groups ls /home/bjorn
fails "nor read mail" run setpriv --reuid anna --regid anna --init-groups ls /var/vmail
fails "nor read mail passwords" run setpriv --reuid anna --regid anna --init-groups ls /etc/dovecot/novacpx
fails "nor the model" run setpriv --reuid anna --regid anna --init-groups cat /var/lib/novacpx/model/model.db
run ln -s /home/bjorn/public_html/who.txt /home/anna/public_html/stolen.txt
run chown -h anna:anna /home/anna/public_html/stolen.txt
is "a link to a neighbour's file is not followed" "$(code anna.example/stolen.txt)" 404

# ---- DNS: every record of the model is answered, and a zone holds nothing else

put /root/compare-dns <<'PERL'
use strict;
use warnings;
use JSON::PP;

sub get { return @{ decode_json(scalar `novacpx get $_[0] --json`) } }
my %zone = map { $_->{name} => $_ } grep { $_->{status} eq 'active' } get('zone');
my %wire = (SPF => 'TXT', DKIM => 'TXT', DMARC => 'TXT');
my (%want, %ttl, %ns);

sub one_form { # as dig shows them and as the model has them: to one form
	my ($type, $data) = @_;
	if ($type eq 'TXT') {
		$data = join '', $data =~ /"((?:[^"\\]|\\.)*)"/g;
		$data =~ s/\\(\d\d\d)/chr $1/ge;
		$data =~ s/\\(.)/$1/g;
	} elsif ($type =~ /^(SSHFP|TLSA)$/) {
		my @word = split ' ', lc $data;
		my $n = $type eq 'TLSA' ? 3 : 2;
		$data = join ' ', @word[0 .. $n - 1], join '', @word[$n .. $#word];
	}
	return $data;
}

sub want {
	my ($zone, $name, $type, $data, $ttl) = @_;
	my $owner = ($name eq '@' ? '' : "$name.") . "$zone.";
	$want{"$owner $type"}{$data}++;
	my $t = \$ttl{"$owner $type"};
	$$t = $ttl if !defined $$t || $ttl < $$t;
}

for my $r (get('record')) {
	next unless $zone{ $r->{zone} };
	my $type = $wire{ $r->{type} } // $r->{type};
	my $data = $r->{value};
	$data = ($r->{priority} // 10) . " $data" if $type eq 'MX' || $type eq 'SRV';
	$data = lc $data if $type =~ /^(SSHFP|TLSA)$/;
	want($r->{zone}, $r->{name}, $type, $data, $r->{ttl} // $zone{ $r->{zone} }{ttl});
	$ns{ $r->{zone} } = 1 if $type eq 'NS' && $r->{name} eq '@';
}
for my $z (values %zone) {
	next if $ns{ $z->{name} };
	want($z->{name}, '@', 'NS', "$_.host.example.", $z->{ttl}) for qw(ns1 ns2);
}
my $n = 0;
for my $set (sort keys %want) {
	my ($owner, $type) = split / /, $set;
	(my $ask = $owner) =~ s/^\*/anything.at.all/;
	my %got;
	for (`dig +noall +answer +norecurse \@127.0.0.1 '$ask' $type`) {
		my (undef, $ttl, undef, $is, $data) = split ' ', $_, 5;
		chomp $data;
		$got{ one_form($type, $data) }++ if $is eq $type;
		print "$set: TTL $ttl, not $ttl{$set}\n" if $is eq $type && $ttl != $ttl{$set};
	}
	for my $data (keys %{ $want{$set} }) {
		$n++;
		print "$set: no $data, but @{[ %got ]}\n" unless delete $got{$data};
	}
	print "$set: also $_\n" for keys %got;
}
for my $z (sort keys %zone) {
	my (%seen, $soa);
	for (`dig +noall +answer \@127.0.0.1 $z AXFR`) {
		my ($owner, undef, undef, $type) = split ' ';
		$type eq 'SOA' ? $soa++ : $seen{"$owner $type"}++;
	}
	print "$z: no transfer\n" unless $soa;
	for my $set (keys %seen) {
		print "$z holds $set, which is not in the model\n" unless $want{$set};
	}
}
print "$n records\n";
PERL
is "every record of every zone is answered, with its TTL, and no other" "$(run perl /root/compare-dns)" \
	"$(run novacpx get record | wc -l | { read -r n; echo "$((n + 8)) records"; })" # 4 zones have no NS of their own
like "the SOA" "$(dns anna.example SOA)" "^ns1\.host\.example\. hostmaster\.anna\.example\. 20[0-9]{8} 86400 7200 2419200 86400$"
is "a name that is not there" "$(dns_status missing.anna.example A)" NXDOMAIN
is "reverse" "$(run dig +short @127.0.0.1 -x 192.0.2.10)" anna.example.

# ---- mail

arrives "mail to info" info@anna.example info@anna.example correct-horse-1
arrives "to anna at photos" anna@photos.example anna@photos.example battery-staple-2
arrives "to bjorn" bjorn@bjorn.test bjorn@bjorn.test northern-light-4
arrives "a forwarder" sales@anna.example info@anna.example correct-horse-1
arrives "a forwarder of another domain" hello@bjorn.test bjorn@bjorn.test northern-light-4
arrives "the catch-all" whatever-there-is@anna.example info@anna.example correct-horse-1
arrives "capitals" INFO@Anna.Example info@anna.example correct-horse-1
arrives "a forwarder to two" news@photos.example anna@photos.example battery-staple-2
ok "whose other one is outside" eventually 15 run sh -c 'grep -rqi "anna@elsewhere.example" /var/sink'
refused "nobody there" nobody@bjorn.test "^550 5.1.1 .*unknown"
refused "a suspended mailbox" old@anna.example "^550 5.2.1 .*Mailbox suspended"
no_login "its login is refused" old@anna.example gone-fishing-3
no_login "a wrong password is refused" info@anna.example wrong
ok "POP3 lets in as well" logs_in bjorn@bjorn.test northern-light-4 pop3
ok "a login may send as itself" submit bjorn@bjorn.test info@anna.example --user bjorn@bjorn.test:northern-light-4
ok "by SMTPS too" submit bjorn@bjorn.test info@anna.example --user bjorn@bjorn.test:northern-light-4 --url smtps://127.0.0.1:465
ok "which arrives" eventually 15 imap_search info@anna.example correct-horse-1 submitted
fails "but not as another" submit info@anna.example bjorn@bjorn.test --user bjorn@bjorn.test:northern-light-4
like "which is said" "$said" "(RCPT|MAIL) failed: 553"
fails "and not without a login" submit bjorn@bjorn.test info@anna.example
fails "nor a suspended mailbox" submit old@anna.example info@anna.example --user old@anna.example:gone-fishing-3
like "which is not let in" "$said" "[Ll]ogin denied"
is "nobody but vmail has mail" "$(run find /var/vmail -mindepth 3 ! -user vmail)" ""

# ---- what is suspended is off

club_is_off() {
	is "$1: its site is a 503" "$(code club.example)" 503
	is "$1: to a POST too" "$(code club.example/ -d x=y)" 503
	like "$1: with the page that says so" "$(site club.example)" "This site is suspended"
	is "$1: its alias too" "$(code club.test/x.php)" 503
	refused "$1: mail is refused" board@club.example "^550 5.2.1 .*Account suspended"
	refused "$1: to its forwarder too" treasurer@club.example "^550 5.2.1 .*Account suspended"
	no_login "$1: the login is refused" board@club.example rowing-boat-5
	fails "$1: it has no cron file" run test -e /etc/cron.d/novacpx-club
	fails "$1: and no PHP" run test -e /run/php/novacpx-club.sock
	like "$1: its user is locked" "$(run passwd -S club)" "^club L"
	is "$1: its zone is still answered" "$(dns club.example A)" 192.0.2.30
}

rendered_of_club() {
	contents /etc/nginx/novacpx/sites/8a /etc/php/8.2/fpm/pool.d/novacpx-club.conf /etc/cron.d/novacpx-club \
		/etc/dovecot/novacpx/cl /var/lib/bind/novacpx/b3
	run sh -c 'postmap -s lmdb:/etc/postfix/novacpx/refused lmdb:/etc/postfix/novacpx/aliases lmdb:/etc/postfix/novacpx/mailboxes \
		lmdb:/etc/postfix/novacpx/senders; getent passwd club; getent shadow club'
}

club_is_off "suspended"
novacpx_is "a reason without a suspension is refused" 1 set account/club status=active --yes
like "with what to do" "$said" "unset it as well"
novacpx_is "club is let back" 0 unset account/club status suspend_reason --yes --no-diff
like "its first page" "$(site club.example)" "Welcome, club"
is "its alias" "$(code club.test)" 200
arrives "its mail" board@club.example board@club.example rowing-boat-5
arrives "its forwarder" treasurer@club.example board@club.example rowing-boat-5
ok "its cron file is there" run test -e /etc/cron.d/novacpx-club
own club /home/club/public_html/probe.php <<<"$probe"
is "its PHP" "$(site club.example /probe.php)" "$(run id -u club) $(run id -u club) $(run id -u club)"
own club /home/club/data/odd <<<"kept"
run chmod 611 /home/club/data/odd
run touch -d '2001-02-03 04:05:06' /home/club/data/odd
rendered_of_club >"$scratch/active"
listing /home/club >"$scratch/home"
contents /var/vmail/b3 >"$scratch/vmail"

novacpx_is "suspended again" 0 set account/club status=suspended --yes --no-diff
club_is_off "suspended again"
is "nothing of its home is lost or touched" "$(diff "$scratch/home" <(listing /home/club))" ""
# an IMAP login that was refused does not come as far as the mailbox
is "nothing of its mail is lost" "$(diff "$scratch/vmail" <(contents /var/vmail/b3))" ""
novacpx_is "and let back again" 0 set account/club status=active --yes --no-diff
is "brings all back exactly" "$(diff "$scratch/active" <(rendered_of_club))" ""
is "its home too" "$(diff "$scratch/home" <(listing /home/club))" ""
is "its site" "$(code club.example)" 200
is "its mail is all there" "$(mail_count board@club.example rowing-boat-5)" 2
novacpx_is "nothing is left to do" 0 pass --full
like "at all" "$said" "^No action"

# ---- cron

ok "the job ran" eventually 75 run test -e /home/anna/marker
is "as anna, in no other group" "$(run cat /home/anna/marker)" "uid=$anna_id(anna) gid=$anna_id(anna) groups=$anna_id(anna)"
novacpx_is "doctor finds all well" 0 doctor
done_testing
