#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 240
# kafka_starve in front of a real broker, with librdkafka and the Java client:
# the topic stops within a second, the other flows, nothing is lost or doubled.
PYTHONPATH=$(dirname "$0")/../lib exec python3 -c \
	'import sys, proxykafka; proxykafka.main(sys.argv[1], "real")' "$1"
