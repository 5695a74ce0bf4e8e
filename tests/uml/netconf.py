# SPDX-License-Identifier: Apache-2.0
# Runs inside User Mode Linux; see run.sh.  netconf.py SEED COUNT PACKETS:
# COUNT generated net.* faults, each read back by tc and compared with what was
# asked; then delay, loss and rate as a socket sees them.
import json, math, random, socket, statistics, subprocess, sys, time

seed, count, packets = (int(a) for a in sys.argv[1:4])
rng = random.Random(seed)
bad = 0


def fail(*what):
    global bad
    bad += 1
    print("FAIL", *what)


def tc(*args):
    out = subprocess.run(["tc", "-j", *args], capture_output=True, text=True)
    return json.loads(out.stdout or "[]")


def state():
    """All that a fault could leave: qdiscs, links."""
    links = subprocess.run(["ip", "-o", "link"], capture_output=True,
                           text=True).stdout
    return tc("qdisc", "show"), [l.split(":")[1] for l in links.splitlines()]


class Faults:
    def __init__(self):
        self.p = subprocess.Popen(["/run/uml-netem", "serve"], text=True,
                                  stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)

    def until(self, word):
        said = []
        for line in self.p.stdout:
            if line.strip() == word:
                return said
            said.append(line.strip())
        fail("no", word, said)
        sys.exit(1)

    def inject(self, kind, keys):
        text = f"[fault d]\nkind = {kind}\n"
        text += "".join(f"{k} = {v}\n" for k, v in keys.items())
        self.p.stdin.write(text + "end\n")
        self.p.stdin.flush()
        return self.until("holding")

    def revert(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        said = self.until("gone")
        for line in said:
            if "achieved" in line:
                return json.loads(line.split("achieved ")[1])


# --- generated ------------------------------------------------------------

def percent(low, high):
    return round(rng.uniform(low, high), 3)


def generate():
    """kind, keys, and netem's options as tc must show them."""
    k, want = {}, {"limit": 10000, "ecn": False, "gap": 0}
    ms, jitter = rng.randint(1, 300), 0
    if rng.random() < 0.7:
        k["delay"] = f"{ms}ms"
        want["delay"] = {"delay": ms / 1000, "jitter": 0, "correlation": 0}
        if rng.random() < 0.6:
            jitter = rng.randint(1, ms)
            k["jitter"] = f"{jitter}ms"
            want["delay"]["jitter"] = jitter / 1000
            if rng.random() < 0.5:
                c = percent(1, 99)
                k["delay_correlation"] = f"{c}%"
                want["delay"]["correlation"] = c / 100
            shape = rng.choice(["uniform", "normal", "pareto", "paretonormal"])
            k["distribution"] = shape
        if rng.random() < 0.3:
            pair("reorder", k, want)
            want["gap"] = 1
            if rng.random() < 0.5:
                want["gap"] = k["gap"] = rng.randint(2, 9)
    model = rng.choice(["none", "random", "gemodel", "state"])
    if model == "random":
        pair("loss", k, want, "loss-random")
    elif model == "gemodel":
        p, r, b, g = (percent(1, 60) for _ in range(4))
        k.update(loss_model=model, p=f"{p}%", r=f"{r}%", bad_loss=f"{b}%",
                 good_loss=f"{g}%")
        want["loss-gemodel"] = {"p": p / 100, "r": r / 100, "1-h": b / 100,
                                "1-k": g / 100}
    elif model == "state":
        v = {n: percent(1, 45) for n in ("p13", "p31", "p32", "p23", "p14")}
        k.update({n: f"{x}%" for n, x in v.items()}, loss_model=model)
        want["loss-state"] = {n: x / 100 for n, x in v.items()}
    for name in "duplicate", "corrupt":
        if rng.random() < 0.3:
            pair(name, k, want)
    if rng.random() < 0.3:
        mbit = rng.choice([1, 10, 100, 1000, 40000])
        k["rate"] = f"{mbit}mbit"
        want["rate"] = {"rate": mbit * 125000, "packetoverhead": 0,
                        "cellsize": 0, "celloverhead": 0}
        if rng.random() < 0.5:
            k.update(packet_overhead=20, cell_size=53, cell_overhead=5)
            want["rate"].update(packetoverhead=20, cellsize=53,
                                celloverhead=5)
    if rng.random() < 0.2:
        k.update(slot_min="2ms", slot_max="9ms", slot_packets=8,
                 slot_bytes=16000)
        want["slot"] = {"min-delay": 0.002, "max-delay": 0.009, "packets": 8,
                        "bytes": 16000}
    if rng.random() < 0.2:
        k["ecn"], want["ecn"] = "yes", True
    if rng.random() < 0.3:
        want["limit"] = k["limit"] = rng.randint(10, 5000)
    if set(want) == {"limit", "ecn", "gap"}:
        pair("duplicate", k, want)
    want.setdefault("delay", {"delay": 0, "jitter": 0, "correlation": 0})
    return k, want


def pair(name, k, want, shown=None):
    v, c = percent(0.1, 60), percent(0, 90)
    k[name] = f"{v}%"
    want[shown or name] = {name: v / 100, "correlation": c / 100}
    if c:
        k[f"{name}_correlation"] = f"{c}%"


def scope():
    """Keys, and the u32 filters that must be there: (protocol, matches)."""
    k = {"direction": rng.choice(["egress", "ingress"])}
    protocol = rng.choice(["auto", "any", "icmp", "tcp", "udp"])
    port = rng.choice([None, 5555, 65535])
    if protocol == "icmp":
        port = None
    if protocol != "auto":
        k["protocol"] = protocol
    ends = ["destination"]
    if port:
        k["port"] = port
        k["ends"] = rng.choice(["destination", "source", "either"])
        ends = {"either": ["destination", "source"]}.get(k["ends"],
                                                         [k["ends"]])
    address = rng.choice([None, "127.0.0.1", "10.1.2.0/23", "fd00:1::/33",
                          "fd00:1:2:3::4"])
    if address:
        k["address"] = address
    real = "tcp" if protocol == "auto" and port else protocol
    want = set()
    for family in "ip", "ipv6":
        if address and (":" in address) != (family == "ipv6"):
            continue
        for end in ends:
            want.add((family, matches(family, real, address, port, end,
                                      k["direction"])))
    return k, want


def matches(family, protocol, address, port, end, direction):
    m, v4 = set(), family == "ip"
    number = {"tcp": 6, "udp": 17, "icmp": 1 if v4 else 58}.get(protocol)
    if number:
        m.add((8, 0xff0000, number << 16) if v4 else (4, 0xff00, number << 8))
    if address:
        ip, _, bits = address.partition("/")
        raw = socket.inet_pton(socket.AF_INET if v4 else socket.AF_INET6, ip)
        bits = int(bits or len(raw) * 8)
        off = {True: (12, 16), False: (8, 24)}[v4][direction == "egress"]
        for i in range(0, bits, 32):
            left = min(32, bits - i)
            mask = (0xffffffff << (32 - left)) & 0xffffffff
            word = int.from_bytes(raw[i // 8:i // 8 + 4], "big")
            m.add((off + i // 8, mask, word & mask))
    if port:
        if v4:
            m |= {(0, 0xf000000, 0x5000000), (4, 0x1fff, 0)}
        at = 20 if v4 else 40
        m.add((at, 0xffff0000, port << 16) if end == "source"
              else (at, 0xffff, port))
    return frozenset(m or {(0, 0, 0)})


def raw_filters(text):
    """tc repeats the key "match", which a plain parser would drop."""
    def hook(pairs):
        d = dict(pairs)
        keys = [(m["off"], int(m["mask"], 16), int(m["value"], 16))
                for name, m in pairs if name == "match"]
        if keys:
            d["match"] = keys
        if "options" in d and isinstance(d["options"], dict):
            d["keys"] = d["options"].get("match", [])
        return d
    return json.loads(text or "[]", object_pairs_hook=hook)


def tc_filters(*args):
    return raw_filters(subprocess.run(["tc", "-j", "filter", *args],
                                      capture_output=True, text=True).stdout)


def near(a, b):
    if isinstance(b, dict):
        return isinstance(a, dict) and all(near(a.get(n), b[n]) for n in b)
    if isinstance(b, bool) or a is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)


def compare(n, keys, want, filters, direction):
    show = tc("qdisc", "show")
    netem = [q for q in show if q["kind"] == "netem"]
    if len(netem) != 1:
        return fail(n, keys, "netem:", show)
    got = netem[0]["options"]
    got.setdefault("delay", {"delay": 0, "jitter": 0, "correlation": 0})
    for name, value in want.items():
        if not near(got.get(name), value):
            fail(n, keys, name, "asked", value, "shown", got)
    for name in set(got) - set(want):
        fail(n, keys, "not asked:", name, got[name])
    if direction == "egress":
        v = tc_filters("show", "dev", "lo")
    else:
        q = [q for q in show if q["kind"] == "ingress"]
        v = tc_filters("show", "block", str(q[0]["ingress_block"]))
    hits = set()
    for f in v:
        o = f.get("options", {})
        hit = (o.get("flowid", "").endswith(":4") if direction == "egress"
               else "actions" in o)
        if f.get("keys") and hit:
            hits.add((f["protocol"], frozenset(f["keys"])))
    if hits != filters:
        fail(n, keys, "filters asked", filters, "shown", hits)


faults = Faults()
before = state()
injected, reverted = [], []
for n in range(count):
    netem, want = generate()
    where, filters = scope()
    keys = {"dev": "lo", **netem, **where}
    for line in faults.inject("net.netem", keys):
        if "injecting>injected" in line:
            injected.append(float(line.split()[2]))
    compare(n, keys, want, filters, where["direction"])
    faults.p.stdin.write("\n")
    faults.p.stdin.flush()
    for line in faults.until("gone"):
        if "reverting>gone" in line:
            reverted.append(float(line.split()[2]))
    if state() != before:
        fail(n, keys, "left:", state())
print(f"configurations: {count} of seed {seed}, "
      f"inject {statistics.median(injected):.3f} ms, "
      f"revert and verify {statistics.median(reverted):.3f} ms (medians)")

# --- as a socket sees it --------------------------------------------------

class Wire:
    """Datagrams from one socket on lo to another, over the fault's port."""

    def __init__(self, family=socket.AF_INET, host="127.0.0.1"):
        self.rx = socket.socket(family, socket.SOCK_DGRAM)
        self.rx.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.rx.bind((host, 5555))
        self.rx.settimeout(2)
        self.tx = socket.socket(family, socket.SOCK_DGRAM)
        self.tx.connect((host, 5555))

    def close(self):
        self.rx.close()
        self.tx.close()

    def delays(self, n):
        v = []
        for i in range(n):
            t = time.monotonic()
            self.tx.send(b"x" * 32)
            self.rx.recv(64)
            v.append((time.monotonic() - t) * 1000)
        return v

    def count(self, n, size=32):
        """Sends n; what came back, and how often."""
        seen = {}
        self.rx.setblocking(False)

        def drain():
            while True:
                try:
                    d = self.rx.recv(2048)
                except BlockingIOError:
                    return
                seen[d] = seen.get(d, 0) + 1
        for i in range(n):
            self.tx.send(i.to_bytes(4, "big") * (size // 4))
            drain()
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            drain()
        self.rx.settimeout(2)
        return seen


def interval(n, p):
    """99.9 % of the binomial, by the normal approximation and half a step."""
    half = 3.2905 * math.sqrt(n * p * (1 - p)) + 0.5
    return n * p - half, n * p + half


def tries(what, n, measure):
    """One of n: chance, or a busy machine, misses once; a mistake always."""
    if not any(measure() for _ in range(n)):
        fail(what)


def delay(what, keys, ms):
    before = statistics.median(wire.delays(21))
    faults.inject("net.delay", {**udp, "delay": f"{ms}ms", **keys})
    got = statistics.median(wire.delays(15)) - before
    faults.revert()
    print(f"delay {what} asked {ms} ms, median {got:.2f} ms")
    return ms - 0.2 <= got <= ms + 2


wire = Wire()
udp = {"dev": "lo", "port": 5555, "protocol": "udp"}
base = statistics.median(wire.delays(21))
for direction in "egress", "ingress":
    for ms in 5, 20, 100:
        tries(f"delay {direction} {ms}", 4,
              lambda: delay(direction, {"direction": direction}, ms))


def shaped(shape, rounds=60):
    faults.inject("net.delay", {**udp, "delay": "20ms", "jitter": "4ms",
                                "distribution": shape})
    v = wire.delays(rounds)
    faults.revert()
    mean, sigma = statistics.mean(v) - base, statistics.stdev(v)
    print(f"delay {shape} asked 20 +- 4 ms, mean {mean:.2f}, sigma {sigma:.2f}")
    return 18 <= mean <= 23.5 and 2 <= sigma <= 7


for shape in "normal", "pareto":
    tries(shape, 3, lambda: shaped(shape))

def loss(p):
    faults.inject("net.loss", {**udp, "loss": f"{p * 100:g}%"})
    lost = packets - len(wire.count(packets))
    achieved = faults.revert()
    low, high = interval(packets, p)
    print(f"loss asked {p:.0%} of {packets}: lost {lost}, "
          f"99.9 % lies in {low:.0f}..{high:.0f}; the kernel counted "
          f"{achieved['dropped']}, share {achieved['loss']:.4f}")
    return low <= lost <= high and achieved["dropped"] == lost


def duplicate():
    faults.inject("net.duplicate", {**udp, "duplicate": "10%"})
    twice = sum(n == 2 for n in wire.count(packets).values())
    faults.revert()
    low, high = interval(packets, 0.1)
    print(f"duplicate asked 10 % of {packets}: {twice}, "
          f"99.9 % lies in {low:.0f}..{high:.0f}")
    return low <= twice <= high


def bursts(model, keys, share):
    n = max(packets, 4000)
    faults.inject("net.loss", {**udp, "loss_model": model, **keys})
    lost = (n - len(wire.count(n))) / n
    faults.revert()
    print(f"loss {model} in the long run {share:.4f}, got {lost:.4f}")
    return 0.7 * share <= lost <= 1.3 * share


for p in 0.01, 0.05, 0.3:
    tries(f"loss {p}", 2, lambda: loss(p))
tries("gemodel", 2, lambda: bursts(
    "gemodel", {"p": "10%", "r": "50%", "bad_loss": "90%"}, 10 / 60 * 0.9))
# Two states only: in a burst all is lost, and it lasts 1 / p31.
tries("state", 2, lambda: bursts(
    "state", {"p13": "5%", "p31": "50%"}, 5 / 55))
tries("duplicate", 2, duplicate)

faults.inject("net.corrupt", {**udp, "corrupt": "20%"})
whole = {i.to_bytes(4, "big") * 8 for i in range(packets)}
hurt = packets - len(whole & set(wire.count(packets)))
faults.revert()
print(f"corrupt asked 20 % of {packets}: {hurt}")
if not 0.15 * packets <= hurt <= 0.22 * packets:
    fail("corrupt", hurt)
if len(wire.count(100)) != 100:
    fail("something is lost after all are gone")

# A rate: 64 KB at 1 mbit take half a second, less the burst.
def narrow(shaper):
    faults.inject("net.rate", {**udp, "rate": "1mbit", "shaper": shaper,
                               **({"burst": "4KB", "queue": "1s"}
                                  if shaper == "tbf" else {})})
    t = time.monotonic()
    for i in range(64):
        wire.tx.send(bytes(1000))
    for i in range(64):
        wire.rx.recv(2048)
    took = time.monotonic() - t
    faults.revert()
    print(f"rate {shaper} asked 1 mbit: {64 * 1042 * 8 / took / 1e6:.3f} mbit")
    return 0.45 <= took <= 0.62


for shaper in "tbf", "netem":
    tries(f"rate {shaper}", 3, lambda: narrow(shaper))
wire.close()

try:
    wire = Wire(socket.AF_INET6, "::1")
    tries("delay IPv6", 4, lambda: delay("IPv6", {"address": "::1"}, 10))
except OSError as e:
    fail("no IPv6:", e)
if state() != before:
    fail("left:", state())
faults.p.stdin.close()
faults.p.wait()
print("RESULT", "FAIL" if bad else "ok")
