/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of docs/adding-a-fault.md. Not in the table. */
#ifndef GD_FAULTS_SKELETON_H
#define GD_FAULTS_SKELETON_H

#include "chaos/fault/fault.h"

extern const struct fault_ops fault_skeleton;

#endif
