#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# Every toxic on real connections: what the two ends see, what is reported as
# achieved, and that a change reaches connections that are open.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import random, select, socket, sys, tempfile, threading, time
from proxytest import *

build = sys.argv[1]
server = Server(echo)
p = Proxy(build, "--threads", "2", "--link",
          f"echo=127.0.0.1:0,{server.address}", "--seed", "7")
A = p.link("echo")
T = "/proxies/echo/toxics"


def is_cut(s):
    """The end comes: "eof", "reset", or None within its time."""
    try:
        while True:
            if not s.recv(65536):
                return "eof"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return None


def open_one(say=b"x"):
    s = connect(A)
    s.sendall(say)
    read_n(s, len(say))
    return s


def quiet(s, seconds):
    return not select.select([s], [], [], seconds)[0]


def achieved(name):
    return p.get(f"{T}/{name}")["achieved"]


def off(name):
    check(f"{name} is taken off", p.call("DELETE", f"{T}/{name}")[0] == 204)


def timed(fn):
    t = time.monotonic()
    got = fn()
    return got, time.monotonic() - t


# bandwidth: 200 KB at 400 KB/s, then faster while it runs
s = open_one()
p.toxic("echo", "bandwidth", {"rate": 400}, name="bw")
data = random.Random(1).randbytes(200000)
s.sendall(data)
got, took = timed(lambda: read_n(s, len(data)))
a = achieved("bw")
check("bandwidth: 200 KB at 400 KB/s take 0.5 s", got == data and
      0.45 < took < 0.7, f"{took:.3f} s")
check("… and it is measured", abs(a["bytes_per_s"] / 400e3 - 1) < 0.05,
      f"{a['bytes_per_s']:.0f} bytes/s")
s.sendall(data * 4)
read_n(s, 40000)
p.call("POST", f"{T}/bw", {"attributes": {"rate": 100000}})
got, took = timed(lambda: read_n(s, len(data) * 4 - 40000))
check("a change reaches the open connection", took < 0.5, f"{took:.3f} s")
off("bw")

# pause: all is held, in both directions, and none is lost
for stream in "upstream", "downstream":
    p.toxic("echo", "pause", {}, stream=stream, name="pause_" + stream)
s.sendall(data)
check("pause: nothing comes", quiet(s, 0.3))
a = achieved("pause_upstream")
check("… and what is held is known", a["hits"] > 0 and
      a["last_mono_ns"] >= a["first_mono_ns"] > 0, a)
off("pause_upstream")
off("pause_downstream")
check("… and none is lost", read_n(s, len(data)) == data)
s.close()

# slicer and drip
s = open_one()
p.toxic("echo", "slicer", {"average_size": 100, "delay": 1000}, name="sl")
s.sendall(b"s" * 5000)
pieces, n = 0, 0
while n < 5000:
    n += len(s.recv(65536))
    pieces += 1
check("slicer: 50 pieces, each on its own", 30 <= pieces <= 50, pieces)
check("… it counts them", achieved("sl")["hits"] == 50, achieved("sl"))
off("sl")
p.toxic("echo", "drip", {"bytes": 10, "every": 20}, name="drip")
s.sendall(b"d" * 100)
_, took = timed(lambda: read_n(s, 100))
check("drip: 10 bytes each 20 ms", 0.17 < took < 0.3, f"{took:.3f} s")
off("drip")

# corrupt: as many bytes as it says, and no others
p.toxic("echo", "corrupt", {"share": 0.01}, name="bad")
s.sendall(data)
got = read_n(s, len(data))
wrong = sum(x != y for x, y in zip(got, data))
check("corrupt: one byte in a hundred", 1700 < wrong < 2300 and
      wrong == achieved("bad")["hits"], wrong)
off("bad")
s.close()

# limit_data and cut
p.toxic("echo", "limit_data", {"bytes": 5}, name="limit")
s = connect(A)
s.sendall(b"123456789")
check("limit_data: so many bytes, then the end", read_n(s, 5) == b"12345" and
      is_cut(s))
off("limit")
s = open_one()
p.toxic("echo", "cut", {"bytes": 5}, stream="upstream", name="cut")
s.sendall(b"123")
check("cut: an open connection counts from now", read_n(s, 3) == b"123")
s.sendall(b"456")
check("… and is reset", is_cut(s) == "reset")
off("cut")

# timeout, blackhole
s = open_one()
p.toxic("echo", "timeout", {"timeout": 200}, name="to")
s.sendall(b"lost")
how, took = timed(lambda: is_cut(s))
check("timeout: closed after it", how and 0.15 < took < 0.4, f"{took:.3f} s")
off("to")
s = open_one()
p.toxic("echo", "blackhole", {}, stream="upstream", name="hole")
s.sendall(b"lost")
check("blackhole: nothing comes back", quiet(s, 0.2))
a = achieved("hole")
check("… it counts what it lost", a["lost"] == 4, a)
off("hole")
check("… and its end cuts, for bytes were lost", is_cut(s))

# reset_peer, slow_close
p.toxic("echo", "reset_peer", {"timeout": 100}, stream="upstream", name="rst")
s = connect(A)
check("reset_peer: waits for the first byte", quiet(s, 0.2))
s.sendall(b"x")
how, took = timed(lambda: is_cut(s))
check("… and resets", how == "reset" and 0.08 < took < 0.3, f"{took:.3f} s")
off("rst")
p.toxic("echo", "slow_close", {"delay": 200}, name="slow")
s = open_one()
s.shutdown(socket.SHUT_WR)
how, took = timed(lambda: is_cut(s))
check("slow_close: the end comes later", how == "eof" and
      0.18 < took < 0.4, f"{took:.3f} s")
off("slow")

# New connections: slow_connect, refuse, connect_rate, down
p.toxic("echo", "slow_connect", {"delay": 150}, name="sc")
_, took = timed(open_one)
check("slow_connect", 0.14 < took < 0.4, f"{took:.3f} s")
p.call("POST", f"{T}/sc", {"attributes": {"delay": 60000}})
s = connect(A)
s.sendall(b"y")
check("… holds", quiet(s, 0.1))
off("sc")
check("… and its end lets it go on", read_n(s, 1) == b"y")
p.toxic("echo", "refuse", {}, name="no")


def refuses():
    try:
        with connect(A) as c:
            return is_cut(c)
    except OSError as e:
        return type(e).__name__


check("refuse: a new one is reset", refuses())
s.sendall(b"z")
check("… an open one lives", read_n(s, 1) == b"z")
off("no")
p.toxic("echo", "connect_rate", {"rate": 20}, name="cr")
_, took = timed(lambda: [open_one().close() for _ in range(6)])
check("connect_rate: the sixth after 5/20 s", 0.23 < took < 0.5,
      f"{took:.3f} s")
off("cr")
port = A[1]
p.toxic("echo", "down", {}, name="down")
check("down: open ones are cut", is_cut(s))
check("… and new ones refused", refuses() == "ConnectionRefusedError")
check("… while it counts as enabled", p.get("/proxies/echo")["enabled"])
off("down")
open_one().close()
check("then they come in again, at the same port",
      p.get("/proxies/echo")["listen"].endswith(f":{port}"))

# A ramp, and a share of the chunks
p.toxic("echo", "latency", {"latency": 0}, name="ramp",
        ramp={"attribute": "latency", "to": 100, "over": 400})
s = open_one()
until(lambda: "ramp" not in p.get(f"{T}/ramp"), "the ramp's end", 2)
check("a ramp ends at its value", p.get(f"{T}/ramp")["attributes"]["latency"]
      == 100)
off("ramp")
p.toxic("echo", "latency", {"latency": 30}, name="half", toxicity=0.5,
        per="chunk")
late = 0
for i in range(60):
    s.sendall(b"c")
    _, took = timed(lambda: read_n(s, 1))
    late += took > 0.025
check("toxicity by chunk", 15 <= late <= 45, late)
off("half")
s.close()

# The same seed, the same connections: two proxies agree


def struck(proxy):
    proxy.toxic("echo", "refuse", {}, name="some", toxicity=0.5)
    address, got = proxy.link("echo"), ""
    for i in range(30):
        try:
            with connect(address) as c:
                c.sendall(b"x")
                got += "." if c.recv(1) else "x"
        except OSError:
            got += "x"
    return got


def another(seed):
    q = Proxy(build, "--threads", "2", "--link",
              f"echo=127.0.0.1:0,{server.address}", "--seed", seed)
    got = struck(q)
    q.stop()
    return got


first = struck(p)
check("one seed, one choice", first == another("7") != another("8"), first)
p.stop()
finish()
PY
