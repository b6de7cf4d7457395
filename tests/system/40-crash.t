#!/bin/bash
# Killed at every point of a change, one after another, and with ENOSPC and EIO there: the next run ends in the
# same machine as without, and the one after it has nothing to do. First on copies of a root in memory, then with
# all daemons really running.
. "$(dirname "$0")/lib.sh"

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

both run 2 kill
good "killed at every point: the same machine, nothing left over"
both run 2 ENOSPC
good "disk full at every point: told with a path, nothing half made, the next run mends it"
both run 2 EIO
good "input/output error at every point: the same"
both random 25
good "killed at random times: the same machine"
done_testing
