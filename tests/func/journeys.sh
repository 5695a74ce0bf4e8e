# SPDX-License-Identifier: Apache-2.0
# All that a journey can say, against a small shop: what the run reports is what
# the shop saw, to the request.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from drilltest import *
from journeyserver import Shop

N = 12
g = Gameday(sys.argv[1])
people = {f"p{i}": (f"secret,{i}", i) for i in range(N)}
shop = Shop(people)
with open(os.path.join(g.dir, "people.csv"), "w") as f:
    f.write("id,name,password\r\n")
    for name, (word, i) in people.items():
        f.write(f'{i},{name},"{word}"\r\n')
with open(os.path.join(g.dir, "issue.json"), "w") as f:
    f.write('{"user": ${data.people.id}}')

scenario = g.scenario(f"""
[scenario]
name = journeys
lead_in = 0s
duration = 8s
seed = 11
[allow]
hosts = 127.0.0.0/8
[target shop]
url = {shop.url}
; each run through the journey takes the next row; no row, no more runs
[data people]
file = people.csv
order = sequential
at_end = stop
[journey buy]
tag = shop
cookies = iteration
redirects = 2
connection = iteration
connect_timeout = 2s
first_byte_timeout = 2s
auth = basic ${{data.people.name}}:${{data.people.password}}
; a 303 to /home, with a cookie
step = POST /login as login
check = at home: json /user matches ^p[0-9]+$
step = POST /issue as issue
header = Idempotency-Key: ${{uuid}}
body_file = issue.json
capture = id: json /coupon
capture = job: header X-Job
check = is issued: json /status = issued
soft_check = impossible: size > 1MB
; beside the user, who goes on
step = await GET /coupons/${{id}} until json /status = confirmed every 100ms timeout 3s as confirmation
; the user waits for this one; its value has a blank in it
step = poll GET /jobs/${{job}} until json /done = true every 50ms timeout 3s as job
; its time is a row of its own
step = group painting
; the answer comes as gzip
step = GET /colour/${{pick.red|green}}/${{rand.10..99}} as colour
check = whole: body contains xend
timeout = 3s
step = think const 100ms
step = end
[load users]
stages = 0s 4
""")
out = g.out()
got = g.run("load", scenario, "-q", "--out", out)
r = g.report(out)
check("the run holds", got.returncode == 0 or busy(r), got.stdout + got.stderr)
rows = {a["name"]: a for a in r["load"]["apis"] if a["phase"] == "all"}
audit = r["load"]["audit"]
check("the shop saw nothing wrong", not shop.wrong, shop.wrong[:5])
for api in "login issue confirmation job colour".split():
    row = rows[api]
    check(f"{api}: {N} times, all ok", row["ok"] == row["requests"] == N, row)
check("each person once", shop.who == {n: 1 for n in people}, shop.who)
check("each request with a key of its own", len(shop.keys) == N)
group = rows["painting"]
check("a group has a time of its own", group["beside"] and
      group["ok"] == group["requests"] == N and group["response_ms"]["p50"] >= 100, group)
check("redirects", shop.seen["home"] == audit["redirects"] == N, audit)
polls = shop.seen["coupons"] + shop.seen["jobs"]
check("polls", audit["polls"] == polls >= 6 * N, (audit["polls"], polls))
check("requests of users", audit["requests"] == 3 * N, audit["requests"])
check("all that the shop saw", sum(shop.seen.values()) == 3 * N + N + polls)
check("both colours", len(shop.colours) == 2 and
      sum(shop.colours.values()) == N, shop.colours)
checks = {c["name"]: (c["ok"], c["failed"]) for c in r["load"]["checks"]}
check("checks by name", checks == {"at home": (N, 0), "is issued": (N, 0),
                                   "impossible": (0, N), "whole": (N, 0)},
      checks)
check("what is beside says so", rows["confirmation"]["beside"] and
      rows["job"]["beside"] and not rows["issue"]["beside"])
check("a confirmation took what it takes",
      300 <= rows["confirmation"]["response_ms"]["p50"] < 1000,
      rows["confirmation"]["response_ms"])
secret = [f for f in os.listdir(out) if os.path.isfile(os.path.join(out, f))
          and b"secret" in open(os.path.join(out, f), "rb").read()]
check("no secret in the run directory", not secret, secret)

# Data that ends too early: known beforehand, or else the run is invalid.
text = open(scenario).read()
got = g.run("load", g.scenario(text.replace("at_end = stop", "at_end = error")
                               .replace("0s 4", "0s 40")), "--out", g.out())
check("it would end: exit 2", got.returncode == 2 and
      said(got, ":", "[data people] has 12 rows and would end",
           "40 users"), got.stdout + got.stderr)
out = g.out()
got = g.run("load", g.scenario(text.replace("at_end = stop",
                                            "at_end = error")),
            "-q", "--out", out)
check("it ended: exit 6", got.returncode == 6 and "[data people] ended" in
      json.dumps(g.report(out)["run"]["invalid_because"]),
      got.stdout + got.stderr)
finish()
PY
