# SPDX-License-Identifier: Apache-2.0
# PostgreSQL, Redis and librdkafka's mock cluster for tests, in a private
# directory, on loopback.  Sourced; needs $build.  Sets dir, pg_port,
# redis_port, kafka; backends_stop ends what backends_start started.

pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
backend_pids=()
pg_pid=

fail() { echo "FAIL: $*" >&2; exit 1; }

# await SECONDS COMMAND...: until it succeeds.
await() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}

# PostgreSQL refuses to be root. An array: a function would fork once more.
pg_as=()
[ "$(id -u)" != 0 ] ||
	pg_as=(setpriv --reuid postgres --regid postgres --init-groups)

# A port that nothing listens on now.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo $port
}

sql() { "$pg_bin/psql" -qAt -h "$dir" -p "$pg_port" -U postgres shop -c "$1"; }

pg_start() {
	"${pg_as[@]}" "$pg_bin/initdb" -D "$dir/pg" -A trust -U postgres --no-sync \
		>"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log"; return 1; }
	for try in 1 2 3; do
		pg_port=$(free_port)
		"${pg_as[@]}" "$pg_bin/postgres" -D "$dir/pg" -p "$pg_port" -k "$dir" \
			-c listen_addresses=127.0.0.1 -c fsync=off \
			-c synchronous_commit=off -c max_connections=150 \
			-c jit=off >"$dir/pg.log" 2>&1 &
		local pid=$!
		if await 20 "$pg_bin/psql" -h "$dir" -p "$pg_port" -U postgres \
			-c 'CREATE DATABASE shop'; then
			pg_pid=$pid
			return 0
		fi
		kill $pid 2>/dev/null
	done
	cat "$dir/pg.log"
	return 1
}

redis_up() {
	exec 3<>"/dev/tcp/127.0.0.1/$redis_port" || return 1
	printf 'PING\r\n' >&3
	read -r -t 1 pong <&3
	exec 3>&-
	[[ $pong = +PONG* ]]
}

redis_start() {
	for try in 1 2 3; do
		redis_port=$(free_port)
		redis-server --port "$redis_port" --bind 127.0.0.1 --save "" \
			--dir "$dir" >"$dir/redis.log" 2>&1 &
		local pid=$!
		if await 10 redis_up; then
			backend_pids+=($pid)
			return 0
		fi
		kill $pid 2>/dev/null
	done
	return 1
}

kafka_start() {
	"$build/gameday-mockkafka" --topic coupon-issued:30 >"$dir/kafka" &
	backend_pids+=($!)
	await 10 test -s "$dir/kafka" && kafka=$(cat "$dir/kafka")
}

backends_start() {
	[ -n "$pg_bin" ] && command -v redis-server >/dev/null ||
		{ echo "skipped: no PostgreSQL or no redis-server"; exit 77; }
	dir=$(mktemp -d /tmp/gameday-shop.XXXXXX)
	[ "$(id -u)" != 0 ] || chown postgres "$dir"
	pg_start || fail "PostgreSQL does not start"
	redis_start || fail "Redis does not start"
	kafka_start || fail "the mock cluster does not start"
}

backends_stop() {
	[ ${#backend_pids[@]} -eq 0 ] ||
		kill "${backend_pids[@]}" 2>/dev/null
	# SIGQUIT: PostgreSQL neither waits for its clients nor tidies up.
	[ -z "$pg_pid" ] || kill -QUIT "$pg_pid" 2>/dev/null
	wait
	rm -rf "$dir"
}

# http METHOD URL [BODY [HEADER]]: sets status and body.
http() {
	local hostport=${2#http://} path
	path=/${hostport#*/}
	hostport=${hostport%%/*}
	exec 4<>"/dev/tcp/${hostport%:*}/${hostport#*:}" || return 1
	printf '%s %s HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s' \
		"$1" "$path" "${4:+$4$'\r\n'}" "${#3}" "$3" >&4
	read -r _ status _ <&4
	body=$(sed '1,/^\r*$/d' <&4)
	exec 4>&-
}
