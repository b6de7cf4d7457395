#!/bin/bash
# Termination leaves nothing behind but the trash; the trash gives everything back; purging is for good.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

# What an account can leave traces in, without what daemons write for themselves; maps as text.
traces() {
	contents /etc /home /var/vmail /var/lib/bind /var/lib/novacpx/suspended /var/log/novacpx /var/spool/cron |
		grep -vE 'heartbeat.log|/etc/[a-z]+-$|\.lmdb|novacpx-trash|/etc/(aliases|mtab|ld\.so)'
	# shellcheck disable=SC2016
	msh 'find /etc /var/lib -name "*.lmdb" | sort | while read -r m; do echo "$m"; postmap -s "lmdb:${m%.lmdb}" | sort; done
		ls /run/php | grep -v "pid$" || true'
}

without_serials() { # of zone files, which only grow
	sed -E '/\/var\/lib\/bind\/novacpx\/.*(zone|[a-z])$/s/^[0-9a-f]{64}/-/'
}

changing() { # what the test itself goes on writing to, or looks at
	grep -vE '(eve\.(access|error)\.log|/Maildir/.*)$|fred'
}

same() { # NAME FILE FILE
	local rc=0
	diff "$2" "$3" >"$scratch/diff" || rc=1
	report $rc "$1" "$(grep '^[<>]' "$scratch/diff" | head -n 30)"
}

uid_of() {
	run id -u "$1" 2>/dev/null
}

processes_of() { # UID
	run ps -o pid= --user "$1" 2>/dev/null | wc -l
}

eve() { # NAME: state of an account that has everything
	sed "s/eve/$1/g" <<'END'
novacpx: 1
accounts:
  eve:
    package: starter
    shell: /bin/bash
    domains:
      eve.test: {type: primary}
      blog.eve.test: {type: subdomain}
    zones:
      eve.test:
        records:
          - {name: "@", type: A, value: 192.0.2.77}
          - {name: "@", type: MX, value: mail.host.example}
    mailboxes:
      eve@eve.test: {}
    forwarders:
      - {source: hello@eve.test, destination: eve@eve.test}
    cron:
      nightly: {schedule: "17 3 * * *", command: "true"}
    php: {memory_limit: 99M}
END
}

machine_up
ok "all daemons run" start_daemons
novacpx_is "the examples" 0 apply --yes --no-diff -f "$examples/hosting"
traces >"$scratch/before"

eve eve | run tee /root/eve.yaml >/dev/null
novacpx_is "a new account" 0 apply --yes --no-diff -f /root/eve.yaml
uid=$(uid_of eve)
for key in account/eve mailbox/eve@eve.test; do
	ok "a password for $key" run sh -c "echo eves-secret-77 | novacpx passwd $key --yes"
done
msh 'cd /home/eve/public_html
echo "<?php echo \"php \", posix_getuid();" >id.php
echo "<?php set_time_limit(0); echo getmypid(); flush(); while (true) usleep(10000);" >loop.php
echo kept >kept.txt; echo mine >index.html; ln -s kept.txt link.txt; mkdir -m 700 own; echo x >own/x; chown -Rh eve:eve .'
is "its PHP runs" "$(site eve.test /id.php)" "php $uid"
ok "mail comes" mail_send hello@eve.test --header 'Subject: before the end'
has_mail() { [[ $(mail_count eve@eve.test eves-secret-77) == 1 ]]; }
ok "and arrives" eventually 10 has_mail
msh 'cp -a /var/log/novacpx/sites/eve.access.log /var/log/novacpx/sites/eve.access.log.1'
daemon loop curl -s --connect-to ::127.0.0.1: http://eve.test/loop.php
daemon left setpriv --reuid "$uid" --regid "$uid" --clear-groups sleep 1000
busy() { (($(processes_of "$uid") >= 2)); }
ok "a worker and a job run as it" eventually 10 busy
run cat /etc/shadow | grep '^eve:' >"$scratch/shadow"
traces | without_serials | changing >"$scratch/alive"

novacpx_is "termination" 0 unset account/eve --yes --no-diff
traces >"$scratch/after"
same "leaves nothing behind" "$scratch/before" "$scratch/after"
is "no user" "$(uid_of eve)" ""
is "no group" "$(run getent group eve)" ""
is "no process" "$(processes_of "$uid")" 0
fails "no zone" run rndc zonestatus eve.test
like "that is told" "$said" "no matching zone"
unlike "no site" "$(site eve.test /kept.txt)" kept
fails "no mail" mail_send eve@eve.test
is "no login" "$(mail_count eve@eve.test eves-secret-77 2>/dev/null)" ""
like "the trash has it" "$(run novacpx trash list)" "eve.*/home/.novacpx-trash/eve-"
msh 'mkdir /root/aside; mv /var/lib/novacpx/engine/engine.db* /root/aside'
like "also when engine.db was lost" "$(run novacpx trash list)" "eve.*/home/.novacpx-trash/eve-"
msh 'rm /var/lib/novacpx/engine/engine.db*; mv /root/aside/* /var/lib/novacpx/engine'
unlike "for root alone" "$(run stat -c %a /home/.novacpx-trash /var/log/novacpx/sites/.novacpx-trash)" "[1-7]$"
novacpx_is "a pass has nothing to do" 0 pass --full
like "and says so" "$said" "^No(thing| action)"

eve fred | run tee /root/fred.yaml >/dev/null
novacpx_is "another account" 0 apply --yes --no-diff -f /root/fred.yaml
unlike "does not get its number" "$(uid_of fred)" "^$uid$"
novacpx_is "and goes again" 0 unset account/fred --yes --no-diff

novacpx_is "restoring" 0 trash restore eve --yes
is "gives its number back" "$(uid_of eve)" "$uid"
is "its site" "$(site eve.test /link.txt)" kept
is "its own first page, not ours" "$(site eve.test)" mine
is "its PHP" "$(site eve.test /id.php)" "php $uid"
is "its zone" "$(dns eve.test A)" 192.0.2.77
ok "its mail, with the password of then" eventually 5 has_mail
like "as it was" "$(mail_read eve@eve.test eves-secret-77)" "Subject: before the end"
is "its password" "$(run cat /etc/shadow | grep '^eve:' | cut -d: -f2)" "$(cut -d: -f2 "$scratch/shadow")"
like "its old logs" "$(run cat /var/log/novacpx/sites/eve.access.log)" "GET /id.php"
traces | without_serials | changing >"$scratch/restored"
# user databases get their lines in another order of coming; the shadow file its date
same "and everything else" <(grep -vE ' /etc/(passwd|shadow|group|gshadow)$' "$scratch/alive") \
	<(grep -vE ' /etc/(passwd|shadow|group|gshadow)$' "$scratch/restored")
unlike "the trash has it no more" "$(run novacpx trash list)" "eve"
ok "new mail comes to the old, though it was refused before" mail_send eve@eve.test --header 'Subject: after it'
has_both() { [[ $(mail_count eve@eve.test eves-secret-77) == 2 ]]; }
ok "and arrives beside it" eventually 10 has_both

novacpx_is "terminated once more" 0 unset account/eve --yes --no-diff
held() { # SECONDS: the lock of the machine, as by a pass
	run python3 - "$1" <<'END'
import fcntl, sys, time
f = open("/var/lib/novacpx/engine/engine.lock", "a")
fcntl.flock(f, fcntl.LOCK_EX)
time.sleep(float(sys.argv[1]))
END
}
held 3 &
sleep 0.5
run timeout 1 novacpx trash purge eve
is "a purge waits for a pass that runs" "$?" 124
like "and has touched nothing" "$(run novacpx trash list)" "eve.*/home/.novacpx-trash/eve-"
novacpx_is "purging eve" 0 trash purge eve
wait
unlike "is for good" "$(run novacpx trash list)" "eve"
is "on the disk too" "$(msh 'find / -xdev -path "*novacpx-trash/*" -maxdepth 6 | grep eve || true')" ""
fails "nothing is left to restore" run novacpx trash restore eve --yes
like "which is said" "$said" "trash has nothing of account eve"
like "others stay" "$(run novacpx trash list)" "fred"

novacpx_is "days in the trash: none" 0 set setting/trash_days value=0 --yes
novacpx_is "an account" 0 apply --yes --no-diff -f /root/eve.yaml
novacpx_is "goes" 0 unset account/eve --yes --no-diff
is "for good at once" "$(msh 'find / -xdev -path "*novacpx-trash/*" -maxdepth 6 | grep eve || true')" ""
traces >"$scratch/after"
same "and leaves nothing behind" "$scratch/before" "$scratch/after"

# ---- many at once

for i in 1 2 3 4 5 6 7 8; do
	printf 'novacpx: 1\naccounts: {many%s: {package: starter}}\n' $i | put "/root/many/$i.yaml"
done
novacpx_is "eight accounts more" 0 apply --yes --no-diff -f /root/many
run sh -c "cp -r $examples/hosting /root/all && cp -r /root/many /root/all/ && rm -f /root/all/many/[5-8].yaml /root/all/README.md"
novacpx_is "four of eleven would go: a guard stops it" 3 apply --yes --no-diff --prune -f /root/all
like "and says what and how" "$said" "delete 4 of 11 accounts.*--force [0-9a-f]{16}"
is "nothing went" "$(run novacpx get account | grep -c many)" 8
digest=$(sed -n 's/.*--force \([0-9a-f]*\).*/\1/p' <<<"$said")
novacpx_is "a wrong digest does not help" 3 apply --yes --no-diff --prune -f /root/all --force 0123456789abcdef
novacpx_is "the right one does" 0 apply --yes --no-diff --prune -f /root/all --force "$digest"
is "four went" "$(run novacpx get account | grep -c many)" 4
is "with their users" "$(run getent passwd | grep -c '^many')" 4
done_testing
