#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench-load: gameday, wrk and k6 in turn against nginx.

nginx has one worker on one core, the tool the other.  What counts is requests
per second of CPU (user + system) of the tool: requests as nginx counted them,
CPU as the kernel did.  gameday runs with all that it always has: histograms,
send lag, a status check on each answer.  Medians over the rounds, and memory:
the resident set at the most connections less that at one, by connection.

    load.py BUILD [--rounds N] [--seconds S] [--only TOOL,...] [--conns N,...]
            [--memory] [--write docs/benchmarks.md] [--judge]

With --judge it exits 1 and says what was missed: as many requests per second of
CPU as wrk, 9 times k6's, 8 kB a user.
"""
import argparse
import datetime
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

PEERS = "build/peers"
NGINX = """worker_processes 1;
error_log {dir}/error.log;
pid {dir}/nginx.pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 9500; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  server {{
    listen 127.0.0.1:{port} backlog=16384;
    location / {{
      return 200 "hello world, this is a plain answer of some bytes\\n";
    }}
    location = /status {{ stub_status; }}
  }}
}}
"""
SCENARIO = """[scenario]
name = bench
lead_in = 0s
window = 0s..{seconds}s
duration = {seconds}s
seed = 1
[target nginx]
url = {url}
[allow]
hosts = 127.0.0.0/8
[journey one]
step = GET / as root
{more}[load all]
model = users
stages = 0s {conns}, {seconds}s {conns}
"""
K6 = """import http from 'k6/http';
import { check } from 'k6';
export default function () {
  const r = http.get('%s/');
  check(r, { 'status is 200': (r) => r.status === 200 });
}
"""


class Server:
    """nginx, its worker on a core of its own."""

    def __init__(self, core, dir_):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        conf = os.path.join(dir_, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX.format(dir=dir_, port=self.port))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), nginx, "-c", conf,
             "-g", "daemon off;"])
        self.url = f"http://127.0.0.1:{self.port}"
        deadline = time.monotonic() + 10
        while True:
            try:
                self.requests()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def requests(self):
        """Answered so far, this question included."""
        with urllib.request.urlopen(self.url + "/status") as r:
            return int(r.read().split(b"\n")[2].split()[2])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Tool:
    """How a tool is called for so many connections and seconds."""

    def __init__(self, name, command, env=None):
        self.name, self.command, self.env = name, command, env or {}


def gameday_more(build):
    """One status check and a tag; where there are none yet, a status."""
    text = subprocess.run([f"{build}/gameday", "list"], text=True,
                          capture_output=True).stdout
    if re.search(r"^ +check +lines", text, re.M):
        return "check = ok: status = 200\ntag = bench\n"
    return "expect = 200\n"


def gameday(build, dir_, url, conns, seconds):
    path = os.path.join(dir_, f"{conns}.ini")
    with open(path, "w") as f:
        f.write(SCENARIO.format(url=url, conns=conns, seconds=seconds,
                                more=gameday_more(build)))
    out = tempfile.mkdtemp(dir=dir_)
    return [f"{build}/gameday", "run", path, "-q", "-o", out + "/run"]


def wrk(build, dir_, url, conns, seconds):
    return ["wrk", "-t1", f"-c{conns}", f"-d{seconds}s", url + "/"]


def k6(build, dir_, url, conns, seconds):
    path = os.path.join(dir_, "bench.js")
    with open(path, "w") as f:
        f.write(K6 % url)
    return [f"{PEERS}/k6", "run", "-q", "--no-usage-report", "--vus",
            str(conns), "--duration", f"{seconds}s", path]


TOOLS = {t.name: t for t in (
    Tool("gameday", gameday),
    Tool("wrk", wrk),
    Tool("k6", k6, {"GOMAXPROCS": "1"}),
)}


def rss_of(pid):
    """kB, of the process alone; 0: it is gone."""
    try:
        with open(f"/proc/{pid}/status") as f:
            m = re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M)
            return int(m.group(1)) if m else 0
    except OSError:
        return 0


class Rss(threading.Thread):
    """The largest resident set of a process and of its children, each."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.most = max(self.most, rss_of(self.pid))


def run_once(tool, server, args, dir_, conns, seconds):
    """One run: requests, CPU seconds, seconds, largest RSS in kB."""
    command = tool.command(args.build, dir_, server.url, conns, seconds)
    before = server.requests()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with open(os.path.join(dir_, f"{tool.name}.out"), "w") as out:
        p = subprocess.Popen(["taskset", "-c", str(args.core)] + command,
                             stdout=out, stderr=out,
                             env={**os.environ, **tool.env})
        rss = Rss(p.pid)
        rss.start()
        p.wait()
    took = time.monotonic() - began
    rss.over.set()
    rss.join()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (now.ru_utime + now.ru_stime) - (used.ru_utime + used.ru_stime)
    requests = server.requests() - before - 1
    if requests <= 0:
        with open(os.path.join(dir_, f"{tool.name}.out")) as out:
            sys.exit(f"bench: {tool.name} sent nothing:\n{out.read()}")
    return {"requests": requests, "cpu": cpu, "took": took, "rss": rss.most}


def measure(args, server, dir_):
    """Rows of {tool, conns, per_cpu, per_s}, the tools in turn each round."""
    runs = {}
    for conns in args.conns:
        tools = [t for t in args.tools if t != "k6" or conns <= 2500]
        for _ in range(args.rounds):
            for name in tools:
                r = run_once(TOOLS[name], server, args, dir_, conns,
                             args.seconds)
                runs.setdefault((conns, name), []).append(r)
                print(f"  {conns:5} {name:8} "
                      f"{r['requests'] / r['cpu']:9.0f} per CPU second "
                      f"{r['requests'] / r['took']:9.0f} per second",
                      flush=True)
    return {k: {"per_cpu": [r["requests"] / r["cpu"] for r in v],
                "per_s": [r["requests"] / r["took"] for r in v]}
            for k, v in runs.items()}


def memory(args, server, dir_):
    """KB of resident set a user, by tool."""
    ret = {}
    for name in args.tools:
        most = 2500 if name == "k6" else max(args.conns)
        few, many = (run_once(TOOLS[name], server, args, dir_, n,
                              args.seconds)["rss"] for n in (1, most))
        ret[name] = (many - few) / (most - 1)
        print(f"  {name:8} {few} kB at 1, {many} kB at {most}: "
              f"{ret[name]:.2f} kB a user", flush=True)
    return ret


def table(rows, used):
    lines = ["| connections | " + " | ".join(
        f"{t}, per CPU second" for t in used) + " | gameday / wrk | "
        "gameday / k6 |", "|---" * (len(used) + 3) + "|"]
    for conns in sorted({c for c, _ in rows}):
        mid = {t: statistics.median(rows[conns, t]["per_cpu"])
               for t in used if (conns, t) in rows}
        cells = [f"{mid[t]:.0f}" if t in mid else "-" for t in used]
        for peer in ("wrk", "k6"):
            ok = "gameday" in mid and peer in mid
            cells.append(f"{mid['gameday'] / mid[peer]:.2f}" if ok else "-")
        lines.append(f"| {conns} | " + " | ".join(cells) + " |")
    return lines


def missed(rows, kb):
    """What is not as good as it is to be, a line each."""
    least = {"wrk": 1.0, "k6": 9.0}
    for conns, tool in sorted(rows):
        if tool not in least:
            continue
        ours, theirs = (statistics.median(rows[conns, t]["per_cpu"])
                        for t in ("gameday", tool))
        if ours < least[tool] * theirs:
            yield (f"missed: {ours / theirs:.2f} times {tool} at {conns}, "
                   f"not {least[tool]}")
    if kb.get("gameday", 0) > 8:
        yield f"missed: {kb['gameday']:.2f} kB a user, not 8"


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*:\s*(.*)", f.read())
    commit = subprocess.run(["git", "log", "-1", "--format=%h", "--", "chaos"],
                            capture_output=True, text=True).stdout.strip()
    dirty = subprocess.run(["git", "status", "--porcelain", "--", "chaos"],
                           capture_output=True, text=True).stdout.strip()
    return (f"{datetime.date.today()}, commit {commit}"
            f"{' with changes' if dirty else ''}, "
            f"{model.group(1) if model else 'unknown CPU'}, "
            f"{os.cpu_count()} cores, Linux {os.uname().release}, "
            f"load average {os.getloadavg()[0]:.1f} beforehand")


def write(path, section, text):
    """Puts the text between the section's marks of the file."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    with open(path) as f:
        s = f.read()
    before, rest = s.split(begin)
    after = rest.split(end)[1]
    with open(path, "w") as f:
        f.write(f"{before}{begin}\n{text}\n{end}{after}")


def options():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=6)
    p.add_argument("--only", default=",".join(TOOLS))
    p.add_argument("--conns", default="64,1000,2500,8000")
    p.add_argument("--memory", action="store_true")
    p.add_argument("--write")
    p.add_argument("--judge", action="store_true")
    args = p.parse_args()
    args.tools = args.only.split(",")
    args.conns = [int(n) for n in args.conns.split(",")]
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("bench: needs two cores")
    args.core = cores[1]
    args.server_core = cores[0]
    return args


def main():
    args = options()
    where = machine()
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, max(
        20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    if "k6" in args.tools and not os.path.exists(f"{PEERS}/k6"):
        args.tools.remove("k6")
    with tempfile.TemporaryDirectory(prefix="gameday-bench.") as dir_:
        server = Server(args.server_core, dir_)
        try:
            rows = {} if args.memory else measure(args, server, dir_)
            lines = table(rows, args.tools) if rows else []
            kb = memory(args, server, dir_) \
                if args.memory or args.write or args.judge else {}
        finally:
            server.stop()
    if kb:
        lines += ["", "Memory a user: " + ", ".join(
            f"{t} {v:.2f} kB" for t, v in kb.items()) +
            f" (gameday and wrk at {max(args.conns)}, k6 at 2500)."]
    text = "\n".join([where + f"; {args.rounds} rounds of "
                      f"{args.seconds} s.", ""] + lines)
    print(text)
    if args.write:
        write(args.write, "load", text)
    if args.judge:
        bad = list(missed(rows, kb))
        print("\n".join(bad))
        sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
