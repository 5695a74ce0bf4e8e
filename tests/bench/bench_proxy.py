#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gameday-proxy, HAProxy (TCP mode) and Toxiproxy in turn, on one core each, in
front of nginx: requests per CPU-second at 1, 64 and 1 000 connections, bulk,
added latency, throughput on a fixed core.  Medians of interleaved rounds; only
the ratios of one run count.

    bench_proxy.py BUILD_DIR [--rounds N] [--seconds S] [--write FILE]

Needs nginx, wrk, haproxy and taskset; Toxiproxy where it is found: $TOXIPROXY, or
toxiproxy-server in the PATH, or built with Go."""
import argparse
import atexit
import datetime
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

PROXY_CORE, OTHER_CORE = "0", "1"
POINTS = (1, 64, 1000)
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(core, argv, **more):
    p = subprocess.Popen(["taskset", "-c", core] + argv,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         **more)
    atexit.register(stop, p)
    return p


def stop(p):
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()


def await_port(port, what):
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                sys.exit(f"{what} is not up")
            time.sleep(0.02)


def cpu_seconds(pid):
    """Of a process, to the nanosecond where the scheduler says so."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


class Nginx:
    def __init__(self, directory):
        self.port = free_port()
        os.chmod(directory, 0o755)
        with open(f"{directory}/big", "wb") as f:
            f.write(b"x" * (16 << 20))
        with open(f"{directory}/nginx.conf", "w") as f:
            f.write(f"""daemon off; master_process off; worker_processes 1;
pid {directory}/pid; error_log {directory}/error.log crit;
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000;
client_body_temp_path {directory}/b; proxy_temp_path {directory}/p;
fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u;
scgi_temp_path {directory}/s;
server {{ listen 127.0.0.1:{self.port} backlog=4096;
location / {{ return 200 "hello"; }} location /big {{ root {directory}; }} }} }}
""")
        self.process = start(OTHER_CORE, ["nginx", "-c",
                                          f"{directory}/nginx.conf"])
        await_port(self.port, "nginx")


class Gameday:
    name = "gameday"

    def __init__(self, build, upstream, _):
        self.port, self.api = free_port(), free_port()
        self.process = start(PROXY_CORE, [
            f"{build}/gameday-proxy", "--threads", "1", "--stay", "--api",
            f"127.0.0.1:{self.api}", "--link",
            f"web=127.0.0.1:{self.port},127.0.0.1:{upstream}"])
        await_port(self.port, self.name)

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.api, timeout=10)
        c.request(method, path, json.dumps(body) if body else None)
        text = c.getresponse().read()
        return json.loads(text) if text else None


class HAProxy:
    name = "haproxy"

    def __init__(self, _, upstream, directory):
        self.port = free_port()
        path = f"{directory}/haproxy.cfg"
        with open(path, "w") as f:
            f.write(f"""global
    nbthread 1
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen web
    bind 127.0.0.1:{self.port} backlog 4096
    server nginx 127.0.0.1:{upstream}
""")
        self.process = start(PROXY_CORE, ["haproxy", "-db", "-f", path])
        await_port(self.port, self.name)


def find_toxiproxy(build):
    for path in (os.environ.get("TOXIPROXY"),
                 shutil.which("toxiproxy-server"), f"{build}/bench/server"):
        if path and os.path.exists(path):
            return path
    if not shutil.which("go"):
        return None
    env = dict(os.environ, GOBIN=os.path.abspath(f"{build}/bench"))
    done = subprocess.run(["go", "install", "github.com/Shopify/toxiproxy/v2/"
                           "cmd/server@latest"], env=env,
                          stderr=subprocess.DEVNULL)
    return f"{build}/bench/server" if done.returncode == 0 else None


class Toxiproxy:
    name = "toxiproxy"

    def __init__(self, build, upstream, _):
        self.port, api = free_port(), free_port()
        env = dict(os.environ, GOMAXPROCS="1", LOG_LEVEL="error")
        self.process = start(PROXY_CORE, [find_toxiproxy(build), "-host",
                                          "127.0.0.1", "-port", str(api)],
                             env=env)
        await_port(api, self.name)
        c = http.client.HTTPConnection("127.0.0.1", api, timeout=10)
        c.request("POST", "/proxies", json.dumps({
            "name": "web", "listen": f"127.0.0.1:{self.port}",
            "upstream": f"127.0.0.1:{upstream}"}))
        if c.getresponse().status != 201:
            sys.exit("toxiproxy: no proxy")


UNITS = {"us": 1e-3, "ms": 1, "s": 1e3}
BYTES = {"B": 1e-6, "KB": 1 / 1024, "MB": 1, "GB": 1024}


def wrk(port, connections, seconds, path="/"):
    out = subprocess.run(
        ["taskset", "-c", OTHER_CORE, "wrk", "-t1", f"-c{connections}",
         f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
        stdout=subprocess.PIPE, check=True).stdout.decode()
    requests = int(re.search(r"(\d+) requests in", out)[1])
    took = re.search(r"requests in ([\d.]+)(s|ms|m)", out)
    span = float(took[1]) * {"s": 1, "ms": 1e-3, "m": 60}[took[2]]
    rate = re.search(r"Transfer/sec: +([\d.]+)([KMG]?B)", out)
    got = {"requests": requests, "rps": requests / span,
           "mbs": float(rate[1]) * BYTES[rate[2]]}
    for p in (50, 99):
        m = re.search(rf"\n +{p}% +([\d.]+)(us|ms|s)", out)
        got[f"p{p}"] = float(m[1]) * UNITS[m[2]]
    return got


def measure(proxy, connections, seconds, path="/"):
    before = cpu_seconds(proxy.process.pid)
    got = wrk(proxy.port, connections, seconds, path)
    used = cpu_seconds(proxy.process.pid) - before
    got["per_cpu_s"] = got["requests"] / used
    got["mb_per_cpu_s"] = got["mbs"] * seconds / used
    return got


def rounds(kinds, args, upstream, directory):
    rows = {}
    for n in range(args.rounds):
        for at in range(len(kinds)):
            kind = kinds[(n + at) % len(kinds)]
            proxy = kind(args.build, upstream, directory)
            for c in POINTS:
                rows.setdefault((kind.name, c), []).append(
                    measure(proxy, c, args.seconds))
            rows.setdefault((kind.name, "bulk"), []).append(
                measure(proxy, 4, args.seconds, "/big"))
            stop(proxy.process)
        rows.setdefault(("direct", 1), []).append(
            wrk(upstream, 1, args.seconds))
        print(f"round {n + 1} of {args.rounds}", file=sys.stderr)
    return rows


def latency(args, upstream, directory):
    """A latency toxic of 100 ms under 1 000 connections: its own measure."""
    proxy = Gameday(args.build, upstream, directory)
    proxy.call("POST", "/proxies/web/toxics", {
        "type": "latency", "name": "late", "attributes": {"latency": 100}})
    wrk(proxy.port, 1000, args.seconds)
    got = proxy.call("GET", "/proxies/web/toxics/late")["achieved"]
    stop(proxy.process)
    return got


def report(rows, late, kinds, args):
    names = [k.name for k in kinds]

    def med(name, point, key):
        return statistics.median(r[key] for r in rows[name, point])

    out = [f"{datetime.date.today()}, {os.uname().release}, "
           f"{os.cpu_count()} cores: the proxy on one, nginx and wrk on the "
           f"other; medians of {args.rounds} rounds of {args.seconds} s; load "
           f"average {os.getloadavg()[0]:.1f}.", ""]
    head = ["", *names] + [f"gameday / {n}" for n in names[1:]]
    out += ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]

    def line(text, point, key, form):
        values = [med(n, point, key) for n in names]
        cells = [text] + [form.format(v) for v in values]
        cells += [f"{values[0] / v:.2f}" for v in values[1:]]
        out.append("| " + " | ".join(cells) + " |")

    for c in POINTS:
        line(f"requests per CPU-second, {c} connections", c, "per_cpu_s",
             "{:.0f}")
    line("bulk, MB per CPU-second", "bulk", "mb_per_cpu_s", "{:.0f}")
    for c in POINTS:
        line(f"requests/s on its core, {c} connections", c, "rps", "{:.0f}")
    line("bulk, MB/s", "bulk", "mbs", "{:.0f}")
    for p in ("p50", "p99"):
        base = med("direct", 1, p)
        out.append(f"| added {p} at 1 connection, µs | " + " | ".join(
            f"{(med(n, 1, p) - base) * 1000:.0f}" for n in names) + " |" +
            "  |" * (len(names) - 1))
    out += ["", "A latency toxic of 100 ms under 1 000 connections, as it "
            f"measured itself over {late['chunks']} chunks: p1 "
            f"{late['p1']:.2f}, p50 {late['p50']:.2f}, p99 {late['p99']:.2f}, "
            f"max {late['max']:.2f} ms."]
    return "\n".join(out)


BEGIN, END = "<!-- bench-proxy: written by it -->", "<!-- /bench-proxy -->"


def write(path, text):
    """Its own section of a file that others write theirs in."""
    old = open(path).read() if os.path.exists(path) else "# Benchmarks\n"
    section = f"{BEGIN}\n\n{text}\n\n{END}"
    if BEGIN in old:
        old = old[:old.index(BEGIN)] + section + old[old.index(END) +
                                                     len(END):]
    else:
        old = old.rstrip("\n") + f"\n\n## Proxy\n\n{section}\n"
    with open(path, "w") as f:
        f.write(old)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=2)
    p.add_argument("--write")
    args = p.parse_args()
    for tool in "nginx", "wrk", "haproxy", "taskset":
        if not shutil.which(tool):
            sys.exit(f"needs {tool}: apt-get install {tool}")
    kinds = [Gameday, HAProxy]
    if find_toxiproxy(args.build):
        kinds.append(Toxiproxy)
    else:
        print("no Toxiproxy: neither $TOXIPROXY nor Go", file=sys.stderr)
    directory = tempfile.mkdtemp()
    try:
        upstream = Nginx(directory).port
        rows = rounds(kinds, args, upstream, directory)
        text = report(rows, latency(args, upstream, directory), kinds, args)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(text)
    if args.write:
        write(args.write, text)


main()
