#!/bin/bash
# Disk limits on real file systems. Kernels of test hosts mostly lack quotas, so this always is Debian's own
# kernel under emulation (tests/machine/vm), with our program and nothing else: ext4 and XFS, some 15 s.
. "$(dirname "$0")/lib.sh"

[[ $EUID == 0 ]] || skip_all "only root can make machines"
[[ $(uname -m) == x86_64 ]] || skip_all "the virtual machine is an amd64 one"
[[ -x $checkout/build/$variant/novacpx ]] || bail "novacpx is not built"
"$tests_dir/machine/layers" vm >/dev/null || skip_all "the emulator and a kernel with quotas could not be had"
stack=vm machine_up -b "$tests_dir:/tests:ro"

run /tests/machine/vm /tests/system/quota-guest.sh /usr/bin/novacpx /usr/sbin/setquota /usr/sbin/repquota \
	>"$scratch/console" 2>&1 </dev/null
seen=''
while IFS= read -r line; do
	case $line in
	@ok\ *) report 0 "${line#@ok }" && seen='' ;;
	@no\ *) report 1 "${line#@no }" "$seen" || seen='' ;;
	*) seen+=$line$'\n' ;;
	esac
done <"$scratch/console"
like "the machine went through to its end" "$(tail -n 15 "$scratch/console")" 'vm: exit 0'
done_testing
