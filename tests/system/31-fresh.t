#!/bin/bash
# A fresh Debian 12 with nothing but make and git: a clone, then `make run`, serves the examples; the second time
# too, and then it installs nothing. Slow, and installs from the network: only with NOVACPX_SLOW=1 or CI=true.
. "$(dirname "$0")/lib.sh"

[[ ${NOVACPX_SLOW:-} || ${CI:-} == true ]] || skip_all "slow: NOVACPX_SLOW=1 runs it"
[[ $EUID == 0 ]] || skip_all "only root can make machines"
base=$("$tests_dir/machine/layers" base) || bail "the base layer could not be baked"
cache=${NOVACPX_CACHE:-/var/cache/novacpx-test}
mkdir -p "$cache"/{debs,lists}/partial

in_clone() {
	# shellcheck disable=SC2016
	run sh -c 'cd /root/novacpx && exec "$@" 2>&1 </dev/null' in_clone "$@"
}

make_run() { # TARGET [COMMAND BEFORE make]...
	in_clone "${@:2}" make --no-print-directory "$1" >"$scratch/make"
}

# What of the daemons would start when the machine boots.
enabled() {
	run find /etc/systemd/system /etc/rc2.d -type l -printf '%p\n' 2>/dev/null |
		grep -E 'nginx|php|named|bind|postfix|dovecot' | grep -v '/K' | sort
}

# The printed command with NAME in it, run as it stands.
paste() {
	local command
	command=$(grep -m1 -F -- "$1" "$scratch/make") && msh "$command" 2>&1
}

outside() { # daemons whose root is the machine's own
	run sh -c 'for p in /proc/[0-9]*; do [ "$(stat -Lc %d:%i "$p/root/" 2>/dev/null)" = "$(stat -Lc %d:%i /)" ] &&
		cat "$p/comm"; done 2>/dev/null' | grep -E '^(nginx|php-fpm|named|master|dovecot|cron)' | sort -u
}

# The checkout may be a worktree, whose history lies elsewhere.
git -c safe.directory='*' clone -q --bare "$checkout" "$scratch/novacpx.git" || bail "the checkout cannot be cloned"
# -d: a compiler and the daemons are more than a tmpfs should hold.
"$machine" up "$name" -l "$base" -n host -d -b "$scratch/novacpx.git:/src:ro" \
	-b "$cache/debs:/var/cache/apt/archives" -b "$cache/lists:/var/lib/apt/lists" || bail "the machine did not start"
ok "make and git can be installed" msh 'apt-get -q update && apt-get -q -y --no-install-recommends install make git'
ok "the checkout can be cloned" run git -c safe.directory='*' clone -q /src /root/novacpx
for program in gcc nginx named postfix dovecot; do
	fails "there is no $program yet" run which "$program"
done

ok "make run goes through" make_run run
((tap_failed == 0)) || {
	diag "$(tail -n 30 "$scratch/make")"
	bail "without it there is nothing to ask"
}
is "the seven daemons and the API run" "$(grep -cE '^  [a-z0-9.-]+ +runs, process [0-9]+$' "$scratch/make")" 8
is "nothing of it starts when the host boots" "$(enabled)" ""
is "and nothing of it runs on the host itself" "$(outside)" ""
like "a site answers" "$(paste '//anna.example:8080')" "HTTP/1.1 200"
like "a zone answers" "$(paste ' anna.example ANY')" "SOA"
like "a mail is taken" "$(paste '--to info@anna.example')" "250 2.0.0 Ok"
ok "and can be read" eventually 20 paste 'info%40anna.example'

# A network namespace of its own would hide the running daemons; so apt is sent where nobody answers.
ok "make run goes through again, without what apt fetches from" make_run run env http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9
like "and finds nothing to do" "$(cat "$scratch/make")" "Nothing to do: the machine is as revision"
ok "make stop" make_run stop
is "nothing is left running" "$(run ps -eo comm= 2>/dev/null | grep -E '^(nginx|php-fpm|named|master|dovecot|cron|novacpxd|novacpx-api)')" ""
done_testing
