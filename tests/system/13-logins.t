#!/bin/bash
# Passwords and suspensions hold when the command returns: Dovecot by itself looks at a file of logins once a second
# at most, and takes one of the same size and second for the one it has.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

box=box@club.example
file=/etc/dovecot/novacpx/cl/club.example.passwd

logs_in() { # PASSWORD [PROTOCOL]
	run curl -sSk -m 20 "${2:-imap}://127.0.0.1/" --user "$box:$1" >/dev/null 2>&1
}

password() { # NEW
	# shellcheck disable=SC2016
	run sh -c 'echo "$1" | novacpx passwd "mailbox/$2" --yes --no-diff' password "$1" "$box"
}

mtime() {
	run stat -c %Y "$file"
}

machine_up
ok "all daemons run" start_daemons
put /root/club.yaml <<'YAML'
novacpx: 1
accounts:
  club:
    domains: {club.example: {type: primary}}
    mailboxes: {box@club.example: {password: {env: FIRST}}}
YAML
first=$(run novacpx hash-is-not-a-command >/dev/null 2>&1; run openssl passwd -6 first-one-0)
ok "a mailbox is made" run env FIRST="$first" novacpx apply --yes --no-diff -f /root/club.yaml
ok "and lets in at once" logs_in first-one-0

# ---- passwords: all hashes have one length

was=$(mtime)
for n in 1 2 3 4 5 6; do
	ok "password $n is set" password "secret-word-$n"
	ok "and lets in at once" logs_in "secret-word-$n"
	now=$(mtime)
	ok "its file is later than the one before" test "$now" -gt "$was"
	was=$now
done
ok "times do not run away" test "$was" -le $(($(date +%s) + 6))
fails "an old one is refused" logs_in secret-word-5
# the first of a second is noticed at once, so that the other has the same second and size
# shellcheck disable=SC2016
ok "two within a second" run sh -c 'perl -MTime::HiRes=time,sleep -e "sleep 2 + int(time) - time"
	echo secret-word-7 | novacpx passwd "mailbox/$1" --yes --no-diff && echo secret-word-6 | novacpx passwd "mailbox/$1" --yes --no-diff' two "$box"
ok "the last one counts" logs_in secret-word-6
fails "alone" logs_in secret-word-7

fails "nobody is who is only asked for" run curl -sSk -m 20 imap://127.0.0.1/ --user '.novacpx@club.example:*'

# ---- suspensions

for n in 1 2 3; do
	ok "$n: a login just before" logs_in secret-word-6
	novacpx_is "$n: suspended" 0 set account/club status=suspended --yes --no-diff
	fails "$n: is off at once" logs_in secret-word-6
	novacpx_is "$n: back" 0 set account/club status=active --yes --no-diff
	ok "$n: is on at once" logs_in secret-word-6
	novacpx_is "$n: suspended, nobody asks" 0 set account/club status=suspended --yes --no-diff
	novacpx_is "$n: and back" 0 set account/club status=active --yes --no-diff
	ok "$n: is on at once again" logs_in secret-word-6 pop3
done

# ---- a mailbox goes, its file with it, and comes again

novacpx_is "the only mailbox goes" 0 unset "mailbox/$box" --yes --no-diff
fails "with its file" run test -e "$file"
fails "and is off at once" logs_in secret-word-6
ok "it comes again" run env FIRST="$first" novacpx apply --yes --no-diff -f /root/club.yaml
ok "and lets in at once" logs_in first-one-0
novacpx_is "goes" 0 unset "mailbox/$box" --yes --no-diff
ok "and comes within the second" run env FIRST="$(run openssl passwd -6 second-one-0)" novacpx apply --yes --no-diff -f /root/club.yaml
ok "with the new password" logs_in second-one-0
fails "not the old one" logs_in first-one-0

# ---- a Dovecot that does not do as it should, or does not run

# shellcheck disable=SC2016
msh 'doveadm stop; until ! pgrep -x dovecot >/dev/null; do sleep 0.1; done' >/dev/null 2>&1
fails "a password is set while Dovecot is down" password third-one-0
like "which is told" "$said" "Progressing .NotRunning.*1 done, 0 failed"
ok "Dovecot comes" start_dovecot
ok "and knows it" logs_in third-one-0
novacpx_is "a full pass" 0 pass --full
novacpx_is "finds all well" 0 status

run chmod 700 "${file%/*}"
novacpx_is "a suspension that Dovecot cannot see" 5 set account/club status=suspended --yes --no-diff
like "is told" "$said" "dovecot does not take the logins of $file.*old ones may still hold"
run chmod 755 "${file%/*}"
novacpx_is "is asked after again" 0 pass
fails "is off" logs_in third-one-0
novacpx_is "and then all is well" 0 status
novacpx_is "nothing is left to do" 0 pass --full
like "at all" "$said" "^No action"
done_testing
