#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# kafka_starve in front of librdkafka's mock cluster:
# the topic stops within a second, the other flows, nothing is lost or doubled.
PYTHONPATH=$(dirname "$0")/../lib exec python3 -c \
	'import sys, proxykafka; proxykafka.main(sys.argv[1], "mock")' "$1"
