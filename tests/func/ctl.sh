# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# A load that runs, changed from other processes: rate and users of one [load] by
# its name, pause, resume, status, stop. Each change is an event with its time,
# in the report too, and the traffic follows it.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from loadtest import *

g = Gameday(sys.argv[1])
server = LogServer(g.build)
out = g.out()
p = g.start("load", g.scenario(scenario(server.url, """[journey a]
step = GET /ok as walk
step = think const 200ms
[journey b]
step = GET /ok as come
""", """[load walk]
journeys = a
stages = 0s 5, 10m 5
[load come]
model = arrivals
journeys = b
stages = 0s 50/s, 10m 50/s
"""), "ctl"), "-q", "--out", out)
run = g.id(out)


def points(kind):
    with open(os.path.join(out, "series.jsonl")) as f:
        lines = [json.loads(l) for l in f if l.endswith("\n")]
    return [l for l in lines if l["kind"] == kind]


def users():
    got = points("gauge")
    return got and got[-1]["users"]


def due(api):
    """Of the last second that there is."""
    got = points("api")
    last = max((e["t"] for e in points("gauge")), default=-1)
    return sum(e["due"] for e in got if e["t"] == last and e["api"] == api)


def follows(what, is_so):
    check(f"traffic follows: {what}", until(is_so, what), (due("come"),))


def ctl(*words):
    got = g.run("ctl", run, *words)
    check(f"ctl {' '.join(words)}: exit 0", got.returncode == 0,
          got.stdout + got.stderr)
    return got.stdout


follows("50/s", lambda: 45 <= due("come") <= 55)
check("status says who it is", run in ctl("status"))
ctl("rate", "load:come", "120/s")
follows("120/s", lambda: 110 <= due("come") <= 130)
check("and the other is as it was", due("walk") > 0)
ctl("pause", "load:come")
follows("nobody comes", lambda: due("come") == 0 and due("walk") > 0)
ctl("users", "load:walk", "40")
follows("more users", lambda: users() >= 40)
ctl("resume", "load:come")
follows("they come again", lambda: due("come") >= 100)
ctl("pause")
follows("all pause", lambda: due("come") == 0 and due("walk") == 0)
ctl("resume")
follows("all resume", lambda: due("come") >= 100 and due("walk") > 0)
for words, said_word in ((("rate", "load:come", "fast"), "fast"),
                         (("users", "load:wlak", "3"), "wlak"),
                         (("rate", "load:walk", "3/s"), "walk")):
    got = g.run("ctl", run, *words)
    check(f"ctl {' '.join(words)}: exit 2", got.returncode == 2 and
          said(got, said_word), got.stdout + got.stderr)
ctl("stop")
code = wait(p)
check("it stops", code is not None, tail(p))
r = g.report(out)
events = [(e["what"], e["target"], e["value"]) for e in g.events(out, "ctl")]
print(events)
check("each change is an event", [e[0] for e in events] ==
      ["rate", "pause", "users", "resume", "pause", "resume"], events)
check("with its time", all(e["t"] >= 0 for e in g.events(out, "ctl")))
check("and in the report", len(r["load"]["changes"]) == len(events),
      r["load"]["changes"])
server.end()
finish()
PY
