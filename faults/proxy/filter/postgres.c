/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres: a transaction takes a slot of the link's pool from its first
 * Query, Parse, Bind or FunctionCall to the ReadyForQuery that ends it.  While
 * it waits for one, the client's bytes are kept.  A connection that turns on
 * encryption cannot be followed: from there on it counts as one transaction.
 */
#include "chaos/base/log.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/filter/pgwire.h"
#include "faults/proxy/link.h"

/*
 * A client that left in a transaction: the server ends the statement, unless
 * that takes longer than this. A pool would close the connection, too.
 */
#define POSTGRES_LEFT_FOR NSEC_SEC

struct postgres {
	struct pgwire wire;
	bool opaque;		/* noticed, and counted */
	bool stopped;		/* client's bytes are kept until the server's */
	struct loop_timer left; /* the client is gone since */
};

static struct postgres *postgres_of(struct flow *f)
{
	return flow_state(f);
}

static void on_left(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct flow *f = flow_of_state(arg);

	(void)loop, (void)timer;
	flow_abort(f);
	flow_settle(f);
}

static void postgres_open(struct flow *f)
{
	struct postgres *pg = postgres_of(f);

	pgwire_init(&pg->wire);
	loop_timer_init(&pg->left, "proxy postgres", on_left, pg);
}

static void postgres_close(struct flow *f)
{
	struct postgres *pg = postgres_of(f);

	loop_timer_stop(flow_loop(f), &pg->left);
	pgwire_done(&pg->wire);
}

static void postgres_see_opaque(struct flow *f)
{
	struct postgres *pg = postgres_of(f);

	if (pg->opaque || pg->wire.phase != PGWIRE_OPAQUE)
		return;
	pg->opaque = true;
	flow_count_opaque(f);
	if (pg->wire.broken)
		flow_count_error(f);
}

/* The client's bytes once nothing is followed any more. */
static size_t input_opaque(struct flow *f, const char *data, size_t len)
{
	if (!flow_gate_in(f) && !flow_gate_enter(f))
		return 0;
	flow_pass(f, STREAM_UP, data, len);
	return len;
}

static size_t input_up(struct flow *f, const char *data, size_t len)
{
	struct postgres *pg = postgres_of(f);
	enum pgwire_stop stop;
	size_t used = 0;

	if (flow_gate_waiting(f))
		return 0;
	if (pg->opaque)
		return input_opaque(f, data, len);
	while (used < len) {
		size_t n = pgwire_front(&pg->wire, data + used, len - used,
					flow_gate_in(f), &stop);

		flow_pass(f, STREAM_UP, data + used, n);
		used += n;
		postgres_see_opaque(f);
		pg->stopped = stop == PGWIRE_NOT_NOW;
		if (pg->stopped ||
		    (stop == PGWIRE_NEEDS_SLOT && !flow_gate_enter(f)))
			break;
	}
	return used;
}

static size_t input_down(struct flow *f, const char *data, size_t len)
{
	struct postgres *pg = postgres_of(f);

	pgwire_back(&pg->wire, data, len);
	flow_pass(f, STREAM_DOWN, data, len);
	postgres_see_opaque(f);
	if (!pg->opaque && pgwire_idle(&pg->wire))
		flow_gate_leave(f);
	if (pg->stopped)
		flow_resume(f, STREAM_UP);
	return len;
}

static size_t postgres_input(struct flow *f, enum stream s, const char *data,
			     size_t len)
{
	return s == STREAM_UP ? input_up(f, data, len)
			      : input_down(f, data, len);
}

static void postgres_eof(struct flow *f, enum stream s)
{
	struct postgres *pg = postgres_of(f);

	if (s == STREAM_UP && flow_gate_in(f) && !pg->opaque)
		loop_timer_at_mono(flow_loop(f), &pg->left,
				   clock_mono() + POSTGRES_LEFT_FOR);
}

static void postgres_granted(struct flow *f)
{
	flow_resume(f, STREAM_UP);
}

/* Nothing of this client is in flight, so that an error fits in here. */
static void postgres_refused(struct flow *f)
{
	static const char fields[] = "SFATAL\0VFATAL\0C53300\0"
				     "Mno free slot in the pool of this link\0";
	const uint32_t len = 4 + sizeof(fields);
	const char head[5] = {'E', 0, 0, (char)(len >> 8), (char)len};

	if (!postgres_of(f)->opaque) {
		flow_pass(f, STREAM_DOWN, head, sizeof(head));
		flow_pass(f, STREAM_DOWN, fields, sizeof(fields));
	}
	flow_finish(f);
}

const struct filter_ops filter_postgres = {
	.protocol = "postgres",
	.summary = "the pool counts transactions",
	.state_size = sizeof(struct postgres),
	.open = postgres_open,
	.close = postgres_close,
	.input = postgres_input,
	.eof = postgres_eof,
	.granted = postgres_granted,
	.refused = postgres_refused,
};
