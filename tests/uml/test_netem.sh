# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# net.delay against a kernel that has netem: set, read back by tc, felt by a
# TCP echo, reverted; also after kill -9 of the controller and of both.
. tests/uml/run.sh
uml_need
uml_run 55 tests/uml/in_netem.sh "$(realpath "$1")"
