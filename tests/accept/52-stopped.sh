# a controller that was stopped before an inject does not inject after it wakes
. "$(dirname "$0")/lib.sh"
wanted "stopped 100 ms before an inject is due, continued after the guardian acted: nothing is injected"
ctest --test-dir "$build" -R 'unit_fault_guardian' >"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed' "$work/log")"
exit $code
