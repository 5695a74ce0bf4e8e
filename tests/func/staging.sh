# SPDX-License-Identifier: Apache-2.0
# The staging stack: two at once, what survives whom, and that nothing is left.
# timeout: 180
# serial
set -u
build=$1
gameday=$build/gameday
tmp=$(mktemp -d)
a=t$$a b=t$$b c=t$$c

skip() { echo "SKIP: $*"; exit 77; }
[ -x "$gameday" ] || skip "no $gameday"
command -v redis-server >/dev/null || skip "no redis-server"
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
	command -v postgres >/dev/null || skip "no postgres"

if [ "$(id -u)" = 0 ]; then
	parent=/run/gameday/staging
elif [ -n "${XDG_RUNTIME_DIR:-}" ]; then
	parent=$XDG_RUNTIME_DIR/gameday/staging
else
	parent=/tmp/gameday-$(id -u)/staging
fi

cleanup() {
	for n in $a $b $c; do
		"$gameday" staging down --name $n >/dev/null 2>&1
	done
	rm -rf "$tmp"
}
trap cleanup EXIT

fail() {
	echo "FAIL: $*"
	for f in "$tmp"/*.out; do
		echo "--- $f" && cat "$f"
	done
	exit 1
}

await() { # await SECONDS COMMAND...: until it holds
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $until ] || return 1
		read -rt 0.05 <> <(:)
	done
	return 0
}

up() { "$gameday" staging up --speed 5 --name "$@"; }
status() { "$gameday" staging status --json --name "$1"; }
field() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -n 1; }
code() { curl -s -o /dev/null -m 5 -w '%{http_code}' "$@"; }

# Whatever names the stack's directory on its command line.
processes() {
	local p
	for p in /proc/[0-9]*; do
		{ tr '\0' ' ' <"$p/cmdline"; } 2>/dev/null |
			grep -qE "staging/$1/|\"name\":\"$1\"" &&
			echo "${p#/proc/}"
	done
}
# Every descendant of a process, itself first.
family() {
	local child
	echo "$1"
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		family "$child"
	done
}
# Gone, or dead and not yet reaped by whoever adopted it.
all_gone() {
	local p
	for p in "$@"; do
		grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$p/status" 2>/dev/null && return 1
	done
	return 0
}
nothing_left() { # NAME
	[ ! -e "$parent/$1" ] && [ ! -e "$parent/$1.lock" ] &&
		[ -z "$(processes "$1")" ]
}

# Two at once, both with the broker that is here, and both serve.
up $a --set shop.pool=7 >"$tmp/a.out" 2>&1 & pa=$!
up $b >"$tmp/b.out" 2>&1 & pb=$!
wait $pa || fail "up $a"
wait $pb || fail "up $b"
grep -q 'synchronous_commit off' "$tmp/a.out" || fail "synchronous_commit is not said"
for n in $a $b; do
	status $n >"$tmp/$n.json" || fail "status $n"
	[ "$(code "$(field shop <"$tmp/$n.json")/products")" = 200 ] || fail "$n: products"
	[ "$(code -H 'Idempotency-Key: 1' -d '{"user":1}' \
		"$(field shop <"$tmp/$n.json")/coupons/issue")" = 200 ] || fail "$n: coupon"
	if [ "${CI:-}" = true ]; then
		[ "$(field kafka_kind <"$tmp/$n.json")" = kafka ] || fail "$n: not the real Kafka"
	fi
done
[ "$(field management <"$tmp/$a.json")" != "$(field management <"$tmp/$b.json")" ] ||
	fail "the two are one"
curl -s -m 5 "$(field management <"$tmp/$a.json")/admin/pool" | grep -q 7 || fail "shop.pool=7 did not arrive"
await 20 sh -c "curl -s -m 5 $(field management <"$tmp/$a.json")/admin/status | grep -q '\"confirmed\":1,'" ||
	fail "the coupon of $a was not confirmed"

# The same name again is refused, and harms nothing.
up $a >"$tmp/again.out" 2>&1 && fail "a second $a came up"
grep -q 'up already' "$tmp/again.out" || fail "second $a: no reason given"
status $a >/dev/null || fail "$a is gone"

# A part that dies later is named, not restarted; down works all the same.
supervisor=$(field pid <"$tmp/$b.json")
members=$(family "$supervisor")
for p in $members; do
	[ "$(cat "/proc/$p/comm" 2>/dev/null)" = redis-server ] && kill -9 "$p"
done
broken() { status $b | grep -q 'redis has ended: killed by SIGKILL'; }
await 10 broken || fail "$b does not say that redis has ended"
"$gameday" staging down --name $b >"$tmp/down.out" 2>&1 || fail "down $b"
all_gone $members || fail "processes of $b are left"
nothing_left $b || fail "$b left something"

# kill -9 of the supervisor: its children die with it, down tidies up.
supervisor=$(field pid <"$tmp/$a.json")
members=$(family "$supervisor")
kill -9 "$supervisor"
await 10 all_gone $members || fail "children outlived the supervisor of $a"
status $a >/dev/null 2>&1 && fail "a dead $a has a status"
"$gameday" staging down --name $a >"$tmp/down.out" 2>&1 || fail "down of a dead $a"
nothing_left $a || fail "$a left something"
"$gameday" staging down --name $a >"$tmp/down.out" 2>&1 && fail "down of nothing succeeds"

# kill -9 of who asked, half way: the stack comes up and stays for the next.
"$gameday" staging up --speed 5 --name $c --set kafka=mock >"$tmp/c.out" 2>&1 &
pc=$!
await 20 grep -q '^redis' "$tmp/c.out" || fail "$c does not begin"
kill -9 $pc
wait $pc 2>/dev/null
status $c >"$tmp/$c.json" || fail "$c went with who asked for it"
[ "$(field kafka_kind <"$tmp/$c.json")" = mock ] || fail "$c: kafka=mock did not arrive"
[ "$(code "$(field shop <"$tmp/$c.json")/products")" = 200 ] || fail "$c: products"
"$gameday" staging down --name $c >"$tmp/down.out" 2>&1 || fail "down $c"
nothing_left $c || fail "$c left something"

# Ctrl-C half way: nothing is left when up returns. (env: bash has background
# jobs ignore SIGINT.)
env --default-signal=INT "$gameday" staging up --name $c >"$tmp/int.out" 2>&1 & pc=$!
await 20 grep -q '^redis' "$tmp/int.out" || fail "$c does not begin"
kill -INT $pc
wait $pc
[ $? = 4 ] || fail "up after SIGINT: not exit 4"
nothing_left $c || fail "SIGINT left something of $c"

# A part that is not there, and one that will not start: named, mended, gone.
mkdir "$tmp/bin"
PATH=$tmp/bin "$gameday" staging up --name $c >"$tmp/redis.out" 2>&1
[ $? = 3 ] || fail "up without redis-server: not exit 3"
grep -q "redis did not start.*'redis-server' is not in PATH.*install redis-server" \
	"$tmp/redis.out" || fail "up without redis-server: unclear"
nothing_left $c || fail "a failed start left something"
up $c --set kafka=mock --set shop.poool=1 >"$tmp/shop.out" 2>&1
[ $? = 3 ] || fail "up with a wrong key: not exit 3"
grep -q "shop did not start: exit 2.*poool" "$tmp/shop.out" || fail "a wrong key of the shop: unclear"
nothing_left $c || fail "a failed shop left something"
up $c --set nonsense=1 >"$tmp/key.out" 2>&1 && fail "staging took a key that it does not have"
grep -q "no key 'nonsense=1'" "$tmp/key.out" || fail "a wrong key: unclear"
echo "staging: all held in $SECONDS s"
