# SPDX-License-Identifier: Apache-2.0
"""Helpers of the functional tests of drills: the program with directories of
its own, a small HTTP server that counts, and scenarios of a few seconds.
Standard library only; every wait has a deadline."""
import atexit
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from proxytest import DEADLINE, UnixHTTP, finish, until
import proxytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
END = 60.0


def check(what, ok, detail=""):
    """As proxytest's; its detail only where it fails."""
    proxytest.check(what, ok, "" if ok else detail)


class Web:
    """HTTP/1.1 with keep-alive, a thread a connection. status(path) gives the
    answer's status; connects and requests are counted."""

    def __init__(self, host="127.0.0.1", status=lambda path: 200,
                 headers=lambda path: ""):
        self.status, self.headers = status, headers
        self.connects = 0
        self.requests = []
        self.socket = socket.create_server((host, 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        self.address = f"{host}:{self.port}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connects += 1
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = s.recv(65536)
                    if not more:
                        return
                    data += more
                head, data = data.split(b"\r\n\r\n", 1)
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                n = int(length.group(1)) if length else 0
                while len(data) < n:
                    more = s.recv(65536)
                    if not more:
                        return
                    data += more
                data = data[n:]
                method, path = head.split(b"\r\n")[0].decode().split()[:2]
                self.requests.append((method, path))
                s.sendall((f"HTTP/1.1 {self.status(path)} X\r\n"
                           f"{self.headers(path)}"
                           "Content-Length: 2\r\n\r\nok").encode())
        except OSError:
            pass
        finally:
            s.close()

    def close(self):
        self.socket.close()


def free_port(host="127.0.0.1"):
    with socket.create_server((host, 0)) as s:
        return s.getsockname()[1]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Gameday:
    """The program, with an undo directory and a temporary directory that are
    this test's alone."""

    def __init__(self, build):
        self.build = build
        self.program = os.path.join(build, "gameday")
        self.dir = tempfile.mkdtemp(prefix="gd-func-")
        self.undo = os.path.join(self.dir, "undo")
        self.n = 0
        self.env = dict(os.environ, GAMEDAY_UNDO_DIR=self.undo)
        if os.geteuid() != 0:
            self.env["XDG_RUNTIME_DIR"] = self.dir
        self.started = []
        self.runs = set()
        atexit.register(self.clean)

    def clean(self):
        for p in self.started:
            if p.poll() is None:
                p.kill()
                p.wait()
        for run in self.runs:
            pid = self.proxy_pid(run)
            if pid:
                os.kill(pid, signal.SIGTERM)
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def out(self):
        self.n += 1
        return self.path(f"run{self.n}")

    def scenario(self, text, name="small"):
        """Writes it; each gets a name, and so a run id, of its own."""
        self.n += 1
        path = self.path(f"{name}{self.n}.ini")
        with open(path, "w") as f:
            f.write(text.replace("NAME", f"{name}-{os.getpid()}-{self.n}"))
        return path

    def run(self, *args, timeout=END, **more):
        return subprocess.run([self.program, *args], env=self.env,
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, **{"cwd": self.dir, **more})

    def start(self, *args, **more):
        log = open(self.path(f"log{len(self.started)}"), "w+")
        p = subprocess.Popen([self.program, *args], env=self.env,
                             stdin=subprocess.DEVNULL, stdout=log,
                             stderr=subprocess.STDOUT,
                             **{"cwd": self.dir, **more})
        p.log = log.name
        self.started.append(p)
        return p

    def left(self):
        got = self.run("recover", "--list", "--json")
        return json.loads(got.stdout)["left"] if got.returncode == 0 else None

    # --- what a run directory says --------------------------------------

    def events(self, out, ev=None):
        try:
            with open(os.path.join(out, "events.jsonl")) as f:
                lines = [json.loads(l) for l in f if l.endswith("\n")]
        except OSError:
            return []
        if lines:
            self.runs.add(lines[0]["id"])
        return [e for e in lines if ev is None or e["ev"] == ev]

    def id(self, out):
        return until(lambda: self.events(out), f"events in {out}")[0]["id"]

    def fault_states(self, out, name):
        return [e["to"] for e in self.events(out, "fault")
                if e["name"] == name]

    def await_fault(self, out, name, state, seconds=DEADLINE):
        until(lambda: state in self.fault_states(out, name),
              f"fault {name} {state}", seconds)

    def report(self, out):
        with open(os.path.join(out, "report.json")) as f:
            return json.load(f)

    # --- the run's proxy --------------------------------------------------

    def base(self):
        return ("/run/gameday" if os.geteuid() == 0
                else os.path.join(self.dir, "gameday"))

    def proxy(self, run, path):
        """GET on the run's proxy; None: nobody answers."""
        try:
            c = UnixHTTP(os.path.join(self.base(), f"{run}.proxy"))
            c.request("GET", path)
            answer = c.getresponse()
            text = answer.read()
            c.close()
            return json.loads(text) if answer.status == 200 else None
        except OSError:
            return None

    def proxy_pid(self, run):
        got = self.proxy(run, "/gameday/instance")
        return got and got["pid"]

    def toxics(self, run):
        got = self.proxy(run, "/proxies")
        return got and [t for p in got.values() for t in p["toxics"]]


def said(got, *words):
    """Do output and errors of a finished run have all the words?"""
    text = got.stdout + got.stderr
    return all(w in text for w in words)


def busy(report):
    """Is it invalid only because others had this machine's cores?"""
    because = report["run"]["invalid_because"]
    return because and all("send lag" in b for b in because)


def wait(p, seconds=END):
    """The exit code, or None with what it said."""
    try:
        return p.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def tail(p, n=1500):
    with open(p.log) as f:
        return f.read()[-n:]
