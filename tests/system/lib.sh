# Helpers of the system tests (bash, sourced): TAP on stdout, one disposable machine on the hosting layer.
#
#   . "$(dirname "$0")/lib.sh"
#   machine_up                       # brought down again when the test ends, however it ends
#   start_nginx
#   is "the default site answers" "$(status http://localhost/)" 200
#   done_testing
#
# In the machine the programs of build/$VARIANT are in /usr/bin and /usr/sbin and the checkout's examples in
# /usr/share/novacpx/examples, read-only. Daemons run without systemd, each as Debian's package has it.
# shellcheck shell=bash

set -u
export LC_ALL=C.UTF-8 # as in the machine, whose programs quote by it, whatever the caller's is
tests_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
checkout=${tests_dir%/*}
machine=$tests_dir/machine/machine
variant=${VARIANT:-debug}
name=sys-$(basename "$0" .t | tr -c 'a-z0-9\n' -)-$$
scratch=$(mktemp -d)
# In the sanitizers' variants no report is lost, whichever process of the machine makes it: all come into one folder.
sanitizers=()
case $variant in
asan | ubsan)
	mkdir -m 1777 "$scratch/sanitizer"
	chmod 755 "$scratch"
	sanitizers=(ASAN_OPTIONS=log_path=/var/log/sanitizer/asan UBSAN_OPTIONS=log_path=/var/log/sanitizer/ubsan:print_stacktrace=1)
	;;
esac
tap_n=0 tap_failed=0 tap_plan=''

# ---- TAP

# Always runs: what the machine left running ends here. A test that stopped half way has no plan and fails.
finish() {
	local rc=$?
	trap - EXIT
	"$machine" down "$name" >/dev/null 2>&1
	[[ ! $(sanitizer_reports) ]] || diag "$(sanitizer_reports)"
	rm -rf "$scratch"
	((tap_failed == 0)) || rc=1
	exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# plan N: before the first test; or done_testing after the last.
plan() {
	tap_plan=$1
	echo "1..$1"
}

done_testing() {
	if ((${#sanitizers[@]})); then
		# a daemon that ends looks for leaks
		run pkill -TERM -x novacpxd >/dev/null 2>&1 && eventually 20 msh '! pgrep -x novacpxd'
		is "the sanitizers have nothing to say" "$(sanitizer_reports | head -n 60)" ""
		rm -f "$scratch"/sanitizer/*
	fi
	[[ $tap_plan ]] || echo "1..$tap_n"
	exit 0
}

sanitizer_reports() {
	[[ ! -d $scratch/sanitizer ]] || find "$scratch/sanitizer" -type f -exec cat {} +
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

bail() {
	echo "Bail out! $*"
	exit 255
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# report STATUS NAME [DIAGNOSIS]
report() {
	tap_n=$((tap_n + 1))
	if [[ $1 == 0 ]]; then
		echo "ok $tap_n - $2"
		return 0
	fi
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_n - $2"
	[[ ! ${3:-} ]] || diag "$3"
	return 1
}

# skip NAME REASON
skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

# ok NAME CMD...: the command succeeds
ok() {
	local title=$1 rc
	shift
	"$@" >"$scratch/out" 2>&1 </dev/null
	rc=$?
	report "$rc" "$title" "exit status $rc of: $*
$(tail -n 20 "$scratch/out")"
}

# fails NAME CMD...: the command fails; what it said is in $said
fails() {
	local title=$1 rc=0
	shift
	"$@" >"$scratch/out" 2>&1 </dev/null && rc=1
	said=$(cat "$scratch/out")
	report "$rc" "$title" "should have failed: $*
$said"
}

# is NAME GOT WANT: equal strings
is() {
	local rc=0
	[[ $2 == "$3" ]] || rc=1
	report "$rc" "$1" "got:  $2
want: $3"
}

# like NAME GOT REGEX; unlike: does not match
like() {
	local rc=0
	[[ $2 =~ $3 ]] || rc=1
	report "$rc" "$1" "got:  $2
want: /$3/"
}

unlike() {
	local rc=0
	[[ ! $2 =~ $3 ]] || rc=1
	report "$rc" "$1" "got:      $2
unwanted: /$3/"
}

# eventually SECONDS CMD...: waits until the command succeeds. So long it takes at most where nothing else runs;
# a busy machine gets a minute more, so that no test fails for its load.
eventually() {
	local deadline=$((SECONDS + $1 + 60))
	shift
	until "$@" >/dev/null 2>&1 </dev/null; do
		((SECONDS < deadline)) || return 1
		sleep 0.1
	done
}

# quiet CMD...: waits until what the command prints has been the same for three seconds; fails if it never is
quiet() {
	local now last='' since=$SECONDS deadline=$((SECONDS + 90))
	while ((SECONDS < deadline)); do
		now=$("$@" 2>&1 | sha256sum)
		[[ $now == "$last" ]] || { last=$now since=$SECONDS; }
		((SECONDS - since <= 3)) || return 0
		sleep 0.3
	done
	return 1
}

# ---- the machine

# machine_up [OPTION OF machine up]...: on the layer $stack, by default hosting
machine_up() {
	local folders layer options=() program
	[[ $EUID == 0 ]] || skip_all "only root can make machines"
	folders=$("$tests_dir/machine/layers" "${stack:-hosting}") || bail "the layer ${stack:-hosting} could not be baked"
	for layer in $folders; do options+=(-l "$layer"); done
	for program in bin/novacpx sbin/novacpxd sbin/novacpx-api; do
		[[ ! -x $checkout/build/$variant/${program#*/} ]] ||
			options+=(-b "$checkout/build/$variant/${program#*/}:/usr/$program:ro")
	done
	((!${#sanitizers[@]})) || options+=(-b "$scratch/sanitizer:/var/log/sanitizer")
	[[ ! -d $checkout/examples ]] || options+=(-b "$checkout/examples:/usr/share/novacpx/examples:ro")
	"$machine" up "$name" "${options[@]}" "$@" || bail "the machine did not start"
}

machine_down() {
	"$machine" down "$name"
}

# run CMD...: in the machine. sh SCRIPT: the same by bash -euc. Both keep stdin, stdout and status.
run() {
	"$machine" run "$name" ${sanitizers[@]+"${sanitizers[@]}"} "$@"
}

msh() {
	run bash -euc "$1"
}

# put PATH: writes stdin to a file in the machine, making its folders
put() {
	# shellcheck disable=SC2016
	run sh -c 'mkdir -p "$(dirname "$1")" && cat >"$1"' put "$1"
}

# daemon LOG CMD...: for programs that stay in the foreground; their output goes to /var/log/LOG.log
daemon() {
	local log=$1
	shift
	# shellcheck disable=SC2016
	run sh -c 'log=$1; shift; setsid "$@" >"/var/log/$log.log" 2>&1 </dev/null &' daemon "$log" "$@"
}

wait_port() { # PORT [SECONDS]
	eventually "${2:-20}" run bash -c "exec 3<>/dev/tcp/127.0.0.1/$1"
}

wait_socket() { # PATH [SECONDS]
	eventually "${2:-20}" run test -S "$1"
}

wait_dns() { # [PORT [SECONDS]]; any answer will do
	eventually "${2:-20}" run dig +time=1 +tries=1 -p "${1:-53}" @127.0.0.1 . SOA
}

# alive PIDFILE: the process it names runs
alive() {
	# shellcheck disable=SC2016
	run sh -c 'kill -0 "$(head -n 1 "$1" | tr -d " ")"' alive "$1"
}

# ---- the daemons. Each says on stderr why it did not start, and returns when it answers.

started() {
	"$@" >"$scratch/started" 2>&1 </dev/null || {
		diag "$*: $(tail -n 20 "$scratch/started")"
		return 1
	}
}

start_nginx() {
	started msh 'nginx -t && exec nginx >/dev/null 2>&1' && wait_port 80
}

start_php_fpm() {
	started msh 'mkdir -p /run/php; php-fpm8.2 -t && php-fpm8.2 -D >/dev/null 2>&1' && wait_socket /run/php/php8.2-fpm.sock
}

start_named() {
	started msh 'install -d -o root -g bind -m 775 /run/named
named-checkconf -z && exec named -u bind -c /etc/bind/named.conf >/dev/null 2>&1' && wait_dns
}

start_postfix() {
	started msh 'newaliases; postfix check && exec postfix start >/dev/null 2>&1' && wait_port 25
}

start_dovecot() {
	started msh 'doveconf -n && exec dovecot >/dev/null 2>&1' && wait_port 143
}

start_cron() {
	started msh 'exec cron >/dev/null 2>&1' && eventually 10 alive /run/crond.pid
}

reload_php_fpm() { # -t first: with a broken pool, USR2 kills the master and every site with it
	started msh 'php-fpm8.2 -t && kill -USR2 "$(cat /run/php/php8.2-fpm.pid)"'
}

# ---- asking them

# fetch URL [CURL OPTION]...: the body. A host name of the machine's sites: --resolve or -H Host:
fetch() {
	run curl -sS -m 60 "$@"
}

# status URL [CURL OPTION]...: the HTTP status code
status() {
	run curl -sS -m 60 -o /dev/null -w '%{http_code}' "$@" 2>/dev/null
}

# site HOST [PATH]: the body that the web server gives for this host name
site() {
	fetch --connect-to "::127.0.0.1:" "http://$1${2:-/}"
}

# dns NAME TYPE [DIG OPTION]...: the answer's data, a line each, sorted
dns() {
	run dig +short +time=5 +tries=3 @127.0.0.1 "$@" | LC_ALL=C sort
}

dns_status() { # NAME TYPE [DIG OPTION]...: NOERROR, NXDOMAIN, REFUSED, …
	run dig +time=5 +tries=3 @127.0.0.1 "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'
}

# banner PORT: the first line that a server says
banner() {
	run timeout 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1; IFS= read -r line <&3; printf '%s' \"\${line%\$'\\r'}\""
}

# mail_send TO [SWAKS OPTION]...: by SMTP to port 25; swaks' status
mail_send() {
	run swaks --server 127.0.0.1 --from sender@elsewhere.test --to "$@"
}

# mail_count USER PASSWORD [FOLDER]: messages in a folder, by IMAP. Empty when the login failed.
mail_count() {
	run curl -sSk -m 60 --url imap://127.0.0.1/ --user "$1:$2" -X "STATUS ${3:-INBOX} (MESSAGES)" |
		sed -n 's/.*MESSAGES \([0-9]*\).*/\1/p'
}

# mail_read USER PASSWORD [NUMBER [FOLDER]]: a message's text, by IMAP
mail_read() {
	run curl -sSk -m 60 --url "imap://127.0.0.1/${4:-INBOX};MAILINDEX=${3:-1}" --user "$1:$2"
}

# fcgi SOCKET SCRIPT: what PHP behind a FastCGI socket answers, without a web server
fcgi() {
	# shellcheck disable=SC2016
	run perl -MIO::Socket::UNIX -e '
		my ($path, $script) = @ARGV;
		my $s = IO::Socket::UNIX->new($path) or die "$path: $!\n";
		my %p = (SCRIPT_FILENAME => $script, SCRIPT_NAME => "/", REQUEST_METHOD => "GET");
		my $params = join "", map { pack("CC", length $_, length $p{$_}) . $_ . $p{$_} } sort keys %p;
		my $record = sub { pack("CCnnCx", 1, $_[0], 1, length $_[1], 0) . $_[1] };
		print $s $record->(1, pack "nCx5", 1, 0), $record->(4, $params), $record->(4, ""), $record->(5, "");
		while (read($s, my $head, 8) == 8) {
			my (undef, $type, undef, $len, $pad) = unpack "CCnnC", $head;
			read $s, my $data, $len;
			read $s, my $padding, $pad;
			print $data if $type == 6;
			print STDERR $data if $type == 7;
			last if $type == 3;
		}' "$1" "$2"
}
