# Disk limits on a kernel that has quotas: busybox' sh, run by 50-quota.t in tests/machine/vm. A line a test:
# "@ok NAME" or "@no NAME", and what was seen before the latter. /home is ext4, /srv/x is XFS, both with quotas.
# shellcheck shell=dash

verdict() { # STATUS NAME SEEN
	if [ "$1" = 0 ]; then
		echo "@ok $2"
		return
	fi
	echo "$3"
	echo "@no $2"
}

is() { # NAME GOT WANT
	[ "$2" = "$3" ]
	verdict $? "$1" "got: $2, want: $3"
}

has() { # NAME TEXT PATTERN
	echo "$2" | grep -q -e "$3"
	verdict $? "$1" "$2"
}

lacks() { # NAME TEXT PATTERN
	! echo "$2" | grep -q -e "$3"
	verdict $? "$1" "$2"
}

hard() { # FILESYSTEM USER: its limit in KiB, by quota's own tool
	repquota -u -n "$1" | awk -v who="#$(id -u "$2" 2>/dev/null || echo "$2")" '$1 == who { print $4 "," $5 }'
}

fill() { # USER FILE MIB: as that user; what dd said
	su -s /bin/sh "$1" -c "dd if=/dev/zero of=$2 bs=1M count=$3 2>&1"
}

state() { # applies stdin; the daemons that are not here leave their own findings: 5
	cat >/tmp/state.yaml
	novacpx apply --yes --no-diff -f /tmp/state.yaml 2>&1
}

# ---- set and enforced

said=$(state <<'END'
novacpx: 1
settings: {web_server: none, mail_server: none, dns_server: none}
packages: {small: {disk_mb: 8}}
accounts:
  john: {package: small}
  xena: {package: small, home: /srv/x/xena}
  free: {}
END
)
is "an account on ext4 gets its limit" "$(hard /home john)" 8192,8192
is "and one on XFS" "$(hard /srv/x xena)" 8192,8192
case $(hard /home free) in '' | 0,0) rc=0 ;; *) rc=1 ;; esac
verdict $rc "an account without a package has none" "$(repquota -u -n /home)"
lacks "a second pass has nothing to do with quotas" "$(novacpx plan --full 2>&1)" '[-+~] quota'
has "ext4 stops at the limit" "$(fill john /home/john/big 20)" 'uota exceeded'
is "within it" "$(($(stat -c %s /home/john/big) <= 8388608))" 1
has "XFS stops at the limit" "$(fill xena /srv/x/xena/big 20)" 'uota exceeded'
is "within it too" "$(($(stat -c %s /srv/x/xena/big) <= 8388608))" 1
lacks "who has no limit is not stopped" "$(fill free /home/free/big 20)" 'exceeded'

# ---- changed

said=$(novacpx set package/small disk_mb=16 --dry-run 2>&1)
has "a dry run shows what is" "$said" 'was 8 MiB'
has "and what would be" "$said" 'is  16 MiB'
is "and changes nothing" "$(hard /home john)" 8192,8192
novacpx set package/small disk_mb=16 --yes --no-diff >/tmp/out 2>&1
is "another limit of the package holds at once" "$(hard /home john)" 16384,16384
is "on XFS too" "$(hard /srv/x xena)" 16384,16384
lacks "and there is more room" "$(fill john /home/john/big 12)" 'exceeded'

# ---- by hand

setquota -u john 1000 2000 0 7 /home
setquota -u xena 0 0 0 0 /srv/x
said=$(novacpx drift 2>&1)
has "a limit set by hand is drift" "$said" 'quota *'/home/john
has "so is one taken away" "$said" 'quota *'/srv/x/xena
novacpx pass --full >/tmp/out 2>&1
is "it is healed on ext4" "$(hard /home john)" 16384,16384
is "and on XFS" "$(hard /srv/x xena)" 16384,16384
is "a limit on files stays as the administrator set it" \
	"$(repquota -u -n /home | awk -v who="#$(id -u john)" '$1 == who { print $NF }')" 7
has "doctor says that limits hold" "$(novacpx doctor)" '/home: disk limits of 1 accounts are enforced'

# ---- off

said=$(echo '{"novacpx": 1, "accounts": {"john": {"package": null}}}' | state)
is "without a package there is no limit any more" "$(hard /home john)" 0,0
novacpx set account/john package=small --yes --no-diff >/tmp/out 2>&1
is "with it there is one again" "$(hard /home john)" 16384,16384
john=$(id -u john) xena=$(id -u xena)
said=$(echo '{"novacpx": 1, "accounts": {"john": null, "xena": null}}' | state)
is "the account and its user are gone" "$(id john 2>&1 | grep -c 'uid=')" 0
is "and its limit with it" "$(hard /home "$john")" 0,0
is "on XFS as well" "$(hard /srv/x "$xena")" 0,0
is "its data is in the trash, still of that number" \
	"$(find /home/.novacpx-trash -name big -exec stat -c %u {} +)" "$john"

# ---- where there are none

said=$(state <<'END'
novacpx: 1
accounts:
  anna: {package: small}
  carl: {package: small, home: /srv/carl}
END
)
lacks "no quotas, and nothing is planned" "$said" 'quota  */srv/carl'
has "the home is there all the same" "$(ls -d /srv/carl/public_html 2>&1)" '^/srv/carl/public_html'
said=$(novacpx status account/carl 2>&1)
has "the account's status says that its limit does not hold" "$said" 'disk limit of 16 MiB is not enforced'
said=$(novacpx doctor)
has "doctor says so too" "$said" '/srv: disk limits of 1 accounts are NOT enforced: its file system keeps no'
has "and how they are turned on" "$said" 'usrquota'
cd / && umount /home && mount /dev/vda /home
has "counting alone is told from enforcing" "$(novacpx doctor)" '/home: .* NOT enforced: .*enforces no limits'
lacks "then nothing is planned either" "$(novacpx plan --full 2>&1)" '[-+~] quota'
