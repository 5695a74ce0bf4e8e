/* SPDX-License-Identifier: Apache-2.0 */
/* The list of fault drivers, sorted by name, as unit_faults checks. */
#include "faults/table.h"

#include "faults/link/toxic.h"

fault_table faults_table = {
	&link_kafka_pause.ops,
	&link_delay.ops,
	&net_delay,
	&link_pool_limit.ops,
	NULL,
};
