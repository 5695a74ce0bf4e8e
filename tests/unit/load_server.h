/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tiny HTTP server on a thread of the test, that counts what it gets and
 * behaves as the path says:
 *
 *	/ok /status/NNN /slow/MS (real ms) /hang /reset /cut /garbage
 *	/last (closes) /idle (closes 20 ms later) /chunked /extra
 *	/login (303, a cookie) /landed (says the cookie) /loop (302)
 *	/moved/MS (302, to /ok, after that) /away (302, to 10.0.0.1)
 *	/to/PORT (302, to 127.0.0.1)
 *	/issue (a coupon), /coupon/ID (its status: confirmed after 120 ms)
 */
#ifndef GD_TESTS_LOAD_SERVER_H
#define GD_TESTS_LOAD_SERVER_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/loop.h"
#include "chaos/base/mem.h"

struct server {
	struct loop *loop;
	struct loop_io listen;
	struct list peers;
	pthread_t thread;
	int port;
	atomic_ulong accepted, requests, resets;
	atomic_ulong by_path[128];	/* by the first letter */
	atomic_ulong by_status[600];	/* of /status/NNN */
	pthread_mutex_t lock;
	char key[64], body[128];	/* of the last request that had them */
	char target[128], host[128], last_ok[128];	/* "/ok…" */
	char basic[64], bearer[64];	/* Authorization */
	unsigned coupons;
	nsec_t issued[256];	/* mono ns, by coupon */
	struct loop_post quit;
};

struct peer {
	struct list link;
	struct server *server;
	struct loop_io io;
	struct loop_timer timer;
	struct http1_parser parser;
	struct buf body;
	bool close_later, redirect_later;
};

static inline void peer_free(struct peer *p, bool reset)
{
	struct loop *loop = p->server->loop;

	loop_timer_stop(loop, &p->timer);
	loop_io_set(loop, &p->io, 0, NULL);
	if (reset)
		addr_close_rst(p->io.fd);
	else
		close(p->io.fd);
	http1_done(&p->parser);
	buf_done(&p->body);
	list_remove(&p->link);
	mem_free(p);
}

static inline void peer_send(struct peer *p, const char *text)
{
	(void)!send(p->io.fd, text, strlen(text), MSG_NOSIGNAL);
}

static inline void peer_reply(struct peer *p, int status, const char *header)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", status,
		 header, status == 204 ? 0 : 5, status == 204 ? "" : "hello");
	peer_send(p, text);
}

static inline void peer_json(struct peer *p, const char *json)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 200 OK\r\nX-Trace: t-%u\r\nContent-Length: %zu"
		 "\r\n\r\n%s", p->server->coupons, strlen(json), json);
	peer_send(p, text);
}

static inline void peer_issue(struct peer *p)
{
	struct server *s = p->server;
	char text[128];

	s->issued[++s->coupons % 256] = clock_mono();
	snprintf(text, sizeof(text), "{\"coupon\":%u,\"status\":\"issued\"}",
		 s->coupons);
	peer_json(p, text);
}

static inline void peer_coupon(struct peer *p, unsigned id)
{
	bool done = clock_mono() - p->server->issued[id % 256] >=
		    120 * NSEC_MS;
	char text[128];

	snprintf(text, sizeof(text), "{\"coupon\":%u,\"status\":\"%s\"}", id,
		 done ? "confirmed" : "issued");
	peer_json(p, text);
}

static inline void peer_cookie(struct peer *p)
{
	size_t len = 0;
	const char *cookie = http1_header(&p->parser, "Cookie", &len);
	char text[128];

	snprintf(text, sizeof(text), "{\"cookie\":\"%.*s\"}", (int)len,
		 cookie ? cookie : "");
	peer_json(p, text);
}

static inline void peer_timer(struct loop *loop, struct loop_timer *timer,
			      void *arg)
{
	struct peer *p = arg;

	(void)loop;
	(void)timer;
	if (p->close_later)
		peer_free(p, false);
	else if (p->redirect_later)
		peer_reply(p, 302, "Location: /ok\r\n");
	else
		peer_reply(p, 200, "");
}

static inline void peer_later(struct peer *p, nsec_t real)
{
	loop_timer_at_mono(p->server->loop, &p->timer, clock_mono() + real);
}

static inline void server_note(struct server *s, struct peer *p,
			       const char *target)
{
	size_t len;
	const char *key = http1_header(&p->parser, "Idempotency-Key", &len);

	pthread_mutex_lock(&s->lock);
	if (key)
		snprintf(s->key, sizeof(s->key), "%.*s", (int)len, key);
	key = http1_header(&p->parser, "Host", &len);
	if (key)
		snprintf(s->host, sizeof(s->host), "%.*s", (int)len, key);
	key = http1_header(&p->parser, "Authorization", &len);
	if (key && strncmp(key, "Basic ", 6) == 0)
		snprintf(s->basic, sizeof(s->basic), "%.*s", (int)len, key);
	else if (key)
		snprintf(s->bearer, sizeof(s->bearer), "%.*s", (int)len, key);
	if (p->body.len)
		snprintf(s->body, sizeof(s->body), "%s", p->body.data);
	snprintf(s->target, sizeof(s->target), "%s", target);
	if (strncmp(target, "/ok", 3) == 0)
		snprintf(s->last_ok, sizeof(s->last_ok), "%s", target);
	pthread_mutex_unlock(&s->lock);
	atomic_fetch_add(&s->requests, 1);
	atomic_fetch_add(&s->by_path[target[1] & 127], 1);
}

/* False: the peer is gone. */
static inline bool peer_answer(struct peer *p, const char *target)
{
	int n;

	if (sscanf(target, "/status/%d", &n) == 1) {
		atomic_fetch_add(&p->server->by_status[n % 600], 1);
		peer_reply(p, n, "");
	} else if (sscanf(target, "/slow/%d", &n) == 1) {
		p->redirect_later = false;
		peer_later(p, n * NSEC_MS);
	} else if (sscanf(target, "/moved/%d", &n) == 1) {
		p->redirect_later = true;
		peer_later(p, n * NSEC_MS);
	} else if (strcmp(target, "/issue") == 0) {
		peer_issue(p);
	} else if (sscanf(target, "/coupon/%d", &n) == 1) {
		peer_coupon(p, (unsigned)n);
	} else if (strcmp(target, "/login") == 0) {
		peer_reply(p, 303, "Location: landed\r\n"
			   "Set-Cookie: sid=7; Path=/\r\n");
	} else if (strcmp(target, "/landed") == 0) {
		peer_cookie(p);
	} else if (strcmp(target, "/loop") == 0) {
		peer_reply(p, 302, "Location: /loop\r\n");
	} else if (strcmp(target, "/away") == 0) {
		peer_reply(p, 302, "Location: http://10.0.0.1/\r\n");
	} else if (sscanf(target, "/to/%d", &n) == 1) {
		char text[64];

		snprintf(text, sizeof(text),
			 "Location: http://127.0.0.1:%d/ok\r\n", n);
		peer_reply(p, 302, text);
	} else if (strcmp(target, "/hang") == 0) {
		return true;
	} else if (strcmp(target, "/reset") == 0) {
		peer_free(p, true);
		return false;
	} else if (strcmp(target, "/cut") == 0) {
		peer_send(p, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"
			     "\r\nhalf");
		peer_free(p, false);
		return false;
	} else if (strcmp(target, "/garbage") == 0) {
		peer_send(p, "\x01\x02 no answer at all\r\n\r\n");
	} else if (strcmp(target, "/last") == 0) {
		peer_reply(p, 200, "Connection: close\r\n");
		peer_free(p, false);
		return false;
	} else if (strcmp(target, "/idle") == 0) {
		peer_reply(p, 200, "");
		p->close_later = true;
		peer_later(p, 20 * NSEC_MS);
	} else if (strcmp(target, "/chunked") == 0) {
		peer_send(p, "HTTP/1.1 100 Continue\r\n\r\n"
			     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
			     "\r\n\r\n5\r\nhel");
		peer_send(p, "lo\r\n0\r\n\r\n");
	} else if (strcmp(target, "/extra") == 0) {
		peer_send(p, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
			     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	} else {
		peer_reply(p, 200, "");
	}
	return true;
}

static inline bool peer_feed(struct peer *p, const char *data, size_t len)
{
	while (len > 0) {
		size_t used = http1_feed(&p->parser, data, len);
		char target[128];

		data += used;
		len -= used;
		if (p->parser.state == HTTP1_ERROR)
			abort();	/* the engine sent no request */
		if (p->parser.state != HTTP1_DONE)
			continue;
		snprintf(target, sizeof(target), "%.*s",
			 (int)p->parser.target.len,
			 p->parser.head.data + p->parser.target.off);
		server_note(p->server, p, target);
		if (!peer_answer(p, target))
			return false;
		http1_next(&p->parser);
		buf_reset(&p->body);
	}
	return true;
}

static inline void peer_ready(struct loop *loop, struct loop_io *io,
			      unsigned events, void *arg)
{
	struct peer *p = arg;
	char data[4096];
	ssize_t n = recv(io->fd, data, sizeof(data), 0);

	(void)loop;
	(void)events;
	if (n > 0) {
		peer_feed(p, data, (size_t)n);
	} else if (n == 0 || errno != EAGAIN) {
		if (n < 0)
			atomic_fetch_add(&p->server->resets, 1);
		peer_free(p, false);
	}
}

static inline void server_ready(struct loop *loop, struct loop_io *io,
				unsigned events, void *arg)
{
	struct server *s = arg;
	int fd;

	(void)events;
	while ((fd = accept4(io->fd, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *p = mem_zalloc(sizeof(*p));

		atomic_fetch_add(&s->accepted, 1);
		p->server = s;
		list_append(&s->peers, &p->link);
		http1_init(&p->parser, HTTP1_REQUEST);
		buf_init(&p->body, 65536);
		p->parser.body = &p->body;
		loop_timer_init(&p->timer, "peer", peer_timer, p);
		loop_io_init(&p->io, fd, "peer", peer_ready, p);
		loop_io_set(loop, &p->io, LOOP_IN, NULL);
	}
}

static inline void *server_main(void *arg)
{
	struct server *s = arg;

	loop_run(s->loop);
	return NULL;
}

static inline void server_start(struct server *s)
{
	struct addr a;
	struct err err;
	int fd = -1;

	memset(s, 0, sizeof(*s));
	list_init(&s->peers);
	pthread_mutex_init(&s->lock, NULL);
	if (addr_parse("127.0.0.1:0", &a, &err) < 0 ||
	    addr_listen(&a, 1024, &fd, &err) < 0 || addr_local(fd, &a) < 0 ||
	    loop_new(LOOP_EPOLL, &s->loop, &err) < 0)
		abort();
	s->port = addr_port(&a);
	loop_io_init(&s->listen, fd, "listen", server_ready, s);
	loop_io_set(s->loop, &s->listen, LOOP_IN, NULL);
	pthread_create(&s->thread, NULL, server_main, s);
}

static inline void server_quit(struct loop *loop, struct loop_post *post)
{
	(void)post;
	loop_quit(loop);
}

static inline void server_stop(struct server *s)
{
	struct list *pos, *tmp;

	s->quit.fn = server_quit;
	loop_post(s->loop, &s->quit);
	pthread_join(s->thread, NULL);
	LIST_FOR_SAFE(pos, tmp, &s->peers)
		peer_free(LIST_ENTRY(pos, struct peer, link), false);
	loop_io_set(s->loop, &s->listen, 0, NULL);
	close(s->listen.fd);
	loop_free(s->loop);
	pthread_mutex_destroy(&s->lock);
}

#endif
