# SPDX-License-Identifier: Apache-2.0
# Runs inside User Mode Linux; see run.sh.  cgroup.*: the value is there while
# the fault is on, is felt by a process in the group, and is as before after.
import os, signal, subprocess, sys, time

bad = 0
TOP = "/sys/fs/cgroup"
GROUP = TOP + "/gd/work"


def fail(*what):
    global bad
    bad += 1
    print("FAIL", *what)


def read(name):
    with open(f"{GROUP}/{name}") as f:
        return f.read().strip()


def stat(name, key):
    for line in read(name).splitlines():
        words = line.split()
        if words[0] == key:
            return int(words[1])
    return 0


def await_(condition, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


os.makedirs(TOP, exist_ok=True)
subprocess.run(["mount", "-t", "cgroup2", "none", TOP], check=True)
have = open(TOP + "/cgroup.controllers").read().split()
print("controllers:", *have)
os.makedirs(GROUP)
for where in TOP, TOP + "/gd":
    with open(where + "/cgroup.subtree_control", "w") as f:
        f.write(" ".join("+" + c for c in ("cpu", "memory", "io")
                         if c in have))

worker = subprocess.Popen([sys.executable, "-c",
                           "import os\nwhile True: os.getpid()"])
with open(GROUP + "/cgroup.procs", "w") as f:
    f.write(str(worker.pid))

p = subprocess.Popen(["/run/uml-netem", "serve"], text=True,
                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def until(word):
    said = []
    for line in p.stdout:
        said.append(line.strip())
        if line.strip() == word:
            return said
    fail("no", word, said)
    sys.exit(1)


def on(kind, keys):
    text = f"[fault d]\nkind = {kind}\ncgroup = /gd/work\n"
    text += "".join(f"{k} = {v}\n" for k, v in keys.items())
    p.stdin.write(text + "end\n")
    p.stdin.flush()
    return until("holding")


def off():
    p.stdin.write("\n")
    p.stdin.flush()
    return [l for l in until("gone") if "achieved" in l]


def used(seconds):
    a, t = stat("cpu.stat", "usage_usec"), time.monotonic()
    time.sleep(seconds)
    return ((stat("cpu.stat", "usage_usec") - a) / 1e6 /
            (time.monotonic() - t))


# freeze: no CPU time is used while it is on
before = read("cgroup.freeze")
on("cgroup.freeze", {})
if read("cgroup.freeze") != "1" or not await_(
        lambda: stat("cgroup.events", "frozen") == 1):
    fail("not frozen")
share = used(0.3)
print(f"freeze: {share:.3f} CPUs used, {off()}")
if share > 0.02 or read("cgroup.freeze") != before:
    fail("freeze", share, read("cgroup.freeze"))
if not await_(lambda: used(0.1) > 0.1):
    fail("does not go on")

# cpu.max: as asked, and put back as it was, not as the kernel's default
with open(GROUP + "/cpu.max", "w") as f:
    f.write("90000 100000")
before = read("cpu.max")
on("cgroup.cpu", {"cpus": "0.2"})
if read("cpu.max") != "20000 100000":
    fail("cpu.max", read("cpu.max"))
share = used(1.5)
print(f"cpu: asked 0.2 CPUs, {share:.3f} used, {off()}")
if not 0.15 <= share <= 0.25 or read("cpu.max") != before:
    fail("cpu", share, read("cpu.max"))

# memory.max: the file, and what does not fit is killed
before = read("memory.max")
on("cgroup.memory", {"limit": "64MiB"})
if read("memory.max") != str(64 << 20):
    fail("memory.max", read("memory.max"))
hog = subprocess.Popen([sys.executable, "-c",
                        "import os\nopen('%s/cgroup.procs','w')"
                        ".write(str(os.getpid()))\n"
                        "b = bytearray(100 << 20)\nprint(len(b))" % GROUP],
                       stdout=subprocess.DEVNULL)
rc = hog.wait(20)
said = off()
print(f"memory: 100 MiB under 64 MiB ended by {rc}, {said}")
if rc != -signal.SIGKILL or read("memory.max") != before:
    fail("memory", rc, read("memory.max"))
if worker.poll() is not None:
    worker = subprocess.Popen([sys.executable, "-c",
                               "import os\nwhile True: os.getpid()"])

# io.max: one line of several, and gone again
device = None
if "io" in have and os.path.exists("/sys/block/loop0"):
    for name in sorted(os.listdir("/sys/block")):
        device = open(f"/sys/block/{name}/dev").read().strip()
        break
if device:
    before = read("io.max")
    on("cgroup.io", {"device": device, "wbps": "1MiB", "riops": 100})
    if read("io.max") != f"{device} rbps=max wbps=1048576 riops=100 wiops=max":
        fail("io.max", read("io.max"))
    print(f"io: {read('io.max')}, {off()}")
    if read("io.max") != before:
        fail("io.max", before, read("io.max"))
else:
    print("io: no block device here, or no controller")
    fail("io.max was not tried")

# A group that vanishes is no fault left.
on("cgroup.cpu", {"cpus": "0.5"})
worker.kill()
worker.wait()
if not await_(lambda: not read("cgroup.procs")):
    fail("procs")
os.rmdir(GROUP)
off()
print("RESULT", "FAIL" if bad else "ok")
