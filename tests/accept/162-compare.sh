# two runs of the same do not differ; 20 ms more do
. "$(dirname "$0")/lib.sh"
wanted "20 pairs of the same: at most 1 differs; 50 against 70 ms: p50 and p95" \
	"worse, the rest the same; two seeds of the incident: nothing differs"
ctest --test-dir "$build" -R 'unit_compare' --no-tests=error \
	>"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
for seed in 1 2; do
	"$gameday" simulate scenarios/coupon-event.ini --seed $seed -q \
		--out "$work/$seed" >/dev/null 2>&1
done
"$gameday" compare "$work/1" "$work/2" --fail-on different >"$work/compare" ||
	code=1
got "$(tail -n 1 "$work/compare")"
exit $code
