/* SPDX-License-Identifier: Apache-2.0 */
/* Connect, ask, check, and again after a short pause: the same for all. */
#include "staging/stack/probe.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const nsec_t probe_pause = 20 * NSEC_MS;

static void probe_connect(struct probe *probe);

static void probe_close(struct probe *probe)
{
	if (probe->io.fd < 0)
		return;
	loop_io_set(probe->loop, &probe->io, 0, NULL);
	close(probe->io.fd);
	probe->io.fd = -1;
}

static void probe_again(struct probe *probe)
{
	probe_close(probe);
	loop_timer_at_mono(probe->loop, &probe->pause,
			   loop_mono_fresh(probe->loop) + probe_pause);
}

static void on_pause(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	probe_connect(arg);
}

/* False: the connection is of no use any more. */
static bool probe_send(struct probe *probe)
{
	ssize_t n;

	while (probe->out.len) {
		n = send(probe->io.fd, probe->out.data, probe->out.len,
			 MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		buf_drop(&probe->out, (size_t)n);
	}
	return true;
}

static bool probe_recv(struct probe *probe)
{
	char data[4096];
	ssize_t n = recv(probe->io.fd, data, sizeof(data), 0);

	if (n < 0)
		return errno == EAGAIN;
	return n > 0 && buf_add(&probe->in, data, (size_t)n);
}

static void probe_judge(struct probe *probe)
{
	switch (probe->ops->check(probe)) {
	case PROBE_MORE:
		if (!probe_send(probe))
			probe_again(probe);
		else
			loop_io_set(probe->loop, &probe->io,
				    probe->out.len ? LOOP_IN | LOOP_OUT
						   : LOOP_IN, NULL);
		return;
	case PROBE_YES:
		probe_close(probe);
		probe->ready(probe->arg);
		return;
	case PROBE_AGAIN:
		probe_again(probe);
		return;
	}
}

static void on_probe_io(struct loop *loop, struct loop_io *io, unsigned events,
			void *arg)
{
	struct probe *probe = arg;

	(void)loop;
	(void)io;
	if ((events & LOOP_OUT) && !probe_send(probe)) {
		probe_again(probe);
		return;
	}
	if ((events & (LOOP_IN | LOOP_HUP)) && !probe_recv(probe)) {
		probe_again(probe);
		return;
	}
	probe_judge(probe);
}

static void probe_connect(struct probe *probe)
{
	int fd = -1, rc = addr_connect(&probe->to, &fd, NULL);

	if (fd < 0 || (rc && rc != -EINPROGRESS)) {
		if (fd >= 0)
			close(fd);
		probe_again(probe);
		return;
	}
	probe->stage = 0;
	buf_reset(&probe->in);
	buf_reset(&probe->out);
	probe->ops->ask(probe);
	loop_io_init(&probe->io, fd, "staging probe", on_probe_io, probe);
	if (loop_io_set(probe->loop, &probe->io, LOOP_IN | LOOP_OUT, NULL))
		probe_again(probe);
}

void probe_start(struct probe *probe, struct loop *loop, const struct addr *to,
		 const struct probe_ops *ops, void (*ready)(void *arg),
		 void *arg)
{
	*probe = (struct probe){
		.ops = ops, .loop = loop, .to = *to, .ready = ready,
		.arg = arg, .io.fd = -1,
	};
	buf_init(&probe->in, 65536);
	buf_init(&probe->out, 4096);
	loop_timer_init(&probe->pause, "staging probe", on_pause, probe);
	probe_connect(probe);
}

void probe_stop(struct probe *probe)
{
	if (!probe->loop)
		return;
	probe_close(probe);
	loop_timer_stop(probe->loop, &probe->pause);
	buf_done(&probe->in);
	buf_done(&probe->out);
	probe->loop = NULL;
}
