#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The rules of the code that a tool can check: SPDX line, file and function
# length, line width, tabs, header guards, and the dependency rule of includes.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2
bad=0
complain() {
	echo "$*"
	bad=1
}

for f in $(git ls-files '*.c' '*.h'); do
	[ -f "$f" ] || continue
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
		complain "$f:1: no SPDX line"
	lines=$(wc -l <"$f")
	[ "$lines" -le 600 ] || complain "$f: $lines lines, more than 600"
	case $f in
	*.h) grep -q '^#ifndef GD_' "$f" || complain "$f: no header guard" ;;
	esac
done

# Width with tabs of 8, blanks at the end, and functions over 100 lines.
for f in $(git ls-files '*.c' '*.h'); do
	[ -f "$f" ] || continue
	awk -v f="$f" '
	function width(s,  i, c, w) {
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			w += c == "\t" ? 8 - w % 8 : 1
		}
		return w
	}
	{ line = $0; gsub(/[\200-\277]/, "", line) }	# UTF-8: one a character
	/[ \t]$/ { print f ":" NR ": blanks at the end"; bad = 1 }
	width(line) > 80 { print f ":" NR ": over 80 columns"; bad = 1 }
	/^\{/ { from = NR }
	/^\}/ { if (from && NR - from > 100) {
			print f ":" from ": function of " NR - from " lines"
			bad = 1
		}
		from = 0 }
	END { exit bad }' "$f" || bad=1
done

# base knows nobody; siblings meet in plan and drill alone; faults/ sees
# chaos/fault and below.  (A test may include what it tests.)
forbid() { # forbid WHERE PATTERN
	git grep -nE "^#include \"($2)" -- "$1/*.c" "$1/*.h" &&
		bad=1
}
forbid chaos/base 'chaos/(scenario|fault|load|watch|playbook|report|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid chaos/scenario 'chaos/(fault|load|watch|playbook|report|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid chaos/fault 'chaos/(load|watch|playbook|report|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid chaos/load 'chaos/(fault|watch|playbook|report|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid chaos/watch 'chaos/(fault|load|playbook|report|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid chaos/playbook 'chaos/(fault|load|watch|report|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid chaos/report 'chaos/(fault|load|watch|playbook|plan|drill|sim|ui|cli)/|faults/|staging/'
forbid faults 'chaos/(load|watch|playbook|report|plan|drill|sim|ui|cli)/|staging/'
forbid staging 'chaos/(scenario|fault|load|watch|playbook|report|plan|drill|sim|ui|cli)/|faults/'

[ $bad = 0 ] && echo "lint: nothing found"
exit $bad
