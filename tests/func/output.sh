# timeout: 120
# SPDX-License-Identifier: Apache-2.0
# What a run gives to other programs: every format of its report, metrics while
# it runs, and the comparison of two runs.
# The package's Python, where another comes first.
python=python3
"$python" -c 'import prometheus_client' 2>/dev/null || python=/usr/bin/python3
PYTHONPATH=$(dirname "$0")/../lib exec "$python" - "$1" <<'PY'
import csv, io, urllib.error, urllib.request
from drilltest import *
import junitcheck
try:
    from prometheus_client.openmetrics.parser import \
        text_string_to_metric_families as families
except ImportError:
    print("SKIP: no python3-prometheus-client")
    sys.exit(77)

g = Gameday(sys.argv[1])
delay = [0.1]


def status(path):
    time.sleep(delay[0])
    return 503 if path.startswith("/broken") else 200


web = Web(status=status)
TEXT = f"""[scenario]
name = NAME
lead_in = 0s
duration = 7s
[allow]
hosts = 127.0.0.1
[target web]
url = {web.url}
[journey a]
weight = 3
step = GET / as home
[journey b]
weight = 1
step = GET /broken as "bro,ken"
[load crowd]
model = users
stages = 0s 8, 7s 8
[threshold home]
when = errors(home) < 10%
[threshold all]
when = errors(all) < 1%
""".replace('"bro,ken"', "broken")


def metrics(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def sample(parsed, metric, /, **labels):
    return [s.value for f in parsed for s in f.samples
            if s.name == metric and labels.items() <= s.labels.items()]


# --- while it runs ----------------------------------------------------------
one = g.out()
p = g.start("load", g.scenario(TEXT), "--out", one, "--metrics", "0")
url = until(lambda: re.search(r"metrics: (http://127\.0\.0\.1:\d+/metrics)",
                              tail(p)), "the metrics' address").group(1)


def counted():
    try:
        kind, text = metrics(url)
    except urllib.error.HTTPError:
        return None
    parsed = list(families(text))
    n = sum(sample(parsed, "gameday_requests_total"))
    return (kind, parsed, n) if n > 0 else None


kind, parsed, n = until(counted, "requests in the metrics")
check("of their type", kind.startswith("application/openmetrics-text; "
                                       "version=1.0.0"), kind)
check("users", sample(parsed, "gameday_gauge", name="users") == [8], parsed)
check("failed by cause", sample(parsed, "gameday_requests_total", api="broken",
                                cause="5xx")[0] > 0)
buckets = sample(parsed, "gameday_response_seconds_bucket", api="home",
                 le="+Inf")
check("a histogram of as many", buckets == sample(
    parsed, "gameday_requests_total", api="home", outcome="ok"), buckets)
check("none of them in 50 ms", sample(
    parsed, "gameday_response_seconds_bucket", api="home", le="0.05") == [0])
check("the missed threshold",
      sample(parsed, "gameday_threshold_missing", threshold="all") == [1] and
      sample(parsed, "gameday_threshold_missing", threshold="home") == [0])
check("and more later", until(
    lambda: (lambda c: c and c[2] > n and c)(counted()), "more requests"))
try:
    metrics(url + "x")
    check("nothing else is there", False)
except urllib.error.HTTPError as e:
    check("nothing else is there", e.code == 404, e.code)
check("exit", wait(p) in (1, 6), tail(p))
try:
    metrics(url)
    check("the port is closed", False)
except OSError:
    check("the port is closed", True)
got = g.run("load", g.scenario(TEXT), "--metrics", url.split("/")[2] + "x",
            "--out", g.out(), "-q")
check("an address that is none: exit 3", got.returncode == 3 and
      said(got, "--metrics"), got.stderr)

# --- every format ------------------------------------------------------------
report = g.report(one)
for name in ("report.md", "report.xml", "report.txt", "report.json"):
    check(f"{name} is in the run directory",
          os.path.getsize(os.path.join(one, name)) > 200)


def formatted(name):
    return g.run("report", one, "-f", name).stdout


check("JUnit by its schema", junitcheck.problems(formatted("junit")) == [],
      junitcheck.problems(formatted("junit")))
check("with the missed one", '<failure message=' in formatted("junit"))
rows = {(r["api"], r["phase"]): r
        for r in csv.DictReader(io.StringIO(formatted("csv")))}
sent = next(a for a in report["load"]["apis"]
            if (a["name"], a["phase"]) == ("home", "all"))
check("CSV", int(rows["home", "all"]["requests"]) == sent["requests"] and
      float(rows["home", "all"]["response_p50_s"]) >= 0.1, rows)
series = list(csv.DictReader(io.StringIO(formatted("csv-series"))))
check("its seconds add up", sum(int(r["ok"]) for r in series
                                if r["api"] == "home") == sent["ok"])
parsed = list(families(formatted("openmetrics")))
check("OpenMetrics", sample(parsed, "gameday_requests_total", api="home",
                            outcome="ok") == [sent["ok"]])
check("Markdown", "| home | all |" in formatted("md"))
page = formatted("text")
check("the page, in 80 columns", "home" in page and
      max(map(len, page.split("\n"))) <= 80,
      [l for l in page.split("\n") if len(l) > 80])

# --- compare -------------------------------------------------------------------
two, slow = g.out(), g.out()
g.run("load", g.scenario(TEXT), "--out", two, "-q")
delay[0] = 0.2
g.run("load", g.scenario(TEXT), "--out", slow, "-q")
got = g.run("compare", one, two, "--json", "--floor", "30%", "--fail-on",
            "worse")
same = json.loads(got.stdout)
check("two of the same do not differ", same["worse"] + same["better"] == 0 and
      got.returncode == 0 or busy(g.report(one)) or busy(g.report(two)),
      got.stdout)
got = g.run("compare", one, slow, "--fail-on", "worse")
check("a slower one does: exit 1", got.returncode == 1 and
      re.search(r"p50 +1\d\d ms +2\d\d ms .* WORSE", got.stdout), got.stdout)
check("with its method", said(got, "bootstrap", "Bonferroni"))
got = g.run("compare", one, slow)
check("without --fail-on: exit 0", got.returncode == 0)
got = g.run("compare", f"{one},{two}", slow, "--json")
check("several on a side", len(json.loads(got.stdout)["a"]) == 2)
for args in ([one], [one, "nowhere"], [one, two, "--fail-on", "x"],
             [one, two, "--floor", "x"]):
    check(f"compare {args[1:]}: exit 2",
          g.run("compare", *args).returncode == 2)
finish()
PY
