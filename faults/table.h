/* SPDX-License-Identifier: Apache-2.0 */
/* Every fault driver there is. One row in table.c makes a kind known. */
#ifndef GD_FAULTS_TABLE_H
#define GD_FAULTS_TABLE_H

#include "chaos/fault/fault.h"

struct toxic_driver;	/* begins with its struct fault_ops */

extern const struct toxic_driver link_delay, link_kafka_pause,
	link_pool_limit;
extern const struct fault_ops net_delay;

/* Sorted by name, ends with NULL. */
extern fault_table faults_table;

#endif
