# a server that stops for 2 s: p90 1.0 s and p99 1.9 s within 5 %, for constant, poisson and steps
. "$(dirname "$0")/lib.sh"
wanted "p90 950 to 1050 ms, p99 1805 to 1995 ms, service time beside it"
bash tests/func/stall.sh "$build" constant,poisson,steps >"$work/out" 2>&1
code=$?
got "exit $code; $(grep -E '^(constant|poisson|steps): |^FAIL' "$work/out" |
	tr '\n' ';')"
exit $code
