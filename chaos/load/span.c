/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of steps. */
#include "chaos/load/span.h"

void span_begin(struct span *s, const struct load_step *step, nsec_t t,
		enum load_phase phase, struct stats *stats,
		struct stats_user *u)
{
	*s = (struct span){
		.step = step, .from = t, .phase = (uint8_t)phase,
		.outcome = { .kind = OUTCOME_OK },
	};
	stats_due(stats, u, step->api, phase);
}

/* Whatever came of it, its time was seen to the end. */
void span_end(struct span *s, nsec_t t, struct stats *stats,
	      struct stats_user *u)
{
	struct stats_times times = { .response = t - s->from, .service = -1 };

	if (!s->step)
		return;
	s->outcome.answered = true;
	stats_end(stats, u, s->step->api, (enum load_phase)s->phase,
		  s->outcome, times);
	s->step = NULL;
}

void span_censored(struct span *s, nsec_t now, struct stats *stats)
{
	if (s->step)
		stats_censored(stats, s->step->api, (enum load_phase)s->phase,
			       now - s->from);
	s->step = NULL;
}
