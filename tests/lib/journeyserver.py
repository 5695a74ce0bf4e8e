# SPDX-License-Identifier: Apache-2.0
"""A small shop for journeys: counts what it sees, and notes what was wrong."""
import base64
import collections
import gzip
import http.server
import json
import threading
import time


class Shop:
    def __init__(self, people, confirm_s=0.3):
        self.people = people            # {name: (password, id)}
        self.confirm_s = confirm_s
        self.seen = collections.Counter()
        self.who = collections.Counter()   # logins by name
        self.wrong = []                 # sentences
        self.colours = collections.Counter()
        self.keys = set()
        self.issued = {}                # coupon -> time
        self.lock = threading.Lock()
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                with shop.lock:
                    self.answer()

            do_POST = do_GET

            def answer(self):
                shop.answer(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.httpd = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.httpd.server_address[1]
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def expect(self, ok, what):
        if not ok:
            self.wrong.append(what)

    def send(self, h, status, value, headers=()):
        body = json.dumps(value).encode()
        if "gzip" in (h.headers.get("Accept-Encoding") or ""):
            body = gzip.compress(body)
            headers = [*headers, ("Content-Encoding", "gzip")]
        h.send_response(status)
        for k, v in [*headers, ("Content-Length", str(len(body)))]:
            h.send_header(k, v)
        h.end_headers()
        h.wfile.write(body)

    def name(self, h):
        kind, _, text = (h.headers.get("Authorization") or "").partition(" ")
        name, _, word = base64.b64decode(text).decode().partition(":")
        self.expect(kind == "Basic" and self.people.get(name, "")[0] == word,
                    f"{h.path}: credentials {kind} {name}:{word}")
        return name

    def answer(self, h):
        path = h.path.split("/")[1]
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        name = self.name(h)
        self.seen[path] += 1
        if path != "login":
            self.expect(h.headers.get("Cookie") == f"sid={name}",
                        f"{h.path}: {name}'s cookie is "
                        f"{h.headers.get('Cookie')}")
        getattr(self, "do_" + path)(h, name, body)

    def do_login(self, h, name, body):
        self.who[name] += 1
        self.expect(h.headers.get("Cookie") is None, "a cookie at login")
        self.send(h, 303, {}, [("Location", "/home"),
                               ("Set-Cookie", f"sid={name}; Path=/")])

    def do_home(self, h, name, body):
        self.expect(h.command == "GET" and not body, "home is a GET")
        self.send(h, 200, {"user": name})

    def do_issue(self, h, name, body):
        self.expect(json.loads(body) == {"user": self.people[name][1]},
                    f"issue: body {body}")
        self.keys.add(h.headers["Idempotency-Key"])
        coupon = len(self.issued) + 1
        self.issued[coupon] = time.monotonic()
        self.send(h, 200, {"coupon": coupon, "status": "issued"},
                  [("X-Job", f"job {coupon}")])

    def state(self, coupon):
        age = time.monotonic() - self.issued[int(coupon)]
        return age >= self.confirm_s

    def do_coupons(self, h, name, body):
        done = self.state(h.path.split("/")[2])
        self.send(h, 200, {"status": "confirmed" if done else "issued"})

    def do_jobs(self, h, name, body):
        self.send(h, 200, {"done": self.state(h.path.split("%20")[1])})

    def do_colour(self, h, name, body):
        _, _, colour, n = h.path.split("/")
        self.colours[colour] += 1
        self.expect(10 <= int(n) <= 99, h.path)
        self.send(h, 200, {"text": "x" * 30000 + "end"})
