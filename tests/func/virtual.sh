# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# The replays in virtual time: criteria, controls, the same bytes for the same
# seed, and every key of report.json.
. "$(dirname "$0")/../lib/func.sh"

simulate() { # OUT SCENARIO ARGS...: says how long it took
	local out=$1 scenario=$2 from to
	shift 2
	from=$(date +%s%N)
	exits "simulate $scenario $*" 0 "$gameday" simulate \
		"scenarios/$scenario.ini" --out "$tmp/$out" "$@"
	to=$(date +%s%N)
	took=$(((to - from) / 1000000))
	echo "      took $took ms"
	check "and took less than 10 s" [ $took -lt 10000 ]
}
digest() { sed 's/"seed":[0-9]*,//' "$tmp/$1/events.jsonl" | sha1sum; }
differ() { [ "$(digest "$1")" != "$(digest "$2")" ]; }

for scenario in coupon-event coupon-event-organic; do
	simulate "$scenario-1" $scenario
	simulate "$scenario-2" $scenario
	simulate "$scenario-3" $scenario --seed 7
	check "$scenario: the same bytes again" \
		cmp "$tmp/$scenario-1/events.jsonl" "$tmp/$scenario-2/events.jsonl"
	check "$scenario: the same series" \
		cmp "$tmp/$scenario-1/series.jsonl" "$tmp/$scenario-2/series.jsonl"
	check "$scenario: another seed, other events" \
		differ $scenario-1 $scenario-3
done

# A control judges its own expectations, the others are shown.
simulate no-faults coupon-event --no-faults
for fault in db-pool db-delay kafka-pause; do
	simulate "without-$fault" coupon-event --without $fault
done
exits "a control of an unknown fault is a mistake" 2 \
	"$gameday" simulate scenarios/coupon-event.ini --without db-poll \
	--out "$tmp/typo"
says "db-poll"
exits "a run directory is not written over" 3 \
	"$gameday" simulate scenarios/coupon-event.ini --out "$tmp/no-faults"
says "is not empty" "--out"

python3 - "$tmp" <<'PY' || failed=1
import json, sys, os
tmp = sys.argv[1]
bad = 0


def check(what, ok, detail=""):
    global bad
    print(("ok    " if ok else "FAIL  ") + what, detail if not ok else "")
    bad |= not ok


def load(name):
    with open(f"{tmp}/{name}/report.json") as f:
        return json.load(f)


KEYS = {
    "": "schema run verdict milestones measures recorded phases load series "
        "faults alerts playbook slos impact",
    "run": "id kind scenario title clock speed seed started_at duration_s "
           "version valid invalid_because stack assumptions",
    "verdict": "status exit criteria",
    "load": "audit apis",
}
ROWS = {
    "verdict/criteria": "name want got ok",
    "milestones": "name t_s clock source",
    "measures": "name from to value unit",
    "recorded": "name recorded replayed difference unit tolerance within",
    "phases": "name from_s to_s",
    "load/apis": "name phase requests ok failed client business rps "
                 "response_ms service_ms censored",
    "faults": "name kind fallback_for target planned_s injected_s effective_s "
              "reverted_s inject_real_ms revert_real_ms verified_present "
              "verified_gone asked achieved error",
    "alerts": "name severity source pending_s fired_s resolved_s stages",
    "playbook": "step started_s took_s verdict why before after control undo "
                "slo_effect evidence",
    "slos": "name kind target measured ok",
    "impact": "name value unit recorded",
}


def at(root, path):
    for key in filter(None, path.split("/")):
        root = root[key]
    return root


def has_keys(name, report):
    for path, keys in KEYS.items():
        missing = set(keys.split()) - set(at(report, path))
        check(f"{name}: keys of {path or 'the report'}", not missing, missing)
    for path, keys in ROWS.items():
        rows = at(report, path)
        missing = {k for r in rows for k in keys.split() if k not in r}
        check(f"{name}: keys of {path}[]",
              not missing and (rows or path in ("recorded", "faults")),
              missing)
    for api in report["load"]["apis"]:
        for what in "response_ms", "service_ms":
            missing = set("p50 p90 p95 p99 p999 max".split()) - set(api[what])
            if missing:
                check(f"{name}: {what} of {api['name']}", False, missing)


def judged(report):
    return {c["name"] for c in report["verdict"]["criteria"] if c["judged"]}


event = load("coupon-event-1")
has_keys("coupon-event", event)
has_keys("coupon-event-organic", load("coupon-event-organic-1"))
check("schema", event["schema"] == "gameday.report/1")
check("kind", event["run"]["kind"] == "simulate")
check("the run is judged by all of it", judged(event) >= {
    "outage", "coupon-outage", "slow-before-outage", "limiter-full",
    "db-pool bit", "db-pool gone", "step scale-pool", "step reopen",
    "recorded detected", "recorded recovered", "recorded repair_share",
    "audit"}, judged(event))
check("and not by its controls' criteria",
      not judged(event) & {"no-timeout", "alert-silent", "confirming"})
apis = {(a["name"], a["phase"]): a for a in event["load"]["apis"]}
for name in {n for n, _ in apis}:
    parts = sum(apis[name, p]["requests"]
                for p in ("baseline", "fault", "recovery"))
    check(f"all of {name} is the sum of its phases",
          apis[name, "all"]["requests"] == parts)
times = {m["name"]: m["t_s"] for m in event["milestones"]}
check("milestones come in their order",
      0 == times["start"] < times["impact"] < times["detected"] <
      times["first action"] < times["recovered"], times)
measures = {m["name"]: m["value"] for m in event["measures"]}
check("repair + detection = restore", abs(
    measures["ttd"] + measures["ttr_repair"] - measures["ttr_restore"]) < 1e-6)

organic = load("coupon-event-organic-1")
check("the organic one has no fault", organic["faults"] == [])
control = load("no-faults")
check("no-faults judges its own", judged(control) ==
      {"no-timeout", "alert-silent", "audit"}, judged(control))
check("no-faults injects nothing", control["faults"] == [])
check("and the alert is silent", control["alerts"] == [])
for fault, name in (("db-pool", "more-than-16-in-flight"),
                    ("db-delay", "no-delay"), ("kafka-pause", "confirming")):
    control = load(f"without-{fault}")
    check(f"without {fault} judges {name}", name in judged(control) and
          "outage" not in judged(control), judged(control))
    check(f"without {fault} has the others",
          len(control["faults"]) == 2 and
          fault not in [f["name"] for f in control["faults"]])
    check(f"without {fault} says so",
          control["run"]["controls"] == f"without:{fault}")
sys.exit(bad)
PY
finish
