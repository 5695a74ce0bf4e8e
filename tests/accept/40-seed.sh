# the same seed gives the same plan and the same sequence of user decisions
. "$(dirname "$0")/lib.sh"
wanted "plan.json and the digest of decisions equal for one seed, the digest another for another seed"
for run in a b c; do
	seed=7
	[ "$run" = c ] && seed=8
	"$gameday" run tests/kill/short.ini --speed 10 --seed $seed \
		--out "$work/$run" --quiet >/dev/null 2>&1
done
cmp -s "$work/a/plan.json" "$work/b/plan.json" && plans=equal || plans=differ
a=$(field "$work/a" 'r["load"]["audit"]["decisions"]')
b=$(field "$work/b" 'r["load"]["audit"]["decisions"]')
c=$(field "$work/c" 'r["load"]["audit"]["decisions"]')
got "plans $plans; decisions $a, $b with seed 7, $c with seed 8"
[ $plans = equal ] && [ "$a" = "$b" ] && [ "$a" != "$c" ]
