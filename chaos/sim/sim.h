/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same drill in virtual time: a discrete-event model of the shop (users,
 * 200 workers, one FIFO, a connection pool, a pipeline of consumers) that fills
 * struct drill_env.  One model per run; it lives on the drill's virtual loop.
 */
#ifndef GD_SIM_SIM_H
#define GD_SIM_SIM_H

#include "chaos/drill/drill.h"

struct sim;

/*
 * From the plan's load, its seed and the [staging] shop.* keys.  faults is the
 * table of the real drivers: the simulated ones keep their names and options.
 */
int sim_new(const struct plan *plan, struct loop *loop,
	    const struct fault_ops *const *faults, struct sim **ret,
	    struct err *err) MUST_CHECK;
void sim_free(struct sim *sim);
/* Fills every field of env that the world is made of. */
void sim_env(struct sim *sim, struct drill_env *env);
void sim_symbols(struct symbols *symbols);	/* staging:…, link:… */

#endif
