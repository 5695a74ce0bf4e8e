# SPDX-License-Identifier: Apache-2.0
"""What tests of HTTPS and HTTP/2 share: certificates made by openssl, an nginx
with an access log, and servers that break the rules. Every wait has a
deadline."""
import atexit
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading

from drilltest import *

for needed in "openssl", "nginx":
    if not shutil.which(needed):
        print(f"SKIP: no {needed}: 'make setup' installs it")
        sys.exit(77)


def openssl(where, *args):
    subprocess.run(["openssl", *args], cwd=where, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Certificates:
    """NAME.pem and NAME.key in a directory, signed by ca (or by nobody)."""

    def __init__(self, where):
        self.dir = where
        for ca in "ca", "other-ca":
            openssl(where, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj",
                    f"/CN={ca}")

    def path(self, name):
        return os.path.join(self.dir, name)

    def make(self, name, san="IP:127.0.0.1", days="2"):
        with open(self.path(f"{name}.ext"), "w") as f:
            f.write(f"subjectAltName={san}\n")
        openssl(self.dir, "req", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(self.dir, "x509", "-req", "-in", f"{name}.csr", "-CA",
                "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Nginx:
    """One worker; each server block's text may use {port}. The log has a line
    a request: server name, protocol, method, URI, status."""

    def __init__(self, where, *servers):
        self.dir = where
        self.ports = [free_port() for _ in servers]
        self.log = os.path.join(where, "access.log")
        blocks = "\n".join("server { " + s.replace("PORT", f"127.0.0.1:{p}") +
                           " }" for s, p in zip(servers, self.ports))
        with open(os.path.join(where, "nginx.conf"), "w") as f:
            f.write(f"""daemon off; worker_processes 1;
pid {where}/nginx.pid; error_log {where}/error.log;
events {{ worker_connections 1024; }}
http {{
log_format t '$ssl_server_name $server_protocol $request_method '
             '$request_uri $status';
access_log {self.log} t;
client_body_temp_path {where}/t1; proxy_temp_path {where}/t2;
fastcgi_temp_path {where}/t3; uwsgi_temp_path {where}/t4;
scgi_temp_path {where}/t5;
keepalive_requests 100000000;
{blocks}
}}
""")
        self.process = subprocess.Popen(
            ["nginx", "-p", where, "-c", os.path.join(where, "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        atexit.register(self.stop)
        for port in self.ports:
            until(lambda: reachable(port), f"nginx on {port}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def lines(self):
        with open(self.log) as f:
            return f.read().splitlines()


def reachable(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Server:
    """TCP, a thread a connection: answer(socket, number, seen) does what it
    likes, after a handshake if there is a context; seen is the server's list
    of requests."""

    def __init__(self, answer, context=None):
        self.answer, self.context = answer, context
        self.connects = 0
        self.seen = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            s, _ = self.socket.accept()
            self.connects += 1
            threading.Thread(target=self.one, args=(s, self.connects),
                             daemon=True).start()

    def one(self, s, number):
        try:
            if self.context:
                s = self.context.wrap_socket(s, server_side=True)
            self.answer(s, number, self.seen)
        except (OSError, ssl.SSLError):
            pass
        finally:
            s.close()


def reset(s):
    """Closes with RST, below TLS too."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(s.detach())


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
            struct.pack(">I", stream) + payload)


def h2_requests(s):
    """An HTTP/2 server's side by hand: yields the stream of each request."""
    data = b""
    s.sendall(frame(4, 0, 0))
    skip = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    while True:
        more = s.recv(65536)
        if not more:
            return
        data += more
        if skip:
            if len(data) < skip:
                continue
            data, skip = data[skip:], 0
        while len(data) >= 9:
            n = int.from_bytes(data[:3], "big")
            if len(data) < 9 + n:
                break
            kind, flags = data[3], data[4]
            stream = int.from_bytes(data[5:9], "big")
            data = data[9 + n:]
            if kind == 4 and not flags & 1:
                s.sendall(frame(4, 1, 0))
            if kind == 1:
                yield stream


SCENARIO = """[scenario]
name = NAME
title = t
duration = DURATION
lead_in = 0s
[allow]
hosts = 127.0.0.1
[target t]
url = URL
KEYS
[journey get]
step = STEP as get
MORE
[load main]
timeout = 1s
stages = 0s USERS, DURATION USERS
"""


class Tls(Gameday):
    """Runs load against a target of a second and has its report."""

    def target(self, url, keys="", users=4, step="GET /index.html",
               duration="1s", more=""):
        text = SCENARIO.replace("URL", url).replace("USERS", str(users))
        text = text.replace("STEP", step).replace("DURATION", duration)
        text = text.replace("MORE", more)
        return self.scenario(text.replace("KEYS", keys))

    def load(self, *args, **more):
        out = self.out()
        got = self.run("load", self.target(*args, **more), "-q", "--out", out)
        self.said = got.stdout + got.stderr
        if not os.path.exists(os.path.join(out, "report.json")):
            return None, None
        load = self.report(out)["load"]
        row = next((a for a in load["apis"] if a["phase"] == "all"), None)
        return row, load["audit"]

    def refused(self, what, words, *args, **more):
        """It must fail before anything is sent, and say so."""
        row, _ = self.load(*args, **{"step": "GET /unsent", **more})
        check(what, row is None and all(w in self.said for w in words),
              f"want {words}\n{self.said}")
