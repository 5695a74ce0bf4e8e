/* SPDX-License-Identifier: Apache-2.0 */
/* A link's listeners: open, out of descriptors, shut, closed. */
#include "faults/proxy/listener.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/proxy.h"
#include "faults/proxy/udp.h"
#include "faults/proxy/worker.h"

enum { ACCEPTS_PER_TURN = 64 };

static void listener_resume(struct loop *loop, struct loop_timer *timer,
			    void *arg)
{
	struct link_listener *listener = arg;

	(void)timer;
	if (listener->fd >= 0)
		(void)loop_io_set(loop, &listener->io, LOOP_IN, NULL);
}

/* Out of descriptors: those who wait stay in the kernel's queue meanwhile. */
static void listener_pause(struct link_listener *listener)
{
	struct loop *loop = listener->link->proxy->loop;

	log_warn("link %s: accept: %s", listener->link->name, strerror(errno));
	(void)loop_io_set(loop, &listener->io, 0, NULL);
	loop_timer_at_mono(loop, &listener->pause,
			   loop_mono(loop) + 100 * NSEC_MS);
}

static void on_accept(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	struct link_listener *listener = arg;
	struct link *l = listener->link;
	struct proxy *proxy = l->proxy;
	const struct addr *upstream =
		&l->conf->endpoints[listener->endpoint].upstream;

	(void)loop, (void)io, (void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listener->fd, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno != EAGAIN && errno != ECONNABORTED)
				listener_pause(listener);
			return;
		}
		proxy->had_visit = true;
		worker_accept(proxy->workers[proxy->next_worker], l, upstream,
			      l->n_flows++, fd);
		proxy->next_worker =
			(proxy->next_worker + 1) % proxy->n_workers;
	}
}

static void listener_close(struct link *l, unsigned i)
{
	struct link_listener *listener = &l->listeners[i];

	if (listener->fd < 0)
		return;
	if (!listener->reserved) {
		(void)loop_io_set(l->proxy->loop, &listener->io, 0, NULL);
		loop_timer_stop(l->proxy->loop, &listener->pause);
	}
	close(listener->fd);
	listener->fd = -1;
	listener->reserved = false;
}

/*
 * Bound, and nobody listens: who connects is refused, and the port stays ours
 * (but for the moment between two sockets: the kernel keeps no port for a
 * listener that stops).
 */
static int listener_reserve(struct link *l, unsigned i, struct addr *addr,
			    struct err *err)
{
	struct link_listener *listener = &l->listeners[i];

	listener_close(l, i);
	int fd = socket(addr->u.sa.sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, "link '%s': socket", l->name);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (addr->u.sa.sa_family == AF_UNIX)
		(void)unlink(addr->u.un.sun_path);
	listener->link = l;
	listener->endpoint = i;
	listener->fd = fd;
	listener->reserved = true;
	if (bind(fd, &addr->u.sa, addr->len) == 0 && !addr_local(fd, addr))
		return 0;
	err_errno(err, "link '%s': cannot keep its address", l->name);
	listener_close(l, i);
	return err->code;
}

/* Opens it at addr, which becomes the address that it got. */
/* As Go says it: Toxiproxy's clients know these words. */
static int listen_failed(const struct addr *addr, int rc, struct err *err)
{
	char text[ADDR_TEXT], why[128];

	(void)snprintf(why, sizeof(why), "%s", strerror(-rc));
	why[0] = (char)tolower((unsigned char)why[0]);
	return err_set(err, rc, "listen %s %s: bind: %s",
		       addr->u.sa.sa_family == AF_UNIX ? "unix" : "tcp",
		       addr_fmt(addr, text), why);
}

int listener_open(struct link *l, unsigned i, struct addr *addr,
		  struct err *err)
{
	struct link_listener *listener = &l->listeners[i];
	int rc;

	if (link_is_down(l))
		return listener_reserve(l, i, addr, err);
	if (listener->reserved)
		listener_close(l, i);
	rc = addr_listen(addr, 1024, &listener->fd, err);
	if (rc < 0)
		return listen_failed(addr, rc, err);
	/* What it accepts inherits it; a Unix socket needs none */
	(void)setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
			 sizeof(int));
	rc = addr_local(listener->fd, addr);
	if (rc < 0)
		err_set(err, rc, "link '%s': cannot read its address", l->name);
	listener->link = l;
	listener->endpoint = i;
	loop_io_init(&listener->io, listener->fd, "proxy listener", on_accept,
		     listener);
	loop_timer_init(&listener->pause, "proxy accept", listener_resume,
			listener);
	if (!rc)
		rc = loop_io_set(l->proxy->loop, &listener->io, LOOP_IN, err);
	if (rc < 0)
		listener_close(l, i);
	return rc;
}

static void datagrams_close(struct link *l)
{
	if (!l->udp_open)
		return;
	l->udp_open = false;
	for (unsigned i = 0; i < l->n_slots; i++)
		worker_close(l->proxy->workers[i], l, true, false);
}

void listeners_close(struct link *l)
{
	datagrams_close(l);
	for (unsigned i = 0; i < LINK_ENDPOINTS_MAX; i++)
		listener_close(l, i);
}

static int datagrams_open(struct link *l, struct link_conf *conf,
			  struct err *err)
{
	struct link_endpoint *own = &conf->endpoints[0];

	datagrams_close(l);
	if (link_is_down(l))
		return 0;
	if (udp_listen(l, &own->listen, &own->upstream, err) < 0)
		return err->code;
	l->udp_open = true;
	return 0;
}

int listeners_open(struct link *l, struct link_conf *conf, struct err *err)
{
	if (l->filter->datagrams)
		return datagrams_open(l, conf, err);
	for (unsigned i = 0; i < conf->n_endpoints; i++) {
		struct link_endpoint *e = &conf->endpoints[i];

		if (!e->failed && listener_open(l, i, &e->listen, err) < 0) {
			listeners_close(l);
			return err->code;
		}
	}
	return 0;
}
