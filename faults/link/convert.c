/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a scenario to a toxic's attributes, and its figures back. */
#include <assert.h>

#include "chaos/base/json.h"
#include "faults/link/toxic.h"

static double field(const struct opt *o, const void *opts)
{
	const void *at = (const char *)opts + o->off;

	if (o->type == OPT_DURATION)
		return (double)*(const nsec_t *)at;
	if (o->type == OPT_SIZE)
		return (double)*(const uint64_t *)at;
	if (o->type == OPT_INT)
		return (double)*(const int64_t *)at;
	assert(o->type == OPT_RATE || o->type == OPT_SHARE ||
	       o->type == OPT_DOUBLE);
	return *(const double *)at;
}

/* At speed 1 it is what the scenario says. */
static double in_unit(double v, enum link_unit unit, double speed)
{
	switch (unit) {
	case LINK_MS:
		return v / (double)NSEC_MS / speed;
	case LINK_US:
		return v / (double)NSEC_US / speed;
	case LINK_COUNT:
		return v;
	case LINK_PER_S:
		return v * speed;
	case LINK_KB_PER_S:
		return v / 1000 * speed;
	}
	return v;
}

static json_t *number(const struct toxic_driver *d, const struct link_attr *a,
		      const void *opts, double speed)
{
	const struct opt *o = opt_find(d->ops.opts, a->key);
	double v = in_unit(field(o, opts), a->unit, speed);

	/* The proxy has counts that it takes as whole numbers only */
	if (a->unit == LINK_COUNT && v == (double)(json_int_t)v)
		return json_integer((json_int_t)v);
	return json_real(v);
}

json_t *link_attributes(const struct toxic_driver *d, const void *opts,
			double speed)
{
	json_t *all = json_object();

	for (const struct link_attr *a = d->attrs; a->key; a++)
		json_object_set_new(all, a->attr, number(d, a, opts, speed));
	return all;
}

/* Of the row's first attribute. */
json_t *link_ramp(const struct toxic_driver *d, const void *opts, double speed)
{
	const struct opt *to = opt_find(d->ops.opts, "ramp_to");
	const struct link_opts *o = opts;

	if (!to || !o->ramp_over)
		return NULL;
	return json_pack("{s:s, s:f, s:f}", "attribute", d->attrs[0].attr,
			 "to", in_unit(field(to, opts), d->attrs[0].unit,
				       speed),
			 "over", toxic_real_ms(o->ramp_over, speed));
}

/* By the scenario's own keys, in drill units: "delay_ms", "rate_per_s". */
json_t *link_asked(const struct toxic_driver *d, const void *opts)
{
	static const char *const ends[] = {
		[LINK_MS] = "_ms", [LINK_US] = "_us", [LINK_COUNT] = "",
		[LINK_PER_S] = "_per_s", [LINK_KB_PER_S] = "_bytes_per_s",
	};
	json_t *all = json_object();
	char key[64];

	for (const struct link_attr *a = d->attrs; a->key; a++) {
		const struct opt *o = opt_find(d->ops.opts, a->key);
		double v = a->unit == LINK_KB_PER_S ? field(o, opts) :
			   in_unit(field(o, opts), a->unit, 1);

		snprintf(key, sizeof(key), "%s%s", a->key, ends[a->unit]);
		json_object_set_new(all, key, json_real(v));
	}
	json_object_set_new(all, "toxicity", json_real(
		((const struct link_opts *)opts)->toxicity));
	return all;
}

json_t *link_second(const json_t *from, const char *key,
		    const struct fault_env *env)
{
	nsec_t mono = json_int64(from, key, 0);

	if (!mono)
		return json_null();
	if (loop_clock(env->loop))
		mono = drill_from_mono(loop_clock(env->loop), mono);
	return json_real((double)mono / (double)NSEC_SEC);
}

/* What was hit is the kind's own: chunks held, bytes spoilt, connections. */
json_t *link_achieved(const json_t *from, const struct fault_env *env)
{
	json_t *all = json_pack(
		"{s:I, s:I, s:I, s:I, s:o, s:o}", "flows",
		(json_int_t)json_int64(from, "flows", 0), "bytes",
		(json_int_t)json_int64(from, "bytes", 0), "hits",
		(json_int_t)json_int64(from, "hits", 0), "lost",
		(json_int_t)json_int64(from, "lost", 0), "first_s",
		link_second(from, "first_mono_ns", env), "last_s",
		link_second(from, "last_mono_ns", env));
	double rate = json_num(from, "bytes_per_s", -1);

	if (rate >= 0)
		json_object_set_new(all, "bytes_per_s",
				    json_real(rate / env->speed));
	return all;
}
