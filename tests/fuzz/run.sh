#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make fuzz [T=TARGET] [SECONDS=N]: libFuzzer under ASan and UBSan, until each
# target has run for N seconds in all (one core, wall clock).  It is resumed by
# calling it again: corpus, seconds and executions are kept in build/fuzz/state
# and written down after every slice.  A target that has its seconds gets a line
# in docs/fuzzing.md; a crash stops it and keeps the input.
set -u
cd "$(dirname "$0")/../.." || exit 2
wanted=${SECONDS_WANTED:-60}
slice=60
build=build/fuzz
results=docs/fuzzing.md

if ! command -v clang >/dev/null; then
	echo "fuzz: needs clang and libFuzzer (Debian: apt-get install clang)"
	exit 2
fi

targets=${T:-$(for f in tests/fuzz/fuzz_*.c; do
	f=${f##*/fuzz_} && echo "${f%.c}"
done)}
for t in $targets; do
	[ -f "tests/fuzz/fuzz_$t.c" ] && continue
	echo "fuzz: there is no target '$t' (tests/fuzz/fuzz_$t.c)"
	exit 2
done
cmake --preset fuzz --log-level=WARNING >/dev/null &&
	cmake --build $build --target \
		$(printf 'fuzz_%s ' $targets) | tail -n 1 || exit 2

add_to() { echo $(($(number "$1") + $2)) >"$1"; }
number() { [ -f "$1" ] && cat "$1" || echo 0; }

# One slice of $1 for $2 seconds; adds what it did to the state.
run_slice() {
	local t=$1 seconds=$2 state=$build/state/$1 status runs cpu
	local log=$state/last.log TIMEFORMAT='%U %S'

	mkdir -p "$state/corpus" "$state/crashes"
	cpu=$({ time $build/fuzz_$t -max_total_time="$seconds" -max_len=20000 -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 \
		-artifact_prefix="$state/crashes/" "$state/corpus" \
		tests/fuzz/corpus/$t >"$log" 2>&1; } 2>&1)
	status=$?
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	add_to "$state/runs" "${runs:-0}"
	add_to "$state/cpu" "$(awk '{ printf "%d", $1 + $2 + .5 }' <<<"$cpu")"
	[ $status = 0 ] || return 1
	add_to "$state/seconds" "$seconds"
}

# The line of a target that has its seconds, or has crashed.
write_down() {
	local t=$1 state=$build/state/$1 commit

	commit=$(git log -1 --format=%h -- chaos faults tests/fuzz)
	[ -z "$(git status --porcelain -- chaos faults tests/fuzz)" ] ||
		commit="$commit, changed"
	echo "| $(date -u +%F) | $t | $(number "$state/seconds") |" \
		"$(number "$state/cpu") |" \
		"$(number "$state/runs") | $(ls "$state/corpus" | wc -l) |" \
		"$(ls "$state/crashes" | wc -l) | $commit |" >>$results
	tail -n 1 $results
}

failed=0
for t in $targets; do
	state=$build/state/$t
	done_before=$(number "$state/seconds")
	while left=$((wanted - $(number "$state/seconds"))) && [ $left -gt 0 ]; do
		run_slice "$t" $((left < slice ? left : slice)) && continue
		tail -n 20 "$state/last.log"
		echo "fuzz: $t: crashed; the input is in $state/crashes, and" \
			"$build/fuzz_$t FILE runs it again"
		failed=1
		break
	done
	if [ "$done_before" -lt "$wanted" ]; then
		write_down "$t"
	else
		echo "fuzz: $t has run for $done_before s already"
	fi
done
exit $failed
