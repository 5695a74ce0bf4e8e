/* SPDX-License-Identifier: Apache-2.0 */
/* The table of toxics, and how one is read from and written as JSON. */
#include "faults/proxy/toxic.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/hist.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"

static const struct toxic_ops *const table[] = {
	&toxic_bandwidth, &toxic_blackhole,    &toxic_connect_rate,
	&toxic_corrupt,	  &toxic_cut,	       &toxic_down,
	&toxic_drip,	  &toxic_kafka_starve, &toxic_latency,
	&toxic_limit_data, &toxic_noop,	       &toxic_pause,
	&toxic_pool_limit, &toxic_refuse,      &toxic_reset_peer,
	&toxic_slicer,	  &toxic_slow_close,   &toxic_slow_connect,
	&toxic_timeout,
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
	mem_free(t->ramp.attr);
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

/*
 * Of text, and of what has a default that is not 0: it need not be told, and
 * Toxiproxy's clients see what they know.
 */
static bool attr_is_default(const struct opt *o, const void *attrs)
{
	const void *field = opt_field(o, attrs);
	const char *def = o->def ? o->def : "", *text;

	if (o->type == OPT_DOUBLE)
		return o->def && *(const double *)field == strtod(def, NULL);
	if (o->type == OPT_INT)
		return o->def &&
		       *(const int64_t *)field == strtoll(def, NULL, 10);
	text = *(char *const *)field;
	return !strcmp(text ? text : "", def);
}

static json_t *attrs_json(const struct toxic *t)
{
	json_t *all = json_object();

	for (const struct opt *o = t->ops->attrs; o->name; o++)
		if (!attr_is_default(o, t->attrs))
			json_object_set_new(all, o->name,
					    attr_json(o, t->attrs));
	return all;
}

static bool is_number(const struct opt *o)
{
	return o->type == OPT_DOUBLE || o->type == OPT_INT;
}

static int attr_set(struct toxic *t, const char *key, const json_t *value,
		    struct err *err)
{
	const struct opt *o = opt_find(t->ops->attrs, key);
	char number[64];
	const char *text = number;

	if (o && is_number(o) != json_is_number(value))
		return err_set(err, -EINVAL, "attribute '%s' is a %s", key,
			       is_number(o) ? "number" : "string");
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

static bool attr_missing(const struct opt *o, const void *field)
{
	if (o->type == OPT_DOUBLE)
		return *(const double *)field == 0;
	return o->type == OPT_INT ? !*(const int64_t *)field
				  : !*(char *const *)field;
}

static int attrs_required(const struct toxic *t, struct err *err)
{
	for (const struct opt *o = t->ops->attrs; o->name; o++) {
		if (!(o->flags & OPT_REQUIRED))
			continue;
		if (attr_missing(o, opt_field(o, t->attrs)))
			return err_set(err, -EINVAL,
				       "toxic '%s' needs attribute '%s'",
				       t->ops->type, o->name);
	}
	return 0;
}

static const char *const stream_names[] = {
	[STREAM_UP] = "upstream",
	[STREAM_DOWN] = "downstream",
	[STREAM_BOTH] = "both",
};

/* A member of that type, or none. */
static int want_type(const json_t *json, const char *key, bool number,
		     struct err *err)
{
	const json_t *v = json_object_get(json, key);

	if (!v || (number ? json_is_number(v) : json_is_string(v)))
		return 0;
	return err_set(err, -EINVAL, "bad request body: %s is no %s", key,
		       number ? "number" : "string");
}

static int parse_stream(struct toxic *t, const json_t *json, struct err *err)
{
	const char *name = json_str(json, "stream", stream_names[t->stream]);

	if (want_type(json, "stream", false, err) < 0)
		return -EINVAL;
	for (int i = 0; i <= STREAM_BOTH; i++)
		if (!strcasecmp(name, stream_names[i])) {
			t->stream = (enum stream)i;
			return 0;
		}
	return err_set(err, -EINVAL,
		       "stream was invalid, can be either upstream or "
		       "downstream");
}

static int parse_toxicity(struct toxic *t, const json_t *json, struct err *err)
{
	const char *per = json_str(json, "per",
				   t->by_chunk ? "chunk" : "connection");

	if (want_type(json, "toxicity", true, err) < 0 ||
	    want_type(json, "per", false, err) < 0)
		return -EINVAL;
	t->toxicity = json_num(json, "toxicity", t->toxicity);
	if (!(t->toxicity >= 0 && t->toxicity <= 1))
		return err_set(err, -EINVAL,
			       "toxicity is a share between 0 and 1");
	if (strcmp(per, "chunk") && strcmp(per, "connection"))
		return err_set(err, -EINVAL, "per is connection or chunk");
	t->by_chunk = !strcmp(per, "chunk");
	if (t->by_chunk && !t->ops->by_chunk)
		return err_set(err, -EINVAL, "%s is per connection only",
			       t->ops->type);
	return 0;
}

/* "for": it goes by itself after so many ms; 0: it does not. */
static int parse_for(struct toxic *t, const json_t *json, struct err *err)
{
	double ms = json_num(json, "for", -1);

	if (want_type(json, "for", true, err) < 0 ||
	    want_type(json, "after", true, err) < 0)
		return -EINVAL;
	if (ms >= 0)
		t->until = ms > 0 ? clock_mono() + toxic_ns(ms) : 0;
	return 0;
}

/* {"attribute": "latency", "to": 100, "over": 5000}; from what it is. */
static int parse_ramp(struct toxic *t, const json_t *json, struct err *err)
{
	const json_t *ramp = json_object_get(json, "ramp");
	const char *attr = json_str(ramp, "attribute", NULL);
	const struct opt *o = attr ? opt_find(t->ops->attrs, attr) : NULL;
	double over = json_num(ramp, "over", 0);

	if (!ramp || json_is_null(ramp))
		return 0;
	if (!o || !is_number(o) || !json_is_number(json_at(ramp, "to")) ||
	    over <= 0)
		return err_set(err, -EINVAL,
			       "a ramp has a number's \"attribute\", \"to\" "
			       "and \"over\" (ms)");
	const void *field = opt_field(o, t->attrs);

	t->ramp.attr = mem_strdup(attr);
	t->ramp.from = o->type == OPT_INT ? (double)*(const int64_t *)field
					  : *(const double *)field;
	t->ramp.to = json_num(ramp, "to", 0);
	t->ramp.start = clock_mono();
	t->ramp.over = toxic_ns(over);
	return 0;
}

/* A version to fill: of old, or of a type that was not on before. */
static struct toxic *toxic_begin(const struct toxic_ops *ops,
				 const struct toxic *old)
{
	struct toxic *t = mem_zalloc(sizeof(*t));

	atomic_init(&t->refs, 1);
	t->ops = ops;
	t->stream = old ? old->stream : STREAM_DOWN;
	t->toxicity = old ? old->toxicity : 1;
	t->by_chunk = old && old->by_chunk;
	t->seed = old ? old->seed : 0;
	t->first = old ? old->first : 0;
	t->until = old ? old->until : 0;
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
	json_t *attrs = json_object_get(json, "attributes");

	if (!rc && attrs && !json_is_object(attrs) && !json_is_null(attrs))
		rc = err_set(err, -EINVAL,
			     "bad request body: attributes is no object");
	if (!rc)
		rc = attrs_set(t, attrs, err);
	if (!rc)
		rc = attrs_required(t, err);
	return rc || !t->ops->check ? rc : t->ops->check(t, err);
}

static const struct toxic_ops *parse_type(const json_t *json, struct err *err)
{
	const char *type = json_str(json, "type", NULL);
	const struct toxic_ops *ops = type ? toxic_find(type) : NULL;

	if (!ops)
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
	    parse_attrs(t, old, json, err) < 0 ||
	    parse_ramp(t, json, err) < 0 || parse_for(t, json, err) < 0) {
		toxic_unref(t);
		return -EINVAL;
	}
	if (!old) {
		const char *name = json_str(json, "name", "");

		t->name = *name ? mem_strdup(name)
				: mem_printf("%s_%s", ops->type,
					     stream_names[t->stream]);
		t->lease = mem_strdup(json_str(json, "lease", NULL));
	}
	*ret = t;
	return 0;
}

int toxic_change(const struct toxic *old, const char *attr, double value,
		 struct toxic **ret, struct err *err)
{
	const struct opt *o = opt_find(old->ops->attrs, attr);

	if (o && o->type == OPT_INT)
		value = round(value);
	json_t *json = json_pack("{s:{s:f}}", "attributes", attr, value);
	int rc = toxic_parse(json, old, ret, err);

	json_decref(json);
	return rc;
}

static double ms_left(nsec_t until, nsec_t now)
{
	return until > now ? (double)(until - now) / (double)NSEC_MS : 0;
}

static json_t *ramp_json(const struct toxic *t, nsec_t now)
{
	return json_pack("{s:s, s:f, s:f, s:f}", "attribute", t->ramp.attr,
			 "from", t->ramp.from, "to", t->ramp.to, "left",
			 ms_left(t->ramp.start + t->ramp.over, now));
}

json_t *toxic_json(const struct toxic *t, struct gate *gate, nsec_t now)
{
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:f, s:o}", "name", t->name, "type",
			  t->ops->type, "stream", stream_names[t->stream],
			  "toxicity", t->toxicity, "attributes", attrs_json(t));

	if (t->lease)
		json_object_set_new(json, "lease", json_string(t->lease));
	if (t->by_chunk)
		json_object_set_new(json, "per", json_string("chunk"));
	if (t->ramp.attr)
		json_object_set_new(json, "ramp", ramp_json(t, now));
	if (t->until)
		json_object_set_new(json, "left", json_real(ms_left(t->until,
								    now)));
	if (t->ops->achieved)
		json_object_set_new(json, "achieved",
				    t->ops->achieved(t, gate, now));
	return json;
}

void toxic_rng(const struct toxic *t, uint64_t seed, uint64_t flow,
	       struct rng *ret)
{
	rng_init(ret, seed ^ t->seed, flow - t->first);
}

bool toxic_applies(const struct toxic *t, uint64_t seed, uint64_t flow)
{
	struct rng rng;

	if (t->toxicity >= 1)
		return true;
	toxic_rng(t, ~seed, flow, &rng);
	return rng_double(&rng) < t->toxicity;
}

bool toxic_ramp_at(const struct toxic *t, nsec_t now, double *ret)
{
	const struct toxic_ramp *r = &t->ramp;
	double share = (double)(now - r->start) / (double)r->over;

	if (share > 1)
		share = 1;
	*ret = r->from + (r->to - r->from) * (share > 0 ? share : 0);
	return share >= 1;
}

nsec_t toxic_ns(double ms)
{
	return (nsec_t)(ms * (double)NSEC_MS);
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

void toxic_record_hit(const struct toxic *t, uint64_t hits, nsec_t now)
{
	struct toxic_stats *stats = t->stats;

	atomic_fetch_add(&stats->hits, hits);
	pthread_mutex_lock(&stats->lock);
	if (!stats->first)
		stats->first = now;
	if (now > stats->last)
		stats->last = now;
	pthread_mutex_unlock(&stats->lock);
}

json_t *toxic_achieved(const struct toxic *t, struct gate *gate, nsec_t now)
{
	struct toxic_stats *stats = t->stats;

	(void)gate, (void)now;
	pthread_mutex_lock(&stats->lock);
	nsec_t first = stats->first, last = stats->last;

	pthread_mutex_unlock(&stats->lock);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "flows",
			 (json_int_t)atomic_load(&stats->flows), "bytes",
			 (json_int_t)atomic_load(&stats->bytes), "hits",
			 (json_int_t)atomic_load(&stats->hits), "lost",
			 (json_int_t)atomic_load(&stats->lost), "first_mono_ns",
			 (json_int_t)first, "last_mono_ns", (json_int_t)last);
}
