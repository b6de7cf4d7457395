#!/bin/bash
# The units, the user and the folders are what systemd can read, and say the same as the code.
. "$(dirname "$0")/lib.sh"
cd "$lint/../.." || exit 1

skip() {
	echo "1..0 # SKIP $*"
	exit 0
}

command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
root=$scratch/root
mkdir -p "$root/usr/sbin" "$root/usr/share/man/man8" "$root/bin" "$root/etc"
make -s install-units DESTDIR="$root"
for program in usr/sbin/novacpxd usr/sbin/novacpx-api bin/kill; do
	cp /bin/true "$root/$program"
done
touch "$root/usr/share/man/man8/novacpx.8"
units=$root/lib/systemd/system
# targets that ours name, which the host's systemd brings
cp /lib/systemd/system/*.target /lib/systemd/system/*.slice "$units" 2>/dev/null

verify() { # UNIT: nothing is said about our units
	systemd-analyze --root="$root" --man=no verify "$units/$1" >"$scratch/all" 2>&1
	grep novacpx "$scratch/all" >"$scratch/said"
	[[ ! -s $scratch/said ]]
}

for unit in novacpxd.service novacpx-api.service novacpx-api.socket; do
	check "$unit can be read" verify "$unit"
done
echo 'Nonsense=yes' >>"$units/novacpxd.service"
unreadable() { ! verify "$1"; }
check "a word that systemd does not know is caught" unreadable novacpxd.service

make -s install-units DESTDIR="$scratch/opt" PREFIX=/opt/novacpx
check "programs elsewhere are named there" grep -q '^ExecStart=/opt/novacpx/sbin/novacpx-api$' "$scratch/opt/lib/systemd/system/novacpx-api.service"

make_user() {
	systemd-sysusers --root="$root" >"$scratch/said" 2>&1 && grep -q '^novacpx:x:[0-9]*:[0-9]*:NovaCPX:/var/lib/novacpx:/usr/sbin/nologin$' "$root/etc/passwd"
}
make_folders() {
	systemd-tmpfiles --root="$root" --create novacpx.conf >"$scratch/said" 2>&1
	stat -c '%a %n' "$root"/var/lib/novacpx "$root"/var/lib/novacpx/* | sed "s|$root||" >"$scratch/folders"
	diff - "$scratch/folders" >>"$scratch/said" <<-'END'
		755 /var/lib/novacpx
		700 /var/lib/novacpx/engine
		700 /var/lib/novacpx/model
	END
}
if ((EUID == 0)); then
	check "the user is made" make_user
	check "and the folders" make_folders
fi
finish
