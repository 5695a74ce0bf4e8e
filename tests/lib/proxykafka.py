# SPDX-License-Identifier: Apache-2.0
"""The Kafka filter's test, against librdkafka's mock cluster or a broker."""
import collections
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from proxytest import *

TOPIC, OTHER = "coupon-issued", "audit"


class Client:
    """A client program whose lines are read as they come."""

    def __init__(self, argv):
        self.lines = []
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        atexit.register(stop_at_exit, self.process)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.strip()))

    def all(self, kind):
        return [l for _, l in list(self.lines) if l.startswith(kind)]

    def values(self, topic):
        head = f"message {topic} "
        return [int(l[len(head):]) for l in self.all(head)]

    def since(self, when, topic):
        return [l for t, l in list(self.lines)
                if t >= when and l.startswith(f"message {topic} ")]

    def end(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.close()
        except OSError:
            pass
        code = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return code


class Mock:
    """gameday-mockkafka."""
    real = False

    def __init__(self, build, directory):
        r, w = os.pipe()
        self.process = subprocess.Popen(
            [f"{build}/gameday-mockkafka", "--topic", f"{TOPIC}:10",
             "--topic", f"{OTHER}:1", "--ready-fd", str(w)], pass_fds=[w])
        atexit.register(stop_at_exit, self.process)
        os.close(w)
        with os.fdopen(r) as f:
            line = f.readline()
        self.address = json.loads(line)["bootstrap"] if "{" in line \
            else line.strip()


class Broker:
    """One KRaft node of Kafka."""
    real = True

    def __init__(self, home, directory):
        ports = []
        for _ in range(2):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                ports.append(s.getsockname()[1])
        self.address = f"127.0.0.1:{ports[0]}"
        conf = f"{directory}/server.properties"
        with open(conf, "w") as f:
            f.write(f"""process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{ports[1]}
listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{ports[1]}
advertised.listeners=PLAINTEXT://{self.address}
log.dirs={directory}/log
num.partitions=10
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
""")
        java = [shutil.which("java"), "-Xmx256m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                f"-Dlog4j2.configurationFile=file:{home}/log4j2.properties",
                "-cp", f"{home}/libs/*"]
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                     cwd=directory)
        subprocess.check_call(java + [
            "kafka.tools.StorageTool", "format", "-t",
            "AAAAAAAAAAAAAAAAAAAAAQ", "-c", conf], **quiet)
        self.process = subprocess.Popen(java + ["kafka.Kafka", conf], **quiet)
        atexit.register(stop_at_exit, self.process)


def find_home():
    home = os.environ.get("GAMEDAY_KAFKA", os.path.join(
        os.path.dirname(__file__), "../../build/kafka"))
    home = os.path.abspath(home)
    if shutil.which("java") and glob.glob(f"{home}/libs/kafka_2*.jar"):
        return home
    return None


def once_each(name, client, topic, n):
    counts = collections.Counter(client.values(topic))
    lost = [i for i in range(n) if not counts[i]]
    doubled = [i for i, k in counts.items() if k > 1]
    check(f"{name}: all of {topic} came once, none twice",
          not lost and not doubled, f"{len(counts)}, lost {lost[:5]}, "
          f"doubled {doubled[:5]}")


def pause(p, build, name, consumer, starved, other):
    """Messages at 200/s, a pause of 4 s in the middle.  The consumer reads
    both topics; another group's, who reads the starved one alone, is paced
    by its own max_wait (500 ms)."""
    kafkaclient = f"{build}/kafkaclient"
    link = "%s:%d" % p.link("kafka")
    lone = Client([kafkaclient, "consume", link, f"lone-{name}", starved])
    until(lambda: consumer.all("assigned") and lone.all("assigned"),
          f"{name}: assigned", 40)
    rebalances = len(consumer.all("revoked"))
    n = 2000
    makers = [Client([kafkaclient, "produce", link, topic, "0", str(n),
                      "200"]) for topic in (starved, other)]
    until(lambda: len(consumer.values(starved)) > 200 and
          len(consumer.values(other)) > 200, f"{name}: both flow", 40)
    asked = time.monotonic()
    p.toxic("kafka", "kafka_starve", {"topic": starved}, name="pause")
    time.sleep(4)			# the fault's own duration
    lifted = time.monotonic()
    a = p.get("/proxies/kafka/toxics/pause")["achieved"]
    p.call("DELETE", "/proxies/kafka/toxics/pause")
    print("      achieved", a)
    for who, c in ("both topics", consumer), ("the topic", lone):
        bitten = [l for l in c.since(asked + 1, starved)
                  if l not in c.since(lifted, starved)]
        check(f"{name}: nothing of it from a second after it on, for who "
              f"reads {who}", not bitten, len(bitten))
    check(f"{name}: the other topic flowed on",
          len(consumer.since(asked + 0.5, other)) -
          len(consumer.since(lifted, other)) > 400)
    check(f"{name}: it was answered all the while", a["answers"] >= 4 and
          a["last_mono_ns"] - a["first_mono_ns"] > 2.5e9)
    for c in consumer, lone:
        until(lambda: c.since(lifted, starved), f"{name}: flows again", 10)
        first = min(t for t, l in c.lines
                    if t >= lifted and l.startswith(f"message {starved} "))
        check(f"{name}: it flows again within a second", first - lifted < 1,
              f"{first - lifted:.3f} s")
    for m in makers:
        m.process.wait(60)
        m.reader.join(DEADLINE)
        check(f"{name}: the producer lost nothing",
              m.all("delivered") == [f"delivered {n} failed 0"], m.lines[-1:])
    until(lambda: len(set(consumer.values(starved))) == n and
          len(set(lone.values(starved))) == n and
          len(set(consumer.values(other))) == n, f"{name}: all came", 30)
    once_each(name, consumer, starved, n)
    once_each(name, lone, starved, n)
    once_each(name, consumer, other, n)
    check(f"{name}: the group did not rebalance",
          len(consumer.all("revoked")) == rebalances)
    errors = consumer.all("error") + lone.all("error")
    lone.end()
    check(f"{name}: the client saw no error", not errors, errors[:3])


def run(build, broker):
    p = Proxy(build, "--threads", "2", "--link",
              f"kafka=127.0.0.1:0,{broker.address},kafka")
    kafkaclient = f"{build}/kafkaclient"
    link = "%s:%d" % p.link("kafka")

    def brokers():
        out = subprocess.run([kafkaclient, "brokers", link], text=True,
                             stdout=subprocess.PIPE, timeout=60).stdout
        return [l.split()[2] for l in out.splitlines()
                if l.startswith("broker")]

    got = until(brokers, "the broker answers", 60)
    check("clients are given the link's address", got == [link], got)
    refused = p.stats("kafka")["errors"]	# while the broker started
    def make(*topics):
        for topic in topics:
            subprocess.run([kafkaclient, "produce", link, topic, "0", "0",
                            "1"], timeout=60, stdout=subprocess.DEVNULL)

    make(TOPIC, OTHER)
    pause(p, build, "librdkafka", Client(
        [kafkaclient, "consume", link, "g1", TOPIC, OTHER]), TOPIC, OTHER)
    if broker.real:
        home = find_home()
        lib = os.path.dirname(os.path.abspath(__file__))
        make("java-a", "java-b")
        java = Client([shutil.which("java"), "-cp", f"{home}/libs/*",
                       f"{lib}/JavaConsumer.java", link, "g2", "java-a",
                       "java-b"])
        pause(p, build, "java", java, "java-a", "java-b")
        check("java: DescribeCluster names the link",
              java.all("broker") == [f"broker 1 {link}"], java.all("broker"))
        java.end()
    s = p.stats("kafka")
    print("      link", s)
    check("every frame was understood", s["errors"] == refused and
          s["opaque"] == 0, s["errors"] - refused)
    p.stop()
    finish()


def main(build, kind):
    scratch = tempfile.TemporaryDirectory()
    home = find_home()
    if kind == "real":
        if not home:
            print("skip: no Java, or Kafka's jars are not there (make setup)")
            sys.exit(77)
        broker = Broker(home, scratch.name)
    else:
        broker = Mock(build, scratch.name)
    run(build, broker)
