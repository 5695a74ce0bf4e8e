/* SPDX-License-Identifier: Apache-2.0 */
/* What one user decides. */
#include "chaos/load/script.h"

#include "chaos/base/buf.h"

void script_init(struct script *s, const struct load_group *g, uint64_t seed,
		 uint64_t number)
{
	*s = (struct script){
		.number = number,
		.arrival = g->model == LOAD_ARRIVALS,
	};
	rng_init(&s->rng, seed, number);
	template_mix(&s->digest, number);
}

static bool in_digest(const struct script *s)
{
	return s->decisions < SCRIPT_DIGEST_DECISIONS;
}

static void decided(struct script *s, uint64_t what)
{
	if (!in_digest(s))
		return;
	template_mix(&s->digest, what);
	s->decisions++;
}

static void enter(struct script *s, const struct load_group *g)
{
	s->journey = (uint16_t)group_draw_journey(g, &s->rng);
	s->step = 0;
	s->iteration++;
	s->entered = true;
	decided(s, s->journey);
}

static void think(struct script *s, const struct dist *dist,
		  struct script_action *ret)
{
	*ret = (struct script_action){ .kind = SCRIPT_THINK };
	ret->think = dist_draw(dist, &s->rng);
	decided(s, (uint64_t)ret->think);
}

void script_next(struct script *s, const struct load_conf *c,
		 const struct load_group *g, struct script_action *ret)
{
	const struct load_journey *j;
	const struct load_step *step;

	if (!s->entered) {
		enter(s, g);
		j = &c->journeys[s->journey];
		if (!s->arrival && s->iteration == 1 && j->first_think < j->n) {
			think(s, &j->steps[j->first_think].dist, ret);
			return;
		}
	}
	j = &c->journeys[s->journey];
	if (s->arrival && s->step > j->last_request) {
		*ret = (struct script_action){ .kind = SCRIPT_END };
		return;
	}
	/* An arrival is somebody who comes to ask. */
	while (s->arrival && s->step < j->first_request &&
	       j->steps[s->step].think)
		s->step++;
	step = &j->steps[s->step++];
	if (!s->arrival && s->step == j->n)
		s->entered = false;
	if (step->think) {
		think(s, &step->dist, ret);
		return;
	}
	*ret = (struct script_action){ .kind = SCRIPT_REQUEST, .step = step };
	if (step->mark)
		ret->kind = SCRIPT_MARK;
	else
		decided(s, step->request);
}

void script_values(struct script *s, struct template_values *ret)
{
	*ret = (struct template_values){
		.user = s->number,
		.iteration = s->iteration,
		.rng = &s->rng,
		.digest = in_digest(s) ? &s->digest : NULL,
	};
}

/* Renders only for what the values draw. */
static void draw_values(struct script *s, const struct load_step *step,
			struct buf *scratch)
{
	struct template_values values;

	buf_reset(scratch);
	script_values(s, &values);
	template_render(&step->path_t, &values, scratch);
	template_render(&step->headers, &values, scratch);
	template_render(&step->body, &values, scratch);
}

uint64_t script_digest(const struct script *s, const struct load_conf *c,
		       const struct load_group *g)
{
	struct script ahead = *s;
	struct buf scratch;

	buf_init(&scratch, 0);
	while (in_digest(&ahead)) {
		struct script_action action;

		script_next(&ahead, c, g, &action);
		if (action.kind == SCRIPT_END)
			break;
		if (action.kind == SCRIPT_REQUEST)
			draw_values(&ahead, action.step, &scratch);
	}
	buf_done(&scratch);
	return ahead.digest;
}
