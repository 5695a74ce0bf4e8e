# SPDX-License-Identifier: Apache-2.0
# gameday load -u URL: what a wrk or hey user types. A scenario is made of it,
# so its checks are the reader's, and the server must see what was asked.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from drilltest import *

g = Gameday(sys.argv[1])
web = Web()


def load(*args):
    out = g.out()
    got = g.run("load", "-u", web.url + "/a?b=1", "-q", "--out", out, *args)
    return got, out


got, out = load("-c", "4", "-d", "2s", "-H", "X-Note: a ; b", "-m", "PUT",
                "--body", '{"a":"b;c"}')
r = g.report(out)
row = next(a for a in r["load"]["apis"] if a["phase"] == "all")
check("a closed run holds", got.returncode == 0 or busy(r),
      got.stdout + got.stderr)
check("it is over when its time is", 2 <= r["run"]["duration_s"] <= 4,
      r["run"]["duration_s"])
sent = r["load"]["audit"]["requests"]
check("the server saw each request", sent == len(web.requests),
      f"{sent} sent, {len(web.requests)} seen")
check("and each as it was asked",
      set(web.requests) == {("PUT", "/a?b=1")}, set(web.requests))
check("answers are ok", row["ok"] == row["requests"] > 100, row)
with open(os.path.join(out, "scenario.ini")) as f:
    text = f.read()
check("its scenario is in the run directory",
      "stages = 0s 4, 2s 4" in text and "hosts = 127.0.0.1" in text, text)
again = g.run("load", os.path.join(out, "scenario.ini"), "-q", "--out",
              g.out())
check("and runs again by itself", again.returncode in (0, 6),
      again.stdout + again.stderr)

web.requests.clear()
got, out = load("-r", "200/s", "-d", "2s", "-c", "50")
r = g.report(out)
check("an open run holds", got.returncode == 0 or busy(r),
      got.stdout + got.stderr)
check("at its rate", 396 <= len(web.requests) <= 404, len(web.requests))
row = next(a for a in r["load"]["apis"] if a["phase"] == "all")
check("and says so, to no whole second", 190 <= row["rps"] <= 203 or busy(r),
      f"{row['rps']} in {row['seconds']} s")
check("method GET", web.requests[0] == ("GET", "/a?b=1"), web.requests[:1])

for args, code, words in [
    (("-u", "ftp://x", "-r", "abc", "-d", "3x"), 2,
     ("'ftp://x'", "'abc' is no rate", "'3x' is no duration")),
    (("-u", web.url, "-m", "GETT", "-H", "bad"), 2,
     ("did you mean 'GET'", "not of the form 'Name: value'")),
    (("-u", web.url, "-d", "2s", "--ramp", "3s"), 2, ("longer",)),
    (("-c", "3"), 2, ("-u URL",)),
    ((g.scenario("[scenario]\n"), "-c", "3"), 2, ("go with -u URL",)),
    (("-u", "http://127.0.0.1:1/"), 3, ("nothing answers",)),
    (("-u", web.url, "-c", "2000000"), 2, ("1 to 1000000",)),
]:
    got = g.run("load", *args)
    check(f"load {' '.join(args[-2:])}: exit {code}",
          got.returncode == code and said(got, *words),
          got.stdout + got.stderr)
finish()
PY
