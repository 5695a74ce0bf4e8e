/* SPDX-License-Identifier: Apache-2.0 */
/* What probes share: life, reporting, round trips; and their table. */
#include "chaos/watch/probe.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

const struct probe_ops *const probe_table[] = {
	&probe_actuator, &probe_alertmanager, &probe_command, &probe_http,
	&probe_log, &probe_metrics, &probe_postgres, &probe_prometheus,
	&probe_sql, &probe_tcp, &probe_webhook, NULL
};

#define PROBE_LONG_AGO (INT64_MAX / 4)

struct probe {
	const struct probe_conf *conf;
	const struct probe_env *env;
	void *state;
	nsec_t due;		/* drill ns of the next sample */
	enum { PROBE_NEW, PROBE_WORKS, PROBE_FAILS } said;
};

const struct probe_ops *probe_find(const char *kind)
{
	for (size_t i = 0; probe_table[i]; i++)
		if (!strcmp(probe_table[i]->name, kind))
			return probe_table[i];
	return NULL;
}

int probe_new(const struct probe_conf *conf, const struct probe_env *env,
	      struct probe **ret, struct err *err)
{
	struct probe *p = mem_zalloc(sizeof(*p));
	int rc;

	p->conf = conf;
	p->env = env;
	p->due = -PROBE_LONG_AGO;
	p->state = mem_zalloc(conf->ops->state_size);
	rc = conf->ops->start(p, err);
	if (rc) {
		err_prefix(err, "probe '%s'", conf->name);
		probe_free(p);
		return rc;
	}
	*ret = p;
	return 0;
}

void probe_free(struct probe *p)
{
	if (!p)
		return;
	p->conf->ops->stop(p);
	mem_free(p->state);
	mem_free(p);
}

/*
 * Samples come at whole seconds, or faster: a little before its time counts
 * as its time.
 */
void probe_sample(struct probe *p, nsec_t t, bool fast)
{
	bool due = t >= p->due - p->conf->every / 8;

	if (due)
		p->due = t + p->conf->every;
	if (due || (fast && p->conf->every <= NSEC_SEC))
		p->conf->ops->sample(p);
}

const void *probe_opts(const struct probe *p)
{
	return p->conf->opts;
}

void *probe_state(struct probe *p)
{
	return p->state;
}

struct loop *probe_loop(const struct probe *p)
{
	return p->env->loop;
}

const struct allow *probe_allow(const struct probe *p)
{
	return p->env->allow;
}

const char *probe_name(const struct probe *p)
{
	return p->conf->name;
}

int probe_address(const struct probe *p, const char *url, char **ret_text,
		  struct addr *ret, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct addr to;
	int rc = symbols_expand(p->env->symbols, url, &text, err);

	if (!rc)
		rc = symbols_addr(p->env->symbols, url, &to, err);
	if (!rc)
		rc = allow_connect(p->env->allow, &to, err);
	if (rc)
		return rc;
	*ret = to;
	if (ret_text) {
		*ret_text = text;
		text = NULL;
	}
	return 0;
}

nsec_t probe_real(const struct probe *p, nsec_t span)
{
	return drill_span_to_real(loop_clock(p->env->loop), span);
}

void probe_set_gauge(struct probe *p, const char *gauge, double value)
{
	p->env->gauge(p->env->arg, gauge, loop_now_fresh(p->env->loop), value);
}

void probe_set(struct probe *p, const char *what, double value)
{
	char name[160];

	snprintf(name, sizeof(name), "probe.%s.%s", p->conf->name, what);
	probe_set_gauge(p, name, value);
}

void probe_alert(struct probe *p, const struct watch_alert *a)
{
	struct watch_alert now = *a;

	now.t = loop_now_fresh(p->env->loop);
	if (p->env->alert)
		p->env->alert(p->env->arg, &now);
}

nsec_t probe_drill(const struct probe *p, nsec_t real)
{
	const struct drill_clock *clock = loop_clock(p->env->loop);

	return real == NSEC_NEVER
		       ? NSEC_NEVER
		       : drill_span_from_real(clock, real - clock->real0);
}

int probe_own_gauges(const struct probe_conf *conf, const char *const *what,
		     probe_gauge_fn *fn, void *arg)
{
	char name[160];
	int rc = 0;

	for (; *what && !rc; what++) {
		snprintf(name, sizeof(name), "probe.%s.%s", conf->name, *what);
		rc = fn(arg, name);
	}
	return rc;
}

static void tell_source(struct probe *p, bool observed, const char *why)
{
	struct watch_source_state s = {
		.name = p->conf->name, .kind = p->conf->ops->name,
		.observed = observed, .why = why,
		.t = loop_now_fresh(p->env->loop),
	};

	if (p->env->source)
		p->env->source(p->env->arg, &s);
}

void probe_ok(struct probe *p)
{
	if (p->said == PROBE_FAILS) {
		log_info("probe '%s' works again", p->conf->name);
		tell_source(p, true, "");
	}
	p->said = PROBE_WORKS;
	probe_set(p, "ok", 1);
}

static int set_unknown(void *arg, const char *gauge)
{
	probe_set_gauge(arg, gauge, NAN);
	return 0;
}

/* A line when it begins to fail, and not each second. */
static void say(struct probe *p, const char *fmt, va_list ap)
{
	char why[400];

	if (p->said == PROBE_FAILS)
		return;
	p->said = PROBE_FAILS;
	vsnprintf(why, sizeof(why), fmt, ap);
	log_warn("probe '%s' fails: %s", p->conf->name, why);
	tell_source(p, false, why);
}

void probe_failed(struct probe *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(p, fmt, ap);
	va_end(ap);
	p->conf->ops->gauges(p->conf, set_unknown, p);
	probe_set(p, "ok", 0);
}

void probe_warn(struct probe *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(p, fmt, ap);
	va_end(ap);
	probe_set(p, "ok", 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nearest rank of n sorted values. */
static double rank(const double *v, size_t n, double share)
{
	size_t i = (size_t)ceil(share * (double)n);

	return v[i ? i - 1 : 0];
}

void probe_trip(struct probe *p, struct probe_trips *trips, nsec_t real)
{
	const struct drill_clock *clock = loop_clock(p->env->loop);
	double sorted[PROBE_TRIPS];
	size_t n;

	trips->v[trips->n++ % PROBE_TRIPS] =
		(double)drill_span_from_real(clock, real) / NSEC_SEC;
	n = trips->n < PROBE_TRIPS ? trips->n : PROBE_TRIPS;
	memcpy(sorted, trips->v, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	probe_set(p, "last", trips->v[(trips->n - 1) % PROBE_TRIPS]);
	probe_set(p, "p50", rank(sorted, n, 0.50));
	probe_set(p, "p95", rank(sorted, n, 0.95));
}

int probe_trip_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
		      void *arg)
{
	static const char *const what[] = { "last", "p50", "p95", NULL };

	return probe_own_gauges(conf, what, fn, arg);
}

struct probe_query *probe_queries(const struct opt_strs *lines)
{
	struct probe_query *v = mem_calloc(lines->n, sizeof(*v));
	const char *equals;

	for (size_t i = 0; i < lines->n; i++) {
		equals = strchr(lines->v[i], '=');
		v[i].gauge = mem_strndup(lines->v[i],
					 (size_t)(equals - lines->v[i]));
		v[i].text = mem_strdup(equals + 1);
	}
	return v;
}

void probe_queries_free(struct probe_query *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		mem_free(v[i].gauge);
		mem_free(v[i].text);
	}
	mem_free(v);
}

int probe_query_gauges(const struct opt_strs *lines, probe_gauge_fn *fn,
		       void *arg)
{
	struct probe_query *v = probe_queries(lines);
	int rc = 0;

	for (size_t i = 0; i < lines->n && !rc; i++)
		rc = fn(arg, v[i].gauge);
	probe_queries_free(v, lines->n);
	return rc;
}
