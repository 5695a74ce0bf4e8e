# requests per CPU second: >= 1.0x wrk at each number of connections, >= 9x k6; <= 8 KB a user
. "$(dirname "$0")/lib.sh"
wanted "gameday / wrk >= 1.00 at 64, 1000, 2500, 8000; gameday / k6 >= 9; <= 8 kB"
bash tests/bench/peers.sh || exit 1
python3 tests/bench/load.py "$build" --rounds 2 --seconds 4 --judge \
	>"$work/out" 2>&1
code=$?
got "exit $code; $(grep -E '^\| [0-9]|^Memory|missed' "$work/out" |
	tr '\n' ' ')"
exit $code
