# percentiles are HdrHistogram's own on the same samples; logs read both ways; two runs merge to one
. "$(dirname "$0")/lib.sh"
wanted "its Java library and ours: the same count, p50 p90 p95 p99 p99.9 and" \
	"maximum of 400 000 samples in 4 tags, from the samples, from each" \
	"other's logs, from the logs of two halves; and of a run's latency.hlog"
jar=$(ls build/kafka/libs/HdrHistogram-*.jar 2>/dev/null | head -n 1)
if [ -z "$jar" ] || ! command -v java >/dev/null; then
	got "no java or no HdrHistogram: make setup brings both, with Kafka"
	exit 1
fi
ours() { "$build/hdrtool" "$@" | sort; }
theirs() { java -cp "$jar" tests/lib/HdrCheck.java "$@" | sort; }

python3 - "$work" <<'PY'
import random, sys
r = random.Random(20250912)
draw = {
    "exp/all/response": lambda: r.expovariate(1 / 80e3),
    "lognormal/all/response": lambda: r.lognormvariate(9, 2),
    "uniform/all/service": lambda: r.uniform(1, 3.6e9),
    "edges/all/service": lambda: r.choice(
        [1, 2, 1023, 1024, 2047, 2048, 4095, 4096, 10**6, 3600 * 10**6]),
}
files = [open(f"{sys.argv[1]}/{n}", "w") for n in ("all", "one", "two")]
for i in range(100000):
    for tag, one in draw.items():
        line = f"{tag} {min(max(1, int(one())), 3600 * 10**6)}\n"
        files[0].write(line)
        files[1 + (i * 7919 % 3 == 0)].write(line)
PY
failed=0
same() {
	if cmp -s "$work/a" "$work/b" && [ -s "$work/a" ]; then
		got "$1: the same, $(wc -l <"$work/a") tags," \
			"$(awk '{ n += $2 } END { print n }' "$work/a") samples"
	else
		got "$1: DIFFERENT: $(diff "$work/a" "$work/b" | head -n 4 |
			tr '\n' ' ')"
		failed=1
	fi
}
cd "$root" || exit 2
ours write "$work/all" "$work/ours.hlog" >"$work/a"
cp "$work/a" "$work/whole"
theirs write "$work/all" "$work/theirs.hlog" >"$work/b"
same "the same samples"
theirs read "$work/ours.hlog" >"$work/b"
same "our log, read by it"
ours read "$work/theirs.hlog" >"$work/b"
same "its log, read by us"
for half in one two; do
	ours write "$work/$half" "$work/$half.hlog" >/dev/null
done
ours read "$work/one.hlog" "$work/two.hlog" >"$work/b"
same "two halves, merged by us"
theirs read "$work/one.hlog" "$work/two.hlog" >"$work/b"
same "two halves, merged by it"

"$build/logserver" >"$work/port" &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
for _ in $(seq 100); do
	[ -s "$work/port" ] && break
	sleep 0.05
done
for run in 1 2; do
	"$gameday" load -u "http://127.0.0.1:$(cat "$work/port")/ok" -r 500/s \
		-c 50 -d 4s -q --out "$work/run$run" >/dev/null 2>&1
done
logs="$work/run1/latency.hlog $work/run2/latency.hlog"
# shellcheck disable=SC2086
{ ours read $logs >"$work/a"; theirs read $logs >"$work/b"; }
same "latency.hlog of two runs, merged"
exit $failed
