#!/bin/bash
# Every state can be returned to: files, users, maps, zones and answers are as then; serials only grow and the newest
# password stays. Reverting one revision keeps later ones. What was is told truly, and secrets are told nowhere.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

# The machine as NovaCPX made it, maps as text; without serials, secrets, logs, backups of user databases, the trash.
machine_state() {
	contents /etc /home /var/vmail /var/lib/bind /var/lib/novacpx/suspended /var/log/novacpx/sites /var/spool/cron |
		grep -vE '/etc/([a-z]+-|shadow|aliases.*|mtab|ld\.so.*)$|\.lmdb|novacpx-trash|/Maildir|\.log$' |
		sed -E -e '/\/dovecot\/novacpx\/.*passwd$/s/^[0-9a-f]{64}/-/' -e '/\/var\/lib\/bind\/novacpx\/[^ ]*$/s/^[0-9a-f]{64}/-/'
	# shellcheck disable=SC2016
	msh 'for m in $(find /etc /var/lib -name "*.lmdb" | sort); do echo "$m"; postmap -s "lmdb:${m%.lmdb}" | sort; done
		for z in $(find /var/lib/bind/novacpx -type f ! -name "*.j*" | sort); do
			echo "$z"; sed -E "s/\b20[0-9]{8}\b/SERIAL/" "$z"; done
		ls /run/php | grep -v "pid$"; rm -f /var/cache/bind/named_dump.db; rndc dumpdb -zones
		for i in $(seq 600); do grep -qs "^; Dump complete" /var/cache/bind/named_dump.db && break; sleep 0.1; done
		grep "^; Zone dump" /var/cache/bind/named_dump.db | sort'
}

same() { # NAME FILE FILE
	local rc=0
	diff "$2" "$3" >"$scratch/diff" || rc=1
	report $rc "$1" "$(grep '^[<>]' "$scratch/diff" | head -n 30)"
}

head_of() {
	run novacpx log -n 1 | awk '{ print $1; exit }'
}

serial() {
	dns "$1" SOA | cut -d' ' -f3
}

memory_of() { # HOST: what PHP of that site says
	site "$1" /memory.php
}

in_history() { # EXPRESSION OF git ARGUMENTS...: in the repository
	run git -C /var/lib/novacpx/engine/history.git "$@"
}

state() {
	run tee /root/state.yaml >/dev/null
}

machine_up
ok "all daemons run" start_daemons
novacpx_is "revision 1" 0 apply --yes --no-diff -f "$examples/hosting"
for user in anna bjorn; do
	run install -D -o $user -g $user /dev/stdin "/home/$user/public_html/memory.php" <<<'<?php echo ini_get("memory_limit");'
done
machine_state >"$scratch/rev-1"

# ---- secrets, to be looked for at the end

run sh -c 'printf canary-of-file-71f3 >/root/canary-file; printf canary-of-env-82e4 >/root/canary-env; chmod 600 /root/canary-*'
put /root/withenv <<'END'
#!/bin/sh
CANARY=$(cat /root/canary-env)
export CANARY
exec novacpx "$@"
END
run chmod 755 /root/withenv
# shellcheck disable=SC2016
daemon arguments bash -c 'while [ -e /root/canary-file ]; do
	for p in /proc/[0-9]*; do # what the engine and the daemons run; this test says passwords to curl and to shells
		read -r comm <$p/comm || continue
		case $comm in curl | *sh | script | env | nsenter | setpriv | cat | tr) continue ;; esac
		tr "\0" "\n" <$p/cmdline
	done 2>/dev/null
	sleep 0.005
done >/root/arguments'

state <<'END'
novacpx: 1
accounts:
  eve:
    package: starter
    password: {file: /root/canary-file}
    domains: {eve.test: {type: primary}}
    zones: {eve.test: {records: [{name: "@", type: A, value: 192.0.2.77}]}}
    mailboxes: {eve@eve.test: {password: {env: CANARY}}}
    cron: {hourly: {schedule: "@hourly", command: "true"}}
END
said=$(run /root/withenv apply --yes -f /root/state.yaml 2>&1 </dev/null)
like "revision 2: an account" "$said" "Revision 2 applied: [0-9]+ done, 0 failed"
echo "$said" >"$scratch/said"

state <<'END'
novacpx: 1
accounts:
  bjorn:
    zones: {bjorn.test: {records: [{name: new, type: A, value: 192.0.2.55}]}}
END
novacpx_is "revision 3: a record" 0 apply --yes -f /root/state.yaml
echo "$said" >>"$scratch/said"
state <<'END'
novacpx: 1
accounts:
  bjorn:
    php: {memory_limit: 77M}
    mailboxes: {extra@bjorn.test: {}}
END
novacpx_is "revision 4: a PHP value and a mailbox" 0 apply --yes -f /root/state.yaml -m "why it was done"
is "PHP has it" "$(memory_of bjorn.test)" 77M
machine_state >"$scratch/rev-4"
novacpx_is "revision 5: a domain goes" 0 unset domain/blog.bjorn.test --yes --no-diff
novacpx_is "revision 6: PHP again" 0 set php_config/bjorn memory_limit=88M --yes --no-diff
# shellcheck disable=SC2016
ok "revision 7: a new password" run sh -c 'echo canary-of-passwd-93d5 | novacpx passwd mailbox/bjorn@bjorn.test --yes'
ok "logs in with it" eventually 10 run curl -sSk --url imap://127.0.0.1/ --user bjorn@bjorn.test:canary-of-passwd-93d5
is "seven revisions" "$(head_of)" 7
was=$(serial bjorn.test)

# ---- rolling back

novacpx_is "without anybody to ask nothing happens" 1 rollback 4
like "but the plan is shown" "$said" "Plan for revision 8: [0-9]+ actions"
like "and why not" "$said" "nobody is there to ask"
is "no revision came of it" "$(head_of)" 7
said=$(run sh -c 'echo n | script -qec "novacpx rollback 4" /dev/null' 2>&1)
like "on a terminal it asks" "$said" "Apply this\?"
is "no is no" "$(head_of)" 7
said=$(run sh -c 'echo y | script -qec "novacpx rollback 4" /dev/null' 2>&1)
like "yes is done" "$said" "Revision 8 applied: [0-9]+ done, 0 failed"
machine_state >"$scratch/now"
same "the machine is as at revision 4" "$scratch/rev-4" "$scratch/now"
is "PHP is as then" "$(memory_of bjorn.test)" 77M
like "the site that had gone is there" "$(site blog.bjorn.test)" "ready"
ok "the newest password stays" run curl -sSk --url imap://127.0.0.1/ --user bjorn@bjorn.test:canary-of-passwd-93d5
novacpx_is "a pass has nothing to do" 0 pass --full
like "and says so" "$said" "^No(thing| action)"

novacpx_is "back to the beginning in one command" 0 rollback 1 --yes --no-diff
machine_state >"$scratch/now"
same "the machine is as at revision 1" "$scratch/rev-1" "$scratch/now"
is "the account is gone" "$(run getent passwd eve)" ""
is "the record is gone" "$(dns new.bjorn.test A)" ""
is "PHP has its default" "$(memory_of bjorn.test)" 256M
ok "the newest password stays" run curl -sSk --url imap://127.0.0.1/ --user bjorn@bjorn.test:canary-of-passwd-93d5
now=$(serial bjorn.test)
ok "the serial has grown" test "$now" -gt "$was"
novacpx_is "forward again: rolling back to before the rollback" 0 rollback 4 --yes --no-diff
machine_state >"$scratch/now"
same "the machine is as at revision 4 again, eve's data too" "$scratch/rev-4" "$scratch/now"
is "her mailbox has its password" "$(mail_count eve@eve.test canary-of-env-82e4)" 0

# ---- reverting one

head=$(head_of)
novacpx_is "a change" 0 set php_config/anna memory_limit=200M --yes --no-diff
novacpx_is "and a later one" 0 set php_config/bjorn memory_limit=99M --yes --no-diff
novacpx_is "the first is reverted" 0 revert $((head + 1)) --yes --no-diff
is "and gone" "$(memory_of anna.example)" 512M
is "the later one stays" "$(memory_of bjorn.test)" 99M
novacpx_is "another on the same field" 0 set php_config/bjorn memory_limit=111M --yes --no-diff
novacpx_is "cannot be reverted through" 4 revert $((head + 2)) --yes --no-diff
like "the conflict names the resource" "$said" "php_config/bjorn"
like "and the revision" "$said" "revision $((head + 4))"
is "nothing happened" "$(memory_of bjorn.test)" 111M

# ---- what is told of it

last=$(head_of)
ok "git finds its repository sound" in_history fsck --strict --no-dangling
is "every revision is in main" "$(in_history log --format=%B main | sed -n 's/^Revision \([0-9]*\):.*/\1/p' | sort -nu | paste -sd' ')" \
	"$(seq -s' ' 1 "$last")"
is "and what was live of each in live" "$(in_history log --format=%B live | sed -n 's/^NovaCPX-Revision: //p' | sort -nu | tail -n 1)" "$last"
is "live is what is live" "$(in_history show live:etc/php/8.2/fpm/pool.d/novacpx-bjorn.conf | sha256sum)" \
	"$(run cat /etc/php/8.2/fpm/pool.d/novacpx-bjorn.conf | sha256sum)"
like "log has them" "$(run novacpx log)" "$last .*cli:set"
like "with their messages" "$(run novacpx log -n 100)" "why it was done"
like "show says what a revision did" "$(run novacpx show 3)" "\+ record/bjorn.test"
said=$(run novacpx show 4)
like "who and why" "$said" "root.*why it was done"
like "diff tells two apart" "$(run novacpx diff 2 3)" "\+.*192.0.2.55"
is "and of equal ones only the newer password" "$(run novacpx diff 4 8 | grep -E '^[+-][^+-]' | grep -cv 'digest: hmac')" 0
like "explain names the resource" "$(run novacpx explain /etc/php/8.2/fpm/pool.d/novacpx-bjorn.conf:3)" "account/bjorn"
like "and the revision that wrote it" "$(run novacpx explain /etc/php/8.2/fpm/pool.d/novacpx-bjorn.conf)" "revision $last "

# The line of a file that has a text, as PATH:LINE.
line_with() { # PATH TEXT
	run grep -nFm1 -e "$2" "$1" | sed "s|^\([0-9]*\):.*|$1:\1|"
}
pool=/etc/php/8.2/fpm/pool.d/novacpx-bjorn.conf
said=$(run novacpx explain "$(line_with $pool "'memory_limit'")")
like "explain leads a line to its field and value" "$said" "php_config/bjorn memory_limit = 111M"
like "and to revision, actor and source" "$said" "since revision $((head + 4)) \(.*, root, cli:set\)"
said=$(run novacpx explain "$(line_with "$(run sh -c 'ls /var/lib/bind/novacpx/*/anna.example.zone')" "A 192.0.2.10")")
like "a record's line to the record" "$said" "record/anna.example/@/A/192.0.2.10 value = 192.0.2.10"
said=$(run novacpx explain "$(line_with "$(run sh -c 'ls /etc/nginx/novacpx/sites/*/anna/anna.example.conf')" acme-challenge)")
like "and says which line no field changes" "$said" "written for every domain; no field changes it"
like "of a row of a map, too" "$(run novacpx explain /etc/postfix/novacpx/mailboxes.lmdb:info@anna.example)" \
	"mailbox/info@anna.example address = info@anna.example"
# shellcheck disable=SC2016
is "as JSON, which is JSON" "$(run novacpx explain --json "$(line_with $pool "'memory_limit'")" |
	perl -MJSON::PP -0777 -ne 'my $c = decode_json($_)->{causes}[0]; print "@$c{qw(resource field value)} $c->{since}{source}"')" \
	"php_config/bjorn memory_limit 111M cli:set"

# ---- secrets

put /root/bad.yaml <<'END'
novacpx: 1
accounts:
  eve: {password: {file: /root/canary-file, hash: 4}, passwort: {env: CANARY}}
END
msh 'for command in "status" "status --json" "log --json" "show 2 --json" "get account/eve --json" "get mailbox --json" \
	"export" "plan --json -f /root/state.yaml" "apply -f /root/bad.yaml" "diff 1 2" "explain /etc/shadow" \
	"get certificate --json" "pass --full --dry-run --json"; do /root/withenv $command; done >>/root/said 2>&1 || true'
key=$(run sh -c 'ls /etc/novacpx/ssl/*/anna.example/key.pem')
for place in "$(line_with /etc/shadow eve:)" "$key:2" "$key" \
	"$(line_with "$(run sh -c 'ls /etc/dovecot/novacpx/*/bjorn.test.passwd')" bjorn@)"; do
	said=$(run novacpx explain "$place" && run novacpx explain --json "$place")
	like "explain of $place names a resource" "$said" '"resource": "[a-z]+/'
	echo "$said" >>"$scratch/said"
done
run sh -c 'echo canary-of-passwd-93d5 | novacpx passwd mailbox/nobody@bjorn.test --yes >>/root/said 2>&1' || true
run mv /root/canary-file /root/kept-file
run sh -c 'cat >>/root/said' <"$scratch/said"
# hashes as they stand in the machine, and a line of a private key
run sh -c '{ printf "%s\n" canary-of-file-71f3 canary-of-env-82e4 canary-of-passwd-93d5
	cut -d: -f2 /etc/shadow | grep "^[$]y"
	cat /etc/dovecot/novacpx/*/*.passwd | cut -d: -f2 | sed "s/^{[A-Z0-9-]*}//" | grep "^[$]y"
	sed -n 2p /etc/novacpx/ssl/*/anna.example/key.pem; } >/root/canaries'
ok "there are canaries" msh 'test $(wc -l </root/canaries) -ge 9'
msh 'cd /root && git -C /var/lib/novacpx/engine/history.git cat-file --batch-all-objects --batch >objects
	python3 - <<"END"
import binascii, glob
# the revisions'"'"' changesets lie in the model as they are; secrets have a table that is not asked for
open("/root/plain", "wb").write(b"".join(open(f, "rb").read() for f in glob.glob("/var/lib/novacpx/engine/engine.db*")))
END'
for place in objects arguments said plain; do
	ok "there is something in $place" run test -s /root/$place
	is "no canary in $place" "$(run grep -acFf /root/canaries /root/$place)" 0
done
is "none in the logs" "$(run grep -rlaFf /root/canaries /var/log)" ""
is "none in clear in any database" "$(msh 'head -n 3 /root/canaries | grep -laFf - /var/lib/novacpx/*/* 2>/dev/null || true')" ""
cc=${CC:-cc}
if $cc -O1 -o "$scratch/dump" "$tests_dir/fault/dump.c" -lsqlite3; then
	put /root/dump <"$scratch/dump"
	msh 'chmod 755 /root/dump
		/root/dump /var/lib/novacpx/model/model.db "SELECT hex(changeset) FROM revision" "SELECT hex(undo) FROM revision" >/root/hex 2>/dev/null ||
		/root/dump /var/lib/novacpx/model/model.db "SELECT hex(changeset) FROM revision" >/root/hex
		tr -d "\n" </root/hex | xxd -r -p >/root/changesets 2>/dev/null ||
		python3 -c "import binascii; open(\"/root/changesets\", \"wb\").write(binascii.unhexlify(open(\"/root/hex\").read().replace(chr(10), \"\")))"'
	like "changesets hold what was changed" "$(run grep -ac 192.0.2.55 /root/changesets)" "^[1-9]"
	is "and no secret" "$(run grep -acFf /root/canaries /root/changesets)" 0
fi
done_testing
