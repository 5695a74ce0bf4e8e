#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# What a link can be: datagrams with their toxics, Unix sockets on either side,
# and IPv6.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import os, socket, sys, tempfile, threading, time
from proxytest import *

build = sys.argv[1]
tmp = tempfile.mkdtemp()


def udp_echo(address, family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, 0))

    def run():
        while True:
            data, client = s.recvfrom(65536)
            s.sendto(data, client)
    threading.Thread(target=run, daemon=True).start()
    return s.getsockname()[1]


has6 = socket.has_ipv6
if has6:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        has6 = False
tcp = Server(echo)
at4 = udp_echo("127.0.0.1", socket.AF_INET)
upath = os.path.join(tmp, "up.sock")
unix = socket.socket(socket.AF_UNIX)
unix.bind(upath)
unix.listen()


def unix_echo():
    while True:
        threading.Thread(target=echo, args=(unix.accept()[0],),
                         daemon=True).start()


threading.Thread(target=unix_echo, daemon=True).start()
lpath = os.path.join(tmp, "in.sock")
links = [f"u=127.0.0.1:0,127.0.0.1:{at4},udp",
         f"from=unix:{lpath},{tcp.address}", f"to=127.0.0.1:0,unix:{upath}"]
if has6:
    links += [f"six=[::1]:0,{tcp.address}",
              f"u6=[::1]:0,[::1]:{udp_echo('::1', socket.AF_INET6)},udp"]
args = [x for l in links for x in ("--link", l)]
p = Proxy(build, "--threads", "2", "--allow", "127.0.0.0/8", "--allow", "::1",
          "--allow", tmp, *args)


def udp(name, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(DEADLINE)
    host, port = p.link(name)
    s.connect((host.strip("[]"), port))
    return s


def ask(s, data, wait=DEADLINE):
    s.settimeout(wait)
    t = time.monotonic()
    s.send(data)
    try:
        got = s.recv(65536)
    except TimeoutError:
        got = None
    return got, (time.monotonic() - t) * 1000


def streams(s):
    s.sendall(b"hello")
    got = read_n(s, 5)
    s.shutdown(socket.SHUT_WR)
    ended = s.recv(1) == b""
    s.close()
    return got == b"hello" and ended


s = socket.socket(socket.AF_UNIX)
s.connect(lpath)
check("a Unix socket in front", streams(s))
check("a Unix socket behind", streams(connect(p.link("to"))))
if has6:
    host, port = p.link("six")
    check("IPv6 in front, IPv4 behind",
          streams(connect((host.strip("[]"), port))))
    check("datagrams over IPv6", ask(udp("u6", socket.AF_INET6), b"six")[0]
          == b"six")

# Datagrams
clients = [udp("u") for _ in range(20)]
check("20 clients get each their own", all(
    ask(c, b"%d" % i)[0] == b"%d" % i for i, c in enumerate(clients)))
check("a session each", p.stats("u")["connections"] == 20)
check("sizes stay", [len(ask(clients[0], b"x" * n)[0]) for n in (1, 1400, 60000)]
      == [1, 1400, 60000] and ask(clients[0], b"end")[0] == b"end")
T = "/proxies/u/toxics"
p.toxic("u", "latency", {"latency": 30}, name="late")
got, took = ask(clients[1], b"x")
check("latency reaches sessions that are open", got == b"x" and 29 < took < 60,
      f"{took:.1f} ms")
p.call("DELETE", f"{T}/late")
p.toxic("u", "pause", {}, name="hold", stream="both")
check("pause holds", ask(clients[2], b"held", 0.2)[0] is None)
p.call("DELETE", f"{T}/hold")
clients[2].settimeout(DEADLINE)
check("… and loses none", clients[2].recv(100) == b"held")
p.toxic("u", "blackhole", {}, name="loss", per="chunk", toxicity=0.3,
        stream="upstream")
c = clients[3]
for i in range(200):
    c.send(b"%d" % i)
    time.sleep(0.0003)
c.settimeout(0.3)
n = 0
try:
    while c.recv(100):
        n += 1
except TimeoutError:
    pass
lost = p.get(f"{T}/loss")["achieved"]["hits"]
check("loss by share", 35 <= lost <= 90 and n == 200 - lost, (lost, n))
p.call("DELETE", f"{T}/loss")
p.toxic("u", "bandwidth", {"rate": 100}, name="bw")
t = time.monotonic()
for i in range(30):
    c.send(b"b" * 1000)
c.settimeout(DEADLINE)
for i in range(30):
    c.recv(2000)
took = time.monotonic() - t
check("bandwidth: 30 KB at 100 KB/s", 0.25 < took < 0.5, f"{took:.2f} s")
p.call("DELETE", f"{T}/bw")
check("no pool", p.call("POST", T, {"type": "pool_limit", "attributes": {
    "size": 1}})[0] == 400)
check("a stream loses no share of its chunks", p.call(
    "POST", "/proxies/to/toxics", {"type": "blackhole", "per": "chunk"})[0]
    == 400)


def refused():
    try:
        return ask(udp("u"), b"x", 0.5)[0] is None
    except ConnectionRefusedError:
        return True


p.toxic("u", "down", {}, name="down")
check("down", until(refused, "it is down"))
p.call("DELETE", f"{T}/down")


def answers():
    try:
        return ask(udp("u"), b"x", 0.5)[0] == b"x"
    except ConnectionRefusedError:
        return False


check("and up again at its port", until(answers, "it is up"))
check("delete", p.call("DELETE", "/proxies/u")[0] == 204)
p.stop()
shutil.rmtree(tmp)
finish()
PY
