# SPDX-License-Identifier: Apache-2.0
# timeout: 90
# net.*: what was asked is what tc reads back, and what a socket sees; the
# qdiscs before are the qdiscs after. tests/accept has the long form.
. tests/uml/run.sh
uml_need
UML_ARGS="${UML_ARGS:-7 20 1000}" uml_run "${UML_SECONDS:-85}" \
	tests/uml/in_netconf.sh "$(realpath "$1")" tests/uml/netconf.py
