# requests sent equal the server's log: resets, timeouts, 2 500 users stopping at once; also nginx's log
. "$(dirname "$0")/lib.sh"
wanted "sent = the server's count = nginx's access log (its 400s: sent in part)," \
	"due = completed + censored"
command -v nginx >/dev/null || { got "no nginx: make setup"; exit 1; }
bash tests/func/load_counts.sh "$build" 2500 >"$work/out" 2>&1
code=$?
got "exit $code; $(grep -vE '^ok ' "$work/out" | tr '\n' ';')"
exit $code
