/* SPDX-License-Identifier: Apache-2.0 */
/* Every fault driver there is. One row in table.c makes a kind known. */
#ifndef GD_FAULTS_TABLE_H
#define GD_FAULTS_TABLE_H

#include "chaos/fault/fault.h"

struct toxic_driver;	/* begins with its struct fault_ops */

extern const struct toxic_driver link_bandwidth, link_blackhole,
	link_connect_rate, link_corrupt, link_cut, link_delay, link_down,
	link_drip, link_kafka_pause, link_limit_data, link_pause,
	link_pool_limit, link_refuse, link_reset, link_slice, link_slow_close,
	link_slow_connect, link_timeout;
extern const struct fault_ops cgroup_cpu, cgroup_freeze, cgroup_io,
	cgroup_memory;
extern const struct fault_ops host_cpu, host_disk, host_memory;
extern const struct fault_ops net_corrupt, net_delay, net_duplicate, net_loss,
	net_netem, net_rate, net_reorder;
extern const struct fault_ops partition;
extern const struct fault_ops process_continue, process_kill, process_restart,
	process_stop;

/* Sorted by name, ends with NULL. */
extern fault_table faults_table;

#endif
