# TAP for the lints' own tests: each plants a violation and sees it caught.
# shellcheck shell=bash
set -u
lint=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n=0 failed=0

# check NAME CONDITION...: a command
check() {
	local title=$1 word=ok
	shift
	"$@" || word='not ok' failed=1
	n=$((n + 1))
	echo "$word $n - $title"
	[[ $word == ok ]] || sed 's/^/# /' "$scratch/said"
}

# passes CMD...; catches REGEX CMD...: fails, and says a line that matches
passes() {
	"$@" >"$scratch/said" 2>&1
}

catches() {
	local want=$1
	shift
	! "$@" >"$scratch/said" 2>&1 && grep -qE -- "$want" "$scratch/said"
}

finish() {
	echo "1..$n"
	exit $failed
}
