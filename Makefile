# SPDX-License-Identifier: Apache-2.0
# The short front. CMake builds (CMakePresets.json); this only calls it.
#
#   make replay [SPEED=5] [SCENARIO=coupon-event]   the incident, end to end
#   make test               every test; CI=true makes warnings errors
#   make test T=unit_loop   those whose name matches
#   make setup              installs what is missing (root), gets Kafka
#   make                    builds build/release/gameday and its siblings
#   make help               the rest
#
# replay and test set up and build first.

SPEED ?= 5
SCENARIO ?= coupon-event
N ?= 50
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

build := build/release
gameday := $(build)/gameday
werror := $(if $(filter true 1,$(CI)),ON,OFF)
sources = $(shell git ls-files '*.c' '*.h')

.NOTPARALLEL:
.PHONY: all help setup check-setup build replay test sanitize bench \
	bench-load bench-proxy fuzz soak kill accept format lint docs docs-check \
	clean

all: check-setup build

help:
	@sed -n '4,10s/^#   //p' Makefile
	@echo 'make sanitize           unit tests and a server that lies, under ASan, UBSan'
	@echo 'make kill N=50          kills the controller at seeded moments'
	@echo 'make accept [T=50]      the acceptance list, resumable'
	@echo 'make fuzz T=http1 SECONDS=3600   a fuzz target, resumable'
	@echo 'make soak SECONDS=3600 RATE=20000   memory and descriptors stay flat'
	@echo 'make bench              measured; never part of test'
	@echo 'make bench-load         gameday, wrk and k6 against nginx'
	@echo 'make bench-proxy        the proxy beside HAProxy and Toxiproxy'
	@echo 'make format lint        clang-format; the rules a tool can check'
	@echo 'make docs docs-check    writes docs/reference; fails if it is stale'
	@echo 'make clean              build/release and build/asan-ubsan'

setup:
	@bash staging/setup.sh

check-setup:
	@bash staging/setup.sh check

build:
	@cmake --preset release --log-level=WARNING \
		-DGAMEDAY_WERROR=$(werror) >/dev/null
	@cmake --build $(build) -j $(JOBS)

replay: setup build
	@$(gameday) replay scenarios/$(SCENARIO).ini --speed $(SPEED)

test: setup build
	@cmake --build $(build) -j $(JOBS) --target unit-tests
	@ctest --test-dir $(build) --output-on-failure --no-tests=error \
		-j $(JOBS) $(if $(T),-R '$(T)')

sanitize: setup
	@cmake --preset asan-ubsan --log-level=WARNING \
		-DGAMEDAY_WERROR=$(werror) >/dev/null
	@cmake --build build/asan-ubsan -j $(JOBS) --target unit-tests gameday
	@ctest --test-dir build/asan-ubsan --output-on-failure \
		--no-tests=error -R '^(unit|fuzz)_|^func_misbehave$$' -j $(JOBS)

bench-proxy: setup build
	@python3 tests/bench/bench_proxy.py $(build) --write docs/benchmarks.md

bench: setup build
	@cmake --build $(build) -j $(JOBS) --target benches
	@for b in $(build)/bench_*; do echo "$${b##*/}:"; $$b || exit 1; done

fuzz:
	@SECONDS_WANTED=$(or $(SECONDS),60) T='$(T)' bash tests/fuzz/run.sh

soak: setup build
	@SECONDS_WANTED=$(or $(SECONDS),3600) RATE=$(or $(RATE),20000) \
		bash tests/soak/run.sh

# ROUNDS=3 REALTIME=1; what it prints goes into docs/benchmarks.md too.
bench-load: setup build
	@bash tests/bench/peers.sh
	@python3 tests/bench/load.py $(build) --rounds $(or $(ROUNDS),3) \
		--write docs/benchmarks.md
	@python3 tests/bench/load_tls.py $(build) --rounds $(or $(ROUNDS),3) \
		$(if $(REALTIME),--realtime) --write docs/benchmarks.md

kill: setup build
	@python3 tests/kill/kill.py $(build) $(N)

accept: setup build
	@bash tests/accept/run.sh $(build) $(T)

format:
	@clang-format -i $(sources)

lint:
	@bash tests/lint.sh

# One text from the tables of the modules; the test func_docs compares it.
docs: build
	@$(gameday) list >docs/reference/list.txt
	@$(gameday) list --reference >docs/reference/faults.md

docs-check: build
	@$(gameday) list | diff -u docs/reference/list.txt - && \
		$(gameday) list --reference | \
		diff -u docs/reference/faults.md - && \
		echo 'docs/reference is what the tables say'

clean:
	rm -rf build/release build/asan-ubsan
