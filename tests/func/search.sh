# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# The record's load test, its retest and the search for the breaking point in
# virtual time, with the figures of docs/incident.md; the mistakes one can make
# with --find; the ready scenarios.
. "$(dirname "$0")/../lib/func.sh"

simulate() { # OUT EXIT SCENARIO ARGS...
	local out=$1 want=$2 scenario=$3
	shift 3
	exits "simulate $scenario $*" "$want" "$gameday" simulate \
		"scenarios/$scenario.ini" --out "$tmp/$out" "$@"
}

good='errors(all) < 1% and latency.p95 < 2s'

for seed in 20250912 2; do
	simulate test-$seed 0 load-test --seed $seed
	simulate retest-$seed 0 retest --seed $seed
	simulate find-$seed 0 load-test --find users --seed $seed
done
simulate again 0 load-test --find users --seed 2
check "a search gives the same bytes again" \
	cmp "$tmp/find-2/events.jsonl" "$tmp/again/events.jsonl"
simulate with 0 coupon-event --find users --while "$good" --from 100 \
	--with fault:db-pool
simulate without 0 coupon-event --find users --while "$good" --from 100
simulate short 1 coupon-event --find users --while "$good" --to 40 --hold 1m

exits "--find needs --while" 2 "$gameday" simulate scenarios/coupon-event.ini \
	--find users
says "needs --while"
exits "--while goes with --find" 2 "$gameday" simulate \
	scenarios/coupon-event.ini --while "$good"
says "--while goes with --find"
exits "every mistake of a search at once" 2 "$gameday" simulate \
	scenarios/coupon-event.ini --find user --while 'errors(cupon) < 1%' \
	--with fault:db-poll --hold 2s --drain 'kafka.lagg = 0'
says "neither users nor rate" "cupon" "did you mean 'db-pool'" "at least 8 s" \
	"kafka.lagg"
exits "a run does not search" 2 "$gameday" run scenarios/coupon-event.ini \
	--find users
exits "the load that is searched must be there" 2 "$gameday" simulate \
	scenarios/coupon-event.ini --find rate --while "$good"
says "there is no [load] with model = arrivals"

cat >"$tmp/bad.ini" <<EOF
[scenario]
extends = $PWD/scenarios/load-test.ini
[milestone detected]
when = errors(cupon) > 1%
[measure late]
what = answered
from = 2m
to   = 1m
[measure what]
what = answers
to   = 1m
[recorded]
at.never       = 2m30s
measure.nobody = 12 +-3
at.mass-timeouts = soon
EOF
exits "mistakes of a scenario's own figures" 2 "$gameday" check "$tmp/bad.ini"
says "every drill has a milestone 'detected'" "cupon" "'to' is not after" \
	"answers" "there is no [milestone never]" \
	"there is no [measure nobody]" "bad.ini:14: "

# Ready to be copied: each is without a mistake, and runs.
export URL=http://127.0.0.1:1 HOSTS=127.0.0.1
for name in smoke average stress spike soak breakpoint; do
	exits "check ready/$name" 0 "$gameday" check "scenarios/ready/$name.ini"
done
for name in smoke average stress spike; do
	simulate "ready-$name" 0 "ready/$name"
done
simulate ready-breakpoint 0 ready/breakpoint --find users \
	--set 'journey:visit.step=POST /coupons/issue as page'

# 50 connections of 237.5 ms each are 210/s, whoever comes when.
simulate rate 0 ready/breakpoint --find rate \
	--set 'journey:visit.step=POST /coupons/issue as page' \
	--set load:visitors.model=arrivals \
	--set 'load:visitors.stages=0s 10/s, 1m 10/s'

python3 - "$tmp" <<'PY' || failed=1
import json, sys
tmp = sys.argv[1]
bad = 0


def check(what, ok, detail=""):
    global bad
    print(("ok    " if ok else "FAIL  ") + what, detail)
    bad |= not ok


def load(name):
    with open(f"{tmp}/{name}/report.json") as f:
        return json.load(f)


def api(r, name, phase="all"):
    return next(a for a in r["load"]["apis"]
                if a["name"] == name and a["phase"] == phase)


def recorded(r):
    return {x["name"]: x["replayed"] for x in r["recorded"]}


for seed in 20250912, 2:
    r = load(f"test-{seed}")
    got = recorded(r)
    check(f"{seed}: mass timeouts", 145 <= got["at.mass-timeouts"] <= 160,
          got["at.mass-timeouts"])
    check(f"{seed}: plateau", 113 <= got["measure.plateau"] <= 121,
          got["measure.plateau"])
    order = api(r, "order")
    check(f"{seed}: orders are client errors",
          order["client"] == order["requests"] > 100 and
          not any(order["failed"].values()))
    check(f"{seed}: confirmations are beside", api(r, "confirmation")["beside"])
    check(f"{seed}: no figure of a search",
          not any(k.startswith("search.") for k in got))

    r = load(f"retest-{seed}")
    got = recorded(r)
    check(f"{seed}: retest's plateau", 140 <= got["measure.plateau"] <= 147,
          got["measure.plateau"])
    check(f"{seed}: no mass timeouts", got["at.mass-timeouts"] is None)
    check(f"{seed}: retest's p95", all(
        api(r, a)["response_ms"]["p95"] < 500
        for a in ("product", "balance", "order", "coupon")))
    check(f"{seed}: and no error", not any(
        any(a["failed"].values()) or a["client"] for a in r["load"]["apis"]))

    s = load(f"find-{seed}")["search"]
    limit, knee, xmax = s["limit"], s["knee"], s["xmax"]
    check(f"{seed}: limit", 45 <= limit["value"] <= 55, limit)
    check(f"{seed}: its interval",
          limit["lo"] <= limit["value"] < s["bad"] <= limit["hi"] and
          s["bad"] <= limit["value"] * 1.05 + 1)
    check(f"{seed}: knee", 78 <= knee["value"] <= 86 and
          knee["lo"] < knee["value"] < knee["hi"], knee)
    check(f"{seed}: Xmax", 113 <= xmax["value"] <= 121 and
          xmax["lo"] < xmax["value"] < xmax["hi"], xmax)
    check(f"{seed}: closed", s["closed"] and s["z_s"] == 0.56)
    loads = [c["load"] for c in s["curve"]]
    check(f"{seed}: the curve is by load", loads == sorted(loads))
    check(f"{seed}: what breaks first is the confirmation", all(
        c["worst_api"] == "confirmation" for c in s["curve"]
        if 45 < c["load"] < 160))

s, free = load("with")["search"], load("without")["search"]
check("with its fault on", s["faults"] == ["db-pool"] and
      free["faults"] == [])
check("the fault moves the limit",
      s["limit"]["value"] < 0.6 * free["limit"]["value"],
      (s["limit"], free["limit"]))
r = load("short")
check("a limit that was not reached is said to be higher",
      r["search"]["limit"]["hi"] is None and r["search"]["bad"] is None and
      not r["search"]["closed"], r["search"]["why"])
check("other runs have no search", load("test-2")["search"] is None)
s = load("rate")["search"]
check("the rate that 50 connections carry", 190 <= s["limit"]["value"] <= 215
      and 204 <= s["xmax"]["value"] <= 217, (s["limit"], s["xmax"]))
s = load("ready-breakpoint")["search"]
check("breakpoint finds one", 200 < s["xmax"]["value"] < 220 and s["closed"],
      s["xmax"])
sys.exit(bad)
PY
finish
