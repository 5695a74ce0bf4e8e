# SPDX-License-Identifier: Apache-2.0
# The command line: help of everything, mistakes, list, check and --dry-run.
# Runs that others have here must not be seen, let alone spoken to: the live
# ones are looked for in a /run/gameday of this test's own.
if [ "$(id -u)" = 0 ] && [ -z "${GAMEDAY_TEST_ALONE:-}" ]; then
	unshare -m true 2>/dev/null ||
		{ echo "SKIP: no mount namespace of its own"; exit 77; }
	GAMEDAY_TEST_ALONE=1 exec unshare -m bash "$0" "$@"
fi
. "$(dirname "$0")/../lib/func.sh"
export XDG_RUNTIME_DIR=$tmp
if [ -n "${GAMEDAY_TEST_ALONE:-}" ]; then
	mkdir -p /run/gameday && mount -t tmpfs none /run/gameday ||
		skip "no /run/gameday of its own"
fi

exits "no command" 2 "$gameday"
says "gameday run" "exit: 0 criteria held"
exits "--help" 0 "$gameday" --help
says "exit: 0 criteria held" "6 the run is invalid"
exits "--version" 0 "$gameday" --version
says "gameday 0."
"$gameday" --help >"$tmp/help"
commands=$(sed -n 's/^  gameday \([a-z]*\) .*/\1/p' "$tmp/help")
check "there are commands" [ "$(echo "$commands" | wc -l)" -ge 14 ]
check "in order" [ "$commands" = "$(echo "$commands" | sort)" ]
for c in $commands; do
	exits "$c --help" 0 "$gameday" "$c" --help
	says "$c"
	[ "$c" = proxy ] && continue
	exits "$c --nonsense" 2 "$gameday" "$c" --nonsense
	says "unknown option '--nonsense'" "gameday $c --help"
done

exits "an unknown command" 2 "$gameday" simulte
says "unknown command 'simulte'" "did you mean 'simulate'"
exits "no scenario" 2 "$gameday" run
exits "two scenarios" 2 "$gameday" run a b
exits "an option without its value" 2 "$gameday" run --out
says "--out"
exits "a number that is none" 2 "$gameday" run --speed fast x.ini
says "--speed" "fast"
exits "speed 0" 2 "$gameday" check --speed 0 scenarios/coupon-event.ini
says "above 0"
exits "a speed beyond reason" 2 "$gameday" check --speed 1e6 \
	scenarios/coupon-event.ini
says "--speed" "100"
exits "a negative speed" 2 "$gameday" check --speed=-2 scenarios/coupon-event.ini
exits "a bad seed" 2 "$gameday" check --seed x scenarios/coupon-event.ini
says "seed"
exits "a bad --set" 2 "$gameday" check --set load.x scenarios/coupon-event.ini
exits "--set of an unknown section" 2 "$gameday" check --set nowhere.x=1 \
	scenarios/coupon-event.ini
says "nowhere"
exits "--set of an unknown key" 2 "$gameday" check \
	--set fault:db-pool.sizee=1 scenarios/coupon-event.ini
says "sizee" "size"

# Options stand anywhere, short and long.
exits "options after the scenario" 0 "$gameday" simulate \
	scenarios/coupon-event.ini -q --out "$tmp/sim" --json
"$gameday" simulate scenarios/coupon-event.ini -q --out "$tmp/sim2" --json \
	>"$tmp/out" 2>"$tmp/err"
check "with nothing on stderr" [ ! -s "$tmp/err" ]
check "--json is JSON alone" python3 -m json.tool "$tmp/out" /dev/null
exits "report of it" 0 "$gameday" report "$tmp/sim"
says "held: recovered, and stable (exit 0)"
exits "report as JSON" 0 "$gameday" report -f json "$tmp/sim"
check "is what the run wrote" python3 -c '
import json, sys
a, b = (json.load(open(p)) for p in sys.argv[1:])
sys.exit(a != b)' "$tmp/out" "$tmp/sim/report.json"
exits "report in an unknown format" 2 "$gameday" report -f pdf "$tmp/sim"
says "pdf" "text" "json"
exits "report of nothing" 2 "$gameday" report "$tmp/nowhere"
says "nowhere"
mkdir "$tmp/void"
exits "report of an empty directory" 3 "$gameday" report "$tmp/void"
says "events.jsonl"

# list is made of the tables
exits "list" 0 "$gameday" list
says faults sections steps writers commands pool.limit net.delay kafka.pause \
	link.delay "[scenario]" "[fault NAME]" lead_in "(required)" \
	"[step NAME]" http command text json
for part in commands faults sections steps writers; do
	exits "list $part" 0 "$gameday" list $part
	check "and that alone" [ "$(head -n 1 "$tmp/out")" = $part ]
done
exits "list of what there is not" 2 "$gameday" list nonsense

# check and --dry-run: timeline, calls, undo
exits "check" 0 "$gameday" check scenarios/coupon-event.ini
says "+2:00  inject kafka-pause" "-1:00  lead-in begins" "calls and their undo" \
	"POST /proxies/db/toxics" "DELETE /proxies/db/toxics" \
	'"type":"kafka_starve"' "step" "scale-pool" "verify" "pg.active > 16" \
	"end at the latest"
cp "$tmp/out" "$tmp/check"
exits "run --dry-run" 0 "$gameday" run --dry-run scenarios/coupon-event.ini
check "says the same" cmp "$tmp/out" "$tmp/check"
exits "without a fault" 0 "$gameday" check --without db-delay \
	scenarios/coupon-event.ini
check "db-delay is not in it" bash -c '! grep -q "inject db-delay" "$1"' - \
	"$tmp/out"
exits "organic" 0 "$gameday" check scenarios/coupon-event-organic.ini
check "nothing is injected" bash -c '! grep -q inject "$1"' - "$tmp/out"
exits "at another speed" 0 "$gameday" check --speed 5 \
	scenarios/coupon-event.ini
says "at 5x"

# Nobody is there to talk to.
for c in status stop "mark detected" "ctl pause" "status no-such-run" \
	"stop no-such-run" "mark no-such-run detected"; do
	exits "$c" 3 "$gameday" $c
	says "run"
done
exits "mark without a name" 2 "$gameday" mark
says "detected"
exits "ctl without words" 2 "$gameday" ctl
says "users [load:NAME] N"
exits "recover --list" 0 "$gameday" recover --list
says "nothing is left"
exits "recover --list --json" 0 "$gameday" recover --list --json
check "is {left: []}" python3 -c '
import json, sys
sys.exit(json.load(open(sys.argv[1]))["left"] != [])' "$tmp/out"
exits "staging nonsense" 2 "$gameday" staging sideways
exits "staging status of none" 3 "$gameday" staging status --name "none$$"
says "none$$"
check "nothing was written here" [ -z "$(git status --porcelain runs 2>&1)" ]
finish
