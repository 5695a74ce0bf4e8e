# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# What cannot run here says so before anything is injected, says how to mend it,
# exits 3 and leaves nothing.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" <<'PY'
from drilltest import *

g = Gameday(sys.argv[1])
web = Web()
proxy = g.program + "-proxy"

BASE = f"""
[scenario]
name = NAME
lead_in = 1s
window = 0s..2s
duration = 5s

[allow]
hosts = 127.0.0.1/32
interfaces = lo

[link web]
listen = auto
upstream = {web.address}

[target web]
url = {web.url}

[journey home]
target = web
step = GET /home as home
step = think const 100ms

[load users]
model = users
timeout = 2s
stages = 0s 2

[fault slow]
kind = link.delay
link = web
delay = 300ms
at = 0s
for = 1s
"""


def ours():
    """Processes with this test's directory, or one of its runs, in their
    command line or environment."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", "rb") as f:
                words = f.read()
            with open(path + "/environ", "rb") as f:
                words += f.read()
        except OSError:
            continue
        pid = int(path[6:])
        if g.dir.encode() in words and pid != os.getpid() and alive(pid):
            found.append((pid, words.split(b"\0")[0]))
    return found


def cannot(what, text, *words, before=(), name="cannot", out=None, **more):
    out = out or g.out()
    path = g.scenario(text, name)
    run = [*before, g.program, "run", path, "--out", out, "-q"]
    got = subprocess.run(run, env=g.env, cwd=g.dir, text=True, timeout=END,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, **more)
    check(f"{what}: exit 3", got.returncode == 3, got)
    for w in words:
        check(f"{what}: says '{w}'", re.search(w, got.stderr), got.stderr)
    check(f"{what}: says it once", 0 < len(got.stderr.split("\n")) < 16,
          got.stderr)
    check(f"{what}: nothing was injected", not [
        e for e in g.events(out, "fault") if e["to"] == "injecting"])
    until(lambda: not ours(), f"{what}: no process is left: {ours()}")
    check(f"{what}: nothing is left", g.left() == [], g.left())
    name = os.path.basename(path)[:-4]
    left = [n for n in (os.listdir(g.base()) if os.path.isdir(g.base())
                        else []) if f"-{os.getpid()}-" in n]
    check(f"{what}: no socket is left", left == [], left)
    return got


# --- a port that somebody has
taken = socket.create_server(("127.0.0.1", 0))
port = taken.getsockname()[1]
cannot("a taken port", BASE.replace("listen = auto",
                                    f"listen = 127.0.0.1:{port}"),
       f"127.0.0.1:{port}", "in use")

# --- a target that nobody is
closed = socket.socket()
closed.bind(("127.0.0.1", 0))		# ours, and nobody listens
port = closed.getsockname()[1]
cannot("a target that refuses", BASE.replace(
    f"url = {web.url}", f"url = http://127.0.0.1:{port}"),
    f"127.0.0.1:{port}", "refused", "target")
cannot("a target that has no address", BASE.replace(
    f"url = {web.url}", "url = http://no.such.host.invalid:80"),
    "no.such.host.invalid", "target")

# --- a fault that this kernel, or this user, cannot do
delay = BASE.replace("kind = link.delay\nlink = web",
                     f"kind = net.delay\ndev = lo\nport = {web.address}")
why = g.run("check", g.scenario(delay))
if why.returncode == 0:
    print("note  this kernel has netem: asking without its right")
    if os.geteuid() == 0:
        cannot("no right for netem", delay, "cannot run here", "CAP_NET_ADMIN",
               before=("setpriv", "--bounding-set=-net_admin",
                       "--inh-caps=-net_admin", "--ambient-caps=-net_admin"))
else:
    cannot("no netem and no fallback", delay, "fault 'slow' cannot run here",
           "fallback = KIND")

# --- a disk that is full, a directory that is none, one that is used
if os.geteuid() == 0:
    small = g.path("small")
    os.mkdir(small)
    cannot("a full disk", BASE, "No space left", "--out",
           before=("unshare", "-m", "sh", "-c",
                   f"mount -t tmpfs -o size=4m none {small} && exec \"$@\"",
                   "sh"), out=small + "/run")
cannot("a run directory below a file", BASE, "Not a directory",
       out=g.program + "/run")
used = g.path("used")
os.mkdir(used)
open(used + "/letter", "w").close()
cannot("a run directory with something in it", BASE, "not empty", "--out",
       out=used)
check("and that something is still there", os.path.exists(used + "/letter"))

# --- a link's upstream that nobody is, is for the probes to see; a proxy that
# is not there is not
moved = g.path("bin")
os.mkdir(moved)
shutil.copy(g.program, moved)
env = dict(g.env, PATH="/nowhere")
keep, g.env = g.env, env
kept, g.program = g.program, os.path.join(moved, "gameday")
cannot("no gameday-proxy", BASE, "gameday-proxy")
g.env, g.program = keep, kept

# --- the staging without its PostgreSQL
if os.geteuid() == 0:
    empty = g.path("empty")
    os.mkdir(empty)
    stack = f"""
[scenario]
name = NAME
duration = 5s
lead_in = 1s
window = 0s..2s
[allow]
hosts = 127.0.0.0/8
[staging]
up = yes
name = cannot{os.getpid()}
"""
    hide = "".join(f"mount --bind {empty} {d} && " for d in
                   glob.glob("/usr/lib/postgresql"))
    bare = dict(g.env, PATH="/bin/nowhere")
    cannot("no PostgreSQL", stack, "postgres", "make setup",
           before=("/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                   "unshare", "-m", "sh", "-c", f"{hide}exec \"$@\"", "sh"))
    check("and no stack of that name is left", not os.path.exists(
        f"/run/gameday/staging/cannot{os.getpid()}"))
else:
    print("note  not root: neither the full disk nor PostgreSQL were tried")

check("the server had no request", web.requests == [], web.requests[:3])
finish()
PY
