# what cannot run here says so before anything is injected
. "$(dirname "$0")/lib.sh"
wanted "exit 3 for each: no PostgreSQL, a taken port, no netem and no fallback, a full disk, an unreachable target"
ctest --test-dir "$build" -R 'func_cannot' --no-tests=error >"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
exit $code
