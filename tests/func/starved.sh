# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# A load thread starved by a busy loop sends late: the run is invalid, exit 6,
# and says so.  Without the right to real-time scheduling it is stopped and
# continued instead.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from drilltest import *

g = Gameday(sys.argv[1])
web = Web()
SCENARIO = f"""
[scenario]
name = NAME
lead_in = 1s
window = 0s..4s
duration = 6s
[allow]
hosts = 127.0.0.1/32
[target web]
url = {web.url}
[journey home]
target = web
step = GET /home as home
step = think const 50ms
[load users]
model = users
timeout = 2s
stages = 0s 10
"""
PULSE = 0.15		# busy for so long, then idle for as long
LIMIT = 15.0		# and no longer than this in all
cpu = min(os.sched_getaffinity(0))


def busy_loop(ready):
    """A child of ours, in real time on the core of the load thread."""
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    os.write(ready, b"x")
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and os.getppid() == parent:
        pulse = time.monotonic() + PULSE
        while time.monotonic() < pulse:
            pass
        time.sleep(PULSE)


def start_busy_loop():
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            busy_loop(w)
        except OSError:
            pass
        os._exit(0)
    os.close(w)
    if os.read(r, 1) == b"x":
        return pid
    os.waitpid(pid, 0)
    return None


parent = os.getpid()
out = g.out()
p = g.start("run", g.scenario(SCENARIO), "--out", out, "-q",
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
until(lambda: [e for e in g.events(out, "state") if e["to"] == "lead-in"],
      "the drill has begun")
pid = start_busy_loop()
if pid:
    print(f"note  a busy loop in real time on core {cpu}")
else:
    print("note  no right to real-time scheduling: stopping it by signals")
end = time.monotonic() + LIMIT
while p.poll() is None and time.monotonic() < end:
    if not pid:
        p.send_signal(signal.SIGSTOP)
        time.sleep(PULSE)
        p.send_signal(signal.SIGCONT)
    time.sleep(PULSE)
code = wait(p)
if pid:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
check("exit 6", code == 6, tail(p))
report = g.report(out)
check("invalid", report["verdict"]["status"] == "invalid" and
      report["run"]["valid"] is False, report["verdict"])
check("because of the send lag", any("send lag" in b for b in
      report["run"]["invalid_because"]), report["run"]["invalid_because"])
check("which was of the loop's making",
      report["load"]["audit"]["send_lag_p99_ms"] > 50,
      report["load"]["audit"])
check("and the page says so", "INVALID" in tail(p, 9000))
finish()
PY
