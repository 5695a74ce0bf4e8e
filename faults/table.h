/* SPDX-License-Identifier: Apache-2.0 */
/* Every fault driver there is. One row in table.c makes a kind known. */
#ifndef GD_FAULTS_TABLE_H
#define GD_FAULTS_TABLE_H

#include "chaos/fault/fault.h"

struct toxic_driver;	/* begins with its struct fault_ops */

extern const struct fault_ops net_corrupt, net_delay, net_duplicate, net_loss,
	net_netem, net_rate, net_reorder;
