#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What make bench-load compares with: nginx, wrk and h2load from Debian (root
# installs what is missing), k6 through the Go module proxy into build/peers.
# Quick and silent when all is there.
set -u
cd "$(dirname "$0")/../.." || exit 2
k6_version=v1.8.1
peers=$PWD/build/peers

have() { command -v "$1" >/dev/null 2>&1; }

missing=""
have nginx || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
have wrk || missing="$missing wrk"
have h2load || missing="$missing nghttp2-client"
have taskset || missing="$missing util-linux"
if [ -n "$missing" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "bench: missing:$missing (apt-get install$missing)"
		exit 2
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends $missing >/dev/null || exit 2
fi

mkdir -p "$peers"
[ -x "$peers/k6" ] && exit 0
if have k6; then
	ln -sf "$(command -v k6)" "$peers/k6"
elif have go; then
	echo "bench: building k6 $k6_version, which takes some minutes"
	GOBIN="$peers" go install "go.k6.io/k6@$k6_version" || exit 2
else
	echo "bench: no go to build k6 with: it is left out"
fi
exit 0
