# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# inject: one fault from the command line, with a drill's guarantees: gone at
# its end, at Ctrl-C, after kill -9, and refused before anything is touched.
. "$(dirname "$0")/../lib/func.sh"
victim=$tmp/gd-victim
cp "$(command -v sleep)" "$victim"
"$victim" 300 &
pid=$!
trap 'kill -9 $pid; rm -rf "$tmp"' EXIT

is() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat")" = "$1" ]; }
await() {	# await SECONDS COMMAND...
	local end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -le "$end" ] || return 1
		read -rt 0.02 <> <(:)
	done
	return 0
}
no_journal() { [ -z "$(ls "$tmp/undo")" ]; }

exits "a stop of 1 s" 0 "$gameday" inject process.stop name=gd-victim \
	--for 1s --out "$tmp/run"
says "process.stop on gd-victim $pid" "verified gone: yes" "stopped 1" \
	"injecting"
check "it goes on" is S
check "a report is there" [ -s "$tmp/run/report.json" ]

exits "a dry run" 0 "$gameday" inject process.stop pid=$pid --for 1s -n
says "SIGSTOP to process $pid" "SIGCONT to process $pid"
check "which touched nothing" is S

"$gameday" inject process.stop pid=$pid --for 60s --out "$tmp/int" \
	>"$tmp/int.out" 2>&1 &
run=$!
check "it is on" await 10 is T
kill -INT $run
wait $run
check "Ctrl-C: exit 4" [ $? = 4 ]
check "Ctrl-C: it goes on" is S

"$gameday" inject process.stop pid=$pid --for 60s --out "$tmp/killed" \
	>"$tmp/killed.out" 2>&1 &
run=$!
check "it is on again" await 10 is T
kill -9 $run
check "kill -9: it goes on" await 5 is S
check "kill -9: no journal is left" await 5 no_journal
wait $run 2>/dev/null

exits "no --for" 2 "$gameday" inject process.stop pid=$pid
says "a fault must end"
exits "an unknown kind" 2 "$gameday" inject process.stp pid=1 --for 1s
says "did you mean 'process.stop'"
exits "an unknown key" 2 "$gameday" inject process.stop nmae=x --for 1s
says "did you mean 'name'"
exits "no key" 2 "$gameday" inject process.stop --for 1s
says "one of 'pid', 'name', 'port', 'unit'"
exits "no such process" 3 "$gameday" inject process.kill name=gd-none \
	--for 1s
says "no process is called 'gd-none'"
exits "pid 1" 3 "$gameday" inject process.kill pid=1 --for 1s
says "it is pid 1"
exits "the shell above" 3 "$gameday" inject process.stop pid=$$ --for 1s
says "gameday itself or a process above it"
exits "netem on no interface" 3 "$gameday" inject net.delay dev=nosuch0 \
	delay=10ms --for 1s --out "$tmp/no"
exits "a jitter of nothing" 2 "$gameday" inject net.loss dev=lo loss=1% \
	jitter=1ms --for 1s
says "'jitter' needs 'delay'"
check "nothing of it is left" [ ! -e "$tmp/no" ]
check "and it still runs" is S
finish
