# SPDX-License-Identifier: Apache-2.0
"""A server that misbehaves, a way a path, and what the load engine is to say.

Each way is run by several users at once, in one run of the program, against one
server; of each path's requests the report is to have one cause and no other,
and as many as the server saw.  Ways that are odd but allowed are to be ok."""
import gzip
import re
import resource
import socket
import struct
import threading
import time

from drilltest import *

USERS = 8
TIMEOUT_S = 0.5
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + b"Content-Length: 5\r\n\r\nhello"


class Gone(Exception):
    """The way is over and the connection with it."""


def say(*parts, pause=0.0):
    """Sends the parts, with a pause before each but the first."""
    def way(s):
        for i, part in enumerate(parts):
            time.sleep(pause if i else 0)
            s.sendall(part)
    return way


def then(first, second):
    def way(s):
        first(s)
        second(s)
    return way


def close(s):
    s.shutdown(socket.SHUT_WR)
    raise Gone


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                 struct.pack("ii", 1, 0))
    raise Gone


def hang(s):
    """Until the client has had enough."""
    s.settimeout(20)
    while s.recv(65536):
        pass
    raise Gone


def for_ever(part, pause=0.0):
    """As fast as the client takes it, or a part at a time."""
    def way(s):
        while True:
            s.sendall(part)
            if pause:
                time.sleep(pause)
    return way


def bytewise(data, pause):
    return say(*(data[i:i + 1] for i in range(len(data))), pause=pause)


def head(*lines, body=b""):
    return OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


ZIPPED = gzip.compress(b"hello, compressed")
GZ = b"Content-Encoding: gzip"


def zipped(data):
    return head(GZ, b"Content-Length: %d" % len(data), body=data)


def row(name, expected, way, method="GET", more=""):
    return name, expected, way, method, more


# name, what the report is to say ("ok" or a cause), the way, method, more keys
WAYS = (
    # --- the connection ---------------------------------------------------
    row("close-before-answer", "reset", close),
    row("reset-before-answer", "reset", reset),
    row("no-answer", "timeout", hang),
    row("half-head-then-close", "reset", then(say(OK + b"Content-"), close)),
    row("half-head-then-hang", "timeout", then(say(OK + b"Content-"), hang)),
    row("head-only-then-close", "reset",
        then(say(head(b"Content-Length: 5")), close)),
    row("short-body-then-close", "reset",
        then(say(head(b"Content-Length: 9", body=b"half")), close)),
    row("short-body-then-hang", "timeout",
        then(say(head(b"Content-Length: 9", body=b"half")), hang)),
    row("reset-in-body", "reset",
        then(say(head(b"Content-Length: 9", body=b"half"), b"",
                 pause=0.05), reset)),
    row("chunks-then-close", "reset",
        then(say(CHUNKED + b"5\r\nhello\r\n"), close)),
    row("chunks-then-reset", "reset",
        then(say(CHUNKED + b"5\r\nhel", b"", pause=0.05), reset)),
    # --- never-ending -----------------------------------------------------
    row("drip", "timeout",
        then(say(head(b"Content-Length: 100000")), for_ever(b"x", 0.05))),
    row("drip-in-head", "timeout", then(say(OK), for_ever(b"X", 0.05))),
    row("endless-chunks", "timeout",
        then(say(CHUNKED), for_ever(b"1000\r\n" + b"x" * 4096 + b"\r\n"))),
    row("endless-chunk", "timeout",
        then(say(CHUNKED + b"7fffffffffffff\r\n"), for_ever(b"x" * 4096))),
    row("endless-to-close", "timeout",
        then(say(head(b"Server: x")), for_ever(b"x" * 4096))),
    row("slow-100-continue", "timeout",
        for_ever(b"HTTP/1.1 100 Continue\r\n\r\n", 0.05)),
    row("endless-100-continue", "protocol",
        for_ever(b"HTTP/1.1 100 Continue\r\n\r\n")),
    row("endless-headers", "protocol",
        then(say(OK), for_ever(b"X-More: " + b"x" * 100 + b"\r\n"))),
    row("endless-header-line", "protocol",
        then(say(OK + b"X: "), for_ever(b"x" * 4096))),
    row("endless-status-line", "protocol",
        then(say(b"HTTP/1.1 200 "), for_ever(b"x" * 4096))),
    row("endless-trailers", "protocol",
        then(say(CHUNKED + b"0\r\n"), for_ever(b"X-More: xxxxxxxx\r\n"))),
    row("endless-extension", "protocol",
        then(say(CHUNKED + b"5;"), for_ever(b"x" * 4096))),
    # --- not HTTP ---------------------------------------------------------
    row("garbage", "protocol", say(b"\x01\x02 no answer at all\r\n\r\n")),
    row("one-bad-byte", "protocol", then(say(b"x"), hang)),
    row("tls-alert", "protocol",
        then(say(b"\x15\x03\x03\x00\x02\x02\x28"), close)),
    row("http2-settings", "protocol",
        then(say(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\0" * 18), hang)),
    row("ssh-banner", "protocol", then(say(b"SSH-2.0-x\r\n"), hang)),
    row("http09", "protocol", then(say(b"<html>hello</html>"), close)),
    # --- the status line ----------------------------------------------------
    row("status-99", "protocol", say(b"HTTP/1.1 99 X\r\n\r\n")),
    row("status-1000", "protocol", say(b"HTTP/1.1 1000 X\r\n\r\n")),
    row("status-099", "protocol", say(b"HTTP/1.1 099 X\r\n\r\n")),
    row("status-999", "protocol",
        say(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n")),
    row("status-101", "protocol",
        say(b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n")),
    row("version-2", "protocol", say(b"HTTP/2 200 OK\r\n\r\n")),
    # --- headers ------------------------------------------------------------
    row("two-lengths", "protocol",
        say(head(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"))),
    row("negative-length", "protocol", say(head(b"Content-Length: -5"))),
    row("length-overflow", "protocol",
        say(head(b"Content-Length: 99999999999999999999"))),
    row("folded-header", "protocol",
        say(head(b"X: a", b" b", b"Content-Length: 0"))),
    row("space-before-colon", "protocol", say(head(b"Content-Length : 0"))),
    row("no-colon", "protocol", say(head(b"nothing", b"Content-Length: 0"))),
    row("nul-in-head", "protocol",
        say(head(b"X: a\0b", b"Content-Length: 0"))),
    row("bare-cr", "protocol", say(head(b"X: a\rb", b"Content-Length: 0"))),
    # --- chunks -------------------------------------------------------------
    row("chunk-overflow", "protocol", say(CHUNKED + b"f" * 17 + b"\r\n")),
    row("chunk-not-hex", "protocol", say(CHUNKED + b"xyz\r\n")),
    row("chunk-negative", "protocol", say(CHUNKED + b"-5\r\nhello\r\n")),
    row("chunk-longer", "protocol", say(CHUNKED + b"5\r\nhello!!\r\n0\r\n\r\n")),
    row("chunk-bare-lf", "protocol", say(CHUNKED + b"5\nhello\n0\n\n")),
    row("chunked-not-last", "protocol",
        say(head(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"))),
    # --- more than was asked for ----------------------------------------------
    row("pipelined", "protocol", say(WHOLE + WHOLE)),
    row("longer-than-length", "protocol", say(WHOLE + b" and more")),
    row("body-with-204", "protocol",
        say(b"HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello")),
    row("body-with-head", "protocol", say(WHOLE), method="HEAD"),
    # --- bodies that are looked at --------------------------------------------
    row("gzip-cut", "protocol", say(zipped(ZIPPED[:-9])),
        more="capture = word: regex hello\n"),
    row("gzip-garbage", "protocol", say(zipped(b"not gzip at all")),
        more="capture = word: regex hello\n"),
    # --- odd, and allowed -------------------------------------------------------
    row("ok-gzip", "ok", say(zipped(ZIPPED)),
        more="capture = word: regex hello\n"),
    row("ok-trickled", "ok", bytewise(WHOLE, 0.002)),
    row("ok-early-hints", "ok",
        say(b"HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n" * 3 + WHOLE)),
    row("ok-to-close", "ok", then(say(b"HTTP/1.0 200 OK\r\n\r\nx"), close)),
    row("ok-large", "ok",
        say(head(b"Content-Length: 4000000", body=b"x" * 4000000))),
)


class Server:
    """A thread a connection; requests are counted by path."""

    def __init__(self):
        self.ways = {name: way for name, _, way, _, _ in WAYS}
        self.seen = {name: 0 for name in self.ways}
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            s, _ = self.socket.accept()
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
                request, data = data.split(b"\r\n\r\n", 1)
                name = request.split()[1].decode()[1:]
                with self.lock:
                    self.seen[name] += 1
                self.ways[name](s)
        except (OSError, Gone):
            pass
        finally:
            s.close()


def scenario(server):
    steps = "".join(f"step = {method} /{name} as {name}\n{more}"
                    for name, _, _, method, more in WAYS)
    hangs = sum(expected == "timeout" for _, expected, _, _, _ in WAYS)
    leave = int(hangs * TIMEOUT_S + 3)  # each has been everywhere
    end = leave + 1
    return f"""[scenario]
name = NAME
lead_in = 0s
window = 0s..{end}s
duration = {end}s
seed = 1
[allow]
hosts = 127.0.0.0/8
[target bad]
url = http://127.0.0.1:{server.port}
[journey all]
{steps}[load users]
model = users
timeout = {int(TIMEOUT_S * 1000)}ms
stages = 0s {USERS}, {leave}s {USERS}, {leave}s 0, {end}s 0
"""


def judge(api, name, expected, seen):
    """What is wrong with an API's row; '': nothing."""
    failed = {k: v for k, v in api["failed"].items() if v}
    said = {"ok": api["ok"]} if api["ok"] else {}
    said.update(failed)
    others = api["client"] + api["business"]
    if said != {expected: seen} or others or seen < USERS:
        return f"expected {expected}, {seen} times, and got {said}"
    return ""


def main(build):
    g = Gameday(build)
    server = Server()
    out = g.out()
    got = g.run("run", g.scenario(scenario(server)), "--out", out, "--quiet",
                timeout=60)
    check("the run comes to its end", got.returncode in (0, 6),
          got.stdout + got.stderr)
    check("nothing that a sanitizer would say",
          "Sanitizer" not in got.stderr and "runtime error" not in got.stderr,
          got.stderr)
    apis = {a["name"]: a for a in g.report(out)["load"]["apis"]
            if a["phase"] == "all"}
    for name, expected, _, _, _ in WAYS:
        wrong = judge(apis[name], name, expected, server.seen[name])
        check(f"{name}: {expected}", not wrong, wrong)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    check("within 64 MiB, however much came", most < 65536 or
          "sanitize" in build or "asan" in build, f"{most} kB")
    finish()


if __name__ == "__main__":
    main(sys.argv[1])
