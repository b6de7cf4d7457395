#!/bin/bash
# A plan changes nothing anywhere, and what it shows is what is then done: every file byte for byte, with mode and
# owner, every row, user and zone, and nothing besides.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

# In the machine. snapshot: a line for each thing there is: files with all that stat tells and the digest of their
# content; rows of maps, users and zones as things of their own.
snapshot_script() {
	put /root/snapshot <<'PERL'
use strict;
use warnings;
use Digest::SHA;
use File::Find;
use Time::HiRes;

# A file cannot change without its ctime: digests of unchanged ones are not computed again.
my %known = -e '/root/digests' ? map { /^(\S+) (.*)$/ ? ($2 => $1) : () } do { open my $f, '<', '/root/digests'; <$f> } : ();
open my $new, '>>', '/root/digests' or die;
sub digest {
	my $key = join ' ', @_, $_;
	return $known{$key} if $known{$key};
	my $digest = Digest::SHA->new(256)->addfile($_)->hexdigest;
	print $new "$digest $key\n";
	return $digest;
}
my %skip = map { $_ => 1 } qw(/proc /sys /dev /root);
find({ no_chdir => 1, wanted => sub {
	return $File::Find::prune = 1 if $skip{$_};
	my @s = (Time::HiRes::lstat($_))[0 .. 12] or return;
	my $what = -l $_ ? readlink : -f _ ? digest(@s[0, 1, 7, 9, 10]) : '';
	printf "%s|%07o %d:%d %s|%d %s %s %s\n", $_, @s[2, 4, 5], $what, @s[1, 7, 9, 10];
} }, '/');
for my $map (glob '/etc/postfix/novacpx/*.lmdb') {
	for (`postmap -s lmdb:@{[ $map =~ s/\.lmdb$//r ]}`) {
		my ($key, $value) = /^(\S+)\s+(.*)$/;
		print "row $map:$key|$value|\n";
	}
}
while (my @u = getpwent) { print "user $u[0]|$u[2] $u[7] $u[8]|\n" }
my $zones = -e '/var/cache/bind/_default.nzd' ? `named-nzd2nzf /var/cache/bind/_default.nzd` : `cat /var/cache/bind/_default.nzf 2>/dev/null`;
print "zone $1|$2|\n" while $zones =~ /^zone "?([^" ]+)"? (\{.*\});$/mg;
PERL
}

# fidelity PLAN BEFORE AFTER PATCHED: what the plan showed against what came of it; says what differs
fidelity_script() {
	put /root/fidelity <<'PERL'
use strict;
use warnings;
use Digest::SHA;
use JSON::PP;

my ($plan, $before, $after, $patched) = @ARGV;
sub slurp { open my $f, '<', $_[0] or die "$_[0]: $!"; local $/; <$f> }
sub things { map { my ($name, $what) = split /\|/; $name => $what } split /\n/, slurp($_[0]) }
my %was = things($before);
my %is = things($after);
my @actions = @{ decode_json(slurp($plan))->{actions} };
my (%planned, %trash, %made, %of_users, %of_rows, $zones);
my $checked = 0;

sub expect {
	my ($what, $got, $want) = @_;
	$checked++;
	print "$what: is ", $got // 'not there', ", the plan says ", $want // 'not there', "\n"
		if ($got // '-') ne ($want // '-');
}

for my $a (@actions) {
	my ($path, $type, $gone) = ($a->{path}, $a->{type}, $a->{op} eq 'delete');
	my $name = $type =~ /^(row|user|zone)$/ ? "$type $path" : $path;
	$planned{$name} = 1;
	if ($type eq 'user') {
		$of_users{$_} = 1 for map { ("/etc/$_", "/etc/$_-") } qw(passwd shadow group gshadow);
		expect($name, $is{$name}, $gone ? undef : "$a->{uid} $a->{home} $a->{shell}");
	} elsif ($type eq 'row') {
		my ($map) = split /:/, $path;
		$of_rows{$_} = 1 for $map, "$map-lock";
		expect($name, $is{$name}, $gone ? undef : $a->{value});
	} elsif ($type eq 'zone') {
		$zones = 1;
		my ($is, $want) = ($is{$name} // '-', $gone ? '-' : $a->{value});
		s/\s+|;(?=\s*\})|;\s*$//g for $is, $want;
		expect($name, $is, $want);
	} elsif ($gone && $type ne 'block') {
		expect($path, $is{$path}, undef);
		$trash{$path} = 1 if $type eq 'folder';
	} else {
		my ($mode, $owner, $what) = split ' ', $is{$path} // '- -', 3;
		if ($type eq 'link') {
			expect("$path leads", $what, $a->{value});
		}
		if (defined $a->{mode}) {
			expect("$path mode", substr($mode, -4), $a->{mode});
			expect("$path owner", $owner, join ':', scalar getpwnam($a->{owner}), scalar getgrnam($a->{group}));
		}
		expect("$path content", $what, $a->{sha256}) if $a->{sha256};
		expect("$path after the printed diff", -e "$patched$path"
			? Digest::SHA->new(256)->addfile("$patched$path")->hexdigest : undef, $what) if $a->{diff};
		print "$path: neither digest nor secret\n"
			if $type eq 'file' && !$a->{sha256} && $path !~ m{\.passwd$|/key\.pem$};
	}
	# the folders above what is made, below what is removed
	for (my $up = $path; $up =~ s{/[^/]+$}{} && $up ne '';) { $made{$up} = 1 }
}
# What daemons and the engine keep for themselves.
my $own = qr{^(/run|/var/(run|spool/postfix|lib/(postfix|dovecot|nginx|systemd)|log/(nginx|php)|cache/bind|tmp)|/tmp)(/|$)
	|^/var/lib/novacpx/(model|engine)(/|$)|^/var/lib/novacpx$
	|^/var/log/php8\.2-fpm\.log$|^/etc/\.pwd\.lock$|^user\ novacpx$}x;
for my $name (sort keys %{ { %was, %is } }) {
	my ($old, $new) = ($was{$name} // '-', $is{$name} // '-');
	next if $old eq $new || $planned{$name} || $name =~ $own || $of_users{$name} || $of_rows{$name};
	next if $made{$name} && ($old eq '-' || $new eq '-');
	next if $name =~ m{/\.novacpx-trash(/|$)} && %trash;
	next if grep { index($name, "$_/") == 0 } keys %trash;
	print "$name changed, which the plan did not say: $old -> $new\n";
}
print "$checked things checked of @{[ scalar @actions ]} actions\n";
PERL
}

# The diffs of a plan printed for people, out of it.
diffs_of() {
	# shellcheck disable=SC2016
	perl -ne 'if (!/^      /) { $in = 0; next } s/^      //; $in = 1 if /^--- /; print if $in'
}

snap() { # FILE; without times for `fidelity`
	run sh -c 'perl /root/snapshot | LC_ALL=C sort >"$1"' snap "/root/$1"
}

# Between two looks nothing at all may differ, but the time of the folder in which SQLite makes and removes its -wal,
# and what named writes when it finds no way to the root's keys.
pure() { # NAME EXIT-CODE ARGUMENT...
	local title=$1 want=$2
	shift 2
	snap pure-before
	novacpx_is "$title" "$want" "$@"
	snap pure-after
	is "$title: changes nothing" "$(msh 'diff /root/pure-before /root/pure-after | grep "^[<>]" | grep -Ev "^[<>] /var/(lib/novacpx/(model|engine)|cache/bind(/managed-keys[^|]*)?)[|]" || true')" ""
}

# exact NAME EXIT-CODE ARGUMENT...: the dry run is pure; what it showed is what the command then does
exact() {
	local title=$1 want=$2
	shift 2
	pure "$title, dry" "$want" "$@" --dry-run
	printf '%s\n' "$said" >"$scratch/text"
	run novacpx "$@" --dry-run --json >"$scratch/json"
	put /root/plan.json <"$scratch/json"
	diffs_of <"$scratch/text" | put /root/plan.diff
	# a copy of what the plan says it will change, on which its diffs are used
	# shellcheck disable=SC2016
	msh 'rm -rf /root/copy; mkdir /root/copy
		sed -n "s/^--- \(\/.*\)/\1/p" /root/plan.diff | grep -vx /dev/null | xargs -r cp --parents -t /root/copy
		cd /root/copy; [ ! -s /root/plan.diff ] || git apply --unsafe-paths -p1 /root/plan.diff' >"$scratch/patch" 2>&1 ||
		diag "git apply: $(cat "$scratch/patch")"
	snap before
	novacpx_is "$title" "$want" "$@" --yes --no-diff
	is "$title: the plan was the same" "$(sed -n 's/.*digest \([0-9a-f]*\)$/\1/p' <<<"$said")" \
		"$(sed -n 's/.*digest \([0-9a-f]*\)$/\1/p' "$scratch/text")"
	snap after
	like "$title: came as the plan said, and nothing else" \
		"$(run perl /root/fidelity /root/plan.json /root/before /root/after /root/copy)" \
		"^[0-9]+ things checked of [0-9]+ actions$"
	diag "$(run perl /root/fidelity /root/plan.json /root/before /root/after /root/copy | tail -n 1)"
}

machine_up
start_daemons || bail "no daemons"
hold_cron
snapshot_script
fidelity_script
quiet listing /etc /var /run

# ---- a machine that never saw us

pure "a first plan" 0 plan -f $examples/hosting
like "it has all" "$said" "^Plan for revision 1: 1[0-9][0-9] actions"
pure "with an exit code" 2 plan --exit-code --no-diff -f $examples/hosting
pure "as JSON" 0 plan --json -f $examples/hosting
pure "of something else" 0 set package/tiny --dry-run
fails "nothing was made for it" run test -e /var/lib/novacpx
fails "nor left in memory" run sh -c 'ls -d /dev/shm/novacpx*'
exact "the first apply" 0 apply -f $examples/hosting

# ---- changes of every sort

put /root/eve.yaml <<'YAML'
novacpx: 1
accounts:
  eve:
    package: business
    shell: /bin/bash
    domains:
      eve.test: {type: primary}
      eve-two.test: {type: addon, document_root: /home/eve/deep/er/site}
    zones:
      eve.test:
        records: [{name: "@", type: A, value: 192.0.2.50}]
    mailboxes:
      eve@eve.test: {password: {hash: "$y$j9T$shvYSGHCB4zhvoxM3VBEp1$Dd20Cq8PnmGrnLRDRrKn3t9DbSk5v3qSF2B.3c8BYlA"}}
    forwarders: [{source: "@eve.test", destination: eve@eve.test}]
    cron:
      hourly: {schedule: "@hourly", command: "true"}
YAML
exact "a new account" 0 apply -f /root/eve.yaml
exact "a value of PHP" 0 set php_config/anna memory_limit=300M
exact "a record" 0 set record/anna.example/new/A/192.0.2.99
exact "a site's folder" 0 set domain/blog.bjorn.test document_root=/home/bjorn/blog/public
exact "a removed domain" 0 unset domain/shop.anna.example
exact "a removed certificate" 0 unset certificate/anna.example
exact "a setting that is in every file" 0 set setting/web_http_port value=8080
exact "a suspended account" 0 set account/bjorn status=suspended
exact "a suspended mailbox" 0 set mailbox/info@anna.example status=suspended
exact "a rollback" 0 rollback 2
exact "a revert" 0 revert 2
exact "an account that goes" 0 unset account/club

# ---- damage by hand

msh 'echo "# mine" >>/etc/nginx/conf.d/novacpx.conf; rm /etc/cron.d/novacpx-anna; chmod 777 /home/bjorn
	echo x >>"$(ls /etc/nginx/novacpx/sites/*/bjorn/bjorn.test.conf)"'
pure "a pass over damage, dry" 0 pass --full --dry-run
like "it sees the edit" "$said" "novacpx.conf  \(server/nginx: edited outside\)"
pure "looking at the drift" 0 drift
snap before
novacpx_is "the pass" 0 pass --full
snap after
is "touched the four and nothing else" \
	"$(msh 'diff <(cut -d"|" -f1,2 /root/before) <(cut -d"|" -f1,2 /root/after) | sed -n "s/^[<>] \([^|]*\)|.*/\1/p" | sort -u |
		grep -Ev "^/(run|var/(lib/novacpx|log/nginx|spool))" || true')" \
	"/etc/cron.d/novacpx-anna
/etc/nginx/conf.d/novacpx.conf
$(run sh -c 'ls /etc/nginx/novacpx/sites/*/bjorn/bjorn.test.conf')
/home/bjorn"

# ---- a plan of what is refused

run mkdir -p /etc/novacpx/nginx.d/bjorn.test
put /etc/novacpx/nginx.d/bjorn.test/x.conf <<<'nonsense;'
pure "a plan of what nginx refuses" 5 set domain/bjorn.test www=false --dry-run
like "it says so" "$said" "Quarantined \(ValidationFailed\)"
run rm -r /etc/novacpx/nginx.d/bjorn.test
fails "a plan of what the model refuses" run novacpx plan -f /dev/null

# ---- looking changes nothing either

for command in status log "get account" "get record --json" "explain /etc/nginx/conf.d/novacpx.conf" doctor "show 1" diff \
	"schema account" "trash list"; do
	# shellcheck disable=SC2086
	pure "novacpx $command" 0 $command
done
done_testing
