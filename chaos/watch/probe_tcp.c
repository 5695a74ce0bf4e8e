/* SPDX-License-Identifier: Apache-2.0 */
/* Connect and close: how long a TCP or Unix connection takes. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

struct tcp_opts {
	char *url;
	nsec_t timeout;
};

struct tcp_state {
	struct addr to;
	struct loop_io io;
	struct loop_timer timer;
	bool open;		/* a socket that is connecting */
	nsec_t began;		/* mono ns */
	struct probe_trips trips;
};

static const struct opt tcp_opts[] = {
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct tcp_opts, timeout), .def = "5s",
	  .help = "without a connection in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct tcp_opts, url), .help = "where to connect to",
	  .example = "staging:redis" },
	OPT_END
};

static void tcp_close(struct probe *p)
{
	struct tcp_state *st = probe_state(p);

	if (!st->open)
		return;
	loop_timer_stop(probe_loop(p), &st->timer);
	loop_io_set(probe_loop(p), &st->io, 0, NULL);
	close(st->io.fd);
	st->open = false;
}

static void tcp_ended(struct probe *p, int rc)
{
	struct tcp_state *st = probe_state(p);
	nsec_t took = loop_mono_fresh(probe_loop(p)) - st->began;
	char to[ADDR_TEXT];

	tcp_close(p);
	if (rc) {
		probe_failed(p, "cannot connect to %s: %s",
			     addr_fmt(&st->to, to), strerror(-rc));
		return;
	}
	probe_ok(p);
	probe_trip(p, &st->trips, took);
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg)
{
	(void)loop;
	(void)events;
	tcp_ended(arg, addr_connected(io->fd));
}

static void on_timeout(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	tcp_ended(arg, -ETIMEDOUT);
}

static int tcp_start(struct probe *p, struct err *err)
{
	const struct tcp_opts *opts = probe_opts(p);
	struct tcp_state *st = probe_state(p);

	loop_timer_init(&st->timer, "probe tcp", on_timeout, p);
	return probe_address(p, opts->url, NULL, &st->to, err);
}

static void tcp_sample(struct probe *p)
{
	const struct tcp_opts *opts = probe_opts(p);
	struct tcp_state *st = probe_state(p);
	struct loop *loop = probe_loop(p);
	struct err err;
	int rc, fd;

	if (st->open)
		return;
	rc = allow_connect(probe_allow(p), &st->to, &err);
	st->began = loop_mono_fresh(loop);
	if (!rc)
		rc = addr_connect(&st->to, &fd, &err);
	if (rc && rc != -EINPROGRESS) {
		probe_failed(p, "%s", err.msg);
		return;
	}
	st->open = true;
	loop_io_init(&st->io, fd, "probe tcp", on_io, p);
	if (!rc) {
		tcp_ended(p, 0);
		return;
	}
	loop_timer_at_mono(loop, &st->timer,
			   st->began + probe_real(p, opts->timeout));
	rc = loop_io_set(loop, &st->io, LOOP_OUT, &err);
	if (rc)
		tcp_ended(p, rc);
}

const struct probe_ops probe_tcp = {
	.name = "tcp",
	.summary = "connect and close: probe.NAME.last, .p50, .p95 (s) and .ok",
	.example = "[probe redis]\nkind = tcp\nurl = staging:redis\n",
	.every = "1s",
	.opts = tcp_opts,
	.opts_size = sizeof(struct tcp_opts),
	.state_size = sizeof(struct tcp_state),
	.gauges = probe_trip_gauges,
	.start = tcp_start,
	.sample = tcp_sample,
	.stop = tcp_close,
};
