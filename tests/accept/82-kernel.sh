# partition, process.*, cgroup.*, host.*: felt on a target, verified gone, refused where they must be
. "$(dirname "$0")/lib.sh"
wanted "each inject and revert seen on the target; also after kill -9, Ctrl-C, a failing allocation; nothing left"
code=0
one() {	# one TEST WHAT
	ctest --test-dir "$build" -R "^$1\$" --no-tests=error \
		>"$work/log" 2>&1 || code=1
	got "$2: $(grep -E 'tests passed|No tests' "$work/log")"
}
one unit_partition "partition (drop, reject, one way, open connections)"
one unit_process "process.* (stop, kill, restart, a pid that was taken over)"
one uml_test_cgroup "cgroup.* (freeze, cpu.max, memory.max, io.max)"
one func_host "host.* (CPUs, memory, a disk)"
one func_inject "gameday inject (its end, Ctrl-C, kill -9, mistakes)"
one unit_fault_torture "the n-th allocation fails"
exit $code
