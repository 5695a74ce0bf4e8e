# after the pause every coupon issued is confirmed once and none twice
. "$(dirname "$0")/lib.sh"
wanted "rows in coupons = rows in confirmations = distinct coupons confirmed"
"$gameday" staging up --name kill --speed 10 --set shop.pool=50 >/dev/null || exit 1
trap '"$gameday" staging down --name kill >/dev/null; rm -rf "$work"' EXIT
drill "$work/run" run tests/kill/short.ini --speed 10
pg=$("$gameday" staging status --name kill --json |
	python3 -c 'import json,sys; print(json.load(sys.stdin)["postgres"])')
sql() { psql -h "${pg%:*}" -p "${pg#*:}" -U shop -d shop -Atc "$1"; }
query="SELECT (SELECT count(*) FROM coupons), (SELECT count(*) FROM confirmations), (SELECT count(DISTINCT coupon_id) FROM confirmations)"
for _ in $(seq 100); do
	counts=$(sql "$query")
	IFS='|' read -r issued confirmed distinct <<<"$counts"
	[ "$issued" = "$confirmed" ] && break
	sleep 0.3
done
got "issued $issued, confirmed $confirmed, distinct $distinct; paused: $(field "$work/run" '[f["achieved"] for f in r["faults"] if f["kind"] == "kafka.pause"]')"
[ "$issued" -gt 0 ] && [ "$issued" = "$confirmed" ] && [ "$issued" = "$distinct" ]
