/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a team's own monitoring tells of its alerts, out of each format that it
 * is told in: Alertmanager's webhook (v4) and Grafana's, Alertmanager's API v2,
 * and Prometheus' ALERTS with ALERTS_FOR_STATE.  Pure; the text is not trusted.
 */
#ifndef GD_WATCH_NOTICE_H
#define GD_WATCH_NOTICE_H

#include "chaos/watch/watch.h"

struct notice {
	char *name, *severity;	/* severity "": it has none */
	char *key;		/* tells alerts of one name apart */
	enum watch_alert_state state;
	/* CLOCK_REALTIME ns; NSEC_NEVER: not said, or not to be believed. */
	nsec_t active, fired;
};

struct notices {
	struct notice *v;
	size_t n, cap;
	uint64_t left_out;	/* that the sender says it did not send */
	bool grafana;
};

enum { NOTICES_MAX = 1000, NOTICE_TEXT_MAX = 200 };

/* Each fills *ret, which notices_done() frees; on failure it is empty. */
int notices_webhook(const char *text, size_t len, struct notices *ret,
		    struct err *err) MUST_CHECK;
int notices_api(const char *text, size_t len, struct notices *ret,
		struct err *err) MUST_CHECK;
int notices_query(const char *text, size_t len, struct notices *ret,
		  struct err *err) MUST_CHECK;
void notices_done(struct notices *n);

/*
 * RFC 3339 to CLOCK_REALTIME ns; NSEC_NEVER when it is none, and for the zero
 * time 0001-01-01T00:00:00Z, which says that there is none.
 */
nsec_t notice_time(const char *text);

/*
 * An instant query's answer as one number.  -ENODATA: no series, so stale or
 * never there; -EINVAL: an error, no number, or more than one series.
 */
int notice_number(const char *text, size_t len, double *ret, struct err *err)
	MUST_CHECK;

#endif
