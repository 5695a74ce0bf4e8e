# SPEED=1 and SPEED=5 agree within 10 s on every milestone
. "$(dirname "$0")/lib.sh"
wanted "each milestone of both within 10 s"
# 20 minutes; RUN_AT_1X names the directory of one that was made before.
if [ -n "${RUN_AT_1X:-}" ]; then
	cp -r "$RUN_AT_1X" "$work/one"
	got "at 1x, of $(field "$work/one" 'r["run"]["started_at"]'): exit $(field "$work/one" 'r["verdict"]["exit"]')"
else
	drill "$work/one" replay scenarios/coupon-event.ini --speed 1 || exit 1
fi
drill "$work/five" replay scenarios/coupon-event.ini --speed 5 || exit 1
for name in effective impact detected "first action" mitigated recovered; do
	one=$(field "$work/one" "ms.get('$name')")
	five=$(field "$work/five" "ms.get('$name')")
	got "$name: $one at 1x, $five at 5x"
	python3 -c "import sys; sys.exit(abs($one - $five) > 10)" || bad=1
done
exit ${bad:-0}
