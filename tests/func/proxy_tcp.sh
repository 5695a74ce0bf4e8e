#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# The proxy's data plane without a protocol: bytes in order, half-close,
# refusal, back-pressure, latency and its achieved figures, pool by connections.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import hashlib, random, select, socket, sys, threading, time
from proxytest import *

build = sys.argv[1]
closed = socket.socket()
closed.bind(("127.0.0.1", 0))
dead = "127.0.0.1:%d" % closed.getsockname()[1]	# bound, never listens
server = Server(echo)
p = Proxy(build, "--threads", "2", "--link",
          f"echo=127.0.0.1:0,{server.address}", "--link",
          f"dead=127.0.0.1:0,{dead}", "--seed", "7")


def transfer(n):
    """n random bytes there and back; the digests."""
    s = connect(p.link("echo"))
    data = random.Random(n).randbytes(n)
    threading.Thread(target=lambda: (s.sendall(data),
                                     s.shutdown(socket.SHUT_WR))).start()
    got = hashlib.sha1()
    count = 0
    while True:
        more = s.recv(1 << 20)
        if not more:
            break
        got.update(more)
        count += len(more)
    s.close()
    return count == n and got.digest() == hashlib.sha1(data).digest()


check("20 MB there and back, end passed on (half-close)",
      transfer(20 << 20))
check("an empty stream ends", transfer(0))

# A refused upstream is seen as one
try:
    refused = connect(p.link("dead")).recv(1) == b""
except ConnectionResetError:
    refused = True
check("a refused upstream resets the client", refused)
check("and counts as an error", p.stats("dead")["errors"] == 1)

# A client that never reads: what the proxy takes is bounded
s = connect(p.link("echo"))
s.setblocking(False)
sent, quiet = 0, time.monotonic()
while time.monotonic() - quiet < 0.7 and sent < 200 << 20:
    try:
        sent += s.send(b"x" * 65536)
        quiet = time.monotonic()
    except BlockingIOError:
        time.sleep(0.01)
check("a client that does not read is held back", sent < 60 << 20,
      f"{sent >> 20} MiB")
check("others do not notice", transfer(1 << 20))
s.close()
until(lambda: p.stats("echo")["connections"] == 0, "that flow ended")

# Latency: achieved within a millisecond, order kept, live on open flows
s = connect(p.link("echo"))
s.sendall(b"a")
read_n(s, 1)
for stream in "upstream", "downstream":
    p.toxic("echo", "latency", {"latency": 20}, stream=stream)
rtts = []
for i in range(100):
    t = time.monotonic()
    s.sendall(b"p")
    read_n(s, 1)
    rtts.append((time.monotonic() - t) * 1000)
rtts.sort()
check("a round trip takes 2 x 20 ms", 40 <= rtts[50] < 42, f"{rtts[50]:.2f}")
a = p.get("/proxies/echo/toxics/latency_upstream")["achieved"]
print("      achieved", a)
check("achieved: 100 chunks, each 20 ms (a busy machine adds at p99)",
      a["chunks"] == 100 and 20 <= a["p50"] < 20.5 and a["p99"] < 25, a["p99"])
check("bytes keep their order under latency", transfer(3 << 20))

# Jitter: order is kept, the distribution is around the middle
p.call("POST", "/proxies/echo/toxics/latency_upstream",
       {"attributes": {"latency": 10, "jitter": 8}})
check("and under jitter", transfer(1 << 20))

# Removal flushes what waits, at once
p.call("POST", "/proxies/echo/toxics/latency_upstream",
       {"attributes": {"latency": 60000, "jitter": 0}})
p.call("DELETE", "/proxies/echo/toxics/latency_downstream")
s.sendall(b"late")
until(lambda: p.stats("echo"), "stats")
s.settimeout(0.2)
try:
    s.recv(1)
    check("60 s are waited for", False)
except TimeoutError:
    check("60 s are waited for", True)
s.settimeout(DEADLINE)
t = time.monotonic()
p.call("DELETE", "/proxies/echo/toxics/latency_upstream")
check("removal lets the bytes pass at once",
      read_n(s, 4) == b"late" and time.monotonic() - t < 0.2)
s.close()
until(lambda: p.stats("echo")["connections"] == 0, "all flows ended")

# The pool by connections
p.toxic("echo", "pool_limit", {"size": 2})
held = [connect(p.link("echo")) for _ in range(2)]
for s in held:
    s.sendall(b"1")
    read_n(s, 1)
third, fourth = connect(p.link("echo")), connect(p.link("echo"))
third.sendall(b"3")
fourth.sendall(b"4")
until(lambda: p.stats("echo")["waiting"] == 2, "two wait")
check("two in flight, two wait", p.stats("echo")["in_flight"] == 2)
third.close()
until(lambda: p.stats("echo")["waiting"] == 1, "the queue is left")
check("a client that leaves, leaves the queue", True)
held[0].close()
check("a slot that comes back goes to the next",
      read_n(fourth, 1) == b"4")
fifth = connect(p.link("echo"))
fifth.sendall(b"5")
until(lambda: p.stats("echo")["waiting"] == 1, "one waits")
status, pool = p.call("POST", "/gameday/links/echo/pool", {"size": 3})
check("a bigger pool wakes the waiter",
      status == 200 and read_n(fifth, 1) == b"5", pool)
p.call("POST", "/gameday/links/echo/pool", {"size": 1})
sixth = connect(p.link("echo"))
sixth.sendall(b"6")
until(lambda: p.stats("echo")["waiting"] == 1, "one waits")
check("a smaller pool cuts nobody", p.stats("echo")["in_flight"] == 3)
p.call("DELETE", "/proxies/echo/toxics/pool_limit_downstream")
check("removal wakes everyone", read_n(sixth, 1) == b"6")
for s in held[1:] + [fourth, fifth, sixth]:
    s.close()
until(lambda: p.stats("echo")["connections"] == 0, "they have gone")

# A ramp of the pool drops nobody
p.toxic("echo", "pool_limit", {"size": 1}, ramp={
    "attribute": "size", "to": 5, "over": 300})
ramped = [connect(p.link("echo")) for _ in range(6)]
for s in ramped:
    s.sendall(b"r")

def answered():
    return select.select(ramped, [], [], 0)[0]

# Which five: the data threads take them up in an order of their own.
until(lambda: len(answered()) >= 5, "five are let in")
served = answered()
check("a ramp from 1 to 5 lets five in, one by one",
      len(served) == 5 and all(read_n(s, 1) == b"r" for s in served),
      len(served))
pool = p.get("/gameday/links/echo/pool")
check("the pool as SHOW POOLS has it", pool["size"] == pool["active"] == 5 and
      pool["waiting"] == 1 and pool["waits"] == 4 and
      pool["wait_histogram"][-1] == [None, 4] and
      pool["wait_p99_ms"] <= pool["longest_wait_ms"] + 1, pool)
sixth = next(s for s in ramped if s not in served)
served[0].close()
check("… and the sixth when one goes", read_n(sixth, 1) == b"r")
for s in ramped:
    s.close()
until(lambda: p.stats("echo")["connections"] == 0, "all have gone")
p.call("DELETE", "/proxies/echo/toxics/pool_limit_downstream")

# Acquire timeout and full queue
p.toxic("echo", "pool_limit", {"size": 1, "queue": 1, "timeout": 100})
first = connect(p.link("echo"))
first.sendall(b"1")
read_n(first, 1)
second = connect(p.link("echo"))
until(lambda: p.stats("echo")["waiting"] == 1, "one waits")


def is_cut(s):
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


def refuses():
    try:
        return is_cut(connect(p.link("echo")))
    except ConnectionResetError:	# before connect() has returned
        return True


check("a full queue refuses", refuses())
t = time.monotonic()
check("a wait has its timeout", is_cut(second))
a = p.get("/proxies/echo/toxics/pool_limit_downstream")["achieved"]
print("      achieved", a)
check("both are counted", a["refused"] == 2 and a["max_in_flight"] == 1)
first.close()
until(lambda: p.stats("echo")["connections"] == 0, "all flows ended")
print("      link", p.stats("echo"))
p.stop()
finish()
PY
