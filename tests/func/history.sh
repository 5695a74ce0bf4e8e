#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# history: written at the end of runs, --repeat, and never in a run's way; and
# the documents of a run from the command line.
set -eu
gameday=$1/gameday
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
die() {
	echo "$*"
	exit 1
}
export GAMEDAY_HISTORY=$dir/state/history.db
scenario=scenarios/coupon-event.ini

"$gameday" simulate $scenario -q --repeat 3 -o "$dir/r" >"$dir/txt" || die "repeat: exit $?"
for i in 1 2 3; do
	[ -f "$dir/r-$i/report.html" ] || die "no run $i"
done
grep -q '^coupon-event, simulate: 3 runs' "$dir/txt" || die "no summary at the end"
"$gameday" history coupon-event --json >"$dir/json"
python3 - "$dir" <<'PY'
import json, sys
d = sys.argv[1]
g = json.load(open(d + "/json"))["groups"]
assert len(g) == 1 and g[0]["runs"] == 3, g
runs = [json.load(open("%s/r-%d/report.json" % (d, i))) for i in (1, 2, 3)]
assert len({r["run"]["seed"] for r in runs}) == 3
ttd = sorted(m["value"] for r in runs for m in r["measures"] if m["name"] == "ttd")
m = {m["name"]: m for m in g[0]["measures"]}["mttd"]
assert m["n"] == 3 and abs(m["mean"] - sum(ttd) / 3) < 1e-9, (m, ttd)
assert m["median"] == ttd[1] and m["min"] == ttd[0] and m["max"] == ttd[2]
assert m["low"] <= m["mean"] <= m["high"]
PY
"$gameday" history nobody 2>"$dir/err" && die "a history of nobody"
grep -q "no run of 'nobody'" "$dir/err" || die "$(cat "$dir/err")"

# A history that cannot be written is a warning.
echo "no database" >"$dir/broken"
GAMEDAY_HISTORY=$dir/broken "$gameday" simulate $scenario -q -o "$dir/b" \
	>"$dir/txt" 2>"$dir/err" || die "a broken history failed the run: $?"
grep -q 'warning: cannot write the history' "$dir/err" || die "no warning"
GAMEDAY_HISTORY=off "$gameday" simulate $scenario -q -o "$dir/off" >"$dir/txt" 2>"$dir/err"
[ -s "$dir/err" ] && die "off, and yet: $(cat "$dir/err")"

for lang in en ko; do
	for name in postmortem load-test-plan performance-analysis \
		incident-scenario monitoring-strategy; do
		"$gameday" report "$dir/r-1" --document $name --lang $lang >"$dir/doc" ||
			die "$name: exit $?"
		grep -q '{{' "$dir/doc" && die "$name.$lang: a tag is left"
		# Each link leads to a file of the run, and to a line it has.
		grep -o '](\([a-z.]*\)\(#L[0-9]*\)\{0,1\})' "$dir/doc" | tr -d '])(' |
			sort -u | while IFS='#' read -r file line; do
			[ -f "$dir/r-1/$file" ] || die "$name: no $file"
			[ -z "$line" ] || [ "${line#L}" -le "$(wc -l <"$dir/r-1/$file")" ] ||
				die "$name: no line $line of $file"
		done
	done
done
"$gameday" report "$dir/r-1" --document postmortem --lang ko | grep -q '커넥션 풀 확대' ||
	die "no action items of the record"
"$gameday" report "$dir/r-1" --document novel 2>"$dir/err" && die "a novel"
grep -q postmortem "$dir/err" || die "no list of documents"
