#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTPS and HTTP/2 part of make bench-load: gameday, h2load and k6 in turn
against nginx with TLS 1.3, one cipher for all and an ECDSA certificate that none
of them verifies.  A connection a user; in 'h2 shared' up to 64 users have one.

As load.py, requests (nginx's count) per second of the tool's CPU, but of its
steady state: from a second after its last handshake on.

    load_tls.py BUILD [--rounds N] [--seconds S] [--only TOOL,...]
                [--conns N,...] [--realtime] [--write docs/benchmarks.md]
                [--judge]

--realtime (root): a real-time priority for nginx and the tools, so that other
work on the machine does not count against them.  With --judge it exits 1 and
says what was missed: twice as many requests per second of CPU as k6.
"""
import argparse
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import load

NGINX = """worker_processes 1;
error_log {dir}/error.log;
pid {dir}/nginx.pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 9500; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  ssl_certificate {dir}/cert.pem;
  ssl_certificate_key {dir}/key.pem;
  ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites {cipher};
  server {{
    listen 127.0.0.1:{port};
    location = /status {{ stub_status; }}
  }}
  server {{
    listen 127.0.0.1:{tls} ssl http2 backlog=16384;
    location / {{
      return 200 "hello world, this is a plain answer of some bytes\\n";
    }}
  }}
}}
"""
CIPHER = "TLS_AES_128_GCM_SHA256"
WARM = 20	# a tool's handshakes take no longer
LEAST = 2.0	# times k6
SCENARIO = load.SCENARIO.replace("url = {url}\n", "url = {url}\nverify = no\n"
                                 "http = {http}\nstreams = {streams}\n")
K6 = load.K6.replace("export default", "export const options = "
                     "{ insecureSkipTLSVerify: true };\nexport default")
# What gameday and h2load are told for each way of speaking.
MODES = {
    "h1": (("1.1", 1), lambda n: ["--h1", f"-c{n}", "-m1"]),
    "h2": (("2", 1), lambda n: [f"-c{n}", "-m1"]),
    "h2 shared": (("2", 64), lambda n: [f"-c{-(-n // 64)}", "-m64"]),
}


class Server(load.Server):
    """nginx on a core of its own: status without TLS, the rest with it."""

    def __init__(self, core, dir_):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            tls = s.getsockname()[1]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec",
                        "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-keyout", f"{dir_}/key.pem", "-out",
                        f"{dir_}/cert.pem", "-subj", "/CN=bench", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        load.NGINX = (NGINX.replace("{tls}", str(tls))
                      .replace("{cipher}", CIPHER))
        super().__init__(core, dir_)
        self.status, self.url = self.url, f"https://127.0.0.1:{tls}"

    def counts(self):
        """Connections open and requests answered, this question's included."""
        with urllib.request.urlopen(getattr(self, "status", self.url) +
                                    "/status") as r:
            lines = r.read().split(b"\n")
        return int(lines[0].split()[2]), int(lines[2].split()[2])

    def requests(self):
        return self.counts()[1]


def tools(mode):
    (http, streams), h2load_args = MODES[mode]

    def gameday(build, dir_, url, conns, seconds):
        path = os.path.join(dir_, "tls.ini")
        with open(path, "w") as f:
            f.write(SCENARIO.format(url=url, conns=conns, seconds=seconds,
                                    http=http, streams=streams,
                                    more=load.gameday_more(build)))
        out = tempfile.mkdtemp(dir=dir_)
        return [f"{build}/gameday", "run", path, "-q", "-o", out + "/run"]

    def h2load(build, dir_, url, conns, seconds):
        return ["h2load", "-t1", *h2load_args(conns), "-D", str(seconds),
                url + "/"]

    def k6(build, dir_, url, conns, seconds):
        path = os.path.join(dir_, "tls.js")
        with open(path, "w") as f:
            f.write(K6 % url)
        return [f"{load.PEERS}/k6", "run", "-q", "--no-usage-report", "--vus",
                str(conns), "--duration", f"{seconds}s", path]

    env = {"GOMAXPROCS": "1"}
    if mode == "h1":
        env["GODEBUG"] = "http2client=0"
    ret = {"gameday": load.Tool("gameday", gameday),
           "h2load": load.Tool("h2load", h2load),
           "k6": load.Tool("k6", k6, env)}
    if mode == "h2 shared":	# its users share no connection
        del ret["k6"]
    return ret


def cpu_of(pid):
    """Seconds of CPU, all its threads'."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def warm_up(p, server, conns):
    """Until all connections are there, and a second more."""
    deadline = time.monotonic() + WARM
    while server.counts()[0] <= conns:
        if p.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"bench: {p.args[3]} did not open {conns} connections")
        time.sleep(0.1)
    time.sleep(1)


def steady(tool, server, args, dir_, conns, mode):
    """Requests per second of the tool's CPU."""
    held = -(-conns // 64) if mode == "h2 shared" else conns
    while server.counts()[0] > 1:	# the last tool's
        time.sleep(0.1)
    command = tool.command(args.build, dir_, server.url, conns,
                           WARM + args.seconds + 5)
    with open(os.path.join(dir_, f"{tool.name}.out"), "w") as out:
        p = subprocess.Popen(["taskset", "-c", str(args.core)] + command,
                             stdout=out, stderr=out,
                             env={**os.environ, **tool.env})
    try:
        warm_up(p, server, held)
        requests, cpu = -server.requests(), -cpu_of(p.pid)
        time.sleep(args.seconds)
        cpu += cpu_of(p.pid)
        requests += server.requests() - 1
    finally:
        p.send_signal(signal.SIGKILL)
        p.wait()
    return requests / cpu


def measure(args, server, dir_):
    """Medians by (mode, conns, tool), the tools in turn each round."""
    ret = {}
    for mode in MODES:
        for conns in args.conns:
            runs = {}
            for _ in range(args.rounds):
                for name, tool in tools(mode).items():
                    if name not in args.tools:
                        continue
                    runs.setdefault(name, []).append(
                        steady(tool, server, args, dir_, conns, mode))
                    print(f"  {mode:9} {conns:5} {name:8} "
                          f"{runs[name][-1]:9.0f} per CPU second", flush=True)
            for name, v in runs.items():
                ret[mode, conns, name] = statistics.median(v)
    return ret


def table(mid, args):
    lines = ["| | users | gameday, per CPU second | h2load | k6 | "
             "gameday / h2load | gameday / k6 |", "|---" * 7 + "|"]
    for mode in MODES:
        for conns in args.conns:
            v = [mid.get((mode, conns, t)) for t in ("gameday", "h2load",
                                                     "k6")]
            cells = [f"{x:.0f}" if x else "-" for x in v]
            cells += [f"{v[0] / x:.2f}" if v[0] and x else "-" for x in v[1:]]
            lines.append(f"| {mode} | {conns} | " + " | ".join(cells) + " |")
    return lines


def missed(mid):
    for (mode, conns, tool), theirs in mid.items():
        ours = mid.get((mode, conns, "gameday"))
        if tool == "k6" and ours and ours < LEAST * theirs:
            yield (f"missed: {mode} at {conns} users: {ours / theirs:.2f} "
                   f"times k6, not {LEAST}")


def options():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=5)
    p.add_argument("--only", default="gameday,h2load,k6")
    p.add_argument("--conns", default="64,1000")
    p.add_argument("--realtime", action="store_true")
    p.add_argument("--write")
    p.add_argument("--judge", action="store_true")
    args = p.parse_args()
    args.conns = [int(n) for n in args.conns.split(",")]
    args.tools = args.only.split(",")
    return args


def main():
    args = options()
    where = load.machine()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("bench: needs two cores")
    server_core, args.core = cores[:2]
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, max(
        20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    if args.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    for tool, there in (("k6", os.path.exists(f"{load.PEERS}/k6")),
                        ("h2load", shutil.which("h2load"))):
        if tool in args.tools and not there:
            print(f"bench: no {tool}, left out")
            args.tools.remove(tool)
    with tempfile.TemporaryDirectory(prefix="gameday-bench.") as dir_:
        server = Server(server_core, dir_)
        try:
            mid = measure(args, server, dir_)
        finally:
            server.stop()
    text = "\n".join([f"{where}{', real-time priority' * args.realtime}; "
                      f"{args.rounds} rounds of {args.seconds} s after "
                      f"warm-up; {CIPHER}.", ""] + table(mid, args))
    print(text)
    if args.write:
        load.write(args.write, "load-tls", text)
    if args.judge:
        bad = list(missed(mid))
        print("\n".join(bad))
        sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
