# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# A server that misbehaves in some 60 ways: each is one named cause.
PYTHONPATH=$(dirname "$0")/../lib exec python3 \
	"$(dirname "$0")/../lib/misbehave.py" "$1"
