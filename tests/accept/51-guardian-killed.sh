# with the guardian killed too the proxy lifts its toxics, recover does the rest
. "$(dirname "$0")/lib.sh"
wanted "10 of 10: no toxic 2 s after both are dead; recover leaves nothing"
python3 tests/kill/kill.py "$build" 10 1000 --both >"$work/log"
code=$?
got "$(tail -n 1 "$work/log")"
grep FAILED "$work/log"
exit $code
