/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The poller: one thread, epoll with EPOLLONESHOT, so that a connection that is
 * handed over has no event left and a worker may re-arm or close it itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/poller.h"

enum { POLLER_BODY_MAX = 65536, POLLER_READ = 16384, POLLER_EVENTS = 256 };

struct poller {
	int epoll, listen, wake;
	int max;
	struct queue *queue;
	pthread_t thread;
	bool started;
	uint64_t seq;
	_Atomic int open;
	_Atomic bool full;	/* not accepting: a close must wake us */
	_Atomic bool stop;
};

static void poller_poke(struct poller *p)
{
	uint64_t one = 1;

	if (write(p->wake, &one, sizeof(one)) < 0)
		log_debug("poller: wake: %s", strerror(errno));
}

static void conn_close(struct conn *c)
{
	struct poller *p = c->poller;

	close(c->fd);
	http1_done(&c->parser);
	buf_done(&c->body);
	buf_done(&c->rest);
	mem_free(c);
	p->open--;
	if (p->full)
		poller_poke(p);
}

static int conn_arm(struct conn *c, int op)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLONESHOT, .data.ptr = c,
	};

	/* What was read already must be looked at without new bytes. */
	if (c->rest.len)
		ev.events |= EPOLLOUT;
	return epoll_ctl(c->poller->epoll, op, c->fd, &ev);
}

void poller_return(struct conn *c, bool keep)
{
	if (keep) {
		http1_next(&c->parser);
		buf_reset(&c->body);
	}
	if (!keep || conn_arm(c, EPOLL_CTL_MOD) < 0)
		conn_close(c);
}

static void poller_listen_arm(struct poller *p, bool on)
{
	struct epoll_event ev = { .events = on ? EPOLLIN : 0,
				  .data.ptr = &p->listen };

	epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->listen, &ev);
}

static void poller_accept_one(struct poller *p, int fd)
{
	struct conn *c = mem_zalloc(sizeof(*c));
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	list_init(&c->link);
	c->poller = p;
	c->fd = fd;
	http1_init(&c->parser, HTTP1_REQUEST);
	buf_init(&c->body, POLLER_BODY_MAX);
	buf_init(&c->rest, POLLER_READ);
	c->parser.body = &c->body;
	p->open++;
	if (conn_arm(c, EPOLL_CTL_ADD) < 0)
		conn_close(c);
}

static void poller_accept(struct poller *p)
{
	while (p->open < p->max) {
		int fd = accept4(p->listen, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				log_warn("poller: accept: %s",
					 strerror(errno));
			if (errno != EINTR && errno != ECONNABORTED)
				return;
			continue;
		}
		poller_accept_one(p, fd);
	}
	p->full = true;
	poller_listen_arm(p, false);
	/* A connection may have closed before full was seen. */
	if (p->open < p->max)
		poller_poke(p);
}

static void poller_woken(struct poller *p)
{
	uint64_t n;

	if (read(p->wake, &n, sizeof(n)) < 0)
		return;
	if (p->full && p->open < p->max) {
		p->full = false;
		poller_listen_arm(p, true);
	}
}

static void conn_refuse(struct conn *c)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
		"Connection: close\r\n\r\n";

	log_debug("poller: %s", c->parser.error);
	if (send(c->fd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0)
		log_debug("poller: send: %s", strerror(errno));
	conn_close(c);
}

/* True when the connection is no longer ours: queued or closed. */
static bool conn_feed(struct conn *c, const char *data, size_t len)
{
	size_t used = http1_feed(&c->parser, data, len);

	if (c->parser.state == HTTP1_ERROR || c->body.overflow) {
		conn_refuse(c);
		return true;
	}
	if (c->parser.state != HTTP1_DONE)
		return false;
	if (used < len)
		buf_add(&c->rest, data + used, len - used);
	c->queued = clock_mono();
	c->seq = ++c->poller->seq;
	queue_push(c->poller->queue, &c->link);
	return true;
}

/* What a worker gave back with bytes of the next request. */
static bool conn_feed_rest(struct conn *c)
{
	char *data;
	size_t len = c->rest.len;
	bool moved;

	if (!len)
		return false;
	data = buf_take(&c->rest);
	moved = conn_feed(c, data, len);
	mem_free(data);
	return moved;
}

static void conn_readable(struct conn *c)
{
	char data[POLLER_READ];

	if (conn_feed_rest(c))
		return;
	for (;;) {
		ssize_t n = recv(c->fd, data, sizeof(data), 0);

		if (n > 0) {
			if (conn_feed(c, data, (size_t)n))
				return;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN &&
		    conn_arm(c, EPOLL_CTL_MOD) == 0)
			return;
		conn_close(c);
		return;
	}
}

static void *poller_run(void *arg)
{
	struct poller *p = arg;
	struct epoll_event ev[POLLER_EVENTS];

	while (!p->stop) {
		int n = epoll_wait(p->epoll, ev, POLLER_EVENTS, -1);

		for (int i = 0; i < n && !p->stop; i++) {
			if (ev[i].data.ptr == &p->listen)
				poller_accept(p);
			else if (ev[i].data.ptr == &p->wake)
				poller_woken(p);
			else
				conn_readable(ev[i].data.ptr);
		}
	}
	return NULL;
}

static int poller_watch(struct poller *p, int *fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = fd };

	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, *fd, &ev);
}

int poller_new(int listen_fd, int max_connections, struct queue *queue,
	       struct poller **ret, struct err *err)
{
	struct poller *p = mem_zalloc(sizeof(*p));
	int r;

	p->listen = listen_fd;
	p->max = max_connections;
	p->queue = queue;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->epoll < 0 || p->wake < 0 || poller_watch(p, &p->listen) < 0 ||
	    poller_watch(p, &p->wake) < 0) {
		r = err_errno(err, "cannot set up the poller");
		poller_free(p);
		return r;
	}
	r = pthread_create(&p->thread, NULL, poller_run, p);
	if (r) {
		poller_free(p);
		return err_set(err, -r, "cannot start the poller's thread");
	}
	p->started = true;
	*ret = p;
	return 0;
}

void poller_stop(struct poller *p)
{
	p->stop = true;
	poller_poke(p);
	if (p->started)
		pthread_join(p->thread, NULL);
	p->started = false;
}

void poller_free(struct poller *p)
{
	if (!p)
		return;
	mem_close_fd(&p->listen);
	mem_close_fd(&p->wake);
	mem_close_fd(&p->epoll);
	mem_free(p);
}

int poller_connections(const struct poller *p)
{
	return p->open;
}
