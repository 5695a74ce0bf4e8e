# every format of a report, and OpenMetrics while a run is on
. "$(dirname "$0")/lib.sh"
wanted "JUnit by its schema, CSV that adds up, OpenMetrics by a strict parser"
ctest --test-dir "$build" -R 'func_output|unit_report' --no-tests=error \
	>"$work/log" 2>&1
code=$?
got "$(grep -E 'tests passed|No tests' "$work/log")"
exit $code
