/* SPDX-License-Identifier: Apache-2.0 */
/* Faults, steps and gauges of the simulated world: knobs of the model. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/sim/impl.h"

static const double probe_base_s = 0.0004;	/* a round trip without delay */

static struct sim_model *model_of(const struct fault *f)
{
	struct sim *sim = fault_env(f)->arg;

	return &sim->model;
}

static int sim_prepare(struct fault *f, struct undo_record *undo,
		       struct err *err)
{
	(void)f;
	(void)err;
	undo->via = UNDO_LOCAL;
	return 0;
}

static int sim_check(struct fault *f, const struct fault_env *env,
		     struct err *err)
{
	(void)f;
	(void)env;
	(void)err;
	return 0;
}

static const char *value_of(const struct fault *f, const char *key,
			    const char *def)
{
	const char *v = scenario_value(fault_conf(f)->section, key);

	return v ? v : def;
}

static int pool_inject(struct fault *f, struct err *err)
{
	struct sim_model *m = model_of(f);
	int64_t size;
	int rc = units_int(value_of(f, "size", "16"), &size, err);

	if (rc == 0)
		sim_limit_resize(m, &m->link, (unsigned)size);
	return rc;
}

static int pool_revert(struct fault *f, struct err *err)
{
	struct sim_model *m = model_of(f);

	(void)err;
	sim_limit_resize(m, &m->link, 0);
	return 0;
}

static int delay_inject(struct fault *f, struct err *err)
{
	return units_duration(value_of(f, "delay", "0ms"), &model_of(f)->delay,
			      err);
}

static int delay_revert(struct fault *f, struct err *err)
{
	(void)err;
	model_of(f)->delay = 0;
	return 0;
}

static int pause_inject(struct fault *f, struct err *err)
{
	(void)err;
	sim_set_paused(model_of(f), true);
	return 0;
}

static int pause_revert(struct fault *f, struct err *err)
{
	(void)err;
	sim_set_paused(model_of(f), false);
	return 0;
}

static const struct {
	const char *name;
	int (*inject)(struct fault *f, struct err *err);
	int (*revert)(struct fault *f, struct err *err);
} kinds[] = {
	{ "kafka.pause", pause_inject, pause_revert },
	{ "link.delay", delay_inject, delay_revert },
	{ "net.delay", delay_inject, delay_revert },
	{ "pool.limit", pool_inject, pool_revert },
};

int sim_fault_table(struct sim *sim, const struct fault_ops *const *real,
		    struct err *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct fault_ops *ops = fault_find(real, kinds[i].name);
		struct fault_ops *copy = &sim->fault_ops[i];

		if (!ops)
			return err_set(err, -ENOENT, "no driver '%s'",
				       kinds[i].name);
		*copy = (struct fault_ops){
			.name = ops->name,
			.summary = ops->summary,
			.opts = ops->opts,
			.opts_size = ops->opts_size,
			.check = sim_check,
			.prepare = sim_prepare,
			.inject = kinds[i].inject,
			.revert = kinds[i].revert,
		};
		sim->fault_table[i] = copy;
	}
	return 0;
}

static void set_link_pool(struct sim_model *m, const json_t *body)
{
	sim_limit_resize(m, &m->link, (unsigned)json_int64(body, "size", 0));
}

static void set_pool(struct sim_model *m, const json_t *body)
{
	sim_limit_resize(m, &m->pool, (unsigned)json_int64(body, "size", 50));
}

static void set_event(struct sim_model *m, const json_t *body)
{
	m->open = json_flag(body, "open", true);
}

static void set_rate(struct sim_model *m, const json_t *body)
{
	m->rate = json_num(body, "per_second", 0);
	m->tokens = m->rate;
	m->tokens_at = loop_now(m->loop);
}

static void set_consumers(struct sim_model *m, const json_t *body)
{
	sim_set_consumers(m, (unsigned)json_int64(body, "count", 3));
}

static const struct {
	const char *part;	/* of the call's text */
	void (*set)(struct sim_model *m, const json_t *body);
} knobs[] = {
	{ "/admin/consumers", set_consumers },
	{ "/admin/coupon-event", set_event },
	{ "/admin/pool", set_pool },
	{ "/admin/rate-limit", set_rate },
	{ "link:db/pool", set_link_pool },
};

/* The JSON in a call's text: from its first brace to the matching last. */
static json_t *body_of(const char *text)
{
	const char *begin = strchr(text, '{'), *end = strrchr(text, '}');
	json_t *body = NULL;

	if (begin && end > begin)
		(void)!json_parse(begin, (size_t)(end - begin + 1), &body,
				  NULL);
	return body;
}

static int step_start(struct playbook_call *call, struct err *err)
{
	struct sim *sim = playbook_call_arg(call);
	const char *text = playbook_call_text(call);
	json_t *body = body_of(text);

	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		if (!strstr(text, knobs[i].part))
			continue;
		knobs[i].set(&sim->model, body);
		json_decref(body);
		playbook_call_done(call, 0, "simulated");
		return 0;
	}
	json_decref(body);
	return err_set(err, -ENOENT, "the model has no knob for '%s'", text);
}

static void step_cancel(struct playbook_call *call)
{
	(void)call;
}

static const struct playbook_step_ops step_command = {
	.name = "command", .start = step_start, .cancel = step_cancel
};
static const struct playbook_step_ops step_http = {
	.name = "http", .start = step_start, .cancel = step_cancel
};
const struct playbook_step_ops *const sim_steps[] = { &step_command,
						      &step_http, NULL };

static int source_start(void *self, struct watch *w, struct err *err)
{
	struct sim *sim = self;

	(void)err;
	sim->watch = w;
	return 0;
}

static void source_sample(void *self, nsec_t t)
{
	struct sim *sim = self;
	const struct sim_model *m = &sim->model;
	double delay = (double)m->delay / 1e9;
	const struct {
		const char *name;
		double value;
	} gauges[] = {
		{ "hold.asked_s", (double)m->hold_asked / 1e9 },
		{ "hold.spent_s", (double)m->hold_asked / 1e9 },
		{ "kafka.lag", (double)(m->issued - m->confirmed) },
		{ "link.db.in_flight", m->link.used },
		{ "link.db.size", m->link.size },
		{ "link.db.waiting", m->link.n_waiting },
		{ "pg.active", m->link.used },
		{ "pg.confirmed", (double)m->confirmed },
		{ "pg.consumers", m->consumers },
		{ "pg.issued", (double)m->issued },
		{ "pool.active", m->pool.used },
		{ "pool.max", m->pool.size },
		{ "pool.pending", m->pool.n_waiting },
		{ "probe.db.p50", probe_base_s + delay },
		{ "queue", m->workers.n_waiting },
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		watch_gauge(sim->watch, gauges[i].name, t, gauges[i].value);
}

static void source_stop(void *self)
{
	(void)self;
}

const struct watch_source_ops sim_source = {
	.name = "model",
	.start = source_start,
	.sample = source_sample,
	.stop = source_stop,
};
