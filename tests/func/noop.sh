# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# A build in which no driver's inject does anything: the drill says of each
# fault that it did not bite, and exits 1.
. "$(dirname "$0")/../lib/func.sh"
noop=$build/noop

type=$(sed -n 's/^CMAKE_BUILD_TYPE:[^=]*=//p' "$build/CMakeCache.txt")
generator=$(sed -n 's/^CMAKE_GENERATOR:[^=]*=//p' "$build/CMakeCache.txt")
cmake -S . -B "$noop" -G "$generator" -DCMAKE_BUILD_TYPE="$type" \
	-DGAMEDAY_NOOP_INJECT=ON >"$tmp/cmake" 2>&1 ||
	{ cat "$tmp/cmake"; exit 1; }
cmake --build "$noop" --target gameday -j 2 >"$tmp/build" 2>&1 ||
	{ tail -n 40 "$tmp/build"; exit 1; }

exits "simulate without injections" 1 "$noop/gameday" simulate \
	scenarios/coupon-event.ini --out "$tmp/run"
says "0 of 3 bit" "3 verified gone"
python3 - "$tmp/run/report.json" <<'PY' || failed=1
import json, sys
report = json.load(open(sys.argv[1]))
criteria = {c["name"]: c for c in report["verdict"]["criteria"]}
bad = 0
for name in "db-pool", "db-delay", "kafka-pause":
    fault = [f for f in report["faults"] if f["name"] == name][0]
    ok = (fault["bit"] is False and fault["effective_s"] is None and
          not criteria[f"{name} bit"]["ok"] and
          criteria[f"{name} bit"]["got"] and
          fault["verified_gone"] == "yes")
    print("ok   " if ok else "FAIL ", name, "did not bite:",
          fault.get("explain"))
    bad |= not ok
bad |= report["verdict"]["status"] != "missed"
sys.exit(bad)
PY
check "the page says so of each" \
	[ "$(grep -c 'DID NOT BITE' "$tmp/out")" = 3 ]
exits "and the real one holds" 0 "$gameday" simulate \
	scenarios/coupon-event.ini --out "$tmp/real"
says "3 of 3 bit"
finish
