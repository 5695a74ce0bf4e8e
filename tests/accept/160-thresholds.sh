# thresholds over the run or a window, by API, tag and phase; abort; margins
. "$(dirname "$0")/lib.sh"
wanted "held: exit 0; missed: exit 1 with its margin; aborting: exit 4, named"
ctest --test-dir "$build" -R 'func_thresholds|unit_threshold' \
	--no-tests=error >"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
exit $code
