# net.*: a hundred generated faults read back by tc as asked, felt as asked, and gone
. "$(dirname "$0")/lib.sh"
. tests/uml/run.sh
wanted "each of 100 as tc reads it back, delays of 5 ms and more within 2 ms at the median, loss inside the 99.9 % binomial interval of 10 000 packets, qdiscs before = after, a foreign one refused"
UML_SECONDS=300 UML_ARGS="7 100 10000" bash tests/uml/test_netconf.sh "$build" \
	>"$work/log" 2>&1
code=$?
while read -r line; do
	got "$line"
done < <(grep -E '^(configurations|delay|loss|duplicate|corrupt|rate|FAIL)' \
	"$work/log")
bash tests/uml/test_netem.sh "$build" >"$work/foreign" 2>&1 || code=1
got "a foreign root qdisc: $(grep -E '^(FAIL|RESULT)' "$work/foreign")"
exit $code
