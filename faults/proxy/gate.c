/* SPDX-License-Identifier: Apache-2.0 */
/* The semaphore behind pool_limit; see the header for its invariant. */
#include "faults/proxy/gate.h"

#include "chaos/base/hist.h"

void gate_init(struct gate *gate)
{
	*gate = (struct gate){0};
	pthread_mutex_init(&gate->lock, NULL);
	list_init(&gate->queue);
}

void gate_done(struct gate *gate)
{
	hist_free(gate->wait);
	pthread_mutex_destroy(&gate->lock);
}

void gate_pass_init(struct gate_pass *pass, struct loop *loop,
		    loop_post_fn *granted)
{
	*pass = (struct gate_pass){.loop = loop, .post.fn = granted};
	list_init(&pass->link);
	list_init(&pass->post.link);
}

static bool gate_has_room(const struct gate *gate)
{
	return !gate->limit.size || gate->in_flight < gate->limit.size;
}

static struct gate_phase *gate_phase(struct gate *gate)
{
	if (!gate->limit.size || !gate->n_phases)
		return NULL;
	return &gate->phases[gate->n_phases - 1];
}

static void gate_count_in(struct gate *gate)
{
	struct gate_phase *phase = gate_phase(gate);

	gate->in_flight++;
	if (gate->in_flight > gate->max_in_flight)
		gate->max_in_flight = gate->in_flight;
	if (!phase)
		return;
	if (gate->in_flight > phase->max_in_flight)
		phase->max_in_flight = gate->in_flight;
	if (gate->in_flight > gate->max_active)
		gate->max_active = gate->in_flight;
}

static void gate_count_wait(struct gate *gate, nsec_t waited)
{
	struct gate_phase *phase = gate_phase(gate);

	gate->waits++;
	if (waited > gate->longest)
		gate->longest = waited;
	if (gate->wait)
		hist_record(gate->wait, waited);
	if (!phase)
		return;
	phase->waits++;
	if (waited > phase->longest)
		phase->longest = waited;
}

/* Lets in whoever fits, oldest first. */
static void gate_wake(struct gate *gate, nsec_t now)
{
	while (!list_empty(&gate->queue) && gate_has_room(gate)) {
		struct gate_pass *pass = LIST_ENTRY(list_pop(&gate->queue),
						    struct gate_pass, link);

		gate->waiting--;
		gate_count_wait(gate, now - pass->since);
		gate_count_in(gate);
		pass->state = GATE_GRANTED;
		loop_post(pass->loop, &pass->post);
	}
}

enum gate_answer gate_enter(struct gate *gate, struct gate_pass *pass,
			    nsec_t now)
{
	enum gate_answer answer = GATE_WAIT;

	pthread_mutex_lock(&gate->lock);
	if (gate_has_room(gate)) {
		gate_count_in(gate);
		pass->state = GATE_IN;
		answer = GATE_YES;
	} else if (gate->limit.queue && gate->waiting >= gate->limit.queue) {
		gate->refused++;
		answer = GATE_FULL;
	} else {
		pass->state = GATE_WAITING;
		pass->since = now;
		list_append(&gate->queue, &pass->link);
		gate->waiting++;
	}
	pthread_mutex_unlock(&gate->lock);
	return answer;
}

bool gate_taken(struct gate *gate, struct gate_pass *pass)
{
	pthread_mutex_lock(&gate->lock);
	bool taken = pass->state == GATE_GRANTED;

	if (taken)
		pass->state = GATE_IN;
	pthread_mutex_unlock(&gate->lock);
	return taken;
}

bool gate_leave_waiting(struct gate *gate, struct gate_pass *pass, nsec_t now)
{
	pthread_mutex_lock(&gate->lock);
	bool waits = pass->state == GATE_WAITING;

	if (waits) {
		list_remove(&pass->link);
		gate->waiting--;
		gate->refused++;
		gate_count_wait(gate, now - pass->since);
		pass->state = GATE_OUT;
	}
	pthread_mutex_unlock(&gate->lock);
	return waits;
}

bool gate_leave(struct gate *gate, struct gate_pass *pass, bool counts,
		nsec_t now)
{
	pthread_mutex_lock(&gate->lock);
	bool posted = pass->state == GATE_GRANTED;

	switch (pass->state) {
	case GATE_OUT:
		break;
	case GATE_WAITING:
		list_remove(&pass->link);
		gate->waiting--;
		gate->left++;
		break;
	case GATE_GRANTED:
	case GATE_IN:
		gate->in_flight--;
		gate->transactions += counts;
		gate_wake(gate, now);
		break;
	}
	pass->state = GATE_OUT;
	pthread_mutex_unlock(&gate->lock);
	return posted;
}

static void gate_begin_phase(struct gate *gate)
{
	/* When all are used the last one goes on: a ramp is then cut short */
	if (gate->n_phases < GATE_PHASES)
		gate->n_phases++;
	gate->phases[gate->n_phases - 1] = (struct gate_phase){
		.size = gate->limit.size,
		.in_flight_before = gate->in_flight,
	};
}

void gate_limit(struct gate *gate, const struct gate_limit *limit, bool fresh,
		nsec_t now)
{
	pthread_mutex_lock(&gate->lock);
	bool resized = gate->limit.size != limit->size;

	gate->limit = *limit;
	if (fresh) {
		gate->max_active = 0;
		gate->waits = gate->refused = gate->left = 0;
		gate->longest = 0;
		gate->n_phases = 0;
		if (gate->wait)
			hist_reset(gate->wait);
		else
			gate->wait = hist_new();
	}
	if (limit->size && (fresh || resized))
		gate_begin_phase(gate);
	gate_wake(gate, now);
	pthread_mutex_unlock(&gate->lock);
}

nsec_t gate_timeout(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	nsec_t timeout = gate->limit.timeout;

	pthread_mutex_unlock(&gate->lock);
	return timeout;
}

/* The longest wait, counting those who still wait. */
static nsec_t gate_longest(const struct gate *gate, nsec_t now)
{
	nsec_t longest = gate->longest;

	if (!list_empty(&gate->queue)) {
		const struct gate_pass *oldest =
			LIST_ENTRY(gate->queue.next, struct gate_pass, link);

		if (now - oldest->since > longest)
			longest = now - oldest->since;
	}
	return longest;
}

void gate_stats(struct gate *gate, nsec_t now, struct gate_stats *ret)
{
	pthread_mutex_lock(&gate->lock);
	*ret = (struct gate_stats){
		.size = gate->limit.size,
		.in_flight = gate->in_flight,
		.waiting = gate->waiting,
		.max_in_flight = gate->max_in_flight,
		.max_active = gate->max_active,
		.transactions = gate->transactions,
		.longest = gate_longest(gate, now),
	};
	pthread_mutex_unlock(&gate->lock);
}

static double gate_ms(nsec_t t)
{
	return (double)t / (double)NSEC_MS;
}

static json_t *gate_phases(const struct gate *gate)
{
	json_t *phases = json_array();

	for (unsigned i = 0; i < gate->n_phases; i++) {
		const struct gate_phase *p = &gate->phases[i];

		json_array_append_new(
			phases,
			json_pack("{s:I, s:I, s:I, s:I, s:f}", "size",
				  (json_int_t)p->size, "in_flight_before",
				  (json_int_t)p->in_flight_before,
				  "max_in_flight", (json_int_t)p->max_in_flight,
				  "waits", (json_int_t)p->waits,
				  "longest_wait_ms", gate_ms(p->longest)));
	}
	return phases;
}

/* Upper bounds in ms, and how many waited at most that long. */
static json_t *gate_buckets(const struct hist *h)
{
	static const int bounds[] = {1,	  2,   5,   10,	  20,	50,   100,
				     200, 500, 1000, 2000, 5000, 10000};
	json_t *all = json_array();

	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++)
		json_array_append_new(
			all,
			json_pack("[i, I]", bounds[i],
				  (json_int_t)(h ? hist_count_upto(
							   h, bounds[i] *
								      NSEC_MS)
						 : 0)));
	json_array_append_new(
		all, json_pack("[n, I]", (json_int_t)(h ? hist_count(h) : 0)));
	return all;
}

json_t *gate_pool(struct gate *gate, nsec_t now)
{
	pthread_mutex_lock(&gate->lock);
	const struct hist *h = gate->wait;
	json_t *json = json_pack(
		"{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:f, s:f, s:o}",
		"size", (json_int_t)gate->limit.size, "active",
		(json_int_t)gate->in_flight, "waiting",
		(json_int_t)gate->waiting, "max_active",
		(json_int_t)gate->max_active, "longest_wait_ms",
		gate_ms(gate_longest(gate, now)), "waits",
		(json_int_t)gate->waits, "refused", (json_int_t)gate->refused,
		"left", (json_int_t)gate->left, "wait_p50_ms",
		h ? gate_ms(hist_percentile(h, 50)) : 0.0, "wait_p99_ms",
		h ? gate_ms(hist_percentile(h, 99)) : 0.0, "wait_histogram",
		gate_buckets(h));

	pthread_mutex_unlock(&gate->lock);
	return json;
}

json_t *gate_achieved(struct gate *gate, nsec_t now)
{
	pthread_mutex_lock(&gate->lock);
	const struct hist *h = gate->wait;
	json_t *wait =
		json_pack("{s:f, s:f, s:f}", "p50",
			  h ? gate_ms(hist_percentile(h, 50)) : 0.0, "p99",
			  h ? gate_ms(hist_percentile(h, 99)) : 0.0, "max",
			  gate_ms(gate_longest(gate, now)));
	json_t *all = json_pack(
		"{s:I, s:I, s:o, s:I, s:I, s:o}", "max_in_flight",
		(json_int_t)gate->max_active, "waits", (json_int_t)gate->waits,
		"wait_ms", wait, "refused", (json_int_t)gate->refused, "left",
		(json_int_t)gate->left, "phases", gate_phases(gate));

	pthread_mutex_unlock(&gate->lock);
	return all;
}
