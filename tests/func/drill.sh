# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# Small real drills against a server of the test's own: a fault that bites and
# is gone, and each way in which a drill can end.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from drilltest import *

g = Gameday(sys.argv[1])
web = Web()

BASE = f"""
[scenario]
name = NAME
clock = 09:00:00
lead_in = 1s
window = 0s..5s
duration = 20s
seed = 3

[allow]
hosts = 127.0.0.1/32

[link web]
listen = auto
upstream = {web.address}
protocol = tcp

[target web]
url = http://link:web

[journey home]
target = web
step = GET /home as home
step = think const 100ms

[load users]
model = users
timeout = 2s
stages = 0s 5

[probe web]
kind = http
url = http://link:web/probe

[fault slow]
kind = link.delay
link = web
delay = 300ms
at = 1s
for = 3s
expect = probe.web.last - baseline(probe.web.last) >= 200ms within 3s
"""
LONG = BASE.replace("window = 0s..5s", "window = 0s..50s").replace(
    "duration = 20s", "duration = 60s").replace("for = 3s", "for = 40s")


def begin(text, *args, name="small"):
    out = g.out()
    p = g.start("run", g.scenario(text, name), "--out", out, *args)
    return p, out


def ended(what, p, out, code, status):
    """It ended so, nothing is left, and its proxy serves on."""
    got = wait(p)
    verdict = g.report(out)["verdict"]
    if got == 6 and code < 2 and busy(g.report(out)):
        print(f"note  {what}: this machine is too busy for a clean audit")
        others = [c["ok"] for c in verdict["criteria"]
                  if c["judged"] and c["name"] != "audit"]
        check(f"{what}: but for that, exit {code}", all(others) == (code == 0))
    else:
        check(f"{what}: exit {code}", got == code, (got, tail(p)))
        check(f"{what}: report says {status}", verdict["status"] == status,
              verdict["why"])
    for f in g.report(out)["faults"]:
        check(f"{what}: {f['name']} is verified gone",
              f["verified_gone"] == "yes" or f["injected_s"] is None, f)
    run = g.id(out)
    check(f"{what}: no toxic is left", g.toxics(run) == [], g.toxics(run))
    links = g.proxy(run, "/gameday/links")
    served = 0
    if links:
        host, port = links[0]["listen"].rsplit(":", 1)
        with socket.create_connection((host, int(port)), DEADLINE) as s:
            s.sendall(b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
            served = s.recv(100).startswith(b"HTTP/1.1 200")
    check(f"{what}: the proxy serves on", served)
    check(f"{what}: no socket of the run is left",
          not os.path.exists(os.path.join(g.base(), run)))
    return g.report(out)


# They run side by side; each waits for what it needs.
plain = begin(BASE)
interrupted = begin(LONG)
stopped = begin(LONG)
aborted = begin(LONG + "[abort]\nwhen = probe.web.last > 200ms\n")
missed = begin(BASE.replace(">= 200ms", ">= 900ms"))
repeated = begin(BASE.replace("for = 3s", "for = 1s\nrepeat = 2 every 2s"))
live = begin(LONG)
killed = begin(LONG)
hung = begin(LONG)
orphan = begin(LONG)
bereft = begin(LONG)
blind = begin(BASE, "--blind")
nameless = g.start("run", g.scenario(BASE))
mend = g.path("mend.ini")
with open(mend, "w") as f:
    f.write("""
[playbook]
name = mend
needs = knob
[step turn]
http = POST ${knob} {"on":true}
verify = probe.web.last < 100ms within 10s
[step tell]
command = true
""")
# What the step changes is the fault's own knob: here, the fault ends in time.
played = begin(BASE + f"""
[playbook]
file = {mend}
start = 3s
var.knob = http://{web.address}/knob
""")

# --- to its end
report = ended("plain", *plain, 0, "held")
fault = report["faults"][0]
check("plain: it bit", fault["bit"] and fault["effective_s"] < 4, fault)
check("plain: in and out in time", abs(fault["injected_s"] - 1) < 0.3 and
      abs(fault["reverted_s"] - 4) < 0.3, fault)
check("plain: asked and achieved", 299 <
      fault["achieved"]["delay_ms"]["p50"] < 320 and
      fault["asked"]["delay_ms"] == 300, fault)
phases = {a["phase"]: a for a in report["load"]["apis"]}
check("plain: requests in both phases",
      phases["baseline"]["ok"] > 20 and phases["fault"]["ok"] > 60)
check("plain: the delay is in the times",
      phases["baseline"]["response_ms"]["p50"] < 100 and
      phases["fault"]["response_ms"]["max"] > 299)
check("plain: the server had them", len([r for r in web.requests
                                         if r[1] == "/home"]) > 80)

report = ended("missed", *missed, 1, "missed")
check("missed: by the fault that did not bite",
      [c["name"] for c in report["verdict"]["criteria"]
       if not c["ok"] and c["name"] != "audit"] == ["slow bit"],
      report["verdict"]["criteria"])
with open(os.path.join(missed[1], "report.txt")) as f:
    check("missed: the page says so", "DID NOT BITE" in f.read())

report = ended("repeated", *repeated, 0, "held")
states = g.fault_states(repeated[1], "slow")
check("repeated: injected twice, gone twice", states.count("injecting") == 2
      and states.count("gone") == 2, states)

report = ended("played", *played, 0, "held")
steps = {s["step"]: s for s in report["playbook"]}
check("played: both steps passed",
      [s["verdict"] for s in steps.values()] == ["pass", "pass"], steps)
check("played: the call came", ("POST", "/knob") in web.requests)
check("played: before and after are told", "probe.web.last" in
      steps["turn"]["before"] and "probe.web.last" in steps["turn"]["after"])
check("played: the first action is a milestone", "first action" in
      [m["name"] for m in report["milestones"]])

ended("blind", *blind, 0, "held")
for what, (p, _), shown in (("blind", blind, False), ("plain", plain, True)):
    with open(p.log) as f:
        view = f.read().split("drill: done")[0]
    check(f"{what}: the live view {'shows' if shown else 'hides'} the fault",
          ("slow" in view) == shown, view)
    check(f"{what}: a line a second", 5 <= view.count("users ") <= 7, view)

code = wait(nameless)
runs = g.path("runs")
latest = os.path.join(runs, "latest")
check("without --out: runs/latest points at it", os.path.islink(latest) and
      len(os.listdir(runs)) == 2 and
      g.id(latest) == os.readlink(latest), os.listdir(runs))
got = g.run("report")
check("and report is about it", got.returncode == code and
      said(got, "slow", "verified gone"), got)
got = g.run("report", os.readlink(latest))
check("also by its id", got.returncode == code, got)

# --- ended from outside
g.await_fault(interrupted[1], "slow", "injected")
interrupted[0].send_signal(signal.SIGINT)
ended("interrupted", *interrupted, 4, "aborted")

g.await_fault(stopped[1], "slow", "injected")
got = g.run("stop", g.id(stopped[1]))
check("stop: exit 0", got.returncode == 0, got)
ended("stop", *stopped, 4, "aborted")
got = g.run("stop", g.id(stopped[1]))
check("stop of a run that is over: exit 3", got.returncode == 3 and
      said(got, "no live run"), got)

report = ended("abort", *aborted, 4, "aborted")
check("abort: says why", "probe.web.last" in report["verdict"]["why"], report)

# --- changed while it runs
p, out = live
run = g.id(out)
g.await_fault(out, "slow", "injected")
got = g.run("status", run)
status = json.loads(got.stdout)
check("status", got.returncode == 0 and status["run"] == run and
      status["state"] == "running" and status["faults_active"] == 1, got)
got = g.run("mark", run, "detected", "--by", "ann", "--ago", "1s")
check("mark", got.returncode == 0, got)
until(lambda: [m for m in g.events(out, "milestone")
               if m["name"] == "detected"], "detected")
mark = [m for m in g.events(out, "milestone") if m["name"] == "detected"][0]
check("mark: by whom, and when", mark["source"] == "mark by ann" and
      0.5 < mark["t"] - mark["at_s"] < 2, mark)
got = g.run("mark", run, "note", "--at", "09:00:03", "--note", "hm")
note = g.events(out, "mark")[-1]
check("mark --at a time of day", got.returncode == 0 and
      note["at_s"] == 3 and note["note"] == "hm", (got, note))
got = g.run("mark", run, "note", "--at", "noon")
check("mark at no time: exit 2", got.returncode == 2 and said(got, "noon"),
      got)
got = g.run("mark", run, "detekted")
check("an unknown mark", got.returncode == 2 and said(got, "acknowledged"),
      got)
got = g.run("ctl", run, "users", "9")
check("ctl users", got.returncode == 0, got)


def users():
    with open(os.path.join(out, "series.jsonl")) as f:
        lines = [l for l in f if l.startswith('{"kind":"gauge"')
                 and l.endswith("\n")]
    return lines and json.loads(lines[-1])["users"] == 9


check("ctl users: nine of them", until(users, "nine users"))
for words in (["--", "users", "-3"], ["users", "many"], ["fault", "slo", "delay",
                                                   "1s"],
              ["fault", "slow", "delai", "1s"], ["dance"],
              ["fault", "slow", "delay", "long"]):
    got = g.run("ctl", run, *words)
    check(f"ctl {' '.join(words)}: exit 2", got.returncode == 2 and
          said(got, "error"), got)
got = g.run("ctl", run, "fault", "slow", "delay", "100ms")
check("ctl fault", got.returncode == 0, got)
check("ctl fault: the toxic has it", until(lambda: [
    t for t in g.toxics(run) if t["attributes"]["latency"] == 100],
    "the new delay"))
p.send_signal(signal.SIGTERM)
report = ended("live", p, out, 4, "aborted")
check("live: the mark is in the report", "detected" in
      [m["name"] for m in report["milestones"]])

# --- killed: the guardian undoes
p, out = killed
run = g.id(out)
g.await_fault(out, "slow", "injected")
check("killed: the toxic is there", len(g.toxics(run)) == 1)
p.kill()
t0 = time.monotonic()
p.wait()
until(lambda: g.toxics(run) == [], "no toxics", 2)
check(f"killed: gone after {time.monotonic() - t0:.3f} s", True)
until(lambda: not os.path.exists(os.path.join(g.base(), run)),
      "the run's sockets are gone")
got = g.run("report", out)
check("killed: the report is incomplete, exit 4", got.returncode == 4 and
      said(got, "incomplete"), got)
check("killed: nobody says that its audit was clean",
      not said(got, "audit: clean"), got)
got = g.run("report", out, "--format", "json")
report = json.loads(got.stdout)
check("killed: the guardian's undo is in the report",
      report["faults"][0]["verified_gone"] == "yes", report["faults"])
check("killed: and what it had until then",
      report["load"]["apis"][0]["requests"] > 0)
links = g.proxy(run, "/gameday/links")
check("killed: the proxy is there", links and
      links[0]["connections"] >= 0, links)

# --- without its guardian a controller stops and reverts by itself
def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read()
    except OSError:
        return None


def guardian(p):
    """The controller's fork: it has its command line."""
    mine = command(p.pid)
    pids = [int(path[6:]) for path in glob.glob("/proc/[0-9]*")
            if command(path[6:]) == mine and path != f"/proc/{p.pid}"]
    check("there is a guardian", len(pids) == 1, pids)
    return pids[0]


p, out = orphan
g.await_fault(out, "slow", "injected")
os.kill(guardian(p), signal.SIGKILL)
report = ended("orphan", p, out, 4, "aborted")
check("orphan: says why", "guardian" in report["verdict"]["why"], report)

# --- with both dead the proxy lifts it, and recover clears up
p, out = bereft
run = g.id(out)
g.await_fault(out, "slow", "injected")
pid = guardian(p)
p.send_signal(signal.SIGSTOP)		# it must not act on the loss
os.kill(pid, signal.SIGKILL)
p.kill()
p.wait()
until(lambda: g.toxics(run) == [], "the proxy has lifted it", 2)
got = g.run("recover", "--json")
check("bereft: recover finds nothing more to undo", got.returncode == 0 and
      json.loads(got.stdout)["left"] == [], got)
check("bereft: its sockets are gone", until(lambda: not os.path.exists(
    os.path.join(g.base(), run)), "the run's sockets"))
got = g.run("report", out)
check("bereft: the report is incomplete, exit 4", got.returncode == 4, got)

# --- two of one name in one second are two runs
text = BASE.replace("name = NAME", "name = twin")
twins = [begin(text) for _ in range(3)]
for twin in twins:
    g.id(twin[1])
check("twins have ids of their own", len({g.id(t[1]) for t in twins}) == 3)
for i, twin in enumerate(twins):
    ended(f"twin {i + 1}", *twin, 0, "held")

# --- hung: stop asks the guardian
p, out = hung
run = g.id(out)
g.await_fault(out, "slow", "injected")
p.send_signal(signal.SIGSTOP)
got = g.run("status", run)
check("hung: status says that it does not answer", got.returncode == 3 and
      said(got, "no answer"), got)
got = g.run("stop", run)
check("hung: stop works all the same", got.returncode == 0, got)
check("hung: no toxic", g.toxics(run) == [])
check("hung: the guardian ended the controller", wait(p) == -signal.SIGKILL)

# --- a proxy that is told to end takes its socket with it
run = g.id(plain[1])
os.kill(g.proxy_pid(run), signal.SIGTERM)
until(lambda: not os.path.exists(os.path.join(g.base(), run + ".proxy")),
      "the proxy's socket is gone")

until(lambda: g.left() == [], "nothing left")
check("nothing is left", g.left() == [])
check("no journal is left", not os.path.isdir(g.undo) or
      not [f for f in os.listdir(g.undo) if f.endswith("jsonl")],
      os.path.isdir(g.undo) and os.listdir(g.undo))
finish()
PY
