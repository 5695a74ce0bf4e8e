#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# pool_limit on a PostgreSQL link, in front of a real server: transactions and
# not connections are counted, what is in flight at the server never passes the
# size, and every slot comes back.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import socket, struct, sys, tempfile, threading, time
from proxytest import *

if not Postgres.bin():
    print("skip: no PostgreSQL server is installed")
    sys.exit(77)
build = sys.argv[1]
scratch = tempfile.TemporaryDirectory()
server = Postgres(scratch.name)
p = Proxy(build, "--threads", "2", "--link",
          f"db=127.0.0.1:0,{server.address},postgres")
address = p.link("db")
direct = Pg(("127.0.0.1", server.port))


def stats(key):
    return p.stats("db")[key]


def active():
    """Sessions with a statement or a transaction open, but for ours."""
    return int(direct.value(
        "select count(*) from pg_stat_activity where state <> 'idle' and "
        "pid <> pg_backend_pid() and backend_type = 'client backend'"))


# Tracked without a toxic
c = Pg(address)
check("start-up is not a transaction", stats("transactions") == 0)
c.query("select 1")
check("a query is", until(lambda: stats("transactions") == 1, "1"))
c.query("begin")
check("BEGIN keeps the slot", stats("in_flight") == 1)
c.query("select 1/0")
check("so does a failed transaction", stats("in_flight") == 1)
c.query("rollback")
until(lambda: stats("in_flight") == 0, "rollback ends it")
c.send(c.SYNC)
check("a lone Sync is answered", c.await_ready() == [b"I"])
check("and is no transaction", stats("transactions") == 2)

# Pipelined queries are one stay of the slot
c.send(c.query_bytes("select 1") * 10)
for _ in range(10):
    c.await_ready()
until(lambda: stats("in_flight") == 0, "ten in a row")
check("ten queries in one write", True, stats("transactions"))
c.send((c.parse_bytes("select 1") + c.SYNC) * 10)
for _ in range(10):
    c.await_ready()
until(lambda: stats("in_flight") == 0, "extended")
check("ten batches of the extended protocol in one write", True)

# An error makes the server skip to Sync, a Query in between as well
c.send(c.parse_bytes("select 1/0") + c.query_bytes("select 2") +
       c.parse_bytes("select 3") + c.SYNC)
seen = c.await_ready()
check("an error skips up to Sync", seen[-1] == b"I" and b"E" in seen, seen)
check("and the slot is back",
      until(lambda: stats("in_flight") == 0, "after the error"))
# An error in a Query behind a batch is the Query's own
c.send(c.parse_bytes("select 1") + c.query_bytes("select nonsense"))
check("an error in the Query behind it does not", b"E" in c.await_ready())
check("and the slot is back as well",
      until(lambda: stats("in_flight") == 0, "after the query"))

# COPY, where the server ignores a Sync that comes too early
c.query("create table t (a int)")
c.send(c.parse_bytes("copy t from stdin") + c.SYNC)
until(lambda: stats("in_flight") == 1, "copy began")
while c.read()[0] != b"G":
    pass
c.send(c.message(b"d", b"1\n2\n") + c.message(b"c") + c.SYNC)
check("COPY in the extended protocol", c.await_ready()[-1] == b"I")
check("and the slot is back after it",
      until(lambda: stats("in_flight") == 0, "after copy"))
c.send(c.query_bytes("copy t from stdin"))
while c.read()[0] != b"G":
    pass
c.send(c.message(b"d", b"3\n") + c.message(b"c"))
c.await_ready()
until(lambda: stats("in_flight") == 0, "after copy")
check("COPY as a Query; rows", c.value("select count(*) from t") == "3")
c.send(c.query_bytes("copy t to stdout"))
check("COPY out", b"H" in c.await_ready())

# The pool: 40 clients, 8 slots
p.toxic("db", "pool_limit", {"size": 8})
errors, done = [], []


def worker(i):
    try:
        me = Pg(address)
        for n in range(4):
            if (i + n) % 2:
                me.query("select pg_sleep(0.02)")
            else:
                me.query("begin")
                me.query("select pg_sleep(0.01)")
                me.send(me.parse_bytes("select pg_sleep(0.01)") + me.SYNC)
                me.await_ready()
                me.query("commit")
            done.append(1)
        me.close()
    except Exception as e:
        errors.append(e)


threads = [threading.Thread(target=worker, args=(i,)) for i in range(40)]
seen_pg, most_waiting = [], 0
for t in threads:
    t.start()
while any(t.is_alive() for t in threads):
    seen_pg.append(active())
    most_waiting = max(most_waiting, stats("waiting"))
check("all 160 were done", len(done) == 160 and not errors, errors)
# pg_stat_activity is read a session at a time: one that ends and the one that
# follows it may both be seen
over = sum(n > 8 for n in seen_pg)
check("not more than 8 at the server", 2 < max(seen_pg) <= 10 and
      over <= 0.05 * len(seen_pg), f"{over} of {len(seen_pg)} over")
check("others waited", most_waiting > 8, most_waiting)
a = p.get("/proxies/db/toxics/pool_limit_downstream")["achieved"]
print("      achieved", a)
check("achieved: 8 of 8, with waits", a["max_in_flight"] == 8 and
      a["waits"] > 50 and a["wait_ms"]["p50"] > 1)
until(lambda: stats("connections") == 1, "they have left")
check("all slots are back", stats("in_flight") == 0)

# Start-up and a lone Sync never wait; a full pool holds the first Query only
p.call("POST", "/gameday/links/db/pool", {"size": 1})
holder = Pg(address)
holder.query("begin")
other = Pg(address)
other.send(other.SYNC)
check("start-up and Sync pass a full pool", other.await_ready() == [b"I"])
other.send(other.query_bytes("select 1"))
until(lambda: stats("waiting") == 1, "it waits")
other.close()
check("a client that leaves, leaves the queue",
      until(lambda: stats("waiting") == 0, "left"))
check("while the slot stays held", stats("in_flight") == 1)

# Bytes of a waiter beyond what is kept. (A FIN stays behind unread bytes, in
# the client's kernel: only a reset can be seen then.)
flood = Pg(address)
flood.s.setblocking(False)


def pour(client):
    data, sent, idle = client.query_bytes("select '%s'" % ("x" * 65000)), 0, 0
    while idle < 20:
        try:
            sent += client.s.send(data)
            idle = 0
        except BlockingIOError:
            idle += 1
            time.sleep(0.01)
    return sent


sent = pour(flood)
check("a waiter's bytes are bounded", sent < 32 << 20, f"{sent >> 20} MiB")
flood.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                   struct.pack("ii", 1, 0))
flood.s.close()
check("and its reset is still seen",
      until(lambda: stats("waiting") == 0, "flood left"))

# A holder that vanishes in its transaction
waiter = Pg(address)
waiter.send(waiter.query_bytes("select 42"))
until(lambda: stats("waiting") == 1, "it waits")
t = time.monotonic()
holder.close()
check("a holder that leaves gives the slot back",
      waiter.await_ready()[-1] == b"I", f"{time.monotonic() - t:.3f} s")
holder = Pg(address)
holder.send(holder.query_bytes("select pg_sleep(30)"))
until(lambda: stats("in_flight") == 1, "it sleeps")
waiter.send(waiter.query_bytes("select 43"))
until(lambda: stats("waiting") == 1, "it waits")
t = time.monotonic()
holder.close()
waiter.await_ready()
check("within a second or so, even in mid-statement",
      time.monotonic() - t < 3, f"{time.monotonic() - t:.3f} s")

# Resize and removal wake at once
holder = Pg(address)
holder.query("begin")
others = [Pg(address) for _ in range(6)]
for o in others:
    o.send(o.query_bytes("select pg_sleep(0.3)"))
until(lambda: stats("waiting") == 6, "six wait")
p.call("POST", "/gameday/links/db/pool", {"size": 3})
until(lambda: stats("in_flight") == 3 and stats("waiting") == 4, "two more")
check("16 -> 50 as it were: two more at once", True)
p.call("DELETE", "/proxies/db/toxics/pool_limit_downstream")
check("removal wakes everyone", stats("waiting") == 0)
for o in others:
    o.await_ready()
# Put on while more than its size are in flight: these finish
holders = [Pg(address) for _ in range(4)]
for h in holders:
    h.query("begin")
p.toxic("db", "pool_limit", {"size": 2, "queue": 1, "timeout": 300})
late = Pg(address)
late.send(late.query_bytes("select 1"))
until(lambda: stats("waiting") == 1, "it waits")
for h in holders:
    check("in flight before: goes on", h.query("select 1")[-1] == b"T")
full = Pg(address)
full.send(full.query_bytes("select 1"))
kind, body = full.read()
check("a full queue answers 53300", kind == b"E" and b"C53300" in body)
kind, body = late.read()
check("a wait that times out as well", kind == b"E" and b"C53300" in body)
a = p.get("/proxies/db/toxics/pool_limit_downstream")["achieved"]
print("      achieved", a)
for h in holders:
    h.query("commit")
p.call("DELETE", "/proxies/db/toxics/pool_limit_downstream")

# SSL and GSS requests, cancel
s = connect(address)
s.sendall(struct.pack("!II", 8, 80877103))
check("an SSLRequest is answered by the server", read_n(s, 1) == b"N")
text = b"user\0postgres\0database\0postgres\0\0"
s.sendall(struct.pack("!II", len(text) + 8, 196608) + text)
check("and start-up goes on", read_n(s, 1) == b"R")
s.close()
busy = Pg(address)
pid = int(busy.value("select pg_backend_pid()"))
busy.send(busy.query_bytes("select pg_sleep(60)"))
until(lambda: stats("in_flight") == 2, "it and the first holder")
s = connect(address)
s.sendall(struct.pack("!IIII", 16, 80877102, pid, 0))
check("a cancel request passes", s.recv(1) == b"")
direct.query(f"select pg_cancel_backend({pid})")
check("a cancelled query gives its slot back",
      busy.await_ready()[-1] == b"I" and
      until(lambda: stats("in_flight") == 1, "one is left"))
holder.query("commit")

# A Sync round trip is slower by what was asked
def sync_ms():
    times = []
    for _ in range(30):
        t = time.monotonic()
        busy.send(busy.SYNC)
        busy.await_ready()
        times.append((time.monotonic() - t) * 1000)
    return sorted(times)[15]


plain = sync_ms()
p.toxic("db", "latency", {"latency": 10})
slow = sync_ms()
check("Sync to ReadyForQuery: 10 ms more", 9.9 <= slow - plain <= 12,
      f"{plain:.2f} -> {slow:.2f} ms")
print("      link", p.stats("db"))
server.stop()
check("the server's end is the clients' end", busy.s.recv(4096) is not None)
p.stop()
finish()
PY
