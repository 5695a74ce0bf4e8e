/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of chaos/sim share; nobody else includes it. */
#ifndef GD_SIM_IMPL_H
#define GD_SIM_IMPL_H

#include "chaos/sim/model.h"
#include "chaos/sim/sim.h"

enum { SIM_FAULTS = 8 };

struct sim {
	const struct plan *plan;
	struct loop *loop;
	struct sim_model model;
	struct fault_ops fault_ops[SIM_FAULTS];	/* real names, our functions */
	const struct fault_ops *fault_table[SIM_FAULTS + 1];
	const struct watch_source_ops *sources[2];
	void *source_args[2];
	struct watch *watch;
};

extern const struct load_ops sim_load;			/* users.c */
extern const struct playbook_step_ops *const sim_steps[];	/* world.c */
extern const struct watch_source_ops sim_source;	/* world.c */
int sim_fault_table(struct sim *sim, const struct fault_ops *const *real,
		    struct err *err);			/* world.c */

#endif
