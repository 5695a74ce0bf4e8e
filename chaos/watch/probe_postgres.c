/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare Sync on a PostgreSQL connection, and the time until ReadyForQuery: the
 * round trip of the path alone, which no pool limit makes wait and no statement
 * slows.  Speaks just enough of protocol 3.0 for that.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

enum {
	PG_PROTOCOL = 196608,	/* 3.0 */
	PG_MESSAGE_MAX = 65536,	/* bytes; start-up's are some hundred */
	/*
	 * Round trips of one sample: at a sample each second, the median of
	 * the last 30 is that of the last 10 s.
	 */
	PG_TRIPS = 3,
};

struct pg_opts {
	char *url, *user, *database;
	nsec_t timeout;
};

enum pg_state { PG_CLOSED, PG_CONNECTING, PG_STARTUP, PG_IDLE, PG_SYNCED };

struct pg {
	struct probe *probe;
	struct addr to;
	enum pg_state state;
	struct loop_io io;
	struct loop_timer timer;
	struct buf in;
	int left;		/* round trips left in this sample */
	nsec_t sent;		/* mono ns of the open Sync */
	struct probe_trips trips;
};

static const struct opt pg_opts[] = {
	{ .name = "database", .type = OPT_STR,
	  .off = offsetof(struct pg_opts, database),
	  .help = "the database; else the one of the user's name" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct pg_opts, timeout), .def = "5s",
	  .help = "without an answer in that time the connection is given up" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct pg_opts, url), .help = "the server, or a link",
	  .example = "link:db" },
	{ .name = "user", .type = OPT_STR,
	  .off = offsetof(struct pg_opts, user), .def = "postgres",
	  .help = "who connects; the server must trust it" },
	OPT_END
};

static void pg_close(struct pg *pg)
{
	struct loop *loop = probe_loop(pg->probe);

	loop_timer_stop(loop, &pg->timer);
	buf_reset(&pg->in);
	if (pg->state == PG_CLOSED)
		return;
	loop_io_set(loop, &pg->io, 0, NULL);
	close(pg->io.fd);
	pg->state = PG_CLOSED;
}

static void pg_fail(struct pg *pg, const char *why)
{
	char to[ADDR_TEXT];

	pg_close(pg);
	pg->trips.n = 0;
	probe_failed(pg->probe, "%s: %s", addr_fmt(&pg->to, to), why);
}

static void arm_timeout(struct pg *pg)
{
	const struct pg_opts *opts = probe_opts(pg->probe);
	struct loop *loop = probe_loop(pg->probe);

	loop_timer_at_mono(loop, &pg->timer,
			   loop_mono(loop) +
				   probe_real(pg->probe, opts->timeout));
}

/* Some dozen bytes into an empty socket buffer: it takes all or has failed. */
static bool pg_send(struct pg *pg, const void *data, size_t len)
{
	ssize_t n = send(pg->io.fd, data, len, MSG_NOSIGNAL);

	if (n == (ssize_t)len)
		return true;
	pg_fail(pg, n < 0 ? strerror(errno) : "the socket's buffer is full");
	return false;
}

static void add_u32(struct buf *b, uint32_t v)
{
	v = htonl(v);
	buf_add(b, &v, sizeof(v));
}

static void add_pair(struct buf *b, const char *key, const char *value)
{
	buf_add(b, key, strlen(key) + 1);
	buf_add(b, value, strlen(value) + 1);
}

static void send_startup(struct pg *pg)
{
	const struct pg_opts *opts = probe_opts(pg->probe);
	struct buf b;
	uint32_t len;

	buf_init(&b, 4096);
	add_u32(&b, 0);
	add_u32(&b, PG_PROTOCOL);
	add_pair(&b, "user", opts->user);
	add_pair(&b, "database",
		 opts->database ? opts->database : opts->user);
	add_pair(&b, "application_name", "gameday-probe");
	buf_add(&b, "", 1);
	len = htonl((uint32_t)b.len);
	memcpy(b.data, &len, sizeof(len));
	pg->state = PG_STARTUP;
	if (pg_send(pg, b.data, b.len))
		loop_io_set(probe_loop(pg->probe), &pg->io, LOOP_IN, NULL);
	buf_done(&b);
}

static void send_sync(struct pg *pg)
{
	static const char sync[] = { 'S', 0, 0, 0, 4 };

	pg->state = PG_SYNCED;
	arm_timeout(pg);
	pg->sent = loop_mono_fresh(probe_loop(pg->probe));
	pg_send(pg, sync, sizeof(sync));
}

static void take_ready(struct pg *pg)
{
	struct loop *loop = probe_loop(pg->probe);

	if (pg->state == PG_SYNCED) {
		probe_ok(pg->probe);
		probe_trip(pg->probe, &pg->trips,
			   loop_mono_fresh(loop) - pg->sent);
		pg->left--;
	}
	pg->state = PG_IDLE;
	loop_timer_stop(loop, &pg->timer);
	if (pg->left > 0)
		send_sync(pg);
}

/* The text of an ErrorResponse: fields of a type byte and a string. */
static const char *error_text(const char *body, size_t len)
{
	const char *end = body + len, *nul;

	while (body < end && *body) {
		nul = memchr(body, '\0', (size_t)(end - body));
		if (!nul)
			break;
		if (*body == 'M')
			return body + 1;
		body = nul + 1;
	}
	return "it refused us";
}

/* One whole message; false when the connection is closed. */
static bool take_message(struct pg *pg, char type, const char *body,
			 size_t len)
{
	uint32_t how = 0;

	if (type == 'E') {
		pg_fail(pg, error_text(body, len));
	} else if (type == 'R') {
		if (len >= sizeof(how))
			memcpy(&how, body, sizeof(how));
		if (how)
			pg_fail(pg, "it wants a password (the probe's user "
				    "must be trusted)");
	} else if (type == 'Z') {
		take_ready(pg);
	}
	return pg->state != PG_CLOSED;
}

static void take_input(struct pg *pg)
{
	uint32_t len;

	while (pg->in.len >= 5) {
		memcpy(&len, pg->in.data + 1, sizeof(len));
		len = ntohl(len);
		if (len < 4 || len > PG_MESSAGE_MAX) {
			pg_fail(pg, "it does not speak PostgreSQL's protocol");
			return;
		}
		if (pg->in.len < (size_t)len + 1)
			return;
		if (!take_message(pg, pg->in.data[0], pg->in.data + 5,
				  len - 4))
			return;
		buf_drop(&pg->in, (size_t)len + 1);
	}
}

static void pg_read(struct pg *pg)
{
	char chunk[4096];
	ssize_t n = recv(pg->io.fd, chunk, sizeof(chunk), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		pg_fail(pg, n ? strerror(errno) : "it closed the connection");
		return;
	}
	buf_add(&pg->in, chunk, (size_t)n);
	take_input(pg);
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg)
{
	struct pg *pg = arg;
	int rc;

	(void)loop;
	(void)events;
	if (pg->state != PG_CONNECTING) {
		pg_read(pg);
		return;
	}
	rc = addr_connected(io->fd);
	if (rc)
		pg_fail(pg, strerror(-rc));
	else
		send_startup(pg);
}

static void on_timeout(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	pg_fail(arg, "no answer in time");
}

static void pg_connect(struct pg *pg)
{
	struct loop *loop = probe_loop(pg->probe);
	struct err err;
	int fd, rc = allow_connect(probe_allow(pg->probe), &pg->to, &err);

	if (!rc)
		rc = addr_connect(&pg->to, &fd, &err);
	if (rc && rc != -EINPROGRESS) {
		pg_fail(pg, err.msg);
		return;
	}
	pg->state = PG_CONNECTING;
	loop_io_init(&pg->io, fd, "probe postgres", on_io, pg);
	arm_timeout(pg);
	if (loop_io_set(loop, &pg->io, LOOP_OUT, &err))
		pg_fail(pg, err.msg);
}

static int pg_start(struct probe *p, struct err *err)
{
	const struct pg_opts *opts = probe_opts(p);
	struct pg *pg = probe_state(p);

	pg->probe = p;
	buf_init(&pg->in, 2 * PG_MESSAGE_MAX);
	loop_timer_init(&pg->timer, "probe postgres", on_timeout, pg);
	return probe_address(p, opts->url, NULL, &pg->to, err);
}

static void pg_sample(struct probe *p)
{
	struct pg *pg = probe_state(p);

	pg->left = PG_TRIPS;
	if (pg->state == PG_CLOSED)
		pg_connect(pg);
	else if (pg->state == PG_IDLE)
		send_sync(pg);
}

static void pg_stop(struct probe *p)
{
	struct pg *pg = probe_state(p);

	pg_close(pg);
	buf_done(&pg->in);
}

const struct probe_ops probe_postgres = {
	.name = "postgres",
	.summary = "Sync to ReadyForQuery: probe.NAME.last, .p50, .p95 (s) "
		   "and .ok",
	.example = "[probe db]\nkind = postgres\nurl = link:db\n",
	.every = "1s",
	.opts = pg_opts,
	.opts_size = sizeof(struct pg_opts),
	.state_size = sizeof(struct pg),
	.gauges = probe_trip_gauges,
	.start = pg_start,
	.sample = pg_sample,
	.stop = pg_stop,
};
