# SPDX-License-Identifier: Apache-2.0
# Boots a User Mode Linux kernel on the host's own file system and runs a script
# in it as root:   uml_run SECONDS SCRIPT BUILD-DIR [FILE...]
# The files are found in /run, as UML_ARGS is in the script's arguments.
# What the script prints is printed; uml_run is 0 if it printed "RESULT ok".
# Sourced by tests/uml/test_*.sh.

uml_need()
{
	if ! command -v linux.uml >/dev/null; then
		echo "skipped: no linux.uml (apt-get install user-mode-linux)"
		exit 77
	fi
}

uml_run()
{
	local seconds=$1 script=$(realpath "$2") build=$3 dir out files=
	shift 3
	[ $# = 0 ] || files=$(realpath "$@" | tr '\n' ' ')
	dir=$(mktemp -d)
	out=$dir/out
	# The host's files are its root: all that is written goes to a tmpfs.
	cat > "$dir/init" <<INIT
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
source="\$(cat "$script")"
mount -t tmpfs tmp /run
mkdir -p /run/netns
[ -d /var/lib/gameday ] && mount -t tmpfs tmp /var/lib/gameday
cp "$build/uml-netem" $files /run/
modules=\$(echo /usr/lib/uml/modules/*/kernel)
/run/uml-netem load \$modules/lib/crc-ccitt.ko \$modules/net/ipv6/ipv6.ko \\
	\$modules/net/sched/{sch_prio,sch_netem,sch_tbf,sch_ingress}.ko \\
	\$modules/net/sched/{cls_u32,act_mirred}.ko \\
	\$modules/drivers/net/ifb.ko \$modules/drivers/block/loop.ko
mount -t tmpfs tmp /tmp
ip link set lo up
export GAMEDAY_UNDO_DIR=/run/undo
cd /
bash -c "\$source" uml ${UML_ARGS:-} 2>&1
echo "init ended"
halt -f
INIT
	chmod +x "$dir/init"
	timeout -s KILL "$seconds" linux.uml mem=512M rootfstype=hostfs \
		rootflags=/ rw init="$dir/init" con=null con0=fd:0,fd:1 quiet \
		umid="gameday-$$" uml_dir="$dir/" \
		> "$out" 2> "$dir/err" < /dev/null
	tr -d '\r' < "$out"
	if ! grep -q 'init ended' "$out"; then
		echo "the kernel did not come to its end within $seconds s"
		tail -5 "$dir/err"
	fi
	tr -d '\r' < "$out" | grep -qx 'RESULT ok'
	local rc=$?
	rm -rf "$dir"
	return $rc
}
