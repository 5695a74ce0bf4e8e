/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the model, its users and its world together. */
#include <errno.h>

#include "chaos/base/mem.h"
#include "chaos/sim/impl.h"

int sim_new(const struct plan *plan, struct loop *loop,
	    const struct fault_ops *const *faults, struct sim **ret,
	    struct err *err)
{
	struct sim *sim = mem_zalloc(sizeof(*sim));
	int rc;

	sim->plan = plan;
	sim->loop = loop;
	rc = sim_model_init(&sim->model, loop, (uint64_t)plan->conf.seed,
			    scenario_section(plan->sc, "staging", 0), err);
	if (rc == 0)
		rc = sim_fault_table(sim, faults, err);
	if (rc < 0) {
		sim_free(sim);
		return rc;
	}
	sim->sources[0] = &sim_source;
	sim->source_args[0] = sim;
	*ret = sim;
	return 0;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	sim_model_done(&sim->model);
	mem_free(sim);
}

void sim_env(struct sim *sim, struct drill_env *env)
{
	env->load = &sim_load;
	env->load_arg = sim;
	env->faults = sim->fault_table;
	env->fault_arg = sim;
	env->steps = sim_steps;
	env->step_arg = sim;
	env->sources = sim->sources;
	env->source_args = sim->source_args;
	env->probes = false;
	env->guardian = false;
}

/* Addresses that nothing listens on: the world here is the model. */
void sim_symbols(struct symbols *symbols)
{
	symbols_set(symbols, "staging:shop", "http://127.0.0.1:1");
	symbols_set(symbols, "staging:management", "http://127.0.0.1:2");
	symbols_set(symbols, "staging:postgres", "127.0.0.1:3");
	symbols_set(symbols, "staging:redis", "127.0.0.1:4");
	symbols_set(symbols, "staging:kafka", "127.0.0.1:5");
}
