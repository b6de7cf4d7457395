#!/bin/bash
# The harness itself: a machine boots, each daemon of Debian's stock configuration starts in it and answers,
# and the host is afterwards as it was before.
. "$(dirname "$0")/lib.sh"

host_marks() { # what a machine could leave behind, without what other tests do at the same time
	grep -F "$name" /proc/self/mounts
	find /sys/fs/cgroup -maxdepth 3 -type d -name "*$name*" 2>/dev/null
	ls -d /run/novacpx-machines/*/"$name" "${NOVACPX_CACHE:-/var/cache/novacpx-test}"/uppers/*"$name" 2>/dev/null
	ip -o link | grep -F "$name"
	getent passwd novacpx-leak
}

processes_in() { # PIDNS: host's processes in that pid namespace
	local ns
	for ns in /proc/[0-9]*/ns/pid; do
		[[ $(readlink "$ns" 2>/dev/null) != "$1" ]] || echo "$ns"
	done
}

has_one_message() {
	[[ $(mail_count alice right) == 1 ]]
}

machine_up
pid=$("$machine" pid "$name")
pidns=$(readlink "/proc/$pid/ns/pid")

is "it has its own name" "$(run hostname)" "$name"
is "its first process is its own" "$(run cat /proc/1/comm)" bash
is "it has loopback and no other link" "$(run ip -br link | cut -d' ' -f1)" lo
fails "the kernel's settings of the host are out of its reach" msh 'echo 1 >/proc/sys/kernel/panic'
fails "so is the clock" run date -s '2001-01-01'
ok "it has users of its own" run useradd novacpx-leak
fails "the host does not see them" getent passwd novacpx-leak
fails "a second machine of the same name is refused" "$machine" up "$name"
like "and says so" "$said" "exists already"
is "exit statuses pass through" "$(run sh -c 'exit 7'; echo $?)" 7

ok "nginx starts" start_nginx
ok "php-fpm starts" start_php_fpm
ok "named starts" start_named
ok "postfix starts" start_postfix
ok "dovecot starts" start_dovecot
ok "cron starts" start_cron

like "nginx serves the default site" "$(fetch http://localhost/)" "Welcome to nginx"
is "and an unknown page is a 404" "$(status http://localhost/missing)" 404
put /var/www/html/uid.php <<<'<?php echo "uid=", getmyuid(), " sapi=", PHP_SAPI;'
like "php-fpm answers on its socket" "$(fcgi /run/php/php8.2-fpm.sock /var/www/html/uid.php)" "sapi=fpm-fcgi"
is "named answers for localhost" "$(dns localhost A)" 127.0.0.1
is "and says what does not exist" "$(dns_status missing.localhost A)" NXDOMAIN
like "postfix greets" "$(banner 25)" "^220 .*ESMTP Postfix"
ok "and takes a message for root" mail_send root@machine.test
ok "which arrives" eventually 10 run grep -q 'sender@elsewhere.test' /var/mail/root
like "dovecot greets by IMAP" "$(banner 143)" "^\* OK .*Dovecot"
like "and by POP3" "$(banner 110)" "^\+OK"
ok "a user with a password" msh 'useradd -m alice && echo alice:right | chpasswd'
ok "gets a message" mail_send alice@machine.test --header 'Subject: four times seven'
ok "and finds it by IMAP" eventually 10 has_one_message
like "and can read it" "$(mail_read alice right)" "Subject: four times seven"
is "a wrong password finds nothing" "$(mail_count alice wrong 2>/dev/null)" ""
ok "cron runs" alive /run/crond.pid
for program in novacpx novacpxd; do
	if [[ -x $checkout/build/$variant/$program ]]; then
		is "$program finds all its libraries" "$(msh "ldd \$(command -v $program) | grep 'not found'" || true)" ""
	else
		skip "$program finds all its libraries" "not built"
	fi
done

if ((${#sanitizers[@]})); then
	# of a child that nobody waits for, without its rights and without an output
	gcc -fsanitize=address,undefined -fno-sanitize-recover=all -static-libasan -static-libubsan -x c -o "$scratch/bad" - <<-'C'
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			char *volatile text = calloc(1, 4);
			if (fork() == 0 && setuid(33) == 0 && close(2) == 0)
				return text[argc + 3];
			free(text);
			return fork() == 0 && close(2) == 0 ? 0x7fffffff + argc : 0;
		}
	C
	put /root/bad <"$scratch/bad"
	ok "a wrong program" msh 'chmod 755 /root/bad; exec /root/bad'
	both_told() {
		[[ $(sanitizer_reports) == *heap-buffer-overflow* && $(sanitizer_reports) == *"signed integer overflow"* ]]
	}
	ok "whose children's reports come here" eventually 20 both_told
	rm -f "$scratch"/sanitizer/*
fi

ok "the machine goes down" machine_down
is "no process of it is left" "$(processes_in "$pidns")" ""
is "nothing of it is left on the host" "$(host_marks)" ""
fails "and nothing runs in it any more" run true
done_testing
