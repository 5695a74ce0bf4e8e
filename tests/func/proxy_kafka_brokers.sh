#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Brokers that the upstream names get a listener of their own; those that may
# not be reached are left as they are.  Raw frames, two servers that pretend.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import struct, sys, threading
from proxytest import *

build = sys.argv[1]


def text(s):
    return struct.pack("!h", len(s)) + s.encode()


def frame(body):
    return struct.pack("!i", len(body)) + body


def read_frame(s):
    return read_n(s, struct.unpack("!i", read_n(s, 4))[0])


def broker(node):
    """Answers Metadata v1; any other request with its own number."""
    def serve(s):
        while True:
            request = read_frame(s)
            api, _, correlation = struct.unpack("!hhi", request[:8])
            if api != 3:
                s.sendall(frame(struct.pack("!ii", correlation, node)))
                continue
            body = struct.pack("!ii", correlation, len(brokers))
            for i, (host, port) in enumerate(brokers):
                body += struct.pack("!i", i) + text(host) + \
                    struct.pack("!i", port) + struct.pack("!h", -1)
            s.sendall(frame(body + struct.pack("!ii", 0, 0)))
    return serve


servers = [Server(broker(0)), Server(broker(1))]
ports = [int(s.address.rsplit(":", 1)[1]) for s in servers]
brokers = [("127.0.0.1", ports[0]), ("localhost", ports[1]),
           ("192.0.2.9", 9092), ("no-such-host.invalid", 9092)]
p = Proxy(build, "--threads", "2", "--link",
          f"kafka=127.0.0.1:0,{servers[0].address},kafka")


def ask(s, api, correlation=7):
    s.sendall(frame(struct.pack("!hhi", api, 1, correlation) + text("me") +
                    struct.pack("!i", -1)))
    return read_frame(s)


def metadata(s):
    data = ask(s, 3)
    n, at, got = struct.unpack("!i", data[4:8])[0], 8, []
    for _ in range(n):
        at += 4
        length = struct.unpack("!h", data[at:at + 2])[0]
        host = data[at + 2:at + 2 + length].decode()
        at += 2 + length
        got.append((host, struct.unpack("!i", data[at:at + 4])[0]))
        at += 6
    return got


s = connect(p.link("kafka"))
s.settimeout(40)
got = metadata(s)
check("the upstream is the link", got[0] == p.link("kafka"), got)
check("another broker has a listener of its own",
      got[1][0] == "127.0.0.1" and got[1][1] not in ports + [got[0][1]])
check("it leads there",
      ask(connect(got[1]), 12)[4:] == struct.pack("!i", 1))
check("one that may not be reached is left", got[2] == brokers[2])
check("one that cannot be found as well", got[3] == brokers[3])
check("both are counted", p.stats("kafka")["errors"] == 2)
again = [None] * 8


def one(i):
    again[i] = metadata(connect(p.link("kafka")))


threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
for t in threads:
    t.start()
for t in threads:
    t.join()
check("all clients are told the same", again == [got] * 8)
# What is no Kafka is carried, and said to be opaque
s = connect(p.link("kafka"))
s.sendall(b"GET / HTTP/1.1\r\n\r\n")
until(lambda: p.stats("kafka")["opaque"] == 1, "opaque")
p.stop()
finish()
PY
