# SPDX-License-Identifier: Apache-2.0
# Servers of TLS and HTTP/2 that misbehave: each becomes a named cause, and what
# was sent is what they saw.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from tlstest import *

g = Tls(sys.argv[1])
certs = Certificates(g.dir)
certs.make("server")
certs.make("client")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(certs.path("server.pem"), certs.path("server.key"))
    return c


def heads(s, data=b""):
    """Yields each request's head."""
    while True:
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                return
            data += more
        head, data = data.split(b"\r\n\r\n", 1)
        yield head


USERS = 2


def once(what, audit, seen):
    """Nothing was sent twice; who was in a handshake at the end sent nothing."""
    check(f"{what}: each was sent once", audit and
          0 <= audit["requests"] - len(seen) <= USERS,
          f"{len(seen)} seen, {audit}")


def fails(what, cause, answer, keys="ca = ca.pem", tls=context, scheme="https",
          **more):
    """Every request fails for the cause, and the server saw each once."""
    server = Server(answer, tls() if tls else None)
    row, audit = g.load(f"{scheme}://127.0.0.1:{server.port}", keys, users=USERS,
                        **more)
    if not row:
        return check(what, False, g.said)
    check(f"{what} is '{cause}'", list(row["failed"]) == [cause] and
          row["ok"] == 0 and row["failed"][cause] == row["requests"] > 1, row)
    if server.seen:
        once(what, audit, server.seen)


def cut(s, n, seen):
    for head in heads(s):
        seen.append(head)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return reset(s)


def shut(s, n, seen):
    for head in heads(s):
        seen.append(head)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return


def garbage(s, n, seen):
    for head in heads(s):
        s.sendall(b"what?\r\n\r\n")
        return


def silent(s, n, seen):
    for head in heads(s):
        seen.append(head)


fails("an RST in the body", "reset", cut)
fails("an end in the body", "reset", shut)
fails("no HTTP in the answer", "protocol", garbage)
fails("silence", "timeout", silent, duration="3s")


# Timeouts of a step's own, each at its time: the load's is 1 s.
class Mute(Server):
    def one(self, s, number):
        if number == 1:		# preflight's gets its handshake
            return super().one(s, number)
        try:
            while s.recv(65536):	# who is given up is reset
                pass
        except OSError:
            s.close()


def at_its_time(what, server, key):
    row, audit = g.load(f"https://127.0.0.1:{server.port}", "ca = ca.pem",
                        users=USERS, more=f"{key} = 300ms")
    if not row:
        return check(what, False, g.said)
    check(f"{what} is 'timeout'", list(row["failed"]) == ["timeout"] and
          row["ok"] == 0 and row["failed"]["timeout"] == row["requests"] > 1,
          row)
    took = row["response_ms"]
    check(f"{what}: after 300 ms", 295 <= took["p50"] < 600, took)
    return audit


at_its_time("a handshake that never comes", Mute(silent, context()),
            "connect_timeout")
server = Server(silent, context())
audit = at_its_time("an answer that never comes", server, "first_byte_timeout")
once("an answer that never comes", audit, server.seen)

# What libcurl cannot carry fails where it is asked, with nobody to wait for:
# a target of 9 000 bytes, once it is encoded.
server = Server(silent, context())
row, _ = g.load(f"https://127.0.0.1:{server.port}", "ca = ca.pem", users=USERS,
                step="GET /${pick." + "<" * 3000 + "}")
check("a request that cannot begin is 'protocol'",
      row and list(row["failed"]) == ["protocol"] and row["ok"] == 0,
      row or g.said)
check("and is not tried as fast as can be", row and row["requests"] < 300, row)

# A kept connection that breaks with the second request on it: the server may
# have acted on it, so it is no second try's.
def second(s, n, seen):
    for i, head in enumerate(heads(s)):
        seen.append(head)
        if i:
            return reset(s)
        s.sendall(OK)


server = Server(second, context())
row, audit = g.load(f"https://127.0.0.1:{server.port}", "ca = ca.pem", users=USERS)
check("a kept connection that breaks: half are 'reset'",
      row and list(row["failed"]) == ["reset"] and
      abs(row["ok"] - row["failed"]["reset"]) <= 2, row or g.said)
once("a kept connection that breaks", audit, server.seen)


# Only the first connection, preflight's, gets its handshake.
class Shy(Server):
    def one(self, s, number):
        if number > 1:
            s.recv(1)
            return reset(s)
        super().one(s, number)


shy = Shy(silent, context())
row, audit = g.load(f"https://127.0.0.1:{shy.port}", "ca = ca.pem", users=USERS)
check("a broken handshake is 'connect'", row and
      list(row["failed"]) == ["connect"] and row["ok"] == 0, row or g.said)
check("and why is said once", g.said.count("a TLS handshake failed") == 1,
      g.said)
check("it does not knock as fast as it can",
      row and row["requests"] < 300, row)


def wants_client():
    c = context()
    c.load_verify_locations(certs.path("ca.pem"))
    c.verify_mode = ssl.CERT_REQUIRED
    return c


# Where the alert is lost with the connection, all that is seen is its end.
server = Server(silent, wants_client())
row, _ = g.load(f"https://127.0.0.1:{server.port}", "ca = ca.pem",
                users=USERS)
check("a certificate that is asked for and not there is 'connect'",
      row and row["failed"].get("connect", 0) > 1 and row["ok"] == 0 and
      set(row["failed"]) <= {"connect", "reset"}, row or g.said)
check("and why", "certificate required" in g.said, g.said)


# HTTP/2 by hand.
def rst_stream(s, n, seen):
    for stream in h2_requests(s):
        seen.append(stream)
        s.sendall(frame(3, 0, stream, struct.pack(">I", 2)))


def half_then_rst(s, n, seen):
    for stream in h2_requests(s):
        seen.append(stream)
        s.sendall(frame(1, 4, stream, b"\x88") + frame(0, 0, stream, b"half") +
                  frame(3, 0, stream, struct.pack(">I", 2)))


def goaway(s, n, seen):
    for stream in h2_requests(s):
        seen.append(stream)
        return s.sendall(frame(7, 0, 0, struct.pack(">II", 0, 0)))


def closes(s, n, seen):
    for stream in h2_requests(s):
        seen.append(stream)
        return


def goaway_unseen(s, n, seen):
    for stream in h2_requests(s):
        return s.sendall(frame(7, 0, 0, struct.pack(">II", 0, 0)))


H2C = dict(tls=None, scheme="http", keys="http = 2-prior-knowledge")
for what, answer in (("RST_STREAM", rst_stream),
                     ("RST_STREAM in the body", half_then_rst),
                     ("GOAWAY", goaway), ("an end without one", closes)):
    fails(f"HTTP/2: {what}", "reset", answer, **H2C)
H2C["keys"] += "\nstreams = 2"
fails("HTTP/2: GOAWAY to streams that are shared", "reset", goaway_unseen,
      **H2C)


def fine(s, n, seen):
    for stream in h2_requests(s):
        seen.append(stream)
        s.sendall(frame(1, 4, stream, b"\x88") + frame(0, 1, stream, b"ok"))


server = Server(fine)
row, audit = g.load(f"http://127.0.0.1:{server.port}", H2C["keys"], users=USERS)
check("HTTP/2 by hand is fine", row and row["ok"] == row["requests"] > 10,
      row or g.said)
once("HTTP/2 by hand", audit, server.seen)
finish()
PY
