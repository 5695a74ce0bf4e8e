#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Bad peers: many idle connections, a flood that is never finished, clients that
# never read. Memory stays bounded, and another flow does not notice.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import resource, socket, sys, threading, time
from proxytest import *

build = sys.argv[1]
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
# An idle one is four descriptors: here two, in the proxy two
N = min(10000, hard // 2 - 200)
if N < 500:
    print(f"only {hard} descriptors")
    sys.exit(77)


class Sink:
    """A server that accepts all and keeps them; it never reads."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.held = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            self.held.append(self.socket.accept()[0])


echoes, sink = Server(echo), Sink()
p = Proxy(build, "--threads", "1", "--link",
          f"echo=127.0.0.1:0,{echoes.address}", "--link",
          f"sink=127.0.0.1:0,{sink.address}")


def rss():
    with open(f"/proc/{p.process.pid}/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


class Witness:
    """Another flow, all the time: its slowest round trip."""

    def __init__(self):
        self.s = connect(p.link("echo"))
        self.worst, self.n, self.over = 0, 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over:
            t = time.monotonic()
            self.s.sendall(b"w")
            read_n(self.s, 1)
            self.worst = max(self.worst, time.monotonic() - t)
            self.n += 1
            time.sleep(0.002)

    def end(self, what):
        self.over = True
        self.thread.join()
        self.s.close()
        check(f"{what}: another flow does not notice", self.n >= 5 and
              self.worst < 1, f"{self.n} trips, worst {self.worst * 1e3:.0f} ms")


# Idle ones
w, before, t = Witness(), rss(), time.monotonic()
idle = [socket.create_connection(p.link("sink")) for _ in range(N)]
until(lambda: p.stats("sink")["connections"] == N, "all are through", 60)
each = (rss() - before) / N
check(f"{N} idle connections, at most 4 KiB each", each < 4096,
      f"{each:.0f} bytes, {time.monotonic() - t:.1f} s")
w.end("idle")
for s in idle:
    s.close()
for s in sink.held:
    s.close()
sink.held.clear()
until(lambda: p.stats("sink")["connections"] == 0, "all have ended", 60)

# A flood that opens, sends half a request, and resets
w, before, t = Witness(), rss(), time.monotonic()
linger = b"\1\0\0\0\0\0\0\0"
for i in range(3000):
    s = socket.create_connection(p.link("sink"))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    s.send(b"GET / HT")
    s.close()
until(lambda: p.stats("sink")["connections"] == 0, "the flood is over", 60)
check("a flood of 3 000 half-open ones leaves nothing", rss() - before <
      8 << 20, f"{(rss() - before) >> 10} KiB, {time.monotonic() - t:.1f} s")
w.end("flood")

# Clients that never read, behind an upstream that always answers
w, before = Witness(), rss()
deaf = [connect(p.link("echo")) for _ in range(20)]
for s in deaf:
    s.setblocking(False)
end, chunk, sent = time.monotonic() + 3, b"x" * 65536, 0
while time.monotonic() < end:
    for s in deaf:
        try:
            sent += s.send(chunk)
        except BlockingIOError:
            pass
    time.sleep(0.001)
grown = rss() - before
check("20 that never read hold at most 3 MiB each", grown < 20 * (3 << 20),
      f"{grown >> 20} MiB held, {sent >> 20} MiB were taken")
w.end("never reads")
check("control still answers", p.get("/version") is not None)
for s in deaf:
    s.close()
until(lambda: p.stats("echo")["connections"] == 0, "they have ended", 20)
p.stop()
finish()
PY
