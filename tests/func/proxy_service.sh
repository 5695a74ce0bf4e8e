#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# The proxy as a service: its file of proxies, toxics and schedules, who may call
# its API, what it says of itself, and upstreams by name.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
import json, os, signal, socket, subprocess, sys, tempfile, time
from proxytest import *

build = sys.argv[1]
server = Server(echo)
tmp = tempfile.mkdtemp()


def file(name, text, mode=0o600):
    path = os.path.join(tmp, name)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def rtt(s):
    t = time.monotonic()
    s.sendall(b"x")
    read_n(s, 1)
    return (time.monotonic() - t) * 1000


def fails(*args):
    got = subprocess.run([f"{build}/gameday-proxy", *args], timeout=20,
                         stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    return got.returncode, got.stderr.decode()


# Toxiproxy's file, and ours with toxics that come and go
conf = file("p.json", json.dumps([
    {"name": "plain", "listen": "127.0.0.1:0", "upstream": server.address},
    {"name": "off", "upstream": server.address, "enabled": False},
    {"name": "late", "listen": "127.0.0.1:0", "upstream": server.address,
     "toxics": [
         {"type": "latency", "name": "always", "attributes": {"latency": 30}},
         {"type": "latency", "name": "later", "stream": "upstream",
          "after": 600, "for": 600, "attributes": {"latency": 60}}]}]))
p = Proxy(build, "--config", conf)
check("the file's proxies are there", sorted(p.get("/proxies")) ==
      ["late", "off", "plain"] and not p.get("/proxies/off")["enabled"])
s = connect(p.link("late"))
check("its toxic is on", 28 < rtt(s) < 58)
until(lambda: len(p.get("/proxies/late/toxics")) == 2, "the later one")
check("the later one comes", rtt(s) > 85)
until(lambda: len(p.get("/proxies/late/toxics")) == 1, "its end")
check("… and goes", 28 < rtt(s) < 58)
s.close()

# What it says
c = http.client.HTTPConnection(p.host, p.port, timeout=DEADLINE)
c.request("GET", "/metrics")
r = c.getresponse()
text = r.read().decode()
check("metrics", r.getheader("Content-Type").startswith("text/plain") and
      'toxiproxy_proxy_sent_bytes_total{direction="upstream",listener="127.'
      in text and 'gameday_link_accepted_total{link="late"} 1' in text)
for name, value, status in ("User-Agent", "Mozilla/5.0", 403), \
        ("Origin", "http://x", 403), ("User-Agent", "curl/8", 200):
    check(f"{name}: {value}", p.call("GET", "/version", headers={
        name: value})[0] == status)

# What it does not take for something else
for body in ({"name": "x", "upstream": server.address, "enabled": "yes"},
             {"name": 5, "upstream": server.address},
             {"name": "x", "upstream": 6379},
             {"name": "x", "upstream": "no port"}, ["x"], "x"):
    status, answer = p.call("POST", "/proxies", body)
    check(f"refused: {body}", status == 400, answer)
status, answer = p.call("POST", "/populate", [
    {"name": "one", "upstream": server.address}, {"name": "two"}])
check("populate looks at all first", status == 400 and answer == {
    "error": "missing required field: upstream at proxy 2", "status": 400,
    "proxies": []}, answer)
status, answer = p.call("POST", "/populate", [
    {"name": "one", "upstream": server.address},
    {"name": "two", "listen": "256.1.1.1:1", "upstream": server.address}])
check("populate says what it did before it failed", status == 400 and
      [x["name"] for x in answer["proxies"]] == ["one"], answer)
c.request("POST", "/proxies", '{"name": ')
r = c.getresponse()
answer = json.loads(r.read())
check("bad JSON", r.status == 400 and
      answer["error"].startswith("bad request body: "), answer)

# An upstream by name: resolved beside, and shown as it was asked
port = server.address.rsplit(":", 1)[1]
status, answer = p.call("POST", "/proxies", {
    "name": "named", "upstream": f"ip4-localhost.invalid:{port}"})
check("a name that leads nowhere is kept", status == 201 and
      answer["upstream"] == f"ip4-localhost.invalid:{port}", answer)
host, at = answer["listen"].rsplit(":", 1)


def cut():
    try:
        with connect((host, int(at))) as one:
            return one.recv(1) == b""
    except OSError:
        return True


check("… and its clients are cut", cut())
me = socket.gethostname()
try:
    mine = socket.getaddrinfo(me, None, socket.AF_INET)[0][4][0]
except OSError:
    mine = ""
if mine.startswith("127."):
    p.call("POST", "/proxies/named", {"upstream": f"{me}:{port}"})
    at = p.get("/proxies/named")["listen"].rsplit(":", 1)[1]

    def through():
        try:
            with connect((host, int(at))) as one:
                one.sendall(b"x")
                return one.recv(1) == b"x"
        except OSError:
            return False
    check("one that leads home works", until(through, "it is resolved"))
p.stop()

# Mistakes in the file say which
for text, want in ('{"proxies": [', "p.json"), ('[{"name": "x"}]', "upstream"),\
        (json.dumps([{"name": "x", "upstream": server.address, "toxics": [
            {"type": "latency", "attributes": {"latncy": 5}}]}]), "toxic 1"):
    code, said = fails("--config", file("p.json", text), "--api",
                       "127.0.0.1:0")
    check(f"a bad file: {want}", code == 2 and want in said, said)

# A token
token = file("token", "s3cret\n")
unix = os.path.join(tmp, "api.sock")
p = Proxy(build, "--token-file", token, "--api", "unix:" + unix)
check("no token: 401", p.call("GET", "/version")[0] == 401)
check("another: 401", p.call("GET", "/version", headers={
    "Authorization": "Bearer s3creT"})[0] == 401)
check("the token", p.call("GET", "/version", headers={
    "Authorization": "Bearer s3cret"})[0] == 200)
c = UnixHTTP(unix)
c.request("GET", "/version")
check("the Unix socket needs none", c.getresponse().status == 200)
p.stop()
code, said = fails("--api", "0.0.0.0:0")
check("others may not reach it without one", code == 2 and "--token-file"
      in said, said)
code, said = fails("--token-file", file("open", "x", 0o644))
check("a token that all can read", code == 2 and "chmod 600" in said, said)

# Started by hand: it stays, says where it is, and Ctrl-C ends it
by_hand = subprocess.Popen([f"{build}/gameday-proxy", "--api", "127.0.0.1:0",
                            "--linger", "100ms", "--threads", "2", "--link",
                            f"db=127.0.0.1:0,{server.address}"],
                           stderr=subprocess.PIPE)
atexit.register(stop_at_exit, by_hand)
said = [by_hand.stderr.readline().decode() for _ in range(2)]
check("by hand it says where it is", "api at 127.0.0.1:" in said[0] and
      f"to {server.address}" in said[1], said)
time.sleep(1)
check("… and stays", by_hand.poll() is None)
by_hand.send_signal(signal.SIGINT)
check("… until Ctrl-C", by_hand.wait(DEADLINE) == 0)
shutil.rmtree(tmp)
finish()
PY
