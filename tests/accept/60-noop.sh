# built with each driver's inject as a no-op the drill says so
. "$(dirname "$0")/lib.sh"
wanted "it says that the fault did not bite, and exits 1"
ctest --test-dir "$build" -R 'func_noop' --no-tests=error >"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
exit $code
