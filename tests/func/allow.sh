# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# What is outside [allow] is refused, whoever names it: a path each, whose own
# listener counts no connect.  127.0.0.1 alone is allowed here.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from drilltest import *

g = Gameday(sys.argv[1])
web = Web()

HEAD = """
[scenario]
name = NAME
lead_in = 0s
window = 0s..2s
duration = 6s

[allow]
hosts = 127.0.0.1/32
"""
LOAD = """
[target web]
url = %s

[journey home]
target = web
step = GET /home as home
step = think const 100ms

[load users]
model = users
timeout = 1s
stages = 0s 2
"""


class Path:
    """A run that names an address outside; ends as it may, but connects to
    nothing there."""

    def __init__(self, what, text, exits, *words, outside=None):
        self.what, self.exits, self.words = what, exits, words
        self.outside = outside or Web("127.0.0.2")
        self.text = text.replace("OUTSIDE", self.outside.address)
        self.out = g.out()
        self.p = g.start("run", g.scenario(self.text), "--out", self.out,
                         "-q")

    def done(self):
        code = wait(self.p)
        text = tail(self.p, 9000)
        try:
            report = g.report(self.out)
        except OSError:
            report = None
        if code == 6 and busy(report):
            print(f"note  {self.what}: this machine is too busy")
            code = self.exits[0]
        check(f"{self.what}: exit {code}", code in self.exits, text)
        for w in self.words:
            check(f"{self.what}: says '{w}'", w in text, text)
        check(f"{self.what}: 0 connects", self.outside.connects == 0,
              self.outside.requests)
        return report


def probe(kind, keys):
    return Path(f"probe {kind}", HEAD + f"[probe out]\nkind = {kind}\n{keys}",
                [3], "127.0.0.2", "[allow]")


def step(what, call, *words):
    book = g.path(f"book{g.n}.ini")
    outside = Web("127.0.0.2")
    with open(book, "w") as f:
        f.write("[playbook]\nname = out\n[step reach]\n" +
                call.replace("OUTSIDE", outside.address) + "\n")
    return Path(what, HEAD + f"[playbook]\nfile = {book}\nstart = 0s\n",
                [1, 2, 3], "127.0.0.2", *words, outside=outside)


curl = shutil.which("curl") or "/usr/bin/false"
paths = [
    Path("load", HEAD + LOAD % "http://OUTSIDE", [3], "127.0.0.2", "[allow]"),
    Path("load, by a name", HEAD.replace("127.0.0.1/32", "127.0.0.2/32") +
         LOAD % "http://localhost:PORT".replace("PORT", str(web.port)), [3],
         "[allow]", outside=web),
    Path("link upstream", HEAD + "[link out]\nlisten = auto\n"
         "upstream = OUTSIDE\n", [3], "127.0.0.2", "[allow]"),
    probe("http", "url = http://OUTSIDE/x"),
    probe("metrics", "url = http://OUTSIDE/x\ngauge.a = a"),
    probe("tcp", "url = OUTSIDE"),
    probe("postgres", "url = OUTSIDE\nuser = a\ndatabase = a"),
    probe("sql", "url = OUTSIDE\nuser = a\ndatabase = a\n"
                 "gauge.a = SELECT 1"),
    step("step http", "http = POST http://OUTSIDE/x {}"),
    step("step command", f"command = {curl} -m 2 http://OUTSIDE/x"),
    step("step command, inside a word",
         f"command = {curl} -m 2 --url=http://OUTSIDE/x"),
]

# Redirects: load, probe and step are sent away, and none follows.
sent = Web("127.0.0.2")
bad = Web(status=lambda path: 302,
          headers=lambda path: f"Location: {sent.url}/there\r\n")
book = g.path("redirect.ini")
with open(book, "w") as f:
    f.write(f"[playbook]\nname = r\n[step reach]\nhttp = GET {bad.url}/step\n")
redirect = Path("redirects", HEAD + LOAD % bad.url +
                f"[probe away]\nkind = http\nurl = {bad.url}/probe\n"
                f"[playbook]\nfile = {book}\nstart = 0s\n", [1],
                outside=sent)

reports = {p.what: p.done() for p in paths + [redirect]}
paths_asked = {path for _, path in bad.requests}
check("redirects: each was sent away", paths_asked ==
      {"/home", "/probe", "/step"}, paths_asked)
for what in ("step http", "step command", "step command, inside a word"):
    if reports[what]:
        verdicts = [s["verdict"] for s in reports[what]["playbook"]]
        check(f"{what}: the step failed", verdicts == ["fail"], verdicts)

check("nothing is left", g.left() == [], g.left())
finish()
PY
