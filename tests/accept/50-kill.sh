# kill -9 of the controller at 50 seeded moments
. "$(dirname "$0")/lib.sh"
wanted "50 of 50: within 2 s no toxic, journal or qdisc is left; stack and proxy serve; report still reports"
python3 tests/kill/kill.py "$build" 50 >"$work/log"
code=$?
got "$(tail -n 1 "$work/log")"
grep FAILED "$work/log"
exit $code
