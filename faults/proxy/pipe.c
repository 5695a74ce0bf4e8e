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
	buf_init(&p->kept, PIPE_MAX + (READS_PER_TURN + 1) * WORKER_SCRATCH);
	loop_timer_init(&p->timer, "proxy pipe", on_due, f);
}

void pipe_done(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];

	loop_timer_stop(f->w->loop, &p->timer);
	delayq_done(&p->q);
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

void pipe_end(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];
	bool ready = f->side[!s].connected;

	if (!p->ended || p->end_queued || p->kept.len)
		return;
	p->end_queued = true;
	if (delayq_empty(&p->q) && !p->delays && ready) {
		pipe_pass_end(f, s);
		return;
	}
	delayq_add(&p->q, NULL, 0, clock_mono(), 0);
	if (ready)
		pipe_flush(f, s);
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

/* rng NULL: the longest that it can be. */
static nsec_t draw_delay(struct flow *f, uint32_t delays, struct rng *rng)
{
	const struct link_conf *conf = flow_conf(f);
	nsec_t sum = 0;

	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (delays & (UINT32_C(1) << i))
			sum += conf->toxics[i]->ops->delay(conf->toxics[i],
							   rng);
	return sum;
}

void flow_pass(struct flow *f, enum stream s, const char *data, size_t len)
{
	struct pipe *p = &f->pipe[s];

	if (f->dying || p->over || !len)
		return;
	if (!p->delays && delayq_empty(&p->q) && f->side[!s].connected) {
		size_t n = pipe_write(f, s, data, len);

		if (n == len || p->over)
			return;
		data += n;
		len -= n;
		p->blocked = true;
	}
	/* A turn may be milliseconds old: a deadline begins at the read */
	delayq_add(&p->q, data, len, clock_mono(),
		   draw_delay(f, p->delays, &f->rng));
	if (!p->blocked && f->side[!s].connected)
		pipe_flush(f, s);
}

/*
 * The whole delay of this direction, for each toxic that made it.  What the
 * receiver held up is not the toxics' doing, and is left out.
 */
static void record(struct flow *f, const struct pipe *p, nsec_t took)
{
	const struct link_conf *conf = flow_conf(f);

	for (unsigned i = 0; p->delays && i < conf->n_toxics; i++)
		if (p->delays & (UINT32_C(1) << i))
			toxic_record_delay(conf->toxics[i], took);
}

void pipe_flush(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];
	nsec_t now = clock_mono();
	struct delay_chunk *c;

	if (!f->side[!s].connected || f->dying)
		return;
	bool held_up = p->blocked;

	p->blocked = false;
	while ((c = delayq_due(&p->q, now))) {
		if (!c->len) {
			delayq_drop(&p->q);
			pipe_pass_end(f, s);
			return;
		}
		size_t n = pipe_write(f, s, c->data + c->off, c->len - c->off);

		if (p->over)
			return;
		if (!delayq_sent(&p->q, n)) {
			p->blocked = true;
			return;
		}
		if (!held_up)
			record(f, p, now - c->arrival);
		delayq_drop(&p->q);
	}
	if (!delayq_empty(&p->q))
		loop_timer_at_mono(f->w->loop, &p->timer, delayq_next(&p->q));
}

void pipe_retime(struct flow *f, enum stream s)
{
	const struct link_conf *conf = flow_conf(f);
	struct pipe *p = &f->pipe[s];

	p->delays = 0;
	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (flow_toxic_on(f, i) && conf->toxics[i]->ops->delay &&
		    conf->toxics[i]->stream == s)
			p->delays |= UINT32_C(1) << i;
	if (delayq_empty(&p->q))
		return;
	/* What a shorter delay lets pass, passes now */
	delayq_shorten(&p->q, draw_delay(f, p->delays, NULL));
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

void pipe_read(struct flow *f, enum stream s)
{
	struct pipe *p = &f->pipe[s];

	for (int i = 0; i < READS_PER_TURN; i++) {
		if (p->ended || f->dying || !pipe_has_room(p))
			return;
		ssize_t n =
			recv(f->side[s].fd, f->w->scratch, WORKER_SCRATCH, 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			p->reset = n < 0;
			pipe_ended(f, s);
			return;
		}
		pipe_input(f, s, f->w->scratch, (size_t)n);
		if (n < WORKER_SCRATCH)
			return;
	}
}
