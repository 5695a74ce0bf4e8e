# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# host.*: CPUs, memory and a disk are taken, and given back at the end and after
# kill -9; what would take too much does not begin. A disk of this test's own.
if [ "$(id -u)" = 0 ] && [ -z "${GAMEDAY_TEST_ALONE:-}" ]; then
	unshare -m true 2>/dev/null ||
		{ echo "SKIP: no mount namespace of its own"; exit 77; }
	GAMEDAY_TEST_ALONE=1 exec unshare -m bash "$0" "$@"
fi
. "$(dirname "$0")/../lib/func.sh"
command -v stress-ng >/dev/null || skip "no stress-ng"

await() {	# await SECONDS COMMAND...
	local end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -le "$end" ] || return 1
		read -rt 0.02 <> <(:)
	done
	return 0
}
live() { grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null; }
not_live() { ! live "$1"; }
hog() { ps -o pid= --ppid "$1" -C stress-ng 2>/dev/null |
	while read -r p; do
		[ "$(ps -o ppid= -p "$p" | tr -d ' ')" = "$1" ] &&
			[ "$(cat "/proc/$p/comm")" = stress-ng ] && echo "$p"
	done; }

exits "a fifth of a CPU for a second" 0 "$gameday" inject host.cpu workers=1 \
	load=20% --for 1s --out "$tmp/cpu"
says "verified gone: yes" "running yes"
exits "32 MiB for a second" 0 "$gameday" inject host.memory size=32MiB \
	--for 1s --out "$tmp/memory"
says "verified gone: yes" "running yes"
exits "more memory than there is" 3 "$gameday" inject host.memory \
	size=4000GiB --for 1s --out "$tmp/too-much"
says "less than 'size' and 'leave'"
exits "over 100 %" 2 "$gameday" inject host.cpu load=150% --for 1s
says "'load' is over 100 %"

# kill -9: it and its workers end.
"$gameday" inject host.cpu workers=1 load=10% --for 60s --out "$tmp/k" \
	>"$tmp/k.out" 2>&1 &
run=$!
check "it is on" await 10 grep -q ': injected' "$tmp/k.out"
hogs=$(hog $run)
workers=$(for h in $hogs; do ps -o pid= --ppid "$h"; done)
check "stress-ng runs" [ -n "$hogs" ]
kill -9 $run
wait $run 2>/dev/null
for p in $hogs $workers; do
	check "kill -9: $p ends" await 3 not_live "$p"
done

if [ -n "${GAMEDAY_TEST_ALONE:-}" ]; then
	disk=$tmp/disk
	mkdir "$disk" && mount -t tmpfs -o size=32m none "$disk" ||
		skip "no tmpfs"
	exits "a disk with 1 MiB left" 0 "$gameday" inject host.disk \
		path="$disk" size=1GiB leave=1MiB --for 1s --out "$tmp/full"
	says "verified gone: yes" "free_bytes 1.04858e+06"
	check "it is empty again" [ -z "$(ls "$disk")" ]
	"$gameday" inject host.disk path="$disk" size=8MiB --for 60s \
		--out "$tmp/dk" leave=1MiB >"$tmp/dk.out" 2>&1 &
	run=$!
	check "8 MiB are taken" await 10 grep -q ': injected' "$tmp/dk.out"
	check "by one file" [ "$(ls "$disk" | wc -l)" = 1 ]
	kill -9 $run
	wait $run 2>/dev/null
	empty() { [ -z "$(ls "$disk")" ]; }
	check "kill -9: it is removed" await 3 empty
	umount "$disk"
fi
exits "the disk of the undo journal" 3 "$gameday" inject host.disk \
	path="$tmp" size=1MiB --for 1s --out "$tmp/never"
says "never filled"
finish
