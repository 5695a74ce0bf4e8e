# SPDX-License-Identifier: Apache-2.0
# Shared by the acceptance scripts. Each is given the build directory, prints
# what was wanted and what was got, and exits 0 when they are the same.
set -u
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
gameday=$build/gameday
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GAMEDAY_HISTORY=$work/history.db
cd "$root" || exit 2

wanted() { echo "wanted: $*"; }
got() { echo "got: $*"; }

# field REPORT_DIR PYTHON_EXPRESSION over r (the report) and ms (milestones)
field() {
	python3 - "$1/report.json" "$2" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
ms = {m["name"]: m["t_s"] for m in r["milestones"]}
missed = [c["name"] + ": " + c["got"] for c in r["verdict"]["criteria"]
          if c["judged"] and not c["ok"]]
measures = {m["name"]: m["value"] for m in r["measures"]}
print(eval(sys.argv[2]))
PY
}

# A replay or run of a scenario; its milestones and what it missed are "got".
# KEEP_RUNS names a directory that gets the run's own.
drill() {
	local dir=$1
	shift
	"$gameday" "$@" --out "$dir" --quiet >"$dir.txt" 2>"$dir.err"
	local code=$?
	if [ ! -f "$dir/report.json" ]; then
		got "exit $code: $(tail -n 1 "$dir.err")"
		return "$code"
	fi
	got "exit $code; impact $(field "$dir" 'ms.get("impact")')," \
		"detected $(field "$dir" 'ms.get("detected")')," \
		"first action $(field "$dir" 'ms.get("first action")')," \
		"recovered $(field "$dir" 'ms.get("recovered")')," \
		"missed $(field "$dir" 'missed')," \
		"invalid $(field "$dir" 'r["run"]["invalid_because"]')"
	[ -n "${KEEP_RUNS:-}" ] && cp -r "$dir" "$KEEP_RUNS/$(basename "$0" .sh)"
	return "$code"
}
