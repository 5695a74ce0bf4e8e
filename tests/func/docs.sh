# SPDX-License-Identifier: Apache-2.0
# docs/reference is what the modules' own tables say ("make docs" writes it).
set -u
gameday=$1/gameday
[ -x "$gameday" ] || { echo "SKIP: no $gameday"; exit 77; }
if ! "$gameday" list | diff -u docs/reference/list.txt -; then
	echo "FAIL: docs/reference/list.txt is stale: make docs"
	exit 1
fi
if ! "$gameday" list --reference | diff -u docs/reference/faults.md -; then
	echo "FAIL: docs/reference/faults.md is stale: make docs"
	exit 1
fi
