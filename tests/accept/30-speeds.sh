# SPEED=1 and SPEED=5 agree within 10 s on every milestone (takes 25 minutes)
. "$(dirname "$0")/lib.sh"
wanted "each milestone of both within 10 s"
drill "$work/one" replay scenarios/coupon-event.ini --speed 1 || exit 1
drill "$work/five" replay scenarios/coupon-event.ini --speed 5 || exit 1
for name in effective impact detected "first action" mitigated recovered; do
	one=$(field "$work/one" "ms.get('$name')")
	five=$(field "$work/five" "ms.get('$name')")
	got "$name: $one at 1x, $five at 5x"
	python3 -c "import sys; sys.exit(abs($one - $five) > 10)" || bad=1
done
exit ${bad:-0}
