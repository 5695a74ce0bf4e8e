#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make soak [SECONDS=3600] [RATE=20000]: a constant open load against an nginx on
# loopback; each minute the generator's resident memory and open descriptors.
# They must be flat: after the warm-up (the first tenth, at least a minute) no
# more than 1 MiB between the lowest and the highest, and never more descriptors
# than one a connection and 24 of its own.  And the load must have been served:
# 99 % of what was sent answered, or the hour has shown nothing.
#
# What is judged is memory and descriptors, not time: other work on the machine
# may disturb it.  Every minute is kept in build/soak/DATE.tsv, so that of a
# soak that was interrupted there is what it had shown; a line is added to
# docs/soak.md when it ends.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build/release}
seconds=${SECONDS_WANTED:-3600}
rate=${RATE:-20000}
users=${USERS_WANTED:-500}
every=${EVERY:-60}
results=${RESULTS:-docs/soak.md}
. tests/lib/nginx.sh

if ! command -v nginx >/dev/null; then
	echo "soak: needs nginx (Debian: apt-get install nginx-light)"
	exit 2
fi
tmp=$(mktemp -d)
trap 'kill "${load_pid:-}" 2>/dev/null; nginx_stop; rm -rf "$tmp"' EXIT
mkdir -p build/soak
commit=$(git rev-parse --short HEAD)
samples=build/soak/$(date -u +%Y%m%d-%H%M%S).tsv
nginx_start "$tmp/nginx" || exit 2

# All of it, and what is the program's own: pages of its file and of libraries
# are the kernel's to take away and to bring back.
rss_kib() {
	awk '/^VmRSS/ { all = $2 } /^RssAnon/ { print all "\t" $2 }' \
		"/proc/$1/status" 2>/dev/null
}
descriptors() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }

"$build/gameday" load -u "http://127.0.0.1:$nginx_port/" -r "$rate/s" \
	-c "$users" -d "${seconds}s" --quiet --out "$tmp/run" >"$tmp/out" 2>&1 &
load_pid=$!
began=$(date +%s)
echo "soak: $rate/s for $seconds s; samples in $samples"
while kill -0 "$load_pid" 2>/dev/null; do
	at=$(($(date +%s) - began))
	[ "$at" -gt 0 ] && [ "$at" -lt "$seconds" ] &&
		printf '%s\t%s\t%s\n' "$at" \
			"$(descriptors "$load_pid")" \
			"$(rss_kib "$load_pid")" | tee -a "$samples"
	for _ in $(seq "$every"); do
		sleep 1
		kill -0 "$load_pid" 2>/dev/null || break
	done
done
wait "$load_pid"
code=$?
load_pid=

python3 - "$tmp/run/report.json" "$samples" "$seconds" "$rate" "$code" \
	"$commit" "$results" "$users" <<'PY'
import json, sys, time
report, samples, seconds, rate, code, commit, results, users = sys.argv[1:]
seconds, rate, users = int(seconds), int(rate), int(users)
r = json.load(open(report))
rows = [[int(x) for x in l.split("\t")] for l in open(samples)]
warm = [x for x in rows if x[0] >= max(60, seconds // 10)] or rows[-1:]
fds = [x[1] for x in warm]
rss = [x[2] for x in warm]
own = [x[3] for x in warm]
row = next(a for a in r["load"]["apis"] if a["phase"] == "all")
spread, own_spread = max(rss) - min(rss), max(own) - min(own)
flat = spread <= 1024 and max(fds) <= users + 24
audit = r["load"]["audit"]
served = row["ok"] >= 0.99 * audit["requests"] >= 0.98 * rate * seconds
verdict = "flat" if flat else "NOT FLAT"
if not served:
    verdict += ", NOT SERVED"
line = (f"| {time.strftime('%Y-%m-%d')} | {seconds} | {rate} "
        f"| {audit['requests']} | {row['ok']} | {rss[0]} | {rss[-1]} "
        f"| {spread} | {own_spread} | {fds[0]} → {max(fds)} "
        f"| {row['response_ms']['p99']:.3g} | {audit['send_lag_p99_ms']:.3g} "
        f"| {audit['cpu_max_5s']:.2f} | {verdict} "
        f"| {commit} |")
with open(results, "a") as f:
    f.write(line + "\n")
print(line)
print("exit", code, r["run"]["invalid_because"])
sys.exit(0 if flat and served else 1)
PY
