# SPDX-License-Identifier: Apache-2.0
# Runs inside User Mode Linux; see run.sh. Ends with RESULT ok.
netem=/run/uml-netem
fault='[fault d]
kind = net.delay
dev = lo
port = 5555
delay = 20ms'

fail()
{
	echo "FAIL $*"
	exit 1
}

qdiscs()
{
	tc -j qdisc show dev lo
}

has()	# has JSON PATTERN WHAT
{
	echo "$1" | grep -q "$2" || fail "$3: $1"
}

between()	# between VALUE LOW HIGH WHAT
{
	awk -v v="$1" -v l="$2" -v h="$3" 'BEGIN { exit !(v >= l && v <= h) }' ||
		fail "$4: $1 is not between $2 and $3"
}

await()	# await SECONDS COMMAND...
{
	local end=$(($(date +%s%N) + $1 * 1000000000))
	shift
	until "$@"; do
		[ "$(date +%s%N)" -lt "$end" ] || return 1
	done
}

same()
{
	[ "$(qdiscs)" = "$before" ]
}

before=$(qdiscs)

# 1. It can run here, and the rules that are never bent hold.
$netem check "$fault" || fail "check"
for port in 22 53; do
	$netem check "${fault/5555/$port}" | grep -q 'no kernel fault touches' ||
		fail "port $port is not refused"
done
$netem check "${fault/dev = lo/dev = nosuch0}" | grep -q nosuch0 ||
	fail "an interface that is not there"
same || fail "check left something"

# 2. Felt as asked, on the port alone, over IPv4 and IPv6, and gone after.
out=$($netem rtt "$fault" 5555) || fail "rtt: $out"
echo "$out"
during=$(echo "$out" | grep '^\[{"kind"' | head -1)
has "$during" '"kind":"prio","handle":"6a..:","root":true' "root"
has "$during" '"kind":"netem","handle":"6b..:","parent":"6a..:4"' "netem"
has "$during" '"delay":{"delay":0.02,"jitter":0,' "netem's delay"
has "$out" '"protocol":"ip",.*"value":"15b3","mask":"ffff".*"off":20' "IPv4"
has "$out" '"protocol":"ipv6",.*"value":"15b3","mask":"ffff".*"off":40' "IPv6"
set -- $(echo "$out" | sed -n 's/^rtt before //p') \
	$(echo "$out" | sed -n 's/^rtt during //p') \
	$(echo "$out" | sed -n 's/^rtt after //p')
added=$(awk "BEGIN { print $4 - $1 }")
between "$added" 18 22 "IPv4, 20 ms asked"
if [ "$2" != -1.000 ]; then
	added=$(awk "BEGIN { print $5 - $2 }")
	between "$added" 18 22 "IPv6, 20 ms asked"
fi
between "$6" 0 3 "another port"
between "$7" 0 3 "after"
echo "$out" | grep -q 'reverting>gone' || fail "not verified gone"
same || fail "left: $(qdiscs)"
[ -z "$(ls /run/undo)" ] || fail "a journal is left"

# 3. At speed 2 half of it is real.
out=$($netem rtt "${fault/20ms/40ms}" 5555 2) || fail "speed: $out"
set -- $(echo "$out" | sed -n 's/^rtt during //p')
between "$1" 18 23 "40 ms at speed 2"

# 4. kill -9 of the controller: within 2 s all is as before.
held()
{
	grep -q '^holding' /run/hold.out
}

start()
{
	: > /run/hold.out
	$netem hold "$fault" > /run/hold.out 2>&1 &
	controller=$!
	await 5 held || fail "hold: $(cat /run/hold.out)"
	has "$(qdiscs)" '"kind":"netem"' "netem while held"
}

no_journal()
{
	[ -z "$(ls /run/undo)" ]
}

start
kill -9 $controller
await 2 same || fail "after kill -9: $(qdiscs)"
await 2 no_journal || fail "after kill -9: $(ls /run/undo)"
grep -q '"by":"guardian".*"verified":"yes"' /tmp/undo.jsonl ||
	fail "undo.jsonl: $(cat /tmp/undo.jsonl)"

# 5. Guardian killed too: it stays until recover.
start
guardian=$(pgrep -x gameday-guardia)
kill -STOP $guardian
kill -9 $controller
kill -9 $guardian
has "$(qdiscs)" '"kind":"netem"' "netem after both died"
$netem check "$fault" | grep -q 'gameday recover' || fail "leftover not named"
$netem recover | grep -q 'undone 1 left 0' || fail "recover"
same || fail "after recover: $(qdiscs)"
$netem recover | grep -q 'undone 0 left 0' || fail "recover again"

# 6. A root qdisc of somebody's: not touched, or set again.
tc qdisc add dev lo root handle 1: tbf rate 1gbit burst 256kb latency 50ms ||
	fail "tbf"
theirs=$(qdiscs)
out=$($netem check "$fault") && fail "took $theirs"
echo "$out" | grep -q 'root qdisc of its own (tbf 1:)' || fail "says: $out"
out=$($netem rtt "$fault
replace = yes" 5555) || fail "replace: $out"
[ "$(qdiscs)" = "$theirs" ] || fail "not set again: $(qdiscs)"
tc qdisc del dev lo root
same || fail "tbf is left"

# 7. In a network namespace by name.
ip netns add blue || fail "netns"
blue=$(tc -n blue -j qdisc show dev lo)
fault="$fault
netns = blue"
: > /run/hold.out
$netem hold "$fault" > /run/hold.out 2>&1 &
controller=$!
await 5 held || fail "netns: $(cat /run/hold.out)"
same || fail "ours was touched"
has "$(tc -n blue -j qdisc show dev lo)" '"kind":"netem"' "netem in blue"
kill -9 $controller
blue_same()
{
	[ "$(tc -n blue -j qdisc show dev lo)" = "$blue" ]
}
await 2 blue_same || fail "blue: $(tc -n blue -j qdisc show dev lo)"
echo "RESULT ok"
