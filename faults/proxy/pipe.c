/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a flow: read, filter, delay, write.  Bytes that nothing
 * looks at and nothing delays go from the read to the write without a copy.
 */
#include <errno.h>
#include <sys/socket.h>

#include "chaos/base/clock.h"
#include "faults/proxy/flow_impl.h"

enum { READS_PER_TURN = 4 }; /* so that one flow does not starve others */

static void on_due(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct flow *f = arg;

	(void)loop;
	pipe_flush(f, timer == &f->pipe[STREAM_UP].timer ? STREAM_UP
							 : STREAM_DOWN);
	flow_settle(f);
}

void pipe_init(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];

	delayq_init(&p->q);
	chain_init(&p->chain);
	buf_init(&p->kept, PIPE_MAX + (READS_PER_TURN + 1) * WORKER_SCRATCH);
	loop_timer_init(&p->timer, "proxy pipe", on_due, f);
}

void pipe_done(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];

	loop_timer_stop(f->w->loop, &p->timer);
	delayq_done(&p->q);
	chain_done(&p->chain);
	buf_done(&p->kept);
}

bool pipe_has_room(const struct pipe *p)
{
	return p->q.bytes + p->kept.len < PIPE_MAX;
}

/* The end of the stream reaches the other side. */
static void pipe_pass_end(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];
	struct side *to = &f->side[!s];

	p->over = true;
	if (p->reset)
		flow_abort(f);
	else if (to->fd >= 0 && to->connected)
		(void)shutdown(to->fd, SHUT_WR);
}

/* What the toxics say to bytes, or to the end, that have come in. */
static void pipe_take(struct flow *f, enum stream s, const char *data,
		      size_t len)
{
	struct pipe *p = &f->pipe[s];
	/* A turn may be milliseconds old: a deadline begins at the read */
	nsec_t now = clock_mono();
	struct delay_chunk *c = delayq_add(&p->q, data, len, now, 0);
	struct toxic_chunk chunk = {
		.data = c->data,
		.len = len,
		.now = now,
		.then_at = NSEC_NEVER,
	};

	if (!p->chain.intake)
		return;
	chain_intake(&p->chain, &chunk);
	if (chunk.drop)
		delayq_drop_last(&p->q);
	else
		delayq_delay_last(&p->q, chunk.delay);
}

void pipe_end(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];
	bool ready = f->side[!s].connected;

	if (!p->ended || p->end_queued || p->kept.len)
		return;
	p->end_queued = true;
	if (delayq_empty(&p->q) && !p->chain.n && ready) {
		pipe_pass_end(f, s);
		return;
	}
	pipe_take(f, s, NULL, 0);
	if (ready)
		pipe_flush(f, s);
	pipe_time(f, s);
}

/*
 * Nobody reads this direction any more.  Its source is still read, and what
 * comes is dropped: else a peer that is stuck in a write would never take the
 * bytes of the other direction.
 */
static void pipe_dead(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];

	delayq_done(&p->q);
	buf_reset(&p->kept);
	p->end_queued = p->over = true;
	p->blocked = false;
}

static size_t pipe_write(struct flow *f, enum stream s, const char *data,
			 size_t len)
{
	ssize_t n = send(f->side[!s].fd, data, len, MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			pipe_dead(f, s);
		return 0;
	}
	/* One thread writes it, so it needs no locked addition */
	atomic_ullong *bytes = &f->slot->counters.bytes[s];

	atomic_store_explicit(
		bytes,
		atomic_load_explicit(bytes, memory_order_relaxed) +
			(unsigned long long)n,
		memory_order_relaxed);
	return (size_t)n;
}

static void pipe_then(struct flow *f, enum toxic_then then)
{
	switch (then) {
	case TOXIC_GOES_ON:
		break;
	case TOXIC_CLOSES:
		/* As a program that ends: what it has not read resets */
		f->pipe[STREAM_UP].over = f->pipe[STREAM_DOWN].over = true;
		break;
	case TOXIC_RESETS:
		flow_abort(f);
		break;
	}
}

void pipe_time(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];
	nsec_t next = p->chain.then_at;

	if (f->dying)
		return;
	if (next != NSEC_NEVER && next <= clock_mono()) {
		pipe_then(f, p->chain.then);
		return;
	}
	if (!p->held && !p->blocked && f->side[!s].connected &&
	    delayq_next(&p->q) < next)
		next = delayq_next(&p->q);
	if (p->held && p->held_until < next)
		next = p->held_until;
	loop_timer_at_mono(f->w->loop, &p->timer, next);
}

/*
 * As much as may go, in the pieces that the toxics make of it.  Short: the
 * socket took no more (blocked), or a toxic holds the rest (held).
 */
static size_t pipe_send(struct flow *f, enum stream s, const char *data,
			size_t len)
{
	struct pipe *p = &f->pipe[s];
	size_t sent = 0;

	while (sent < len && !p->over && !f->dying) {
		nsec_t now = clock_mono();
		size_t may = chain_allow(&p->chain, len - sent, now,
					 &p->held_until);

		if (!may) {
			p->held = true;
			break;
		}
		size_t n = pipe_write(f, s, data + sent, may);

		sent += n;
		if (n)
			pipe_then(f, chain_sent(&p->chain, n, now));
		if (n < may) {
			p->blocked = !p->over;
			break;
		}
	}
	return sent;
}

/* Nothing to say and nothing ahead: from the read to the write. */
static size_t pipe_direct(struct flow *f, enum stream s, const char *data,
			  size_t len)
{
	struct pipe *p = &f->pipe[s];

	if (p->chain.intake || !delayq_empty(&p->q) || !f->side[!s].connected)
		return 0;
	if (p->chain.release)
		return pipe_send(f, s, data, len);
	size_t n = pipe_write(f, s, data, len);

	if (p->chain.n)
		(void)chain_sent(&p->chain, n, clock_mono());
	p->blocked = n < len && !p->over;
	return n;
}

void flow_pass(struct flow *f, enum stream s, const char *data, size_t len)
{
	struct pipe *p = &f->pipe[s];

	if (f->dying || p->over || !len)
		return;
	size_t n = pipe_direct(f, s, data, len);

	if (n < len && !p->over && !f->dying) {
		pipe_take(f, s, data + n, len - n);
		if (!p->blocked && !p->held && f->side[!s].connected)
			pipe_flush(f, s);
	}
	if (p->chain.n)
		pipe_time(f, s);
}

/* False: it must wait, or the end was passed. */
static bool pipe_flush_one(struct flow *f, enum stream s, struct delay_chunk *c,
			   bool held_up)
{
	struct pipe *p = &f->pipe[s];

	if (!c->len) {
		p->held = chain_holds_end(&p->chain);
		p->held_until = NSEC_NEVER;
		if (p->held)
			return false;
		delayq_drop(&p->q);
		pipe_pass_end(f, s);
		return false;
	}
	size_t n = pipe_send(f, s, c->data + c->off, c->len - c->off);

	if (p->over || f->dying || !delayq_sent(&p->q, n))
		return false;
	/* What others held up is not the delay's doing, and is left out */
	if (p->chain.delays && !held_up)
		chain_record(&p->chain, clock_mono() - c->arrival);
	delayq_drop(&p->q);
	return true;
}

void pipe_flush(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];
	nsec_t now = clock_mono();
	struct delay_chunk *c;

	if (f->dying || p->over)
		return;
	bool held_up = p->blocked || p->held;

	if (f->side[!s].connected) {
		p->blocked = p->held = false;
		while ((c = delayq_due(&p->q, now)))
			if (!pipe_flush_one(f, s, c, held_up))
				break;
	}
	if (!p->over)
		pipe_time(f, s);
}

void pipe_retime(struct flow *f, enum stream s)
{
	const struct chain_flow id = {f->w->seed, f->number};
	struct pipe *p = &f->pipe[s];

	if (!flow_conf(f)->n_toxics && !p->chain.n)
		return;
	if (!chain_conf(&p->chain, flow_conf(f), s, &id, clock_mono())) {
		flow_abort(f); /* what a toxic dropped cannot be mended */
		return;
	}
	/* What a shorter delay lets pass, passes now */
	delayq_shorten(&p->q, chain_longest(&p->chain),
		       chain_longest_end(&p->chain));
	pipe_flush(f, s);
}

/* To the filter, and what it does not take is kept for it. */
static void pipe_input(struct flow *f, enum stream s, const char *data,
		       size_t len)
{
	const struct filter_ops *filter = f->link->filter;
	struct pipe *p = &f->pipe[s];
	size_t used = 0;

	if (p->over && s == STREAM_UP)
		return; /* no server: nothing may begin */
	if (!filter->input) {
		flow_pass(f, s, data, len);
		return;
	}
	if (!p->kept.len)
		used = filter->input(f, s, data, len);
	if (used < len && !p->over && !f->finishing)
		buf_add(&p->kept, data + used, len - used);
}

void flow_resume(struct flow *f, enum stream s)
{
	const struct filter_ops *filter = f->link->filter;
	struct pipe *p = &f->pipe[s];

	if (p->kept.len && filter->input && !f->dying) {
		size_t used = filter->input(f, s, p->kept.data, p->kept.len);

		if (f->finishing || p->over)
			buf_reset(&p->kept);
		else
			buf_drop(&p->kept, used);
	}
	pipe_end(f, s);
}

static void pipe_ended(struct flow *f, enum stream s)
{
	const struct filter_ops *filter = f->link->filter;

	f->pipe[s].ended = true;
	if (filter->eof)
		filter->eof(f, s);
	/* Whoever leaves while it waits leaves the queue as well */
	if (s == STREAM_UP && f->gate == FLOW_WAITING)
		flow_abort(f);
	pipe_end(f, s);
}

void pipe_read(struct flow *f, enum stream s, bool ending)
{
	struct side *side = &f->side[s];
	struct pipe *p = &f->pipe[s];

	side->more = true; /* until nothing is left */
	for (int i = 0; i < READS_PER_TURN; i++) {
		if (p->ended || f->dying || !pipe_has_room(p))
			return;
		ssize_t n = recv(side->fd, f->w->scratch, WORKER_SCRATCH, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			side->more = false;
			return;
		}
		if (n <= 0) {
			p->reset = n < 0;
			pipe_ended(f, s);
			return;
		}
		pipe_input(f, s, f->w->scratch, (size_t)n);
		if (n < WORKER_SCRATCH && !ending) {
			side->more = false;
			return;
		}
	}
}
