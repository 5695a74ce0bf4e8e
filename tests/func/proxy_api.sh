#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# Toxiproxy's API with its codes and bodies, instances, leases, and when the
# proxy ends by itself.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import socket, sys, tempfile, time
from proxytest import *

build = sys.argv[1]
server = Server(echo)
scratch = tempfile.TemporaryDirectory()
unix = f"{scratch.name}/api"
p = Proxy(build, "--api", f"unix:{unix}")
check("--ready-fd names both APIs", p.ready["api"] ==
      [f"127.0.0.1:{p.port}", f"unix:{unix}"], p.ready)


def expect(what, got, code, **body):
    ok = got[0] == code and all((got[1] or {}).get(k) == v
                                  for k, v in body.items())
    check(what, ok, f"{got[0]} {json.dumps(got[1])}")


def error(what, got, status, text):
    expect(what, got, status, error=text, status=status)


expect("version", p.call("GET", "/version"), 200, version="0.1.0")
expect("no proxies", p.call("GET", "/proxies"), 200)
expect("create", p.call("POST", "/proxies", {
    "name": "a", "listen": "localhost:0", "upstream": server.address}), 201,
    name="a", enabled=True, toxics=[], protocol="tcp",
    upstream=server.address)
error("twice", p.call("POST", "/proxies", {
    "name": "a", "upstream": server.address}), 409, "proxy already exists")
error("no name", p.call("POST", "/proxies", {"upstream": server.address}),
      400, "missing required field: name")
error("no upstream", p.call("POST", "/proxies", {"name": "b"}), 400,
      "missing required field: upstream")
status, body = p.call("POST", "/proxies", {"name": "b",
                                           "upstream": "192.0.2.1:80"})
check("an upstream outside the allowed ones", status == 403, body)
status, body = p.call("POST", "/proxies", {
    "name": "b", "listen": p.get("/proxies/a")["listen"],
    "upstream": server.address})
check("a taken port", status == 500 and "error" in body, body)
error("not there", p.call("GET", "/proxies/b"), 404, "proxy not found")
error("no such path", p.call("GET", "/nothing"), 404, "not found")
error("no such method", p.call("DELETE", "/version"), 405,
      "method not allowed")
status, body = p.call("POST", "/proxies", headers={}, body=None)
check("no body", status == 400, body)
error("a web page", p.call("GET", "/proxies", headers={
    "Origin": "http://evil.example"}), 403,
    "requests from web pages are refused")

host, port = p.get("/proxies/a")["listen"].rsplit(":", 1)
a = (host, int(port))


def works():
    try:
        s = connect(a)
        s.sendall(b"x")
        got = s.recv(1)
        s.close()
        return got == b"x"
    except OSError:
        return False


check("it carries bytes", works())
s = connect(a)
s.sendall(b"x")
read_n(s, 1)
expect("disable", p.call("POST", "/proxies/a", {"enabled": False}), 200,
       enabled=False)
try:
    cut = s.recv(1) == b""
except ConnectionResetError:
    cut = True
check("cuts its connections", cut)
check("and listens no more", not works())
expect("enable again, same port", p.call("PATCH", "/proxies/a", {
    "enabled": True}), 200, listen=f"{host}:{port}")
check("it carries bytes again", works())
other = Server(lambda s: s.sendall(b"other"))
expect("another upstream", p.call("POST", "/proxies/a", {
    "upstream": other.address}), 200, upstream=other.address)
s = connect(a)
check("is reached", read_n(s, 5) == b"other")
p.call("POST", "/proxies/a", {"upstream": server.address})

# Toxics
T = "/proxies/a/toxics"
expect("toxic, all defaults", p.call("POST", T, {"type": "latency"}), 200,
       name="latency_downstream", stream="downstream", toxicity=1.0,
       attributes={"latency": 0, "jitter": 0})
error("twice", p.call("POST", T, {"type": "latency"}), 409,
      "toxic already exists")
error("no type, as theirs", p.call("POST", T, {"name": "x"}), 400,
      "invalid toxic type")
error("unknown type", p.call("POST", T, {"type": "gremlin"}), 400,
      "invalid toxic type")
error("stream", p.call("POST", T, {"type": "latency", "stream": "side"}), 400,
      "stream was invalid, can be either upstream or downstream")
status, body = p.call("POST", T, {"type": "latency", "name": "y",
                                  "attributes": {"latncy": 5}})
check("a misspelt attribute", status == 400 and "latency" in body["error"],
      body)
status, body = p.call("POST", T, {"type": "pool_limit"})
check("a missing attribute", status == 400, body)
status, body = p.call("POST", T, {"type": "kafka_starve",
                                  "attributes": {"topic": "t"}})
check("a toxic of another protocol", status == 400, body)
expect("change", p.call("POST", f"{T}/latency_downstream", {
    "attributes": {"latency": 7.5}}), 200,
    attributes={"latency": 7.5, "jitter": 0})
expect("get", p.call("GET", f"{T}/latency_downstream"), 200, type="latency")
check("list", [t["name"] for t in p.get(T)] == ["latency_downstream"])
check("delete", p.call("DELETE", f"{T}/latency_downstream") == (204, None))
error("gone", p.call("DELETE", f"{T}/latency_downstream"), 404,
      "toxic not found")
check("no pool", p.call("GET", "/gameday/links/a/pool")[0] == 404)
p.toxic("a", "pool_limit", {"size": 16}, name="pool")
expect("resize keeps the name", p.call("POST", "/gameday/links/a/pool", {
    "size": 50}), 200, size=50, active=0, waiting=0)
check("as the toxic says", p.get(f"{T}/pool")["attributes"]["size"] == 50)

# Toxicity: a share of the connections, the same ones by seed
p.toxic("a", "latency", {"latency": 300}, name="half", toxicity=0.5)
slow = 0
for _ in range(40):
    s = connect(a)
    s.sendall(b"x")
    s.settimeout(0.1)
    try:
        s.recv(1)
    except TimeoutError:
        slow += 1
    s.close()
check("toxicity 0.5 takes about half", 8 <= slow <= 32, slow)

# Populate and reset
expect("reset", p.call("POST", "/reset"), 204)
check("removes all toxics", p.get(T) == [])
status, body = p.call("POST", "/populate", [
    {"name": "a", "upstream": server.address},
    {"name": "n", "listen": "127.0.0.1:0", "upstream": server.address,
     "protocol": "redis"}])
check("populate", status == 201 and
      [x["name"] for x in body["proxies"]] == ["a", "n"], body)
check("delete a proxy", p.call("DELETE", "/proxies/n") == (204, None))

# The Unix socket and the instance
c = UnixHTTP(unix)
c.request("GET", "/gameday/instance")
body = json.loads(c.getresponse().read())
check("instance, on the Unix socket", body["instance"] == p.instance and
      body["pid"] == p.process.pid, body)
check("another instance: 410", p.call("POST", T, {"type": "latency"}, {
    "Gameday-Instance": "another"})[0] == 410 and p.get(T) == [])
check("this instance", p.call("POST", T, {"type": "latency"}, {
    "Gameday-Instance": p.instance})[0] == 200)
check("reading needs none", p.call("GET", T, headers={
    "Gameday-Instance": "another"})[0] == 200)

# Leases
check("a lease that is not open: 409", p.call("POST", T, {
    "type": "pool_limit", "attributes": {"size": 1}, "lease": "run-1"})[0]
    == 409)
lease = p.lease("run-1")
twin = lease.dup()	# as the guardian shares it
p.toxic("a", "pool_limit", {"size": 1}, lease="run-1", name="pool")
p.toxic("a", "latency", {"latency": 60000}, lease="run-1", name="late")
check("the toxic carries it", p.get(f"{T}/pool")["lease"] == "run-1")
expect("a change keeps it", p.call("POST", "/gameday/links/a/pool", {
    "size": 2}), 200)
check("… it does", p.get(f"{T}/pool")["lease"] == "run-1")
check("one id, one lease: 409",
      p.call("GET", "/gameday/lease?id=run-1", headers={
          "Connection": "Upgrade", "Upgrade": "gameday-lease"})[0] == 409)
held = connect(a)
held.sendall(b"z")
until(lambda: p.stats("a")["connections"] == 1, "it is through")
lease.close()
time.sleep(0.1)
check("half of a shared lease keeps it", len(p.get(T)) == 3)
t = time.monotonic()
twin.close()
check("its end removes its toxics and lets bytes pass",
      read_n(held, 1) == b"z", f"{(time.monotonic() - t) * 1000:.1f} ms")
check("and no others", [x["name"] for x in p.get(T)] ==
      ["latency_downstream"])
held.close()
lease = p.lease("run-2")
p.toxic("a", "pool_limit", {"size": 3}, lease="run-2", name="pool")
lease.sendall(b"bye\n")
lease.close()
until(lambda: p.call("POST", T, {"type": "latency", "name": "z", "lease":
                                 "run-2"})[0] == 409, "the lease is over")
check("a goodbye removes nothing", p.get(f"{T}/pool")["attributes"]["size"]
      == 3)
p.process.send_signal(signal.SIGINT)
p.process.send_signal(signal.SIGHUP)
check("Ctrl-C and hang-up are not for it", works())
p.stop()

# Without --stay
p = Proxy(build, "--link", f"a=127.0.0.1:0,{server.address}", stay=False)
a = p.link("a")
lease = p.lease("run")
held = connect(a)
held.sendall(b"x")
read_n(held, 1)
lease.close()
until(lambda: p.call("POST", "/proxies/a/toxics", {
    "type": "latency", "lease": "run"})[0] == 409, "the lease is over")
time.sleep(1)
check("a client keeps it alive when the run is dead",
      p.process.poll() is None)
held.close()
check("then it ends", until(lambda: p.process.poll() is not None, "end") and
      p.process.returncode == 0)
p = Proxy(build, "--linger", "500ms", stay=False)
check("goodbye", p.call("POST", "/gameday/goodbye")[0] == 204)
t = time.monotonic()
check("ends it after the linger", p.process.wait(DEADLINE) == 0 and
      0.2 < time.monotonic() - t < 5)
bad = subprocess.run([f"{build}/gameday-proxy", "--link", "x"],
                     stderr=subprocess.PIPE)
check("usage errors exit 2", bad.returncode == 2, bad.stderr)
bad = subprocess.run([f"{build}/gameday-proxy", "--link",
                      f"x={server.address},{server.address}"],
                     stderr=subprocess.PIPE)
check("a taken port exits 3", bad.returncode == 3, bad.stderr)
finish()
PY
