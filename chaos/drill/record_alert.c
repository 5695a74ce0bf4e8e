/* SPDX-License-Identifier: Apache-2.0 */
/* What watch says of alerts and of its sources, written down as events. */
#include <stdio.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/drill/impl.h"

static const char *alert_state(enum watch_alert_state s)
{
	switch (s) {
	case WATCH_INACTIVE:
		return "resolved";
	case WATCH_PENDING:
		return "pending";
	case WATCH_FIRING:
		return "firing";
	}
	return "?";
}

void drill_on_alert(void *arg, const struct watch_alert *a)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "alert");
	char source[128];

	json_line_str(b, "name", a->name);
	json_line_str(b, "severity", a->severity);
	json_line_str(b, "source", a->source);
	json_line_str(b, "state", alert_state(a->to));
	json_line_time(b, "bad_s", a->bad_at);
	json_line_time(b, "active_s", a->active_at);
	json_line_time(b, "alerting_s", a->fired_at);
	if (a->explain)
		json_line_str(b, "explain", a->explain);
	eventlog_end(&d->log);
	if (a->to != WATCH_FIRING || !a->severity ||
	    strcmp(a->severity, watch_conf_severity(d->plan->watch)) != 0)
		return;
	snprintf(source, sizeof(source), "alert %s", a->name);
	milestones_alert(&d->ms, loop_now(d->loop), source);
}

void drill_on_source(void *arg, const struct watch_source_state *s)
{
	struct drill *d = arg;
	struct buf *b = eventlog_event(&d->log, "source");

	json_line_str(b, "name", s->name);
	json_line_str(b, "kind", s->kind);
	json_line_bool(b, "observed", s->observed);
	json_line_str(b, "why", s->why);
	eventlog_end(&d->log);
}
