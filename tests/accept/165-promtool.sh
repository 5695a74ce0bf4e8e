# 20 generated rules and series: pending, firing, resolved as Prometheus has them
. "$(dirname "$0")/lib.sh"
wanted "5 seeds x 20 rules: ALERTS and ALERTS_FOR_STATE agree at 60 evaluations"
command -v promtool >/dev/null || {
	got "no promtool: apt-get install prometheus"
	exit 77
}
cmake --build "$build" --target promrules >"$work/log" 2>&1 || exit 1
agreed=0
for seed in 1 2 3 4 5; do
	mkdir "$work/$seed"
	"$build/promrules" write "$work/$seed" $seed || exit 1
	(cd "$work/$seed" && promtool test rules ./*.test.yml) \
		>"$work/$seed.log" 2>&1
	grep -A4 FAILED "$work/$seed.log"
	agreed=$((agreed + $(grep -c SUCCESS "$work/$seed.log")))
done
got "$agreed of 100 rules agree with $(promtool --version 2>&1 | head -n 1)"
[ $agreed = 100 ]
