#!/bin/bash
# tests/run counts right: a runner that overlooks a failure would make every other test worthless.
. "$(dirname "$0")/../lint/lib.sh"
runner=$lint/../run
cd "$scratch" || exit 1
export NOVACPX_TEST_TABLE=$scratch/table.pl

# group KEY VALUE...: a table of one group; program SCRIPT LINE: what its TAP program does
table() {
	echo "[{ name => 'g', about => 'a group', $1 }]" >table.pl
}

program() {
	printf '#!/bin/bash\n%s\n' "$1" >p.t
	chmod +x p.t
	table "tap => '$scratch/p.t', seconds => 2"
}

# counts NAME LAST-LINE STATUS [REGEX OF OUTPUT]
counts() {
	local rc
	"$runner" >said 2>&1
	rc=$?
	check "$1" test "$(tail -n 1 said):$rc" = "$2:$3"
	[[ ! ${4:-} ]] || check "$1: says why" grep -qE -- "$4" said
}

program 'echo 1..2; echo ok 1; echo "ok 2 - b"'
counts "passes are counted" "2 passed, 0 failed, 0 skipped" 0
program 'echo ok 1; echo "ok 2 # SKIP no root"; echo 1..2'
counts "skips are counted apart" "1 passed, 0 failed, 1 skipped" 0
program 'echo "1..0 # SKIP no root"'
counts "nothing but a skip is no success" "0 passed, 0 failed, 1 skipped" 1
program 'echo 1..1; echo "    ok 1"; echo "    not ok 2"; echo "    1..2"; echo ok 1'
counts "a subtest is inside its test" "1 passed, 0 failed, 0 skipped" 0
program 'echo 1..2; echo ok 1; echo not ok 2 - b; echo "# because" >&2; exit 1'
counts "a failure is counted once and shown" "1 passed, 1 failed, 0 skipped" 1 '^# because'
program 'echo 1..1; echo not ok 1'
counts "a failure counts in spite of status 0" "0 passed, 1 failed, 0 skipped" 1
program 'echo 1..1; echo ok 1; exit 3'
counts "a bad status is a failure" "1 passed, 1 failed, 0 skipped" 1 'exit status 3'
program 'echo 1..1; echo ok 1; kill -SEGV $$'
counts "so is death by a signal" "1 passed, 1 failed, 0 skipped" 1 'signal 11'
program 'echo ok 1'
counts "so is a missing plan" "1 passed, 1 failed, 0 skipped" 1 'no plan'
program 'echo 1..3; echo ok 1'
counts "so is a plan not kept" "1 passed, 1 failed, 0 skipped" 1 'planned 3 tests but ran 1'
program 'echo 1..1; echo ok 1; echo "Bail out! no disk"'
counts "so is bailing out" "1 passed, 1 failed, 0 skipped" 1 'no disk'
program 'true'
counts "so is no output" "0 passed, 1 failed, 0 skipped" 1
program 'trap "echo was told >&2; exit 1" TERM; echo 1..1; echo ok 1; sleep 30 & wait'
counts "so is running too long; it is told to end" "1 passed, 1 failed, 0 skipped" 1 'was told'
program 'echo 1..1; echo ok 1; sleep 20 & exit 0'
SECONDS=0
counts "a process left behind holds nobody up" "1 passed, 0 failed, 0 skipped" 0
check "and it took no 15 seconds" test $SECONDS -lt 15
printf '#!/bin/bash\necho 1..1; touch $0.up; for i in {1..100}; do [[ -e ${0%%?.t}1.t.up && -e ${0%%?.t}2.t.up ]] && echo ok 1 && exit; sleep 0.1; done; echo not ok 1\n' |
	tee q1.t >q2.t
chmod +x q1.t q2.t
table "tap => '$scratch/q?.t', jobs => 2"
counts "two run at once where the table says so" "2 passed, 0 failed, 0 skipped" 0
printf '#!/bin/bash\nsleep 0.5; echo 1..1; echo not ok 1 - the first\n' >q1.t
printf '#!/bin/bash\necho 1..1; echo not ok 1 - the second\n' >q2.t
counts "what failed is shown in its order" "0 passed, 2 failed, 0 skipped" 1 'the second'
check "the first one first" test "$(grep -n 'the first' said | cut -d: -f1)" -lt "$(grep -n 'the second' said | cut -d: -f1)"
table "command => ['/nonexistent/program']"
counts "a missing program is a failure" "0 passed, 1 failed, 0 skipped" 1 'No such file'
table "make => ['-f', '$scratch/mk', 'good']"
printf 'good:\n\t@true\nbad:\n\t@echo words of the compiler; false\n' >mk
counts "a step counts as one" "1 passed, 0 failed, 0 skipped" 0
table "make => ['-f', '$scratch/mk', 'bad']"
counts "a failed step too" "0 passed, 1 failed, 0 skipped" 1 'words of the compiler'
table "make => ['-f', '$scratch/mk', 'gone']"
counts "a target that make does not know is a failure" "0 passed, 1 failed, 0 skipped" 1 'gone'
table "prepare => ['true'], needed => 1 }, { name => 'h', about => 'more', make => ['-f', '$scratch/mk', 'good']"
counts "preparing is no test" "1 passed, 0 failed, 0 skipped" 0
table "prepare => ['false'], needed => 1 }, { name => 'h', about => 'more', make => ['-f', '$scratch/mk', 'good']"
counts "but failing at it is a failure, and stops the rest" "0 passed, 1 failed, 0 skipped" 1
table "if => '$scratch/none/*.c', make => ['-f', '$scratch/mk', 'bad']"
counts "all left out is no success" "0 passed, 0 failed, 0 skipped" 1
table "tap => '$scratch/none/*.t'"
check "a group without its files stops the run" catches 'no .*none' "$runner"
check "so does a group that is not in the table" catches 'no group "x"' "$runner" x
finish
