#!/bin/bash
# Killed at every point of a change, one after another, and with ENOSPC and EIO there: the next run ends in the
# same machine as without, and the one after it has nothing to do. First on copies of a root in memory, then with
# all daemons really running.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosting.sh"

work=/dev/shm/crash

# The base, and the change: all kinds of things come, change, and go.
states() {
	local examples=$checkout/examples/hosting to=$1
	mkdir -p "$to/before" "$to/after"
	cp -r "$examples"/. "$to/before/"
	sed 's/bjorn/erik/g' "$examples/accounts/bjorn.yaml" >"$to/before/accounts/erik.yaml"
	rm -f "$to"/before/README.md
	cp -r "$to/before/." "$to/after/"
	rm "$to/after/accounts/bjorn.yaml"
	sed -i 's/^  erik:/  erik:\n    status: suspended/' "$to/after/accounts/erik.yaml"
	sed -i -e '/old-anna.example:/d' -e 's/memory_limit: 512M/memory_limit: 256M/' \
		-e 's/{name: "@", type: A, value: 192.0.2.10}/{name: "@", type: A, value: 192.0.2.99}/' \
		-e '/old@anna.example:/,+2d' "$to/after/accounts/anna.yaml"
	sed -e 's/bjorn/dora/g' -e 's/, enabled: false//' "$examples/accounts/bjorn.yaml" >"$to/after/accounts/dora.yaml"
}

tools() {
	local cc=${CC:-cc}
	$cc -O1 -o "$scratch/dump" "$tests_dir/fault/dump.c" -lsqlite3 &&
		echo 'int main(void) { return 0; }' | $cc -static -O1 -o "$scratch/stub" -x c -
}

# both SHARDS at once; what they say is in $said
both() {
	local i
	for i in 0 1; do
		run unshare -n -m bash "$work/crash-points" "$1" $i "$2" ${3+"$3"} >"$scratch/shard-$i" 2>&1 </dev/null &
	done
	wait
	said=$(cat "$scratch"/shard-[01])
}

# The sanitizers' build is slow: every tenth point of each half.
of=2
[[ $variant == debug ]] || of=20

# report that both came to their end and said nothing bad
good() {
	local rc=0
	[[ $(grep -c '^done: ' <<<"$said") == 2 ]] || rc=1
	! grep -q '^bad: ' <<<"$said" || rc=1
	report $rc "$1 ($(sed -n 's/^done: //p' <<<"$said" | paste -sd+))" "$(grep -v '^done' <<<"$said" | cut -c1-600 | head -n 40)"
}

machine_up
ok "the tools build" tools
states "$scratch/states"
tar -C "$scratch/states" -c . | run sh -c "mkdir -p $work && tar -C $work -x"
for file in "$scratch/dump" "$scratch/stub" "$tests_dir/system/crash-points"; do
	put "$work/${file##*/}" <"$file"
	run chmod 755 "$work/${file##*/}"
done
said=$(run unshare -n -m sh -c "ip link set lo up; exec bash $work/crash-points prepare" 2>&1 </dev/null)
like "a base and a change set" "$said" "done: [0-9]+ points"
unlike "converge" "$said" "bad:"
diag "$(run sed 's/^[0-9]* //' $work/trace | sort | uniq -c | tr -s ' \n' ' ')"

both run $of kill
good "killed at every point: the same machine, nothing left over"
both run $of ENOSPC
good "disk full at every point: told with a path, nothing half made, the next run mends it"
both run $of EIO
good "input/output error at every point: the same"
both random $((50 / of))
good "killed at random times: the same machine"

# ---- daemons that really run: what was written but not told to them when it was killed, the next run tells

changed() { # TITLE
	local title=$1
	is "$title: the new site is served" "$(run curl -sS -o /dev/null -w '%{http_code}' --connect-to ::127.0.0.1: http://dora.test/)" 200
	is "$title: the new PHP value" "$(site anna.example /memory.php)" 256M
	is "$title: the removed site is not" "$(run curl -sS -o /dev/null -w '%{redirect_url}' --connect-to ::127.0.0.1: http://old-anna.example/)" ""
	is "$title: the changed record" "$(dns anna.example A)" 192.0.2.99
	fails "$title: the gone zone" run rndc zonestatus bjorn.test
	is "$title: the gone user" "$(run getent passwd bjorn)" ""
	ok "$title: mail for the new mailbox" mail_send dora@dora.test
	novacpx_is "$title: nothing is left to do" 0 pass --full
	like "$title: and it says so" "$said" "^No(thing| action)"
}

point() { # NAME [first|last]: its number in the trace
	run sed -n "s/^\([0-9]*\) $1\$/\1/p" /root/trace | "${2:-head}" -n 1
}

ok "all daemons run" start_daemons
novacpx_is "the base, for real" 0 apply --yes --no-diff -f $work/before
run install -o anna -g anna -m 644 /dev/stdin /home/anna/public_html/memory.php <<<'<?php echo ini_get("memory_limit");'
novacpx_is "the change without a kill" 0 apply --yes --no-diff --prune -f $work/after
novacpx_is "and back" 0 rollback 1 --yes --no-diff
ok "counted" run env NOVACPX_FAULT_TRACE=/root/trace novacpx apply --yes --no-diff --prune -f $work/after
changed "not killed"
for at in committed:tail rename:tail reload:head reload:tail zone:tail "zone reload:tail" trashed:head; do
	novacpx_is "back" 0 rollback 1 --yes --no-diff
	is "as before" "$(dns anna.example A) $(site anna.example /memory.php)" "192.0.2.10 512M"
	n=$(point "${at%:*}" "${at#*:}")
	[[ $at != committed:* ]] || n=$(point committed head)
	is "killed at $at" "$(exit_code env "NOVACPX_FAULT=$n:kill" novacpx apply --yes --no-diff --prune -f $work/after)" 137
	run novacpx pass >"$scratch/pass" 2>&1
	changed "killed at ${at%:*}"
done

# ---- killed while a validator judges the staged future

leftovers() { msh 'find /dev/shm -maxdepth 1 -name "novacpx-*" | wc -l'; }
is "no run left its staging folder" "$(leftovers)" 0
msh 'mv /usr/sbin/nginx /usr/sbin/nginx.real
printf "#!/bin/sh\ntouch /root/judging; exec sleep 60\n" >/usr/sbin/nginx; chmod 755 /usr/sbin/nginx'
run novacpx set domain/anna.example force_https=true --yes &
judging() { [[ $(leftovers) == 1 ]] && run pgrep -f '^sleep 60$' >/dev/null; }
ok "nginx takes its time" eventually 20 judging
run pkill -9 -x novacpx
is "a killed run leaves its folder" "$(leftovers)" 1
wait
msh 'mv /usr/sbin/nginx.real /usr/sbin/nginx; pkill -x sleep'
novacpx_is "the next pass" 0 pass
is "removes it" "$(leftovers)" 0
done_testing
