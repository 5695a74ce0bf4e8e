# SPDX-License-Identifier: Apache-2.0
"""Kills the controller at N seeded moments between exec and exit.

Each time, within 2 s: no toxic in the proxy, no connection of its load, no undo
journal left, qdiscs as they were; then the stack, if it had come up, still serves through the links, and the
run, if it had begun, can still be reported.  Looks at the proxy, tc and the shop
themselves, not only at `recover`.

    kill.py BUILD_DIR [N [FIRST]] [--both]

FIRST continues an earlier series.  --both kills the guardian in the same moment:
the proxy must lift its toxics by itself, and `gameday recover` does the rest.
"""
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SPEED = 10
WITHIN_S = 2.0


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=2)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def proxy_get(sock, path):
    conn = UnixHTTP(sock)
    conn.request("GET", path)
    return json.loads(conn.getresponse().read())


def gameday(build, *args):
    return subprocess.run([build + "/gameday", *args], capture_output=True,
                          text=True, timeout=60)


def stack_info(build):
    out = gameday(build, "staging", "status", "--name", "kill", "--json")
    return json.loads(out.stdout) if out.returncode == 0 else None


def qdiscs():
    return subprocess.run(["tc", "qdisc", "show"], capture_output=True,
                          text=True).stdout


def toxics(info):
    found = proxy_get(info["proxy"].removeprefix("unix:"), "/proxies")
    return [t["name"] for p in found.values() for t in p["toxics"]]


def users_of(info):
    """Connections to the shop that somebody still holds."""
    port = info["shop"].rsplit(":", 1)[1]
    out = subprocess.run(["ss", "-Htn", "state", "established", "dst",
                          "127.0.0.1:" + port], capture_output=True, text=True)
    return out.stdout.splitlines()


def left(build):
    out = gameday(build, "recover", "--list", "--json")
    return json.loads(out.stdout)["left"]


def guardian_of(controller):
    """The pid of the controller's guardian, or None."""
    for task in os.listdir("/proc/%d/task" % controller):
        path = "/proc/%d/task/%s/children" % (controller, task)
        for pid in open(path).read().split():
            if open("/proc/%s/comm" % pid).read().startswith("gameday-guard"):
                return int(pid)
    return None


def kill_now(child, both):
    guardian = guardian_of(child.pid) if both else None
    if guardian:
        os.kill(guardian, signal.SIGKILL)
    child.send_signal(signal.SIGKILL)


def await_clean(build, info, since):
    """Seconds since the kill until nothing is left; None: too late."""
    while True:
        rest = (toxics(info) if info else [],
                users_of(info) if info else [], left(build))
        took = time.monotonic() - since
        if not any(rest):
            return took, rest
        if took > WITHIN_S:
            return None, rest
        time.sleep(0.02)


def await_no_toxic(info, since):
    while toxics(info) and time.monotonic() - since < WITHIN_S:
        time.sleep(0.02)
    if toxics(info):
        raise SystemExit("the proxy kept its toxics without a lease")


def serves(info):
    with urllib.request.urlopen(info["shop"] + "/products", timeout=5) as r:
        return r.status == 200


def reports(build, run_dir):
    """The run that was killed is still reported, as what it is."""
    if not os.path.exists(run_dir + "/events.jsonl") or \
            os.path.getsize(run_dir + "/events.jsonl") == 0:
        return True, "no run had begun"
    out = gameday(build, "report", run_dir, "--format", "json")
    if not out.stdout:
        return "ends before the run event" in out.stderr, out.stderr.strip()
    status = json.loads(out.stdout)["verdict"]["status"]
    return status in ("incomplete", "held", "missed", "invalid"), status


def one(build, number, length, both, log):
    moment = random.Random(number).uniform(0, length)
    run_dir = tempfile.mkdtemp(prefix="gameday-kill-") + "/run"
    before = qdiscs()
    child = subprocess.Popen(
        [build + "/gameday", "run", HERE + "/short.ini", "--speed",
         str(SPEED), "--out", run_dir, "--quiet"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        child.wait(timeout=moment)
        ended = True
    except subprocess.TimeoutExpired:
        kill_now(child, both)
        ended = False
    since = time.monotonic()
    child.wait()
    info = stack_info(build)
    if both:    # nobody is left to clear the journal but a person
        if info:
            await_no_toxic(info, since)
        gameday(build, "recover")
    took, rest = await_clean(build, info, since)
    ok_report, status = reports(build, run_dir)
    faults = []
    if took is None:
        faults.append("left after %.1f s: %s" % (WITHIN_S, rest))
    if not ok_report:
        faults.append("no report: %s" % status)
    if qdiscs() != before:
        faults.append("qdiscs changed")
    if info and not serves(info):
        faults.append("the shop does not serve")
    log("%4d  kill at %6.2f s%s  clean after %s  stack %s  report: %s%s" % (
        number, moment, " (it had ended)" if ended else "",
        "%.2f s" % took if took is not None else "-",
        "up" if info else "not up", status,
        "  FAILED: " + "; ".join(faults) if faults else ""))
    shutil.rmtree(os.path.dirname(run_dir))
    return not faults


def main():
    both = "--both" in sys.argv
    words = [word for word in sys.argv[1:] if word != "--both"]
    build = os.path.abspath(words[0])
    n = int(words[1]) if len(words) > 1 else 50
    first = int(words[2]) if len(words) > 2 else 0
    # A whole run: the stack's start, lead-in and drill at SPEED, and its end.
    length = 12.0
    failed = 0
    os.environ["GAMEDAY_UNDO_DIR"] = tempfile.mkdtemp(prefix="gameday-undo-")
    try:
        for number in range(first, first + n):
            failed += not one(build, number, length, both,
                              lambda text: print(text, flush=True))
            if number % 3 == 2:     # the next one starts a stack of its own
                gameday(build, "staging", "down", "--name", "kill")
    finally:
        gameday(build, "staging", "down", "--name", "kill")
        shutil.rmtree(os.environ["GAMEDAY_UNDO_DIR"], ignore_errors=True)
    print("%d passed, %d failed" % (n - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
