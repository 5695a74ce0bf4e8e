# SPDX-License-Identifier: Apache-2.0
"""Helpers of the proxy's functional tests: the program, its API, small
servers, and a PostgreSQL client that is just big enough.  Standard library
only; every wait has a deadline."""
import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

DEADLINE = 20.0


def check(what, ok, detail=""):
    print(("ok    " if ok else "FAIL  ") + what +
          (f"  [{detail}]" if detail != "" else ""), flush=True)
    if not ok:
        check.failed = True


check.failed = False


def finish():
    sys.exit(1 if check.failed else 0)


def stop_at_exit(process):
    """Whatever a test that failed has left."""
    if process.poll() is None:
        process.kill()
        process.wait()


def until(fn, what, seconds=DEADLINE):
    """Awaits a true value of fn()."""
    end = time.monotonic() + seconds
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.002)


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Proxy:
    """gameday-proxy, as another process starts it."""

    def __init__(self, build, *args, stay=True):
        r, w = os.pipe()
        argv = [os.path.join(build, "gameday-proxy"), "--api", "127.0.0.1:0",
                "--ready-fd", str(w)] + (["--stay"] if stay else [])
        self.process = subprocess.Popen(argv + list(args), pass_fds=[w])
        atexit.register(stop_at_exit, self.process)
        os.close(w)
        with os.fdopen(r) as ready:
            line = ready.readline()
        if not line:
            raise RuntimeError("gameday-proxy did not become ready")
        self.ready = json.loads(line)
        tcp = [a for a in self.ready["api"] if not a.startswith("unix:")][0]
        self.host, port = tcp.rsplit(":", 1)
        self.port = int(port)
        self.instance = self.ready["instance"]

    def link(self, name):
        host, port = self.ready["links"][name].rsplit(":", 1)
        return host, int(port)

    def call(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)
        data = json.dumps(body) if body is not None else None
        c.request(method, path, data, headers or {})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, json.loads(text) if text else None

    def get(self, path):
        status, body = self.call("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body}")
        return body

    def stats(self, link):
        return self.get(f"/gameday/links/{link}")

    def toxic(self, link, type_, attributes, **more):
        body = {"type": type_, "attributes": attributes, **more}
        status, answer = self.call("POST", f"/proxies/{link}/toxics", body)
        if status != 200:
            raise RuntimeError(f"toxic: {status} {answer}")
        return answer

    def lease(self, run):
        s = socket.create_connection((self.host, self.port), timeout=DEADLINE)
        s.sendall((f"GET /gameday/lease?id={run} HTTP/1.1\r\nHost: x\r\n"
                   "Connection: Upgrade\r\nUpgrade: gameday-lease\r\n\r\n")
                  .encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = s.recv(4096)
            if not more:
                break
            head += more
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(head)
        return s

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        check("the proxy ends cleanly", code == 0, code)


class Server:
    """A thread per connection runs serve(socket)."""

    def __init__(self, serve):
        self.serve = serve
        self.accepted = 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.accepted += 1
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        try:
            self.serve(s)
        except (OSError, EOFError):
            pass
        finally:
            s.close()


def echo(s):
    while True:
        data = s.recv(65536)
        if not data:
            s.shutdown(socket.SHUT_WR)
            return
        s.sendall(data)


def read_n(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise EOFError(f"{len(data)} of {n} bytes")
        data += more
    return data


def connect(address):
    s = socket.create_connection(address, timeout=DEADLINE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


class Pg:
    """A PostgreSQL client: trust authentication, raw messages."""

    def __init__(self, address, user="postgres", database="postgres"):
        self.s = connect(address)
        text = f"user\0{user}\0database\0{database}\0\0".encode()
        self.s.sendall(struct.pack("!II", len(text) + 8, 196608) + text)
        self.await_ready()

    @staticmethod
    def message(kind, body=b""):
        return kind + struct.pack("!I", len(body) + 4) + body

    @classmethod
    def query_bytes(cls, sql):
        return cls.message(b"Q", sql.encode() + b"\0")

    @classmethod
    def parse_bytes(cls, sql):
        return (cls.message(b"P", b"\0" + sql.encode() + b"\0\0\0") +
                cls.message(b"B", b"\0\0\0\0\0\0\0\0") +
                cls.message(b"E", b"\0\0\0\0\0"))

    SYNC = b"S\0\0\0\4"

    def send(self, data):
        self.s.sendall(data)

    def read(self):
        head = read_n(self.s, 5)
        return head[:1], read_n(self.s, struct.unpack("!I", head[1:])[0] - 4)

    def await_ready(self):
        """All messages up to ReadyForQuery, as types; its status last."""
        seen = []
        while True:
            kind, body = self.read()
            if kind == b"Z":
                return seen + [body]
            seen.append(kind)

    def query(self, sql):
        self.send(self.query_bytes(sql))
        return self.await_ready()

    def value(self, sql):
        self.send(self.query_bytes(sql))
        got = None
        while True:
            kind, body = self.read()
            if kind == b"D" and got is None:
                n = struct.unpack("!i", body[2:6])[0]
                got = body[6:6 + n].decode()
            if kind == b"Z":
                return got

    def close(self):
        self.s.close()


class Postgres:
    """A server of our own in a temporary directory; None where there is no
    installation."""

    @staticmethod
    def bin():
        base = "/usr/lib/postgresql"
        for v in sorted(os.listdir(base) if os.path.isdir(base) else [],
                        key=float, reverse=True):
            path = os.path.join(base, v, "bin")
            if os.path.exists(os.path.join(path, "initdb")):
                return path
        return None

    def __init__(self, directory):
        self.dir = os.path.join(directory, "data")
        run = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   cwd="/")
        os.mkdir(self.dir, 0o700)
        if os.geteuid() == 0:		# it refuses to run as root
            os.chmod(directory, 0o755)
            shutil.chown(self.dir, "postgres", "postgres")
            run.update(user="postgres", group="postgres", extra_groups=[])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        subprocess.check_call([
            f"{self.bin()}/initdb", "-D", self.dir, "-U", "postgres",
            "-A", "trust", "--no-sync"], **run)
        self.process = subprocess.Popen([
            f"{self.bin()}/postgres", "-D", self.dir, "-p", str(self.port),
            "-h", "127.0.0.1", "-k", "", "-c", "fsync=off",
            "-c", "max_connections=200"], **run)
        atexit.register(stop_at_exit, self.process)
        until(self.up, "PostgreSQL is up")

    def up(self):
        try:
            Pg(("127.0.0.1", self.port)).close()
            return True
        except (OSError, EOFError):
            return False

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)
