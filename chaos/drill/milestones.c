/* SPDX-License-Identifier: Apache-2.0 */
/* When the incident began, was noticed, acted on and over. Reads no clock. */
#include "chaos/drill/milestones.h"

#include <stddef.h>

#include "chaos/report/events.h"

void milestones_init(struct milestones *m, nsec_t stable_for,
		     milestones_fn *fn, void *arg)
{
	*m = (struct milestones){
		.stable_for = stable_for,
		.fn = fn,
		.arg = arg,
		.impact = NSEC_NEVER,
		.detected = NSEC_NEVER,
		.acknowledged = NSEC_NEVER,
		.first_action = NSEC_NEVER,
		.recovered = NSEC_NEVER,
		.effective = NSEC_NEVER,
		.good_since = NSEC_NEVER,
	};
}

static void once(struct milestones *m, nsec_t *field, const char *name,
		 nsec_t at, const char *source, const char *why)
{
	if (*field != NSEC_NEVER)
		return;
	*field = at;
	m->fn(m->arg, name, at, source, why);
}

static void bad_second(struct milestones *m, nsec_t start, const char *why)
{
	m->good_since = NSEC_NEVER;
	once(m, &m->impact, MS_IMPACT, start, "slo", why);
	if (m->recovered != NSEC_NEVER && m->relapses++ == 0)
		m->fn(m->arg, MS_RELAPSE, start, "slo", why);
}

static void good_second(struct milestones *m, nsec_t start)
{
	if (m->good_since == NSEC_NEVER)
		m->good_since = start;
	if (start + NSEC_SEC - m->good_since >= m->stable_for)
		once(m, &m->recovered, MS_RECOVERED, m->good_since, "slo",
		     "began the stable good seconds");
}

void milestones_second(struct milestones *m, int64_t second, bool bad,
		       const char *why)
{
	nsec_t start = second * NSEC_SEC;

	if (start < 0)
		return;
	if (bad)
		bad_second(m, start, why);
	else if (m->impact != NSEC_NEVER)
		good_second(m, start);
}

void milestones_alert(struct milestones *m, nsec_t t, const char *source)
{
	if (t < 0) {
		m->fn(m->arg, MS_FALSE, t, source, "fired before the start");
		return;
	}
	if (m->impact == NSEC_NEVER && m->detected == NSEC_NEVER)
		m->fn(m->arg, MS_EARLY, t, source, "fired before the impact");
	once(m, &m->detected, MS_DETECTED, t, source, NULL);
}

void milestones_acknowledged(struct milestones *m, nsec_t t, const char *source)
{
	once(m, &m->acknowledged, MS_ACKNOWLEDGED, t, source, NULL);
}

void milestones_first_action(struct milestones *m, nsec_t t, const char *source)
{
	once(m, &m->first_action, MS_FIRST_ACTION, t, source, NULL);
}

void milestones_effective(struct milestones *m, nsec_t t, const char *source)
{
	once(m, &m->effective, MS_EFFECTIVE, t, source, NULL);
}

void milestones_recovered(struct milestones *m, nsec_t t, const char *source)
{
	once(m, &m->recovered, MS_RECOVERED, t, source, "said by a person");
}
