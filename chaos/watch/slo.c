/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of a second. */
#include "chaos/watch/slo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"

#define SLO_WINDOW (SLO_SECONDS * NSEC_SEC)

/*
 * Completions lag what is due, so that a shop that answers all it is asked
 * still shows a little less: short of 80 % is a miss.
 */
static const double throughput_share = 0.8;

int slo_target_parse(const char *text, struct slo_target *ret, struct err *err)
{
	int len = (int)strcspn(text, "=");
	struct slo_target t = { 0 };
	nsec_t limit;
	int rc;

	if (text[0] == 'p' && text[len] && (size_t)len < sizeof(t.name))
		memcpy(t.name, text, (size_t)len);
	if (!t.name[0] || units_double(t.name + 1, &t.p, NULL) || t.p <= 0 ||
	    t.p > 100)
		return err_set(err, -EINVAL,
			       "'latency.%.*s' is no percentile (want "
			       "latency.p95)", len, text);
	rc = units_duration(text + len + 1, &limit, err);
	if (rc)
		return rc;
	if (limit <= 0)
		return err_set(err, -EINVAL, "'latency.%s' must be above 0",
			       t.name);
	t.limit = (double)limit / NSEC_SEC;
	*ret = t;
	return 0;
}

void slo_init(struct slo *slo, const struct watch_slo *conf)
{
	*slo = (struct slo){
		.errors = conf->errors, .throughput = conf->throughput,
	};
	for (size_t i = 0; i < conf->latency.n; i++)
		if (slo->n_latency < SLO_LATENCY_MAX &&
		    !slo_target_parse(conf->latency.v[i],
				      &slo->latency[slo->n_latency], NULL))
			slo->n_latency++;
}

static void miss(struct buf *why, const char *what)
{
	buf_addf(why, "%s%s", why->len ? "," : "", what);
}

static void judge_latency(const struct slo *slo, struct windows *w,
			  struct buf *why)
{
	const struct slo_target *t;
	char func[32];
	double value;

	for (size_t i = 0; i < slo->n_latency; i++) {
		t = &slo->latency[i];
		snprintf(func, sizeof(func), "latency.%s", t->name);
		if (!windows_value(w, func, "all", SLO_WINDOW, NULL, &value) &&
		    value > t->limit)
			miss(why, t->name);
	}
}

static bool throughput_missed(const struct slo *slo,
			      const struct windows_sum *sum)
{
	double want = slo->throughput * (double)sum->seconds;

	if (slo->throughput <= 0)
		return false;
	if ((double)sum->due < want)
		want = (double)sum->due;
	return (double)sum->ok < throughput_share * want;
}

/* Was there no answer at all, not even a refusal? */
static bool silent(const struct windows_sum *sum)
{
	return sum->due &&
	       !(sum->ok + sum->client + sum->business +
		 sum->failed[LOAD_5XX] + sum->failed[LOAD_429] +
		 sum->failed[LOAD_PROTOCOL] + sum->failed[LOAD_CHECK]);
}

bool slo_judge(const struct slo *slo, struct windows *w, struct buf *why)
{
	size_t before = why->len;
	struct windows_sum sum;
	uint64_t done;

	if (windows_sum(w, "all", SLO_SECONDS, &sum))
		return false;
	judge_latency(slo, w, why);
	done = windows_sum_done(&sum);
	if (slo->errors > 0 && done &&
	    (double)windows_sum_failed(&sum) > slo->errors * (double)done)
		miss(why, "errors");
	if (throughput_missed(slo, &sum))
		miss(why, "throughput");
	if (silent(&sum))
		miss(why, "silent");
	return why->len > before;
}
