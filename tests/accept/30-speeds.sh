# SPEED=1 and SPEED=5 agree within 10 s on every milestone
# 25 minutes; RUN_AT_1X and RUN_AT_5X name directories of runs made before.
. "$(dirname "$0")/lib.sh"
wanted "each milestone of both within 10 s"
at() {		# NAME SPEED DIRECTORY
	if [ -n "$3" ]; then
		cp -r "$3" "$work/$1"
		got "at $2x, of $(field "$work/$1" 'r["run"]["started_at"]'): exit $(field "$work/$1" 'r["verdict"]["exit"]')"
		[ "$(field "$work/$1" 'r["verdict"]["exit"]')" = 0 ]
	else
		drill "$work/$1" replay scenarios/coupon-event.ini --speed "$2"
	fi
}
at one 1 "${RUN_AT_1X:-}" || exit 1
at five 5 "${RUN_AT_5X:-}" || exit 1
for name in effective impact detected "first action" mitigated recovered; do
	one=$(field "$work/one" "ms.get('$name')")
	five=$(field "$work/five" "ms.get('$name')")
	got "$name: $one at 1x, $five at 5x"
	python3 -c "import sys; sys.exit(abs($one - $five) > 10)" || bad=1
done
exit ${bad:-0}
