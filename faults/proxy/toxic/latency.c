/* SPDX-License-Identifier: Apache-2.0 */
/* latency: each chunk leaves at its arrival plus a delay. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/hist.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "faults/proxy/toxic.h"

enum spread { UNIFORM, NORMAL, PARETO };

struct samples {
	char *path; /* NULL: none */
	double *v;  /* real ms at scale 1 */
	size_t n;
	double max;
};

struct latency_attrs {
	double latency, jitter; /* real ms */
	char *distribution;
	struct samples samples;
	double scale;
};

enum { FILE_MAX = 1024 * 1024 };

static int parse_samples(struct samples *s, char *text, struct err *err)
{
	char *save = NULL;
	size_t cap = 0;
	int line = 0;

	for (char *one = strtok_r(text, "\n", &save); one;
	     one = strtok_r(NULL, "\n", &save)) {
		double ms;

		line++;
		if (units_double(one, &ms, err) < 0 || ms < 0)
			return err_set(err, -EINVAL,
				       "%s: value %d is no delay in ms",
				       s->path, line);
		(void)mem_grow(s->v, s->n, cap);
		s->v[s->n] = ms;
		s->n++;
		if (ms > s->max)
			s->max = ms;
	}
	return s->n ? 0 : err_set(err, -EINVAL, "%s: no delays", s->path);
}

static void samples_done(void *field)
{
	struct samples *s = field;

	mem_free(s->path);
	mem_free(s->v);
	*s = (struct samples){0};
}

/* One delay in ms on a line. */
static int samples_parse(const char *path, void *field, struct err *err)
{
	struct samples *s = field;
	struct buf text;

	samples_done(field);
	if (!*path)
		return 0;
	s->path = mem_strdup(path);
	buf_init(&text, FILE_MAX);
	int rc = buf_read_file(&text, path, err);

	if (!rc)
		rc = parse_samples(s, text.data, err);
	buf_done(&text);
	if (rc < 0)
		samples_done(field);
	return rc;
}

#define AT(f) offsetof(struct latency_attrs, f)
static const struct opt attrs[] = {
	{.name = "distribution",
	 .type = OPT_STR,
	 .off = AT(distribution),
	 .def = "uniform",
	 .help = "of the jitter: uniform, normal or pareto"},
	{.name = "file",
	 .type = OPT_PARSE,
	 .off = AT(samples),
	 .parse = samples_parse,
	 .done = samples_done,
	 .help = "of delays in ms, a line each; one is drawn for each chunk "
		 "and added"},
	{.name = "jitter",
	 .type = OPT_DOUBLE,
	 .off = AT(jitter),
	 .flags = OPT_NONNEG,
	 .help = "uniform: up to this much more or less; else the standard "
		 "deviation; real ms"},
	{.name = "latency",
	 .type = OPT_DOUBLE,
	 .off = AT(latency),
	 .flags = OPT_NONNEG,
	 .help = "delay of each chunk, real ms"},
	{.name = "scale",
	 .type = OPT_DOUBLE,
	 .off = AT(scale),
	 .flags = OPT_NONNEG,
	 .def = "1",
	 .help = "the file's delays are multiplied by this"},
	OPT_END,
};
#undef AT

static int spread_of(const struct latency_attrs *a)
{
	static const char *const names[] = {"uniform", "normal", "pareto"};

	for (int i = 0; i < 3; i++)
		if (!a->distribution || !strcmp(a->distribution, names[i]))
			return i;
	return -EINVAL;
}

static int latency_check(const struct toxic *t, struct err *err)
{
	if (spread_of(t->attrs) < 0)
		return err_set(err, -EINVAL,
			       "distribution is uniform, normal or pareto");
	return 0;
}

/* Shape 3 from 1 on, moved and scaled to mean 0 and standard deviation 1. */
static double pareto(struct rng *rng)
{
	return (pow(1 - rng_double(rng), -1.0 / 3) - 1.5) / sqrt(0.75);
}

/* No delay is longer: far out where the distribution has no end. */
static double longest_ms(const struct latency_attrs *a)
{
	double far = spread_of(a) == UNIFORM ? 1 : 20;

	return a->latency + far * a->jitter + a->samples.max * a->scale;
}

static double draw_ms(const struct latency_attrs *a, struct rng *rng)
{
	double ms = a->latency;

	if (a->jitter > 0)
		switch ((enum spread)spread_of(a)) {
		case UNIFORM:
			ms += rng_uniform(rng, -a->jitter, a->jitter);
			break;
		case NORMAL:
			ms += rng_normal(rng, 0, a->jitter);
			break;
		case PARETO:
			ms += pareto(rng) * a->jitter;
			break;
		}
	if (a->samples.n)
		ms += a->samples.v[rng_below(rng, a->samples.n)] * a->scale;
	return ms < longest_ms(a) ? ms : longest_ms(a);
}

static void latency_intake(struct toxic_run *run, struct toxic_chunk *c)
{
	double ms;

	if (!c->len)
		return;
	ms = draw_ms(run->toxic->attrs, &run->rng);
	c->delay += ms > 0 ? toxic_ns(ms) : 0;
}

static nsec_t latency_longest(const struct toxic *t)
{
	return toxic_ns(longest_ms(t->attrs));
}

static double at_ms(const struct hist *h, double percentile)
{
	if (!h)
		return 0;
	return (double)hist_percentile(h, percentile) / (double)NSEC_MS;
}

static json_t *latency_achieved(const struct toxic *t, struct gate *gate,
				nsec_t now)
{
	(void)gate, (void)now;
	pthread_mutex_lock(&t->stats->lock);
	const struct hist *h = t->stats->delays;
	json_t *json = json_pack("{s:I, s:f, s:f, s:f, s:f, s:f}", "chunks",
				 (json_int_t)(h ? hist_count(h) : 0), "p1",
				 at_ms(h, 1), "p50", at_ms(h, 50), "p90",
				 at_ms(h, 90), "p99", at_ms(h, 99), "max",
				 at_ms(h, 100));

	pthread_mutex_unlock(&t->stats->lock);
	return json;
}

const struct toxic_ops toxic_latency = {
	.type = "latency",
	.summary = "delay each chunk of bytes",
	.attrs = attrs,
	.attrs_size = sizeof(struct latency_attrs),
	.by_chunk = true,
	.delays = true,
	.check = latency_check,
	.intake = latency_intake,
	.longest = latency_longest,
	.achieved = latency_achieved,
};
