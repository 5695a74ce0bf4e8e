#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The acceptance list: runs each script that has not passed at this commit yet and
# writes docs/acceptance.md.
#
#   run.sh BUILD_DIR [PATTERN]
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$1
pattern=${2:-.}
commit=$(git rev-parse --short HEAD)
results=$build/accept
mkdir -p "$results"
failed=0
passed=0
for script in tests/accept/[0-9]*.sh; do
	name=$(basename "$script" .sh)
	grep -qE "$pattern" <<<"$name" || continue
	result=$results/$name
	if ! { [ -f "$result" ] && grep -qx "commit: $commit" "$result" &&
		grep -qx 'verdict: passed' "$result"; }; then
		echo "$name ..."
		if bash "$script" "$build" >"$result.out" 2>&1; then
			verdict=passed
		else
			verdict=failed
		fi
		{
			echo "about: $(sed -n '1s/^# //p' "$script")"
			echo "commit: $commit"
			echo "date: $(date -u +%Y-%m-%d)"
			echo "verdict: $verdict"
			cat "$result.out"
		} >"$result"
	fi
	sed -n '/^verdict/p; /^got/p' "$result" | sed "s/^/    /"
	if grep -qx 'verdict: passed' "$result"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
# What has no result here keeps what the page says of it.
old=$(cat docs/acceptance.md 2>/dev/null)
{
	echo "# Acceptance"
	echo
	echo "Written by \`make accept\`: a script a line in tests/accept/."
	for script in tests/accept/[0-9]*.sh; do
		name=$(basename "$script" .sh)
		result=$results/$name
		if [ ! -f "$result" ]; then
			kept=$(awk -v head="## $name:" \
				'/^## / { on = index($0, head) == 1 } on' \
				<<<"$old")
			[ -n "$kept" ] && echo && echo "$kept"
			continue
		fi
		echo
		echo "## $name: $(sed -n 's/^about: //p' "$result")"
		echo
		echo "$(sed -n 's/^verdict: //p' "$result"), commit" \
			"$(sed -n 's/^commit: //p' "$result")," \
			"$(sed -n 's/^date: //p' "$result")"
		echo
		sed -n 's/^\(wanted\|got\): /- **\1** /p' "$result"
	done
} >docs/acceptance.md.new
mv docs/acceptance.md.new docs/acceptance.md
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
