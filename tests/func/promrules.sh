#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 20 seeded rules and series: our detectors' states are those that were compared
# with a real Prometheus (tests/accept/165-promtool.sh); where promtool is
# there, they are compared again.
# timeout: 60
. "$(dirname "$0")/../lib/func.sh"
rules=$build/tests/promrules
[ -x "$rules" ] || rules=$build/promrules
[ -x "$rules" ] || skip "no promrules: build the target unit-tests"

"$rules" states >"$tmp/states"
check "the states are those that Prometheus had" \
	diff -u "$(dirname "$0")/../lib/promrules.gold" "$tmp/states"
if command -v promtool >/dev/null; then
	"$rules" write "$tmp"
	(cd "$tmp" && promtool test rules ./*.test.yml) >"$tmp/out" 2>&1
	check "promtool agrees on each evaluation" \
		test "$(grep -c SUCCESS "$tmp/out")" = 20
fi
finish
