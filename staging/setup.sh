#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building, staging and the tests need, and is quick, silent and
# offline when nothing is missing.
#
#   setup.sh            packages (as root), then Kafka's jars through Maven
#   setup.sh packages   the packages alone: the part that needs root
#   setup.sh check      changes nothing; exit 1 if something to build is missing
#
# Packages' services are not started, and redis-server, where it is new, is not
# enabled either.  PostgreSQL comes without its default cluster.  No file of the
# system's configuration stays changed.
set -u
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
kafka=$root/build/kafka
pom=$root/staging/kafka/pom.xml

build_packages="gcc libc6-dev make cmake ninja-build pkg-config
	libjansson-dev libmicrohttpd-dev zlib1g-dev libinih-dev libnl-3-dev
	libnl-route-3-dev libnftables-dev libpcre2-dev librdkafka-dev libpq-dev
	libhiredis-dev libcurl4-openssl-dev libssl-dev libcmocka-dev libsqlite3-dev"
run_packages="redis-server postgresql iproute2 procps stress-ng"
test_packages="python3 python3-prometheus-client curl user-mode-linux nginx-light openssl
	haproxy wrk"
java_packages="openjdk-17-jre-headless maven"

say() { echo "setup: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# Some come in other ways than by their package: what counts is what they bring.
provided() {
	case $1 in
	gcc) have gcc ;;
	make) have make ;;
	cmake) have cmake ;;
	ninja-build) have ninja ;;
	pkg-config) have pkg-config ;;
	python3) have python3 ;;
	curl) have curl ;;
	nginx-light) have nginx ;;
	haproxy) have haproxy ;;
	wrk) have wrk ;;
	openssl) have openssl ;;
	iproute2) have ip && have tc ;;
	procps) have ps ;;
	redis-server) have redis-server ;;
	stress-ng) have stress-ng ;;
	postgresql) have postgres || compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null ;;
	openjdk-17-jre-headless) have java || [ -x "${JAVA_HOME:-/nowhere}/bin/java" ] ;;
	maven) have mvn ;;
	*) return 1 ;;
	esac
}

# The packages among "$@" that are not there, by one question to dpkg.
missing() {
	local p ask=() installed=""
	for p in "$@"; do
		provided "$p" || ask+=("$p")
	done
	[ ${#ask[@]} -gt 0 ] || return 0
	if have dpkg-query; then
		installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' \
			"${ask[@]}" 2>/dev/null | sed -n 's/\(:[a-z0-9]*\)\{0,1\} installed$//p')
	fi
	for p in "${ask[@]}"; do
		grep -qxF "$p" <<<"$installed" || echo "$p"
	done
}

# Services must neither start nor stop what runs: policy-rc.d says "not
# allowed" while apt works, and is as it was afterwards.
policy=/usr/sbin/policy-rc.d
cluster_conf=/etc/postgresql-common/createcluster.d/gameday-setup.conf
restore() {
	[ -e "$policy.gameday" ] && mv -f "$policy.gameday" "$policy"
	[ -n "${policy_is_ours:-}" ] && rm -f "$policy"
	rm -f "$cluster_conf"
	rmdir --ignore-fail-on-non-empty /etc/postgresql-common/createcluster.d 2>/dev/null
}

quiet_services() {
	trap restore EXIT
	trap 'exit 130' INT TERM
	if [ -e $policy ]; then
		mv $policy $policy.gameday
	else
		policy_is_ours=yes
	fi
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	mkdir -p "${cluster_conf%/*}"
	echo "create_main_cluster = false" >$cluster_conf
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@"
}

install() {
	local log
	log=$(mktemp)
	if apt install --no-install-recommends "$@" >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	tail -n 15 "$log" >&2
	rm -f "$log"
	return 1
}

packages() {
	local need java
	need=$(missing $build_packages $run_packages $test_packages)
	java=$(missing $java_packages)
	[ -n "$need$java" ] || return 0
	if ! have apt-get; then
		say "this is no Debian; install what these packages bring:" $need $java >&2
		return 1
	fi
	if [ "$(id -u)" != 0 ]; then
		say "missing:" $need $java >&2
		say "run this, then the same command again:" >&2
		echo "    sudo bash $root/staging/setup.sh packages" >&2
		return 1
	fi
	say "installing" $need $java "(their services stay off)"
	quiet_services
	apt update >/dev/null 2>&1 || say "apt-get update failed; trying with the lists that are here"
	if [ -n "$need" ] && ! install $need; then
		say "could not install:" $need >&2
		return 1
	fi
	if [ -n "$java" ] && ! install $java; then
		say "no Java or Maven: staging will use librdkafka's mock cluster in Kafka's place"
	fi
	if [[ " "$(echo $need)" " == *" redis-server "* ]] && [ -d /run/systemd/system ]; then
		systemctl disable --quiet redis-server 2>/dev/null
	fi
	trap - EXIT
	restore
	return 0
}

java_command() {
	if [ -x "${JAVA_HOME:-/nowhere}/bin/java" ]; then
		echo "$JAVA_HOME/bin/java"
	else
		command -v java
	fi
}

class_path() {
	local p=""
	for jar in "$kafka"/libs/*.jar; do
		p=${p:+$p:}$jar
	done
	echo "$p"
}

# Runs the broker once to keep its loaded classes: later starts take half the
# time.  Without the archive everything works the same.
class_archive() (
	tmp=$(mktemp -d) || exit 0
	pid=
	trap '[ -n "$pid" ] && kill -9 $pid 2>/dev/null; rm -rf "$tmp"' EXIT
	port=$((15000 + ($$ * 2 + RANDOM) % 15000))
	cat >"$tmp/server.properties" <<-EOF
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$((port + 1))
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
		controller.listener.names=CONTROLLER
		log.dirs=$tmp/log
		offsets.topic.replication.factor=1
	EOF
	java=$(java_command)
	jvm="-Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData"
	jvm="$jvm -Dlog4j2.configurationFile=file:$kafka/log4j2.properties"
	"$java" $jvm -cp "$(class_path)" kafka.tools.StorageTool format \
		--cluster-id G1234567890123456789AQ --config "$tmp/server.properties" \
		>"$tmp/out" 2>&1 || exit 0
	"$java" $jvm -XX:ArchiveClassesAtExit="$tmp/kafka.jsa" -cp "$(class_path)" \
		kafka.Kafka "$tmp/server.properties" >"$tmp/out" 2>&1 &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break
		kill -0 $pid 2>/dev/null || exit 0
		read -rt 0.1 <> <(:)
	done
	kill $pid 2>/dev/null
	wait $pid
	pid=
	[ -s "$tmp/kafka.jsa" ] && mv "$tmp/kafka.jsa" "$kafka/kafka.jsa"
)

# build/kafka/stamp says which pom.xml the jars are of.
jars() {
	local want
	want=$(cat "$pom" "$root/staging/kafka/log4j2.properties" | cksum)
	[ "$(cat "$kafka/stamp" 2>/dev/null)" = "$want" ] && return 0
	if [ -z "$(java_command)" ] || ! have mvn; then
		say "no Java or Maven: staging will use librdkafka's mock cluster in Kafka's place"
		return 0
	fi
	say "getting Kafka's jars (Maven, 43 MB)"
	rm -rf "$kafka"
	mkdir -p "$kafka"
	# By its full name: a prefix is one more thing to look up.
	if ! mvn -q -B -f "$pom" -DincludeScope=runtime \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
		-DoutputDirectory="$kafka/libs" >"$kafka/maven.log" 2>&1; then
		grep -m 1 -o "ERROR.*" "$kafka/maven.log" | cut -c 1-400 >&2
		say "Maven could not get Kafka: staging will use librdkafka's mock cluster in its place"
		rm -rf "$kafka/libs"
		return 0
	fi
	cp "$root/staging/kafka/log4j2.properties" "$kafka/"
	class_archive
	echo "$want" >"$kafka/stamp"
}

check() {
	local need
	need=$(missing $build_packages)
	[ -z "$need" ] && return 0
	say "missing to build:" $need >&2
	say "'make setup' installs what is missing" >&2
	return 1
}

case ${1:-all} in
all) packages && jars ;;
packages) packages ;;
check) check ;;
*)
	echo "usage: setup.sh [packages|check]" >&2
	exit 2
	;;
esac
