/* SPDX-License-Identifier: Apache-2.0 */
/* One user's connection. */
#include "chaos/load/conn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/load/inflate.h"

enum {
	READ_SIZE = 65536,
	BODY_POOLED = 65536,	/* more is given back between exchanges */
};

/* An answer being read. */
struct conn_reader {
	struct http1_parser parser;
	struct buf body, decoded;
};

static loop_io_fn conn_ready;
static loop_timer_fn conn_timer;

void conn_host_init(struct conn_host *h, struct loop *loop,
		    const struct endpoint *endpoints, conn_done_fn *done)
{
	*h = (struct conn_host){
		.loop = loop,
		.endpoints = endpoints,
		.done = done,
		.buf = mem_alloc(READ_SIZE),
	};
}

void conn_host_done(struct conn_host *h)
{
	for (size_t i = 0; i < h->n_readers; i++) {
		http1_done(&h->readers[i]->parser);
		buf_done(&h->readers[i]->body);
		buf_done(&h->readers[i]->decoded);
		mem_free(h->readers[i]);
	}
	mem_free(h->readers);
	mem_free(h->open_of);
	mem_free(h->buf);
	*h = (struct conn_host){ 0 };
}

static void body_ready(struct buf *body, size_t max)
{
	if (body->cap > BODY_POOLED)
		buf_done(body);
	buf_reset(body);
	body->max = max;
}

/* They are shared: a user who thinks needs none. */
static struct conn_reader *reader_get(struct conn_host *h,
				      const struct request *r)
{
	struct conn_reader *reader;

	if (h->n_readers) {
		reader = h->readers[--h->n_readers];
		http1_next(&reader->parser);
	} else {
		reader = mem_alloc(sizeof(*reader));
		http1_init(&reader->parser, HTTP1_RESPONSE);
		buf_init(&reader->body, 0);
		buf_init(&reader->decoded, 0);
	}
	reader->parser.head_request = r->head;
	reader->parser.body = NULL;
	if (r->keep & REQUEST_KEEP_BODY) {
		size_t max = r->keep_body ? r->keep_body
					  : REQUEST_KEEP_BODY_MAX;

		body_ready(&reader->body, max);
		body_ready(&reader->decoded, max);
		reader->parser.body = &reader->body;
	}
	return reader;
}

/* What is in it stays valid until the next answer's first byte. */
static void reader_put(struct conn *c)
{
	struct conn_host *h = c->host;

	if (!c->reader)
		return;
	(void)mem_grow(h->readers, h->n_readers, h->cap_readers);
	h->readers[h->n_readers++] = c->reader;
	c->reader = NULL;
}

void conn_init(struct conn *c, struct conn_host *host)
{
	*c = (struct conn){ .host = host };
	loop_io_init(&c->io, -1, "load connection", conn_ready, c);
	loop_timer_init(&c->timer, "load connection", conn_timer, c);
}

/* For what it waits now; span in drill ns, 0: for ever. */
static void timer_set(struct conn *c, nsec_t span)
{
	struct loop *loop = c->host->loop;

	if (span > 0)
		loop_timer_at(loop, &c->timer, loop_now(loop) + span);
	else
		loop_timer_stop(loop, &c->timer);
}

static void out_drop(struct conn *c)
{
	mem_free(c->out);
	c->out = NULL;
	c->out_len = c->out_pos = 0;
}

static void drop(struct conn *c, bool reset)
{
	loop_timer_stop(c->host->loop, &c->timer);
	if (c->io.fd >= 0) {
		loop_io_set(c->host->loop, &c->io, 0, NULL);
		if (reset)
			addr_close_rst(c->io.fd);
		else
			close(c->io.fd);
		c->host->closed += !reset;
		c->host->sent_partly += c->state == CONN_SENDING && c->has_sent;
		c->host->open--;
		c->host->open_of[c->target]--;
	}
	c->io.fd = -1;
	c->state = CONN_CLOSED;
	reader_put(c);
	out_drop(c);
}

void conn_close(struct conn *c)
{
	drop(c, false);
}

void conn_abort(struct conn *c)
{
	drop(c, true);
}

/* The last thing that a function does: done may begin the next exchange. */
static void fail(struct conn *c, enum load_cause cause, const char *why)
{
	struct answer a = { .cause = cause, .why = why };

	if (c->reader)
		a.body_seen = c->reader->parser.body_seen;
	drop(c, true);
	c->host->done(c, &a);
}

static void watch(struct conn *c, unsigned events)
{
	struct err err;

	if (loop_io_set(c->host->loop, &c->io, events, &err) < 0)
		log_error("%s", err.msg);
}

static void note_connect_error(struct conn_host *h, int error)
{
	h->emfile += error == EMFILE || error == ENFILE;
	h->eaddrnotavail += error == EADDRNOTAVAIL;
}

static void sent_all(struct conn *c)
{
	c->host->sent++;
	out_drop(c);
	c->state = CONN_READING;
	watch(c, LOOP_IN);
}

/*
 * Sends what the kernel takes; 0, or a negative errno (none of it was taken
 * then, or the connection is broken).
 */
static int send_some(struct conn *c, const char *bytes, size_t len,
		     size_t *ret_sent)
{
	ssize_t n;

	do
		n = send(c->io.fd, bytes, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return -errno;
	*ret_sent = n < 0 ? 0 : (size_t)n;
	if (n > 0 && !c->has_sent) {
		c->sent = loop_now_fresh(c->host->loop);
		c->has_sent = true;
	}
	return 0;
}

static void out_keep(struct conn *c, const char *bytes, size_t len)
{
	c->out = mem_alloc(len);
	memcpy(c->out, bytes, len);
	c->out_len = (uint32_t)len;
	c->out_pos = 0;
}

/* The first send of a request on a connection that is up. */
static int start_sending(struct conn *c, const char *bytes, size_t len)
{
	size_t sent = 0;
	int rc = send_some(c, bytes, len, &sent);

	if (rc < 0)
		return rc;
	c->state = CONN_SENDING;
	timer_set(c, c->request->first_byte_timeout);
	if (sent == len) {
		sent_all(c);
		return 0;
	}
	out_keep(c, bytes + sent, len - sent);
	watch(c, LOOP_IN | LOOP_OUT);
	return 0;
}

static void count_open(struct conn_host *h, size_t target)
{
	while (h->n_open_of <= target) {
		(void)mem_grow(h->open_of, h->n_open_of, h->cap_open_of);
		h->open_of[h->n_open_of++] = 0;
	}
	if (++h->open > h->open_max)
		h->open_max = h->open;
	if (++h->open_of[target] > h->ports_max)
		h->ports_max = h->open_of[target];
}

static bool open_to(struct conn *c, const struct request *r,
		    const char *bytes, size_t len, enum load_cause *ret_cause)
{
	struct conn_host *h = c->host;
	int fd = -1, rc;

	h->connects++;
	*ret_cause = LOAD_CONNECT;
	rc = addr_connect(&h->endpoints[r->target].addr, &fd, NULL);
	if (rc < 0 && rc != -EINPROGRESS) {
		note_connect_error(h, -rc);
		return false;
	}
	count_open(h, r->target);
	loop_io_init(&c->io, fd, "load connection", conn_ready, c);
	c->target = (uint16_t)r->target;
	if (rc == 0) {
		*ret_cause = LOAD_RESET;
		rc = start_sending(c, bytes, len);
		if (rc < 0)
			drop(c, true);
		return rc == 0;
	}
	c->state = CONN_CONNECTING;
	timer_set(c, r->connect_timeout);
	out_keep(c, bytes, len);
	watch(c, LOOP_OUT);
	return true;
}

/* Has the peer closed it, or sent what nobody asked for? */
static bool idle_is_stale(const struct conn *c)
{
	char byte;

	return recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       errno != EAGAIN;
}

bool conn_request(struct conn *c, const struct request *r, const char *bytes,
		  size_t len, enum load_cause *ret_cause)
{
	assert(c->state == CONN_CLOSED || c->state == CONN_IDLE);
	c->has_sent = false;
	c->request = r;
	if (c->state == CONN_IDLE && c->target != r->target)
		conn_close(c);
	/* Only after a pause: it costs a call, and a race is left anyway. */
	if (c->state == CONN_IDLE &&
	    loop_mono(c->host->loop) - c->idle_mono > NSEC_MS &&
	    idle_is_stale(c))
		drop(c, false);
	if (c->state == CONN_IDLE) {
		if (start_sending(c, bytes, len) == 0)
			return true;
		drop(c, true);	/* not a byte was taken: still stale */
	}
	return open_to(c, r, bytes, len, ret_cause);
}

static void connected(struct conn *c)
{
	int rc = addr_connected(c->io.fd);
	size_t sent = 0;

	if (rc < 0) {
		note_connect_error(c->host, -rc);
		fail(c, LOAD_CONNECT, NULL);
		return;
	}
	c->state = CONN_SENDING;
	timer_set(c, c->request->first_byte_timeout);
	if (send_some(c, c->out, c->out_len, &sent) < 0) {
		fail(c, LOAD_RESET, NULL);
		return;
	}
	c->out_pos = (uint32_t)sent;
	if (c->out_pos == c->out_len)
		sent_all(c);
	else
		watch(c, LOOP_IN | LOOP_OUT);
}

static void send_more(struct conn *c)
{
	size_t sent = 0;

	if (send_some(c, c->out + c->out_pos, c->out_len - c->out_pos,
		      &sent) < 0) {
		fail(c, LOAD_RESET, NULL);
		return;
	}
	c->out_pos += (uint32_t)sent;
	if (c->out_pos == c->out_len)
		sent_all(c);
}

/* The body as the server meant it. False: it is broken. */
static bool body_take(struct conn_reader *reader, struct answer *a)
{
	size_t len = 0;
	const char *coding = http1_header(&reader->parser, "Content-Encoding",
					  &len);
	const struct buf *body = inflate_kept(&reader->body, coding, len,
					      &reader->decoded);

	if (!body)
		return false;
	a->body = body->data ? body->data : "";
	a->body_len = body->len;
	a->body_cut = body->overflow;
	return true;
}

static void answer_take(const struct conn *c, struct answer *a)
{
	struct conn_reader *reader = c->reader;
	const struct http1_parser *p = &reader->parser;

	a->status = p->status;
	a->body_seen = p->body_seen;
	if (c->request->keep & REQUEST_KEEP_HEADERS) {
		a->head = p->head.data;
		a->fields = p->headers;
		a->n_fields = p->n_headers;
	}
	if (c->request->keep & REQUEST_KEEP_BODY && !body_take(reader, a))
		*a = (struct answer){ .cause = LOAD_PROTOCOL,
				      .why = "a broken gzip or deflate body",
				      .body_seen = p->body_seen };
}

static void answered(struct conn *c)
{
	struct answer a = { 0 };

	answer_take(c, &a);
	if (c->state == CONN_READING && c->reader->parser.keep_alive) {
		reader_put(c);
		c->state = CONN_IDLE;
		c->idle_mono = loop_mono(c->host->loop);
	} else {
		drop(c, false);
	}
	c->host->done(c, &a);
}

static void peer_closed(struct conn *c)
{
	if (c->reader)
		http1_eof(&c->reader->parser);
	if (c->reader && c->reader->parser.state == HTTP1_DONE)
		answered(c);
	else
		fail(c, LOAD_RESET, c->reader ? c->reader->parser.error : NULL);
}

static void receive(struct conn *c)
{
	struct conn_host *h = c->host;
	ssize_t n = recv(c->io.fd, h->buf, READ_SIZE, 0);
	struct http1_parser *p;
	size_t used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(c, LOAD_RESET, NULL);
		return;
	}
	if (n == 0) {
		peer_closed(c);
		return;
	}
	if (!c->reader) {
		c->reader = reader_get(h, c->request);
		loop_timer_stop(h->loop, &c->timer);
	}
	p = &c->reader->parser;
	used = http1_feed(p, h->buf, (size_t)n);
	if (p->state == HTTP1_ERROR)
		fail(c, LOAD_PROTOCOL, p->error);
	else if (p->state == HTTP1_DONE && used < (size_t)n)
		fail(c, LOAD_PROTOCOL, "bytes behind the answer's end");
	else if (p->state == HTTP1_DONE)
		answered(c);
}

static void conn_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct conn *c = arg;

	(void)loop;
	(void)timer;
	fail(c, LOAD_TIMEOUT, c->state == CONN_CONNECTING
				      ? "no connection in time"
				      : "no answer's first byte in time");
}

static void conn_ready(struct loop *loop, struct loop_io *io, unsigned events,
		       void *arg)
{
	struct conn *c = arg;

	(void)loop;
	(void)io;
	switch ((enum conn_state)c->state) {
	case CONN_CLOSED:
		break;
	case CONN_CONNECTING:
		connected(c);
		break;
	case CONN_SENDING:
		/* First what came: an early answer, or why it broke. */
		if (events & LOOP_IN)
			receive(c);
		else
			send_more(c);
		break;
	case CONN_READING:
		receive(c);
		break;
	case CONN_IDLE:
		/* A close, or bytes that nobody asked for: no failure. */
		if (idle_is_stale(c))
			drop(c, false);
		break;
	}
}
