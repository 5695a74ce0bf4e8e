# SPDX-License-Identifier: Apache-2.0
# Runs inside User Mode Linux; see run.sh.
python3 /run/cgroup.py
