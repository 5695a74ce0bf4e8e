#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 180
# The shop against real PostgreSQL and Redis and the mock Kafka cluster: APIs,
# knobs, stock, confirmations, hold times, reset, start and stop.
build=$1
. tests/lib/shop_backends.sh
backends_start
shop_pid=
trap 'kill $shop_pid 2>/dev/null; backends_stop' EXIT
trap 'exit 1' INT TERM

cc -D_GNU_SOURCE -O2 -o "$dir/load" tests/lib/shop_load.c -lpthread ||
	fail "cannot compile the load"

shop_start() {
	rm -f "$dir/ready"
	"$build/gameday-shop" db="127.0.0.1:$pg_port" kafka="$kafka" \
		redis="127.0.0.1:$redis_port" ready_fd=9 speed=5 \
		error_log="$dir/error.log" "$@" 9>"$dir/ready" \
		2>>"$dir/shop.log" &
	shop_pid=$!
	await 25 grep -q management "$dir/ready" ||
		{ cat "$dir/shop.log"; fail "the shop does not start"; }
	url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$dir/ready")
	mgmt=$(sed 's/.*"management":"\([^"]*\)".*/\1/' "$dir/ready")
}

shop_stop() {
	local t0=$(date +%s%N)
	kill $shop_pid
	wait $shop_pid || fail "stop: exit $?"
	local ms=$((($(date +%s%N) - t0) / 1000000))
	[ $ms -le 2500 ] || fail "stop took $ms ms"
	shop_pid=
}

# want STATUS TEXT: of the last answer.
want() {
	[ "$status" = "$1" ] && [[ $body == *"$2"* ]] ||
		fail "${BASH_LINENO[0]}: wanted $1 '$2', got $status '${body:0:200}'"
}

# field NAME: a number in $body.
field() { sed "s/.*\"$1\":\(-\?[0-9.]*\).*/\1/" <<<"$body"; }

load() { "$dir/load" "${url##*:}" "$@"; }

knob() { http POST "$mgmt/admin/$1" "$2"; }

lag_is() {
	http GET "$mgmt/admin/status"
	[ "$(field lag)" = "$1" ]
}

count_is() { [ "$(sql "SELECT count(*) FROM $1")" = "$2" ]; }

sessions_are() {
	[ "$(sql "SELECT count(*) FROM pg_stat_activity
		  WHERE application_name = '$1'")" = "$2" ]
}

# Achieved over asked, over all that is held in PostgreSQL.
hold_ratio() {
	http GET "$mgmt/actuator/prometheus"
	awk -F'[ {]' '/where="worker"/ { next }
		/^gameday_shop_hold_seconds/ { achieved += $NF }
		/^gameday_shop_hold_asked/ { asked += $NF }
		END { printf "%.4f\n", achieved / asked }' <<<"$body"
}

test_mistakes() {
	"$build/gameday-shop" pol=3 workers=x redis=127.0.0.1:1 \
		db=127.0.0.1:1 2>"$dir/err"
	[ $? = 2 ] || fail "mistakes: exit is not 2"
	grep -q "'pol' (did you mean 'pool'?)" "$dir/err" &&
		grep -q workers "$dir/err" && grep -q kafka= "$dir/err" ||
		fail "mistakes: $(cat "$dir/err")"
	"$build/gameday-shop" redis=127.0.0.1:1 db="127.0.0.1:$pg_port" \
		kafka="$kafka" 2>"$dir/err"
	[ $? = 3 ] && grep -q "redis 127.0.0.1:1" "$dir/err" ||
		fail "no redis: $(cat "$dir/err")"
	"$build/gameday-shop" redis="127.0.0.1:$redis_port" \
		db="127.0.0.1:$pg_port" kafka="$kafka" \
		listen="127.0.0.1:$pg_port" 2>"$dir/err"
	[ $? = 3 ] && grep -q "listen=127.0.0.1:$pg_port" "$dir/err" ||
		fail "taken port: $(cat "$dir/err")"
}

test_apis() {
	http GET "$url/products"; want 200 '"name" : "product 1"'
	http GET "$url/products"; want 200 '"name" : "product 1"'
	http GET "$url/balance?user=7"; want 200 '"balance":1000000000'
	http GET "$url/balance"; want 400 "'user'"
	http GET "$url/balance?user=99999999"; want 404 'no such user'
	http POST "$url/orders" \
		'{"user":7,"product":1,"quantity":2,"amount":12000}'
	want 200 '"order":1'
	http GET "$url/balance?user=7"; want 200 '"balance":999988000'
	http POST "$url/orders" \
		'{"user":7,"product":1,"quantity":0,"amount":12000}'
	want 400 "'quantity'"
	http POST "$url/orders" 'no json'; want 400 'JSON'
	http POST "$url/coupons/issue" '{"user":7}'; want 400 'Idempotency-Key'
	http POST "$url/coupons/issue" '{"user":7}' 'Idempotency-Key: a'
	want 200 '"coupon":1'
	http POST "$url/coupons/issue" '{"user":7}' 'Idempotency-Key: a'
	want 409 'already issued'
	await 5 count_is confirmations 1 || fail "not confirmed"
	await 2 coupon_confirmed 1 || fail "status: $body"
	http GET "$url/coupons/99"; want 404 ''
	http POST "$url/products" ''; want 405 ''
	http GET "$url/nothing"; want 404 ''
	grep -q "api=/orders user=7 status=400 cause=invalid" \
		"$dir/error.log" || fail "no line in the error log"
	http GET "$mgmt/actuator/health"; want 200 '"status":"UP"'
	http GET "$mgmt/actuator/prometheus"
	want 200 'status="200",uri="/coupons/issue"} 1'
	want 200 'hikaricp_connections_max{pool="HikariPool-1"} 16'
	want 200 'cache_gets_hit_total 1'
}

coupon_confirmed() {
	http GET "$url/coupons/$1"
	[[ $body == *confirmed* ]]
}

test_limit_and_event() {
	knob rate-limit '{"per_second":"x"}'; want 400 'number'
	knob rate-limit '{"per_second":0.001}'
	http GET "$url/products"; want 429 'rate limit'
	knob rate-limit '{"per_second":0}'
	knob coupon-event '{"open":false}'; want 200 '"open":false'
	http POST "$url/coupons/issue" '{"user":7}' 'Idempotency-Key: b'
	want 503 'suspended'
	http GET "$url/products"; want 200 product
	# What is suspended uses up the tokens, too: one of burst.
	knob rate-limit '{"per_second":1}'
	http POST "$url/coupons/issue" '{"user":7}' 'Idempotency-Key: b'
	want 503 'suspended'
	http GET "$url/products"; want 429 'rate limit'
	knob rate-limit '{"per_second":0}'
	knob coupon-event '{"open":true}'
}

test_pool() {
	sessions_are shop-pool 16 || fail "pool is not 16"
	knob pool '{"size":50}'; want 200 '"size":50'
	await 3 sessions_are shop-pool 50 || fail "pool is not 50"
	knob pool '{"size":0}'; want 400 'whole number'
	knob pool '{"size":4}'
	await 3 sessions_are shop-pool 4 || fail "pool is not 4"
	knob pool '{"size":16}'
	await 3 sessions_are shop-pool 16 || fail "pool is not 16 again"
	# A connection that PostgreSQL ends is replaced.
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	     WHERE application_name = 'shop-pool' LIMIT 1" >/dev/null
	load 8 0.5 0 0 1 0 0 >/dev/null
	await 3 sessions_are shop-pool 16 || fail "pool is not whole"
}

# At speed 5, 16 and then 50 at once: the mean must be within 3 %.
test_holds() {
	local ratio
	for size in 16 50; do
		http POST "$mgmt/admin/reset"; want 200 '"issued":0'
		knob pool "{\"size\":$size}"
		load $((size * 2)) 4 0 64 23 3 110 || fail "load"
		ratio=$(hold_ratio)
		echo "pool $size: achieved/asked $ratio"
		awk -v r="$ratio" 'BEGIN { exit !(r > 0.97 && r < 1.03) }' ||
			fail "hold ratio $ratio at $size"
	done
	knob pool '{"size":16}'
}

# All coupons that were issued are confirmed, by 10 consumers in time.
test_consumers() {
	local issued
	knob consumers '{"count":10}'
	await 10 consumers_assigned 10 || fail "consumers: $body"
	await 60 lag_is 0 || fail "lag: $body"
	issued=$(sql "SELECT count(*) FROM coupons")
	count_is confirmations "$issued" || fail "not all of $issued"
	knob consumers '{"count":3}'
	await 10 consumers_assigned 3 || fail "consumers: $body"
}

consumers_assigned() {
	http GET "$mgmt/admin/consumers"
	[ "$(field assigned)" = "$1" ] && [ "$(field partitions)" = 30 ]
}

# 3 consumers of 76.3 ms confirm 39.3/s together while there is a lag, which
# takes equal shares of the partitions and messages that are spread evenly.
test_pace() {
	local before after t0 t1 rate
	knob pool '{"size":50}'
	load 64 20 2000 0 0 0 1 >/dev/null
	before=$(sql "SELECT count(*) FROM confirmations"); t0=$(date +%s%N)
	await 20 confirmed_since "$before" 800 || fail "consumers stand still"
	after=$(sql "SELECT count(*) FROM confirmations"); t1=$(date +%s%N)
	lag_is 0 && fail "no lag is left to measure with"
	rate=$(awk -v n=$((after - before)) -v t=$((t1 - t0)) \
		'BEGIN { print n / (t / 1e9) / 5 }')
	echo "3 consumers: $rate/s"
	awk -v r="$rate" 'BEGIN { exit !(r > 37.3 && r < 40.3) }' ||
		fail "3 consumers confirm $rate/s"
	knob pool '{"size":16}'
	await 30 lag_is 0 || fail "lag: $body"
}

confirmed_since() {
	[ "$(sql "SELECT count(*) FROM confirmations")" -ge $(($1 + $2)) ]
}

# What is left in the topic must not confirm coupons of the next life.
test_reset() {
	knob consumers '{"count":0}'
	load 4 20 20 0 0 0 1 >/dev/null
	lag_is 20 || fail "lag before the reset: $body"
	knob pool '{"size":9}'
	knob coupon-event '{"open":false}'
	http POST "$mgmt/admin/reset"; want 200 '"issued":0'
	want 200 '"max":16'
	want 200 '"open":true'
	await 10 consumers_assigned 3 || fail "consumers: $body"
	await 10 lag_is 0 || fail "lag after the reset: $body"
	count_is coupons 0 && count_is orders 0 && count_is confirmations 0 ||
		fail "rows are left"
	load 4 20 8 0 0 0 1 >/dev/null
	await 10 count_is confirmations 8 || fail "not confirmed after reset"
}

test_index() {
	knob index '{"on":false}'; want 200 '"on":false'
	[ -z "$(sql "SELECT 1 FROM pg_indexes
		     WHERE indexname = 'balances_user_id'")" ] ||
		fail "the index is still there"
	http GET "$url/balance?user=7"; want 200 '"balance"'
	knob index '{"on":true}'
	[ -n "$(sql "SELECT 1 FROM pg_indexes
		     WHERE indexname = 'balances_user_id'")" ] ||
		fail "the index is not there"
}

# Fewer coupons than requests: rows are exactly the stock.
test_stock() {
	load 32 20 300 0 0 0 1 >"$dir/sold"
	grep -q '"200":50,"409":250,' "$dir/sold" ||
		fail "stock of 50: $(cat "$dir/sold")"
	count_is coupons 50 || fail "oversold"
	await 20 count_is confirmations 50 || fail "not all confirmed"
}

test_mistakes
shop_start pool=16
test_apis
test_limit_and_event
test_pool
test_index
test_holds
test_consumers
test_pace
test_reset
shop_stop
sql "TRUNCATE coupons, confirmations"
shop_start pool=16 coupon.stock=50
test_stock
shop_stop
echo ok
