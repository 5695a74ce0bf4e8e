# SPDX-License-Identifier: Apache-2.0
# Shared by the acceptance of the load test: one line of figures a run, at the
# speed that is named. RUN=DIR in place of a run: one that was made before.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# measured NAME COMMAND ARGS...: runs it; a run that says of itself that it is
# invalid (exit 6: the machine was busy) measured nothing, and is repeated.
measured() {
	local name=$1 try code
	shift
	if [ -n "${RUN:-}" ]; then
		cp -r "$RUN" "$work/$name"
		got "of $(field "$work/$name" 'r["run"]["started_at"]')"
		return "$(field "$work/$name" 'r["verdict"]["exit"]')"
	fi
	for try in 1 2 3; do
		rm -rf "${work:?}/$name"
		"$gameday" "$@" --out "$work/$name" --quiet \
			>"$work/$name.txt" 2>"$work/$name.err"
		code=$?
		[ $code = 6 ] || break
		got "try $try was invalid: $(field "$work/$name" 'r["run"]["invalid_because"]')"
	done
	[ -f "$work/$name/report.json" ] ||
		got "exit $code: $(tail -n 1 "$work/$name.err")"
	[ -z "${KEEP_RUNS:-}" ] ||
		cp -r "$work/$name" "$KEEP_RUNS/$(basename "$0" .sh)"
	return $code
}

# The figures of [recorded], an API's errors and p95, and what was missed.
figures() {
	local dir=$work/$1
	got "exit $(field "$dir" 'r["verdict"]["exit"]')," \
		"$(field "$dir" '", ".join("%s %s" % (x["name"], x["replayed"]) for x in r["recorded"])')," \
		"missed $(field "$dir" 'missed')," \
		"invalid $(field "$dir" 'r["run"]["invalid_because"]')"
	got "$(field "$dir" '"; ".join("%s: %d requests, %d ok, failed %s, client %d, p95 %.0f ms" % (a["name"], a["requests"], a["ok"], a["failed"], a["client"], a["response_ms"]["p95"]) for a in r["load"]["apis"] if a["phase"] == "all")')"
}

load_test() { # SPEED
	wanted "exit 0: mass timeouts from 2:30 +-15 s, 117 +-8 answered/s between 4:00 and 6:30, 39 +-1 confirmed/s, orders client errors"
	measured run replay scenarios/load-test.ini --speed "$1" || bad=1
	figures run
	got "k6's failed rate $(field "$work/run" 'measures["measure.k6-failed"]'), of orders $(field "$work/run" 'measures["measure.order-k6-failed"]')"
	exit ${bad:-0}
}

retest() { # SPEED
	wanted "exit 0: error rate < 1 % with client errors counted, p95 < 2 s, at every second"
	measured run replay scenarios/retest.ini --speed "$1" || bad=1
	figures run
	exit ${bad:-0}
}

search() { # SPEED
	wanted "exit 0: SLO limit 50 +-5 users, N* about 82, Xmax 117 +-8, holds of 2:00"
	measured run load scenarios/load-test.ini --find users --speed "$1" ||
		bad=1
	for number in limit knee xmax; do
		got "$number $(field "$work/run" "'%s, sure between %s and %s' % tuple(r['search']['$number'][k] for k in ('value', 'lo', 'hi'))")"
	done
	got "levels $(field "$work/run" '"; ".join("%g: %.1f/s, %s p95 %.2f s, %d of %d good" % (c["load"], c["throughput"], c["worst_api"], c["worst_p95_s"], c["good"], c["good"] + c["bad"]) for c in r["search"]["curve"])')"
	got "missed $(field "$work/run" 'missed'), invalid $(field "$work/run" 'r["run"]["invalid_because"]')"
	exit ${bad:-0}
}
