/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a second bad?  Judged by the live SLOs over the 10 s that end with it.
 * Pure.  Budget SLOs (availability) are accounted in the report.
 */
#ifndef GD_WATCH_SLO_H
#define GD_WATCH_SLO_H

#include "chaos/base/buf.h"
#include "chaos/watch/watch.h"
#include "chaos/watch/windows.h"

enum { SLO_SECONDS = 10, SLO_LATENCY_MAX = 8 };

/* [slo], ready to be judged. A target of 0 is not set. */
struct slo_target {
	char name[16];		/* "p95" */
	double p;		/* 95 */
	double limit;		/* seconds */
};

struct slo {
	struct slo_target latency[SLO_LATENCY_MAX];
	size_t n_latency;
	double errors;		/* share */
	double throughput;	/* per drill second */
};

/* "p95=2s" into one target. */
int slo_target_parse(const char *text, struct slo_target *ret,
		     struct err *err) MUST_CHECK;
/* Of a checked [slo]. */
void slo_init(struct slo *slo, const struct watch_slo *conf);
/*
 * Appends what missed to why ("p95,errors"); true when the second is bad. No
 * second yet: good.
 */
bool slo_judge(const struct slo *slo, struct windows *w, struct buf *why);

#endif
