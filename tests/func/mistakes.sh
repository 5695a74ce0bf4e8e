# SPDX-License-Identifier: Apache-2.0
# A scenario with many different mistakes: each is said, with file and line,
# and nothing is run.
. "$(dirname "$0")/../lib/func.sh"

cat >"$tmp/mend.ini" <<'INI'
[playbook]
name  = mend
needs = admin

[step one]
http  = POST ${admin}/pool {"size":1}
INI

cat >"$tmp/bad.ini" <<'INI'
[scenario]
name = bad
duration = 18 fortnights
lead_in = 10s

[allow]
hosts = 127.0.0.0/8, 10.0.0.0/64

[target shop]
url = http://127.0.0.1:1

[journey one]
target = shop
step = GET / as home

[load users]
model = users
stagess = 0s 1

[load more]
model = users
stages = 0s 1, 10s 5
timeout = soon

[fault slow]
kind = link.dealy
at = 10s
for = 10s

[link db]
upstream = 127.0.0.1:1
protocol = tcp
listen = auto

[detect alarm]
when = errors(hom, 10s) > 50%
severity = critical

[expect known]
when = link.db.in_fligt > 16
by = 10s

[expect control]
when = errors(home, 10s) = 0
to = 10s
in = without:slowly

[slo]
latency.p95 = 2 parsecs
errors = 1%

[slo]
errors = 2%

[recovry]
stable_for = 10s

[playbook]
file = mend.ini
start = 10s after detected

[recorded]
detected = yesterday
INI

exits "run" 2 "$gameday" run "$tmp/bad.ini" --out "$tmp/run"
# mistake LINE TEXT...: on that line, all of it
mistake() {
	local line=$1 text
	shift
	grep -F "bad.ini:$line: " "$tmp/out" >"$tmp/line"
	for text; do
		check "line $line says '$text'" grep -qF -- "$text" "$tmp/line"
	done
}
at() { grep -nF -- "$1" "$tmp/bad.ini" | tail -n 1 | cut -d : -f 1; }
mistake "$(at 'duration =')" "18 fortnights"
mistake "$(at 'hosts =')" "10.0.0.0/64"
mistake "$(at '[load users]')" "needs 'stages'"
mistake "$(at 'stagess =')" "unknown key 'stagess'" "did you mean 'stages'"
mistake "$(at 'timeout =')" "soon"
mistake "$(at '[fault slow]')" "link.dealy" "did you mean 'link.delay'"
mistake "$(at 'errors(hom,')" "unknown scope 'hom'" "home"
mistake "$(at 'in_fligt')" "link.db.in_fligt" "did you mean 'link.db.in_flight'"
mistake "$(at 'without:slowly')" "slowly" "did you mean 'slow'"
mistake "$(at 'parsecs')" "2 parsecs"
mistake "$(at '[slo]')" "duplicate section '[slo]'"
mistake "$(at '[recovry]')" "recovry" "did you mean '[recovery]'"
mistake "$(at 'yesterday')" "yesterday"
check "what the playbook needs, in its file" \
	grep -qE "mend.ini:3: .*var.admin" "$tmp/out"
check "and it counts them" grep -qE "^gameday: 1[0-9] mistakes in" "$tmp/out"
lines=$(grep -cE '^[^ ]+\.ini:[0-9]+: ' "$tmp/out")
check "at least ten errors with file and line ($lines)" [ "$lines" -ge 10 ]
check "each is another" [ -z "$(sort "$tmp/out" | uniq -d)" ]
check "in the order of the lines" \
	cmp <(grep -o '^[^ ]*bad.ini:[0-9]*' "$tmp/out") \
	<(grep -o '^[^ ]*bad.ini:[0-9]*' "$tmp/out" | sort -t : -k 2 -n)
check "nothing was written" [ ! -e "$tmp/run" ]

cp "$tmp/out" "$tmp/first"
for command in check replay simulate load "run --dry-run"; do
	exits "$command" 2 "$gameday" $command "$tmp/bad.ini"
	check "$command says the same" cmp "$tmp/out" "$tmp/first"
done

# A journey that would find out in the middle of the run
cat >"$tmp/journey.ini" <<'INI'
[scenario]
name = wrong
duration = 10s
[allow]
hosts = 127.0.0.0/8
[target shop]
url = http:///nowhere
[journey one]
weight = 0
step = POST /coupons as issue
capture = id: json coupon
step = GET /coupons/${id} as status
step = await GET /coupons/1 untill status = 200 as later
[load users]
stages = 0s 1
INI
exits "a wrong journey" 2 "$gameday" run "$tmp/journey.ini" --out "$tmp/run"
says "journey.ini:7: " "journey.ini:9: [journey one] has weight 0" \
	"journey.ini:11: JSON pointer 'coupon' must begin" \
	"journey.ini:12: unknown value '\${id}'" \
	"journey.ini:13: 'await' needs a condition"
check "nothing was written" [ ! -e "$tmp/run" ]

# A required key with nothing in it
sed 's/^stages = .*/stages =/' "$tmp/bad.ini" >"$tmp/none.ini"
exits "no stage" 2 "$gameday" check "$tmp/none.ini"
says "no stage (want"

# What is no scenario at all
exits "no such file" 2 "$gameday" run "$tmp/nowhere.ini"
says nowhere.ini
: >"$tmp/empty.ini"
exits "an empty file" 2 "$gameday" check "$tmp/empty.ini"
says empty.ini "no [scenario]"
head -c 3000 /dev/urandom >"$tmp/noise.ini"
exits "noise" 2 "$gameday" check "$tmp/noise.ini"
says noise.ini
exits "a directory" 2 "$gameday" check "$tmp"
finish
