/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine (fault.c), as fault_set.c sees it. */
#ifndef GD_FAULT_FAULT_STATE_H
#define GD_FAULT_FAULT_STATE_H

#include "chaos/fault/fault_set.h"

void fault_state_init(struct fault *f);		/* timers */
void faults_state_init(struct faults *fs);
void faults_state_done(struct faults *fs);	/* stops every timer */
void fault_prepared(struct fault *f);
void faults_reverted(struct faults *fs, const struct guardian_outcome *o);
void faults_guardian_lost(struct faults *fs);

#endif
