# a server that misbehaves in 60 ways: each one named cause, no crash, leak or hang
. "$(dirname "$0")/lib.sh"
wanted "every row of tests/lib/misbehave.py as it says"
bash tests/func/misbehave.sh "$build" >"$work/out" 2>&1
code=$?
got "exit $code; $(grep -c '^ok' "$work/out") ok," \
	"$(grep -c '^FAIL' "$work/out") not: $(grep '^FAIL' "$work/out" | head -n 3)"
exit $code
