/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do a condition's references exist?  A gauge that no source will ever fill is
 * unknown for ever, and a condition over it would silently never be true.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/watch/conf.h"
#include "chaos/watch/gauges.h"
#include "chaos/watch/scope.h"
#include "chaos/watch/windows.h"

enum { CHECK_NAMES_MAX = 512 };

struct ref_check {
	const struct load_scopes *scopes;
	const struct watch_slo *slo;
	const char *names[CHECK_NAMES_MAX];	/* gauges; owned */
	size_t n;
	struct err *err;
};

static int add_name(void *arg, const char *name)
{
	struct ref_check *c = arg;

	if (c->n < CHECK_NAMES_MAX)
		c->names[c->n++] = mem_strdup(name);
	return 0;
}

static void add_names(struct ref_check *c, const struct watch_conf *conf,
		      const char *const *extra)
{
	const struct probe_conf *p;
	char name[160];

	add_name(c, "users");
	add_name(c, "in_flight");
	for (; extra && *extra; extra++)
		add_name(c, *extra);
	for (size_t i = 0; i < conf->n_detectors; i++) {
		snprintf(name, sizeof(name), "alert.%s",
			 conf->detectors[i].name);
		add_name(c, name);
	}
	for (size_t i = 0; i < conf->n_probes; i++) {
		p = &conf->probes[i];
		p->ops->gauges(p, add_name, c);
		snprintf(name, sizeof(name), "probe.%s.ok", p->name);
		add_name(c, name);
	}
}

static void free_names(struct ref_check *c)
{
	void *p;

	for (size_t i = 0; i < c->n; i++) {
		memcpy(&p, &c->names[i], sizeof(p));
		mem_free(p);
	}
}

static bool has(const char *const *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i], name))
			return true;
	return false;
}

static int check_gauge(const struct ref_check *c, const char *name)
{
	const char *near;

	if (has(c->names, c->n, name))
		return 0;
	near = opt_suggest(name, c->names, c->n);
	return err_set(c->err, -ENOENT,
		       near ? "unknown gauge '%s' (did you mean '%s'?)"
			    : "unknown gauge '%s' (no probe and no link gives "
			      "it)", name, near);
}

static int unknown_scope(const struct ref_check *c, const char *scope)
{
	const struct load_scopes *s = c->scopes;
	struct buf known;
	int rc;

	buf_init(&known, 300);
	for (size_t i = 0; i < s->n_apis; i++)
		buf_addf(&known, "%s, ", s->apis[i]);
	for (size_t i = 0; i < s->n_tags; i++)
		buf_addf(&known, SCOPE_TAG "%s, ", s->tags[i].name);
	rc = err_set(c->err, -ENOENT,
		     "unknown scope '%s' (there are %sall, each)", scope,
		     known.data ? known.data : "");
	buf_done(&known);
	return rc;
}

static int check_window(const struct ref_check *c, const struct expr_ref *ref,
			int64_t most)
{
	char text[UNITS_TEXT];

	if (ref->window <= most * NSEC_SEC)
		return 0;
	return err_set(c->err, -EINVAL,
		       "the window of %s() may be %s at most", ref->func,
		       units_fmt_duration(text, most * NSEC_SEC));
}

static int check_cause(const struct ref_check *c, const struct expr_ref *ref)
{
	if (!ref->cause || windows_cause(ref->cause) >= 0)
		return 0;
	return err_set(c->err, -ENOENT,
		       "unknown cause '%s' (want connect, timeout, reset, "
		       "5xx, 429, protocol or check)", ref->cause);
}

static int check_traffic(const struct ref_check *c, const struct expr_ref *ref,
			 const char *func)
{
	uint64_t set;
	double p;
	int rc;

	if (strcmp(ref->arg, "each") && scope_find(c->scopes, ref->arg, &set))
		return unknown_scope(c, ref->arg);
	rc = check_cause(c, ref);
	if (rc)
		return rc;
	return check_window(c, ref,
			    windows_percentile(func, &p)
				    ? WINDOWS_SECONDS
				    : WINDOWS_LATENCY_SECONDS);
}

/* Its windows are as long as the [slo] period, far beyond the drill. */
static int check_burn(const struct ref_check *c, const struct expr_ref *ref)
{
	uint64_t set;

	if (!strcmp(ref->arg, "each") || scope_find(c->scopes, ref->arg, &set))
		return unknown_scope(c, ref->arg);
	if (!ref->window)
		return err_set(c->err, -EINVAL,
			       "burn() needs a window: burn(%s, 1h)", ref->arg);
	if (c->slo->availability <= 0 || c->slo->availability >= 1)
		return err_set(c->err, -EINVAL,
			       "burn() needs [slo] availability, whose budget "
			       "it is (99.9%%)");
	return ref->window <= c->slo->period
		       ? 0
		       : err_set(c->err, -EINVAL, "the window of burn() is "
				 "longer than [slo] period");
}

static int check_ref(void *arg, const struct expr_ref *ref)
{
	const struct ref_check *c = arg;

	if (!ref->func || gauges_is_func(ref->func))
		return check_gauge(c, ref->arg);
	if (!strcmp(ref->func, "burn"))
		return check_burn(c, ref);
	if (strcmp(ref->func, "baseline"))
		return check_traffic(c, ref, ref->func);
	return ref->inner ? check_traffic(c, ref, ref->inner)
			  : check_gauge(c, ref->arg);
}

int watch_check_expr(const struct watch_conf *conf,
		     const struct load_scopes *scopes,
		     const char *const *extra, const struct expr *e,
		     struct err *err)
{
	struct ref_check c = { .scopes = scopes, .slo = &conf->slo,
			       .err = err };
	int rc;

	add_names(&c, conf, extra);
	rc = expr_visit(e, check_ref, &c);
	free_names(&c);
	return rc;
}
