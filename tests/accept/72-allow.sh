# a target outside [allow] is refused, whoever names it
. "$(dirname "$0")/lib.sh"
wanted "0 connects on each listener"
ctest --test-dir "$build" -R 'func_allow' --no-tests=error >"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
exit $code
