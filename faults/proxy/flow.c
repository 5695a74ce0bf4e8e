/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a flow: gate, connect, both directions, end.  A flow is freed in
 * flow_settle() and flow_granted() alone, which every callback ends with.
 */
#include "faults/proxy/flow.h"

#include <errno.h>
#include <unistd.h>

#include "chaos/base/allow.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/flow_impl.h"
#include "faults/proxy/proxy.h"

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg);

/* Accessors for filters. */

void *flow_state(struct flow *f)
{
	return f->state;
}

struct flow *flow_of_state(void *state)
{
	return LIST_ENTRY(state, struct flow, state);
}

struct link *flow_link(struct flow *f)
{
	return f->link;
}

const struct link_conf *flow_conf(struct flow *f)
{
	return f->slot->use;
}

struct loop *flow_loop(struct flow *f)
{
	return f->w->loop;
}

int flow_client_fd(struct flow *f)
{
	return f->side[STREAM_UP].fd;
}

struct list *flow_in_slot(struct flow *f)
{
	return &f->in_slot;
}

struct flow *flow_of_slot(struct list *in_slot)
{
	return LIST_ENTRY(in_slot, struct flow, in_slot);
}

bool flow_toxic_on(struct flow *f, unsigned i)
{
	return f->toxics & (UINT32_C(1) << i);
}

void flow_count_error(struct flow *f)
{
	atomic_fetch_add(&f->slot->counters.errors, 1);
}

void flow_count_opaque(struct flow *f)
{
	atomic_fetch_add(&f->slot->counters.opaque, 1);
}

void flow_abort(struct flow *f)
{
	f->dying = true;
}

/* The upstream side. */

static void flow_connected(struct flow *f)
{
	struct side *server = &f->side[STREAM_DOWN];

	server->connected = true;
	pipe_flush(f, STREAM_UP);
}

static void flow_connect_failed(struct flow *f, const char *why)
{
	char text[ADDR_TEXT] = "";

	if (f->upstream.len)
		addr_fmt(&f->upstream, text);
	log_debug("link %s: connect %s: %s", f->link->name, text, why);
	flow_count_error(f);
	flow_abort(f);
}

static void flow_connect(struct flow *f)
{
	struct side *server = &f->side[STREAM_DOWN];
	struct err err = {0};
	int rc;

	if (!f->upstream.len) {
		flow_connect_failed(f, "its name is not resolved yet");
		return;
	}
	rc = allow_connect(f->w->proxy->allow, &f->upstream, &err);
	if (!rc)
		rc = addr_connect(&f->upstream, &server->fd, &err);
	if (rc && rc != -EINPROGRESS) {
		flow_connect_failed(f, err.msg);
		return;
	}
	loop_io_init(&server->io, server->fd, "proxy server", on_io, f);
	if (!rc)
		flow_connected(f);
}

static void flow_connect_done(struct flow *f)
{
	int code = 0;
	socklen_t len = sizeof(code);
	int fd = f->side[STREAM_DOWN].fd;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		code = errno;
	if (code)
		flow_connect_failed(f, "refused");
	else
		flow_connected(f);
}

/* The pool. */

bool flow_gate_in(const struct flow *f)
{
	return f->gate == FLOW_IN;
}

bool flow_gate_waiting(const struct flow *f)
{
	return f->gate == FLOW_WAITING;
}

static void flow_refused(struct flow *f)
{
	if (f->link->filter->refused)
		f->link->filter->refused(f);
	else
		flow_abort(f);
}

static void flow_go_on(struct flow *f);

static void on_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct flow *f = arg;

	(void)timer;
	if (f->connect_at)
		flow_go_on(f);
	/* A grant that is on its way wins: it was in time */
	else if (f->gate == FLOW_WAITING &&
		 gate_leave_waiting(&f->link->gate, &f->pass,
				    loop_mono(loop))) {
		f->gate = FLOW_OUT;
		flow_refused(f);
	}
	flow_settle(f);
}

bool flow_gate_enter(struct flow *f)
{
	struct gate *gate = &f->link->gate;
	nsec_t now = clock_mono();

	switch (gate_enter(gate, &f->pass, now)) {
	case GATE_YES:
		f->gate = FLOW_IN;
		return true;
	case GATE_FULL:
		flow_refused(f);
		return false;
	case GATE_WAIT:
		break;
	}
	f->gate = FLOW_WAITING;
	nsec_t timeout = gate_timeout(gate);

	if (timeout)
		loop_timer_at_mono(f->w->loop, &f->timer, now + timeout);
	return false;
}

void flow_gate_leave(struct flow *f)
{
	if (f->gate != FLOW_IN)
		return;
	f->gate = FLOW_OUT;
	(void)gate_leave(&f->link->gate, &f->pass, true, clock_mono());
}

static void flow_free(struct flow *f)
{
	link_unref(f->link);
	mem_free(f);
}

static void flow_granted(struct loop *loop, struct loop_post *post)
{
	struct flow *f = LIST_ENTRY(post, struct flow, pass.post);

	(void)loop;
	if (!gate_taken(&f->link->gate, &f->pass)) {
		if (f->closed)
			flow_free(f);
		return;
	}
	f->gate = FLOW_IN;
	loop_timer_stop(f->w->loop, &f->timer);
	if (f->link->filter->gate_connections)
		flow_connect(f);
	else if (f->link->filter->granted)
		f->link->filter->granted(f);
	flow_settle(f);
}

/* Begin and end. */

static struct flow *flow_new(struct worker *w, struct link *l,
			     const struct addr *upstream, uint64_t number,
			     int fd)
{
	struct flow *f = mem_zalloc(sizeof(*f) + l->filter->state_size);

	f->w = w;
	f->link = link_ref(l);
	f->slot = &l->slots[w->index];
	f->upstream = *upstream;
	f->number = number;
	f->side[STREAM_UP].fd = fd;
	f->side[STREAM_UP].connected = true;
	f->side[STREAM_DOWN].fd = -1;
	loop_io_init(&f->side[STREAM_UP].io, fd, "proxy client", on_io, f);
	gate_pass_init(&f->pass, w->loop, flow_granted);
	loop_timer_init(&f->timer, "proxy flow", on_timer, f);
	pipe_init(f, STREAM_UP);
	pipe_init(f, STREAM_DOWN);
	list_append(&f->slot->flows, &f->in_slot);
	atomic_fetch_add(&f->slot->counters.connections, 1);
	atomic_fetch_add(&f->slot->counters.accepted, 1);
	return f;
}

/* The pool, and then the upstream. */
static void flow_go_on(struct flow *f)
{
	f->connect_at = 0;
	if (!f->link->filter->gate_connections || flow_gate_enter(f))
		flow_connect(f);
}

/* How long the toxics have it wait before it connects; < 0: not at all. */
static nsec_t connect_delay(struct flow *f, nsec_t now)
{
	const struct link_conf *conf = flow_conf(f);
	struct rng rng;
	nsec_t sum = 0;

	for (unsigned i = 0; i < conf->n_toxics; i++) {
		const struct toxic *t = conf->toxics[i];

		if (!t->ops->connect || !flow_toxic_on(f, i))
			continue;
		toxic_rng(t, f->w->seed, f->number, &rng);
		atomic_fetch_add(&t->stats->flows, 1);
		nsec_t one = t->ops->connect(t, &rng, now);

		if (one < 0)
			return one;
		sum += one;
	}
	return sum;
}

static bool connect_is_delayed(struct flow *f)
{
	const struct link_conf *conf = flow_conf(f);

	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (conf->toxics[i]->ops->connect && flow_toxic_on(f, i))
			return true;
	return false;
}

static void flow_begin(struct flow *f)
{
	nsec_t now = clock_mono(), delay = connect_delay(f, now);

	if (delay < 0) {
		flow_abort(f);
	} else if (delay) {
		f->connect_at = now + delay;
		loop_timer_at_mono(f->w->loop, &f->timer, f->connect_at);
	} else {
		flow_go_on(f);
	}
}

void flow_open(struct worker *w, struct link *l, const struct addr *upstream,
	       uint64_t number, int fd)
{
	struct flow *f = flow_new(w, l, upstream, number, fd);

	if (l->filter->open)
		l->filter->open(f);
	flow_reconf(f);
	if (!f->dying)
		flow_begin(f);
	flow_settle(f);
}

static void side_close(struct flow *f, struct side *side)
{
	if (side->fd < 0)
		return;
	if (side->io.events)
		(void)loop_io_set(f->w->loop, &side->io, 0, NULL);
	if (f->dying)
		addr_close_rst(side->fd);
	else
		close(side->fd);
	side->fd = -1;
}

static void flow_close(struct flow *f)
{
	const struct filter_ops *filter = f->link->filter;

	if (filter->close)
		filter->close(f);
	loop_timer_stop(f->w->loop, &f->timer);
	side_close(f, &f->side[STREAM_UP]);
	side_close(f, &f->side[STREAM_DOWN]);
	pipe_done(f, STREAM_UP);
	pipe_done(f, STREAM_DOWN);
	list_remove(&f->in_slot);
	atomic_fetch_sub(&f->slot->counters.connections, 1);
	f->closed = true;
	if (!gate_leave(&f->link->gate, &f->pass, filter->gate_connections,
			clock_mono()))
		flow_free(f);
}

void flow_kill(struct flow *f)
{
	flow_abort(f);
	flow_settle(f);
}

void flow_finish(struct flow *f)
{
	struct pipe *up = &f->pipe[STREAM_UP], *down = &f->pipe[STREAM_DOWN];

	f->finishing = true;
	up->ended = up->end_queued = up->over = true;
	down->ended = true;
	if (!down->end_queued)
		buf_reset(&down->kept);
	pipe_end(f, STREAM_DOWN);
}

void flow_reconf(struct flow *f)
{
	const struct link_conf *conf = flow_conf(f);

	f->toxics = 0;
	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (toxic_applies(conf->toxics[i], f->w->seed, f->number))
			f->toxics |= UINT32_C(1) << i;
	pipe_retime(f, STREAM_UP);
	pipe_retime(f, STREAM_DOWN);
	if (f->connect_at && !connect_is_delayed(f))
		flow_go_on(f);
	if (f->link->filter->reconf)
		f->link->filter->reconf(f);
}

/* What each socket is asked for, given what waits. */

static unsigned side_events(const struct flow *f, enum stream s)
{
	const struct side *side = &f->side[s];
	unsigned events = 0;

	if (!side->connected)
		return LOOP_OUT | LOOP_EDGE;
	if (!f->pipe[s].ended && pipe_has_room(&f->pipe[s]))
		events |= LOOP_IN;
	if (f->pipe[!s].blocked)
		events |= LOOP_OUT;
	/* Too much waits to read on: see at least that the client leaves */
	if (!events && s == STREAM_UP &&
	    (f->gate == FLOW_WAITING || f->connect_at))
		events = LOOP_HUP;
	return events ? events | LOOP_EDGE : 0;
}

static void side_interest(struct flow *f, enum stream s)
{
	struct side *side = &f->side[s];
	struct err err = {0};

	if (side->fd < 0)
		return;
	unsigned events = side_events(f, s);

	if (events == side->io.events) {
		if (side->more && events & LOOP_IN)
			loop_io_again(f->w->loop, &side->io);
		return;
	}
	if (loop_io_set(f->w->loop, &side->io, events, &err) < 0) {
		log_error("link %s: %s", f->link->name, err.msg);
		flow_abort(f);
	}
}

void flow_settle(struct flow *f)
{
	if (!f->dying) {
		side_interest(f, STREAM_UP);
		side_interest(f, STREAM_DOWN);
	}
	if (f->dying || (f->pipe[STREAM_UP].over && f->pipe[STREAM_DOWN].over))
		flow_close(f);
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg)
{
	struct flow *f = arg;
	enum stream s = io == &f->side[STREAM_UP].io ? STREAM_UP : STREAM_DOWN;

	(void)loop;
	if (!f->side[s].connected)
		flow_connect_done(f);
	else if (events & (LOOP_OUT | LOOP_HUP))
		pipe_flush(f, !s);
	if (events & (LOOP_IN | LOOP_HUP) && f->side[s].connected)
		pipe_read(f, s, events & LOOP_HUP);
	if (events & LOOP_HUP && !(io->events & LOOP_IN) && s == STREAM_UP &&
	    (f->gate == FLOW_WAITING || f->connect_at))
		flow_abort(f);
	flow_settle(f);
}
