# SPDX-License-Identifier: Apache-2.0
"""Helpers of the tests of the load engine: a server that counts exactly, and
the stall test's arithmetic."""
import math
from drilltest import *


class LogServer:
    """tests/lib/logserver.c."""

    def __init__(self, build):
        self.p = subprocess.Popen([os.path.join(build, "logserver")],
                                  stdout=subprocess.PIPE, text=True)
        atexit.register(self.p.kill)
        self.port = int(self.p.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def pause(self):
        self.p.send_signal(signal.SIGSTOP)

    def resume(self):
        self.p.send_signal(signal.SIGCONT)

    def end(self):
        """How many requests it had whole, and how many in part."""
        self.p.send_signal(signal.SIGTERM)
        words = self.p.communicate(timeout=DEADLINE)[0].split()
        return int(words[1]), int(words[3])


NGINX_CONF = """daemon off;
pid {dir}/pid;
error_log {dir}/error.log;
worker_processes 1;
worker_rlimit_nofile 30000;
events {{ worker_connections 20000; }}
http {{
  log_format short '$status "$request_method"';
  access_log {dir}/access.log short;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  lingering_close off;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location /ok {{ return 200 "ok"; }}
    location /reset {{ return 444; }}
    location / {{ proxy_pass http://127.0.0.1:{behind}; }}
  }}
}}
"""


class Nginx:
    """nginx, whose access log counts: a line a request that it had whole, also
    of clients that did not wait (499), and 400 for those that it had in part.
    /slow and /hang are a LogServer's behind it."""

    def __init__(self, g):
        self.behind = LogServer(g.build)
        self.dir = g.path("nginx")
        while os.path.exists(self.dir):
            self.dir += "x"
        os.mkdir(self.dir)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX_CONF.format(dir=self.dir, port=self.port,
                                      behind=self.behind.port))
        self.p = subprocess.Popen(["nginx", "-p", self.dir, "-c", conf],
                                  stderr=subprocess.DEVNULL)
        atexit.register(self.p.kill)
        until(self.answers, "nginx answers")

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    def end(self):
        self.p.send_signal(signal.SIGQUIT)
        self.p.wait(DEADLINE)
        self.behind.end()
        with open(os.path.join(self.dir, "access.log")) as f:
            statuses = [line.split()[0] for line in f]
        self.statuses = {s: statuses.count(s) for s in sorted(set(statuses))}
        part = self.statuses.get("400", 0)
        return len(statuses) - part, part


def scenario(url, journey, load, more=""):
    return f"""[scenario]
name = NAME
lead_in = 0s
[allow]
hosts = 127.0.0.1
[target t]
url = {url}
{journey}
{load}
{more}
"""


def audit(r):
    return r["load"]["audit"]


def row(r, api, phase="all"):
    return next(a for a in r["load"]["apis"]
                if a["name"] == api and a["phase"] == phase)


JOURNEYS = {
    "constant": ("[journey a]\nstep = GET /ok as a\n", 1, "even"),
    "poisson": ("[journey a]\nstep = GET /ok as a\n", 1, "poisson"),
    # Steps of one arrival: each waits for the one before it, so those that
    # the stall holds are late once, and the next step of theirs is not.
    "steps": ("[journey a]\nstep = GET /ok1 as a\nstep = GET /ok2 as b\n"
              "step = GET /ok3 as c\n", 3, "even"),
}


def stall(g, kind, rate=1000, seconds=10, stopped=2.0):
    """The server is stopped for 2 s within 10 s.  Whoever comes in those is
    served at their end: of the first requests 20 % wait, evenly 0 to 2 s, so
    that p90 is 1.0 s and p99 1.9 s."""
    text, steps, arrival = JOURNEYS[kind]
    server = LogServer(g.build)
    out = g.out()
    p = g.start("load", g.scenario(scenario(
        server.url, text,
        f"[load l]\nmodel = arrivals\narrival = {arrival}\n"
        f"max_users = {rate * 3}\nstages = 0s {rate}/s, {seconds}s {rate}/s\n"),
        f"stall-{kind}"), "-q", "--out", out)
    until(lambda: g.events(out, "milestone"), "T+0")
    time.sleep(seconds * 0.4)       # the stall's place in the run: any will do
    began = time.monotonic()
    server.pause()
    time.sleep(stopped)             # what is being tested is this span
    server.resume()
    lasted = time.monotonic() - began
    code = wait(p)
    return code, g.report(out), server.end(), lasted


def stall_fair(g, kind):
    """The same; once more if the machine was too busy for it: requests were not
    sent when due, or the server was stopped for longer than it should be."""
    got = stall(g, kind)
    if busy(got[1]) or got[3] > 2.03:
        print(f"{kind}: once more: stopped for {got[3]:.3f} s, "
              f"{got[1]['run']['invalid_because']}")
        got = stall(g, kind)
    return got
