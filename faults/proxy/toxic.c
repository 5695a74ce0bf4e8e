/* SPDX-License-Identifier: Apache-2.0 */
/* The table of toxics, and how one is read from and written as JSON. */
#include "faults/proxy/toxic.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/hist.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"

static const struct toxic_ops *const table[] = {
	&toxic_kafka_starve,
	&toxic_latency,
	&toxic_pool_limit,
	NULL,
};

const struct toxic_ops *const *toxic_table(void)
{
	return table;
}

const struct toxic_ops *toxic_find(const char *type)
{
	for (size_t i = 0; table[i]; i++)
		if (!strcmp(table[i]->type, type))
			return table[i];
	return NULL;
}

static struct toxic_stats *stats_new(void)
{
	struct toxic_stats *stats = mem_zalloc(sizeof(*stats));

	atomic_init(&stats->refs, 1);
	pthread_mutex_init(&stats->lock, NULL);
	return stats;
}

static void stats_unref(struct toxic_stats *stats)
{
	if (!stats || atomic_fetch_sub(&stats->refs, 1) != 1)
		return;
	hist_free(stats->delays);
	pthread_mutex_destroy(&stats->lock);
	mem_free(stats);
}

struct toxic *toxic_ref(struct toxic *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void toxic_unref(struct toxic *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	if (t->attrs)
		opt_done(t->ops->attrs, t->attrs);
	mem_free(t->attrs);
	stats_unref(t->stats);
	mem_free(t->name);
	mem_free(t->lease);
	mem_free(t);
}

static void *opt_field(const struct opt *o, const void *attrs)
{
	return (char *)(uintptr_t)attrs + o->off;
}

static json_t *attr_json(const struct opt *o, const void *attrs)
{
	void *field = opt_field(o, attrs);

	if (o->type == OPT_DOUBLE) {
		double v = *(double *)field;

		/* Toxiproxy's clients read integers */
		if (v == floor(v) && fabs(v) < 1e15)
			return json_integer((json_int_t)v);
		return json_real(v);
	}
	if (o->type == OPT_INT)
		return json_integer(*(int64_t *)field);
	return json_string(*(char **)field ? *(char **)field : "");
}

static json_t *attrs_json(const struct toxic *t)
{
	json_t *all = json_object();

	for (const struct opt *o = t->ops->attrs; o->name; o++)
		json_object_set_new(all, o->name, attr_json(o, t->attrs));
	return all;
}

static int attr_set(struct toxic *t, const char *key, const json_t *value,
		    struct err *err)
{
	char number[64];
	const char *text = number;

	if (json_is_string(value))
		text = json_string_value(value);
	else if (json_is_integer(value))
		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)json_integer_value(value));
	else if (json_is_real(value))
		(void)snprintf(number, sizeof(number), "%.15g",
			       json_real_value(value));
	else
		return err_set(err, -EINVAL,
			       "attribute '%s' is neither number nor string",
			       key);
	return opt_set(t->ops->attrs, t->attrs, key, text, 0, err) ? -EINVAL
								   : 0;
}

static int attrs_set(struct toxic *t, json_t *attrs, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach (attrs, key, value) {
		if (attr_set(t, key, value, err) < 0)
			return -EINVAL;
	}
	return 0;
}

static int attrs_required(const struct toxic *t, struct err *err)
{
	for (const struct opt *o = t->ops->attrs; o->name; o++) {
		if (!(o->flags & OPT_REQUIRED))
			continue;
		const void *field = opt_field(o, t->attrs);

		if (o->type == OPT_STR ? !*(char *const *)field
				       : !*(const int64_t *)field)
			return err_set(err, -EINVAL,
				       "toxic '%s' needs attribute '%s'",
				       t->ops->type, o->name);
	}
	return 0;
}

static const char *stream_name(enum stream s)
{
	return s == STREAM_UP ? "upstream" : "downstream";
}

static int parse_stream(struct toxic *t, const json_t *json, struct err *err)
{
	const char *name = json_str(json, "stream", stream_name(t->stream));

	if (strcmp(name, "upstream") && strcmp(name, "downstream"))
		return err_set(err, -EINVAL,
			       "stream was invalid, can be either upstream or "
			       "downstream");
	t->stream = strcmp(name, "upstream") ? STREAM_DOWN : STREAM_UP;
	return 0;
}

static int parse_toxicity(struct toxic *t, const json_t *json, struct err *err)
{
	t->toxicity = json_num(json, "toxicity", t->toxicity);
	if (!(t->toxicity >= 0 && t->toxicity <= 1))
		return err_set(err, -EINVAL,
			       "toxicity is a share between 0 and 1");
	return 0;
}

/* A version to fill: of old, or of a type that was not on before. */
static struct toxic *toxic_begin(const struct toxic_ops *ops,
				 const struct toxic *old)
{
	static atomic_ullong serial;
	struct toxic *t = mem_zalloc(sizeof(*t));

	atomic_init(&t->refs, 1);
	t->ops = ops;
	t->stream = old ? old->stream : STREAM_DOWN;
	t->toxicity = old ? old->toxicity : 1;
	t->serial = old ? old->serial : atomic_fetch_add(&serial, 1);
	t->attrs = mem_zalloc(ops->attrs_size);
	opt_defaults(ops->attrs, t->attrs);
	if (old) {
		atomic_fetch_add(&old->stats->refs, 1);
		t->stats = old->stats;
		t->name = mem_strdup(old->name);
		t->lease = mem_strdup(old->lease);
	} else {
		t->stats = stats_new();
	}
	return t;
}

static int parse_attrs(struct toxic *t, const struct toxic *old,
		       const json_t *json, struct err *err)
{
	int rc = 0;

	if (old) {
		json_t *was = attrs_json(old);

		rc = attrs_set(t, was, err);
		json_decref(was);
	}
	if (!rc)
		rc = attrs_set(t, json_object_get(json, "attributes"), err);
	return rc ? rc : attrs_required(t, err);
}

static const struct toxic_ops *parse_type(const json_t *json, struct err *err)
{
	const char *type = json_str(json, "type", NULL);
	const struct toxic_ops *ops = type ? toxic_find(type) : NULL;

	if (!type)
		err_set(err, -EINVAL, "missing required field: type");
	else if (!ops)
		err_set(err, -EINVAL, "invalid toxic type");
	return ops;
}

int toxic_parse(const json_t *json, const struct toxic *old, struct toxic **ret,
		struct err *err)
{
	const struct toxic_ops *ops = old ? old->ops : parse_type(json, err);

	if (!ops)
		return -EINVAL;
	struct toxic *t = toxic_begin(ops, old);

	if (parse_stream(t, json, err) < 0 ||
	    parse_toxicity(t, json, err) < 0 ||
	    parse_attrs(t, old, json, err) < 0) {
		toxic_unref(t);
		return -EINVAL;
	}
	if (!old) {
		const char *name = json_str(json, "name", "");

		t->name = *name ? mem_strdup(name)
				: mem_printf("%s_%s", ops->type,
					     stream_name(t->stream));
		t->lease = mem_strdup(json_str(json, "lease", NULL));
	}
	*ret = t;
	return 0;
}

int toxic_change(const struct toxic *old, const char *attr, double value,
		 struct toxic **ret, struct err *err)
{
	json_t *json = json_pack("{s:{s:f}}", "attributes", attr, value);
	int rc = toxic_parse(json, old, ret, err);

	json_decref(json);
	return rc;
}

json_t *toxic_json(const struct toxic *t, struct gate *gate, nsec_t now)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:f, s:o}", "name", t->name, "type",
			  t->ops->type, "stream", stream_name(t->stream),
			  "toxicity", t->toxicity, "attributes", attrs_json(t));

	if (t->lease)
		json_object_set_new(json, "lease", json_string(t->lease));
	if (t->ops->achieved)
		json_object_set_new(json, "achieved",
				    t->ops->achieved(t, gate, now));
	return json;
}

bool toxic_applies(const struct toxic *t, uint64_t seed, uint64_t flow)
{
	struct rng rng;

	if (t->toxicity >= 1)
		return true;
	rng_init(&rng, seed ^ (t->serial << 40), flow);
	return rng_double(&rng) < t->toxicity;
}

void toxic_record_delay(const struct toxic *t, nsec_t achieved)
{
	struct toxic_stats *stats = t->stats;

	pthread_mutex_lock(&stats->lock);
	if (!stats->delays)
		stats->delays = hist_new();
	hist_record(stats->delays, achieved);
	pthread_mutex_unlock(&stats->lock);
}

void toxic_record_answer(const struct toxic *t, nsec_t now)
{
	struct toxic_stats *stats = t->stats;

	pthread_mutex_lock(&stats->lock);
	if (!stats->answers++)
		stats->first = now;
	stats->last = now;
	pthread_mutex_unlock(&stats->lock);
}
