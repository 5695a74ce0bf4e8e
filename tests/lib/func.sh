# SPDX-License-Identifier: Apache-2.0
# What functional tests in shell share: a temporary directory, checks that go
# on after a failure, and exit codes.  Source it with the build directory as $1.
set -u
build=$1
gameday=$build/gameday
tmp=$(mktemp -d)
failed=0
export GAMEDAY_UNDO_DIR=$tmp/undo
trap 'rm -rf "$tmp"' EXIT

skip() { echo "SKIP: $*"; exit 77; }
[ -x "$gameday" ] || skip "no $gameday"

# check WHAT COMMAND...: it must hold
check() {
	local what=$1
	shift
	if "$@"; then
		echo "ok    $what"
	else
		echo "FAIL  $what"
		failed=1
	fi
}

# exits WHAT CODE COMMAND...: what it says goes to $tmp/out
exits() {
	local what=$1 want=$2 got
	shift 2
	"$@" >"$tmp/out" 2>&1 </dev/null
	got=$?
	if [ $got = "$want" ]; then
		echo "ok    $what (exit $got)"
	else
		echo "FAIL  $what: exit $got, want $want"
		head -n 40 "$tmp/out"
		failed=1
	fi
}

# says TEXT...: the last command's output has each
says() {
	local text
	for text; do
		if grep -qF -- "$text" "$tmp/out"; then
			echo "ok      says '$text'"
		else
			echo "FAIL    does not say '$text'"
			head -n 40 "$tmp/out"
			failed=1
		fi
	done
}

finish() { exit $failed; }
