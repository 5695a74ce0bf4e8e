# SPDX-License-Identifier: Apache-2.0
# HTTPS and HTTP/2 against nginx: what was answered is what its log has, whatever
# the version; certificates are what the target's keys say.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from tlstest import *

g = Tls(sys.argv[1])
certs = Certificates(g.dir)
certs.make("server")
certs.make("named", "DNS:shop.test")
certs.make("client")
certs.make("expired", days="0")
BASE = "location / { return 200 " + "x" * 1000 + "; } gzip on; " \
       "gzip_types text/plain; " \
       "location = /gone { return 409 sold; } "
CERT = "ssl_certificate {0}.pem; ssl_certificate_key {0}.key; "
nginx = Nginx(g.dir, *(BASE + s for s in (
    "listen PORT ssl http2; " + CERT.format("server"),
    "listen PORT http2;",
    "listen PORT ssl http2; ssl_verify_client on; ssl_client_certificate "
    "ca.pem; " + CERT.format("server"),
    "listen PORT ssl; " + CERT.format("named"),
    "listen PORT ssl; " + CERT.format("expired"))))
tls, h2c, wants_client, named, expired = nginx.ports
HTTPS = f"https://127.0.0.1:{tls}"


ran = 0


def counts(what, protocol, users, connects, *args, step="GET /index.html"):
    """Every answered request is in the log once, in this version, and of those
    that the end broke off none is twice; connects: how many."""
    global ran
    ran += 1
    uri = f"{step.split()[1]}?{ran}"	# nginx logs what broke off later
    row, audit = g.load(*args, users=users, step=f"{step}?{ran}")
    if not row:
        return check(what, False, g.said)

    def mine():
        return [l for l in nginx.lines() if l.split()[3] == uri]
    until(lambda: len(mine()) >= row["requests"], what)
    seen = mine()
    other = [l for l in seen if l.split()[1] != protocol]
    check(f"{what}: answered", row["ok"] == row["requests"] > 20 and
          audit["requests"] - row["requests"] <= users, row)
    check(f"{what}: sent",
          row["requests"] <= audit["sent"] and
          audit["sent"] + audit["sent_partly"] <= audit["requests"], audit)
    check(f"{what}: the log has each request",
          row["requests"] <= len(seen) <= audit["requests"],
          f"{audit['requests']} sent, {len(seen)} seen")
    check(f"{what}: {protocol}", not other, other[:3])
    check(f"{what}: connections", audit["connects"] == connects, audit)
    return {l.replace(uri, "URI") for l in seen}


counts("h1", "HTTP/1.1", 4, 4, HTTPS, "ca = ca.pem")
lines = counts("h1 POST", "HTTP/1.1", 2, 2, HTTPS, "ca = ca.pem",
               step="POST /post")
check("h1 POST: as it was asked", lines == {"- HTTP/1.1 POST URI 200"}, lines)
counts("h2", "HTTP/2.0", 4, 4, HTTPS, "ca = ca.pem\nhttp = 2")
counts("h2 shared", "HTTP/2.0", 10, 2, HTTPS,
       "ca = ca.pem\nhttp = 2\nstreams = 5")
counts("h2c", "HTTP/2.0", 4, 4, f"http://127.0.0.1:{h2c}",
       "http = 2-prior-knowledge")
counts("h2c shared", "HTTP/2.0", 10, 1, f"http://127.0.0.1:{h2c}",
       "http = 2-prior-knowledge\nstreams = 64")
counts("a client's certificate", "HTTP/1.1", 2, 2,
       f"https://127.0.0.1:{wants_client}",
       "ca = ca.pem\ncert = client.pem\nkey = client.key")
lines = counts("a name of its own", "HTTP/1.1", 2, 2,
               f"https://127.0.0.1:{named}", "ca = ca.pem\nsni = shop.test")
check("the server heard the name",
      lines == {"shop.test HTTP/1.1 GET URI 200"}, lines)
counts("not verified", "HTTP/1.1", 2, 2, HTTPS, "verify = no")

row, _ = g.load(HTTPS, "ca = ca.pem\nhttp = 2", step="GET /gone")
check("a status is an outcome", row and row["business"] == row["requests"] > 0,
      row or g.said)
for keys in "ca = ca.pem", "ca = ca.pem\nhttp = 2":
    row, _ = g.load(HTTPS, keys, more="check = whole: body matches ^x{1000}$\n"
                    "check = zipped: header Content-Encoding = gzip")
    check("what came compressed is looked at as it was meant",
          row and row["ok"] == row["requests"] > 0, row or g.said)
row, _ = g.load(f"https://127.0.0.1:{wants_client}", "ca = ca.pem")
check("no certificate: nginx says 400", row and row["client"] > 0,
      row or g.said)

g.refused("a server that nobody trusts", ["unable to get local issuer",
                                          "other-ca.pem"],
          HTTPS, "ca = other-ca.pem")
g.refused("a certificate for another name", ["no alternative certificate"],
          f"https://127.0.0.1:{named}", "ca = ca.pem")
g.refused("an expired certificate", ["expired"],
          f"https://127.0.0.1:{expired}", "ca = ca.pem")
g.refused("no HTTP/2 there", ["speaks no HTTP/2", "http = 1.1"],
          f"https://127.0.0.1:{named}",
          "ca = ca.pem\nsni = shop.test\nhttp = 2")
g.refused("no TLS there", ["no TLS with", f":{h2c}"],
          f"https://127.0.0.1:{h2c}", "ca = ca.pem")
g.refused("files are read before the run",
          [":10: no certificates in", "nothere.pem", "No such file"],
          HTTPS, "ca = nothere.pem")
g.refused("a key that is another's", [":12:", "is not the certificate's"],
          HTTPS, "ca = ca.pem\ncert = client.pem\nkey = server.key")
g.refused("keys of TLS without it", [":9:", "are for https://"],
          f"http://127.0.0.1:{h2c}", "sni = x")
check("nothing was sent for all these",
      not any("/unsent" in l for l in nginx.lines()))
finish()
PY
