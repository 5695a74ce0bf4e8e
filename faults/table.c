/* SPDX-License-Identifier: Apache-2.0 */
/* The list of fault drivers, sorted by name, as unit_faults checks. */
#include "faults/table.h"

#include "faults/link/toxic.h"

fault_table faults_table = {
	&cgroup_cpu,
	&cgroup_freeze,
	&cgroup_io,
	&cgroup_memory,
	&link_kafka_pause.ops,
	&link_bandwidth.ops,
	&link_blackhole.ops,
	&link_connect_rate.ops,
	&link_corrupt.ops,
	&link_cut.ops,
	&link_delay.ops,
	&link_down.ops,
	&link_drip.ops,
	&link_limit_data.ops,
	&link_pause.ops,
	&link_refuse.ops,
	&link_reset.ops,
	&link_slice.ops,
	&link_slow_close.ops,
	&link_slow_connect.ops,
	&link_timeout.ops,
	&net_corrupt,
	&net_delay,
	&net_duplicate,
	&net_loss,
	&net_netem,
	&net_rate,
	&net_reorder,
	&partition,
	&link_pool_limit.ops,
	&process_continue,
	&process_kill,
	&process_restart,
	&process_stop,
	NULL,
};
