/* SPDX-License-Identifier: Apache-2.0 */
/* The breaking point: ramp, close in, and what can be said of it. */
#include "chaos/drill/search.h"

#include <math.h>
#include <string.h>

static const double doubt = 0.05;	/* of the sign test */

static const char out_of_levels[] = "too many levels";

static void begin(struct search *s, double load)
{
	if (s->n == SEARCH_LEVELS_MAX) {
		s->why = out_of_levels;
		return;
	}
	s->levels[s->n++] = (struct search_level){ .load = load };
}

void search_init(struct search *s, const struct search_conf *conf)
{
	*s = (struct search){ .conf = *conf };
	begin(s, fmin(conf->from, conf->to));
}

static struct search_level *present(struct search *s)
{
	return &s->levels[s->n - 1];
}

double search_load(const struct search *s)
{
	return s->levels[s->n - 1].load;
}

static void mean_add(struct search_mean *m, double value)
{
	double delta = value - m->mean;

	m->mean += delta / ++m->n;
	m->m2 += delta * (value - m->mean);
}

double search_mean_error(const struct search_mean *m)
{
	static const double t[] = { INFINITY, 12.71, 4.30, 3.18, 2.78,
				    2.57,     2.45,  2.36, 2.31, 2.26 };
	unsigned df = m->n - 1;

	if (m->n < 2)
		return INFINITY;
	/* Beyond the table within 0.02 of Student's t. */
	return (df < 10 ? t[df] : 1.96 + 2.6 / df) *
	       sqrt(m->m2 / df / m->n);
}

void search_add(struct search *s, const struct search_window *w)
{
	struct search_level *l = present(s);

	l->good += w->good;
	l->bad += !w->good;
	l->seconds += w->seconds;
	l->answered += w->answered;
	l->failed += w->failed;
	mean_add(&l->throughput, (double)w->answered / w->seconds);
	if (w->response_s > 0)
		mean_add(&l->response, w->response_s);
}

/* Chance that of n fair coins at least k fall on one side that was named. */
static double tail(unsigned n, unsigned k)
{
	double sum = 0, term = pow(0.5, n);

	for (unsigned i = n + 1; i-- > k;) {
		sum += term;
		term *= (double)i / (n - i + 1);
	}
	return sum;
}

static void decide(struct search_level *l)
{
	unsigned n = l->good + l->bad;

	l->is_good = l->good > l->bad;
	l->sure = n > 0 && tail(n, l->is_good ? l->good : l->bad) < doubt;
}

/* The lowest bad level; NULL: none. */
static const struct search_level *lowest_bad(const struct search *s)
{
	const struct search_level *found = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (s->levels[i].holds && !s->levels[i].is_good &&
		    (!found || s->levels[i].load < found->load))
			found = &s->levels[i];
	return found;
}

/* The highest good one below it: a good one above a bad one is luck. */
static const struct search_level *highest_good(const struct search *s)
{
	const struct search_level *bad = lowest_bad(s), *found = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (s->levels[i].is_good &&
		    (!bad || s->levels[i].load < bad->load) &&
		    (!found || s->levels[i].load > found->load))
			found = &s->levels[i];
	return found;
}

/* Does more load give hardly more throughput? */
static bool saturated(const struct search *s)
{
	const struct search_level *first = &s->levels[0];
	const struct search_level *last = &s->levels[s->n - 1];
	double x = last->throughput.mean;

	if (s->n < 2 || first->throughput.mean <= 0)
		return x <= 0;
	return x < s->conf.linear * first->throughput.mean * last->load /
			   first->load ||
	       x < 1.05 * s->levels[s->n - 2].throughput.mean;
}

static double whole(const struct search *s, double load)
{
	return s->conf.whole ? floor(load + 0.5) : load;
}

static enum search_do over(struct search *s, const char *why)
{
	s->why = why;
	return SEARCH_OVER;
}

static enum search_do go(struct search *s, double load)
{
	begin(s, load);
	return s->why ? SEARCH_OVER : SEARCH_LEVEL;
}

/* Even the first was bad: below the lowest so far. */
static enum search_do go_down(struct search *s)
{
	double lowest = lowest_bad(s)->load, load = whole(s, lowest / 2);

	if (load < (s->conf.whole ? 1 : s->conf.from / 1000) || load >= lowest)
		return over(s, "even the lowest level is bad");
	return go(s, load);
}

/* Between the two neighbours, in proportion. */
static enum search_do close_in(struct search *s)
{
	const struct search_level *good = highest_good(s);
	const struct search_level *bad = lowest_bad(s);
	double middle = whole(s, sqrt(good->load * bad->load));

	if (bad->load <= good->load * (1 + s->conf.apart) ||
	    middle <= good->load || middle >= bad->load) {
		s->closed = true;
		return over(s, "the highest good and the lowest bad level are "
			       "neighbours");
	}
	return go(s, middle);
}

static bool ramping(const struct search *s)
{
	const struct search_level *last = &s->levels[s->n - 1];

	/* What comes after it is below what was held before. */
	for (size_t i = 0; i + 1 < s->n; i++)
		if (s->levels[i].load >= last->load)
			return false;
	return last->load < s->conf.to && (!lowest_bad(s) || !saturated(s));
}

enum search_do search_next(struct search *s)
{
	struct search_level *l = present(s);

	if (s->why)
		return SEARCH_OVER;
	l->holds++;
	decide(l);
	if (!l->sure && l->holds < s->conf.holds_max)
		return SEARCH_LONGER;
	if (ramping(s))
		return go(s, fmin(whole(s, 2 * l->load), s->conf.to));
	if (!lowest_bad(s))
		return over(s, "no level was bad: the limit is above the "
			       "highest");
	return highest_good(s) ? close_in(s) : go_down(s);
}

void search_give_up(struct search *s, const char *why)
{
	if (!s->why)
		s->why = why;
}

static struct search_number number(double value, double lo, double hi)
{
	return (struct search_number){ value, lo, hi };
}

static struct search_number of_mean(const struct search_mean *m)
{
	double error = search_mean_error(m);

	if (m->n == 0)
		return number(NAN, NAN, NAN);
	return number(m->mean, fmax(m->mean - error, 0), m->mean + error);
}

/* What is in doubt is not between: it widens. */
static struct search_number limit_of(const struct search *s)
{
	const struct search_level *good = highest_good(s);
	const struct search_level *bad = lowest_bad(s);
	struct search_number ret = number(good ? good->load : NAN, 0,
					  INFINITY);

	for (size_t i = 0; i < s->n; i++) {
		const struct search_level *l = &s->levels[i];

		if (!l->sure)
			continue;
		if (l->is_good && (!bad || l->load < bad->load))
			ret.lo = fmax(ret.lo, l->load);
		if (!l->is_good && (!good || l->load > good->load))
			ret.hi = fmin(ret.hi, l->load);
	}
	return ret;
}

void search_numbers(const struct search *s, double z_s,
		    struct search_numbers *ret)
{
	const struct search_level *best = NULL, *lowest = NULL, *bad;

	for (size_t i = 0; i < s->n; i++) {
		const struct search_level *l = &s->levels[i];

		if (l->throughput.n &&
		    (!best || l->throughput.mean > best->throughput.mean))
			best = l;
		if (l->response.n && (!lowest || l->load < lowest->load))
			lowest = l;
	}
	bad = lowest_bad(s);
	*ret = (struct search_numbers){
		.limit = limit_of(s),
		.bad = bad ? bad->load : NAN,
		.xmax = best ? of_mean(&best->throughput)
			     : number(NAN, NAN, NAN),
		.r0_s = lowest ? of_mean(&lowest->response)
			       : number(NAN, NAN, NAN),
	};
	ret->knee = number(ret->xmax.value * (z_s + ret->r0_s.value),
			   ret->xmax.lo * (z_s + ret->r0_s.lo),
			   ret->xmax.hi * (z_s + ret->r0_s.hi));
}
