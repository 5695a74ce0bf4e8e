# a scenario with ten mistakes
. "$(dirname "$0")/lib.sh"
wanted "ten errors with file and line, exit 2"
ctest --test-dir "$build" -R 'func_mistakes' --no-tests=error >"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
exit $code
