/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of probe, a file each; for the table in probe.c. */
#ifndef GD_WATCH_PROBES_H
#define GD_WATCH_PROBES_H

#include "chaos/watch/probe.h"

extern const struct probe_ops probe_actuator, probe_alertmanager,
	probe_command, probe_http, probe_log, probe_metrics, probe_postgres,
	probe_prometheus, probe_sql, probe_tcp, probe_webhook;

/*
 * The sum of an exposition's series that match "name" or "name{a="b",…}"; NaN
 * when none does.  Series that are NaN themselves do not count.
 */
double probe_metrics_sum(const char *text, const char *selector);
/* Is that a selector? */
int probe_metrics_check(const char *selector, struct err *err) MUST_CHECK;

#endif
