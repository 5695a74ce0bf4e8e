# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# cgroup.* against a kernel that has version 2 with all its controllers.
. tests/uml/run.sh
uml_need
uml_run 55 tests/uml/in_cgroup.sh "$(realpath "$1")" tests/uml/cgroup.py
