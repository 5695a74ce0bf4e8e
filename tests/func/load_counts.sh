# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# What the generator says it sent is what the server has had: with resets,
# timeouts, and all users stopping at once (2500 in the acceptance list); against
# a server that counts, and against nginx by its access log:
#
#	sent         requests that the kernel took whole = the log's lines, also
#	             those that nobody waited for (499)
#	sent_partly  cut off in the middle = the log's 400s
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" "${2:-300}" <<'PY'
from loadtest import *

g = Gameday(sys.argv[1])
users = int(sys.argv[2])
JOURNEYS = """[journey ok]
weight = 6
step = POST /ok as ok
body = {"user":${user}}
step = think exp 200ms
[journey slow]
weight = 2
step = GET /slow as slow
[journey reset]
step = GET /reset as reset
step = think exp 200ms
[journey hang]
step = GET /hang as hang
"""


def counts(what, load, stop_after=None, more="", server=None):
    server = server or LogServer(g.build)
    out = g.out()
    p = g.start("load", g.scenario(scenario(server.url, JOURNEYS, load, more),
                                   "counts"), "-q", "--out", out)
    if stop_after:
        until(lambda: len(g.events(out, "milestone")) > 0, "T+0")
        time.sleep(stop_after)
        g.run("stop", g.id(out))
    code = wait(p)
    r = g.report(out)
    seen, partial = server.end()
    a = audit(r)
    failed = {}
    for api in ("ok", "slow", "reset", "hang"):
        for cause, n in row(r, api)["failed"].items():
            failed[cause] = failed.get(cause, 0) + n
    censored = sum(row(r, x)["censored"] for x in ("ok", "slow", "reset",
                                                   "hang"))
    done = sum(row(r, x)["requests"] for x in ("ok", "slow", "reset", "hang"))
    print(f"{what}: due {a['requests']}, sent {a['sent']} (in part "
          f"{a['sent_partly']}), server {seen} (in part {partial}), "
          f"completed {done}, censored {censored}, failed {failed}",
          getattr(server, "statuses", ""))
    check(f"{what}: it ran", a["requests"] > users, (code, a))
    check(f"{what}: sent = seen", a["sent"] == seen, (a["sent"], seen))
    check(f"{what}: in part = in part", a["sent_partly"] == partial,
          (a["sent_partly"], partial))
    check(f"{what}: due = completed + censored",
          a["requests"] == done + censored, (a["requests"], done, censored))
    check(f"{what}: none of it is lost",
          a["requests"] >= a["sent"] + a["sent_partly"], a)
    return r, failed


def all_of(name, new):
    r, failed = counts(f"{name}, to its end",
                       f"[load l]\nstages = 0s {users}, 4s {users}\n"
                       "timeout = 500ms\ngraceful_stop = 5s\n",
                       server=new())
    check(f"{name}: resets and timeouts have happened",
          failed.get("reset", 0) > 10 and failed.get("timeout", 0) > 10,
          failed)
    check(f"{name}: who is asking may finish",
          all(row(r, x)["censored"] == 0
              for x in ("ok", "slow", "reset", "hang")), r["load"]["apis"])
    counts(f"{name}, all stop at once",
           f"[load l]\nstages = 0s {users}, 60s {users}\ntimeout = 500ms\n",
           3, "[threshold t]\nwhen = throughput > 0/s\n", new())
    counts(f"{name}, cut off when time is up",
           f"[load l]\nstages = 0s {users}, 2s {users}\ntimeout = 10s\n"
           "graceful_stop = 0s\n", server=new())


all_of("a server that counts", lambda: LogServer(g.build))
# nginx is in time with its answers only where it has a core: a request whose
# client resets before nginx has read it is the kernel's, and in no log.
if users >= 2500 and shutil.which("nginx"):
    all_of("nginx", lambda: Nginx(g))
finish()
PY
