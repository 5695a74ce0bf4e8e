# timeout: 90
# SPDX-License-Identifier: Apache-2.0
# [threshold]: held, missed with its margin (exit 1), and one that ends the run
# (exit 4) and is named.
build=$1
[ -x "$build/gameday" ] || { echo "SKIP: no $build/gameday"; exit 77; }
exec python3 - "$build" <<'EOF'
import os, sys
sys.path.insert(0, os.path.join(os.getcwd(), "tests", "lib"))
from drilltest import *

g = Gameday(sys.argv[1])
web = Web(status=lambda path: 503 if path.startswith("/broken") else 200)

LOAD = f"""[scenario]
name = NAME
lead_in = 1s
duration = 4s
[allow]
hosts = 127.0.0.1
[target web]
url = {web.url}
[journey good]
weight = 3
step = GET / as good
step = think const 100ms
[journey bad]
weight = 1
step = GET /broken as bad
step = think const 100ms
[load crowd]
model = users
stages = 0s 8, 4s 8
"""


def run(thresholds, *args):
    out = g.out()
    got = g.run("load", g.scenario(LOAD + thresholds), "--out", out, "-q",
                *args)
    return got, g.report(out), g.events(out, "threshold")


got, report, events = run("""[threshold quick]
when = latency.p95(good) < 5s
[threshold errors]
when = errors(all, 2s) < 90% for 1s
phase = fault
[threshold some]
when = throughput > 1/s
""")
check("held: exit 0", got.returncode == 0 or busy(report), got.stdout)
check("three thresholds", len(report["thresholds"]) == 3)
rows = {t["name"]: t for t in report["thresholds"]}
check("all held", all(t["ok"] for t in rows.values()), str(rows))
check("quick by nearly all of it", rows["quick"]["margin"] > 0.9 and
      rows["quick"]["unit"] == "s" and rows["quick"]["limit"] == 5,
      str(rows["quick"]))
check("the window was judged second by second",
      rows["errors"]["seconds"] >= 3, str(rows["errors"]))
check("they are criteria", {"threshold quick", "threshold errors"} <=
      {c["name"] for c in report["verdict"]["criteria"]})

got, report, events = run("""[threshold errors]
when = errors(all) < 10%
[threshold bad]
when = errors(good) < 10%
""")
check("missed: exit 1", got.returncode == 1 or busy(report), got.stdout)
row = report["thresholds"][0]
check("by its margin", row["ok"] is False and row["margin"] < -0.5 and
      0.1 < row["value"] < 0.5, str(row))
check("the other held", report["thresholds"][1]["ok"])

got, report, events = run("""[threshold bad]
when = errors(bad, 1s) < 10%
abort = yes
delay = 1s
""")
check("aborted: exit 4", got.returncode == 4, got.stdout)
check("and named", "threshold bad was missed: errors(bad, 1s) < 10%" in
      report["verdict"]["why"], report["verdict"]["why"])
check("before its end, after the delay",
      1 < report["run"]["duration_s"] < 3.5, report["run"]["duration_s"])
check("nothing is left", g.left() == [])

# Without a lead-in the first request of all is of the fault phase.
first = iter([500] * 5)
web.status = lambda path: next(first, 200)
out = g.out()
g.run("load", g.scenario(f"""[scenario]
name = NAME
lead_in = 0s
duration = 20s
[allow]
hosts = 127.0.0.1
[target web]
url = {web.url}
[journey good]
step = GET / as good
[load crowd]
model = users
stages = 0s 5, 4s 5
user_iterations = 2
[threshold errors]
when = errors(all) < 10%
"""), "--out", out, "-q")
report = g.report(out)
row = report["thresholds"][0]
rows = {p: sum(a["requests"] for a in report["load"]["apis"]
               if a["phase"] == p) for p in ("baseline", "fault")}
check("no lead-in, no baseline", rows == {"baseline": 0, "fault": 10}, rows)
check("the first answers count", row["ok"] is False and row["value"] == 0.5,
      str(row))

path = g.scenario(LOAD + "[threshold x]\nwhen = errors(bda) < 1%\n")
got = g.run("load", path, "-q")
check("a mistake: exit 2, with its line", got.returncode == 2 and
      said(got, "unknown scope 'bda'", os.path.basename(path) + ":21"),
      got.stderr)
finish()
EOF
