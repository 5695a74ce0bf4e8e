/* SPDX-License-Identifier: Apache-2.0 */
/* The worker threads. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/errlog.h"
#include "staging/shop/poller.h"
#include "staging/shop/redis.h"
#include "staging/shop/shop.h"
#include "staging/shop/worker.h"

enum { WORKER_STACK = 256 * 1024, WORKER_SEND_WAIT_MS = 5000 };

struct worker {
	pthread_t thread;
	struct workers *all;
	struct redis redis;
	struct buf out;
	struct buf json;
};

struct workers {
	struct shop *shop;
	int count;		/* that were started */
	_Atomic int busy;
	struct worker *v;
};

static enum outcome worker_request(const struct conn *conn,
				   struct request *req)
{
	const struct http1_parser *p = &conn->parser;
	size_t len = p->target.len;
	char *query;

	req->query = req->rest = "";
	req->http = p;
	req->body = &conn->body;
	req->path[0] = '\0';
	if (len >= sizeof(req->path))
		return OUTCOME_INVALID;
	memcpy(req->path, p->head.data + p->target.off, len);
	req->path[len] = '\0';
	query = strchr(req->path, '?');
	if (query) {
		*query = '\0';
		req->query = query + 1;
	}
	return OUTCOME_OK;
}

/* In this order: the limit counts what is suspended, too. */
static void worker_serve(struct shop *shop, enum api_id id,
			 struct request *req, struct reply *reply)
{
	const struct api *api = api_row(id);

	if (!limiter_take(&shop->limiter, clock_mono()))
		reply->outcome = OUTCOME_LIMITED;
	else if (reply->outcome != OUTCOME_OK)
		return;
	else if (api->coupon_event && !shop->coupon_open)
		reply->outcome = OUTCOME_SUSPENDED;
	else
		api->serve(shop, req, reply);
}

/* False: the client has gone, or does not read. */
static bool worker_send(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
		struct pollfd pfd = { .fd = fd, .events = POLLOUT };

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (poll(&pfd, 1, WORKER_SEND_WAIT_MS) <= 0)
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static void worker_failure(struct worker *w, const struct reply *reply)
{
	const struct outcome_info *o = outcome_info(reply->outcome);

	/* Messages are ours: none needs quoting. */
	buf_reset(&w->json);
	buf_addf(&w->json,
		 "{\"status\":%d,\"error\":\"%s\",\"cause\":\"%s\","
		 "\"message\":\"%s\"}", o->status, outcome_reason(o->status),
		 o->cause, reply->message ? reply->message : o->message);
}

static bool worker_answer(struct worker *w, const struct conn *conn,
			  const struct reply *reply)
{
	const struct outcome_info *o = outcome_info(reply->outcome);
	const struct buf *body = &reply->body;
	const char *retry = "";

	if (reply->outcome != OUTCOME_OK) {
		worker_failure(w, reply);
		body = &w->json;
	}
	if (reply->outcome == OUTCOME_LIMITED)
		retry = "Retry-After: 1\r\n";
	buf_reset(&w->out);
	buf_addf(&w->out,
		 "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
		 "Content-Length: %zu\r\n%s%s\r\n", o->status,
		 outcome_reason(o->status), body->len, retry,
		 conn->parser.keep_alive ? "" : "Connection: close\r\n");
	buf_add(&w->out, body->data, body->len);
	return worker_send(conn->fd, w->out.data, w->out.len);
}

static void worker_note(struct worker *w, enum api_id id,
			const struct reply *reply, nsec_t took)
{
	const struct outcome_info *o = outcome_info(reply->outcome);
	struct shop *shop = w->all->shop;

	metrics_time(&shop->metrics, &shop->metrics.cells[id][reply->outcome],
		     took);
	if (o->logged)
		errlog_write(shop->errlog, api_row(id)->uri, reply->user,
			     o->status, o->cause,
			     reply->message ? reply->message : o->message);
}

static void worker_gone(struct worker *w, enum api_id id,
			const struct reply *reply)
{
	struct shop *shop = w->all->shop;

	shop->metrics.client_gone++;
	errlog_write(shop->errlog, api_row(id)->uri, reply->user,
		     outcome_info(reply->outcome)->status, "client-gone",
		     "the client left before it was answered");
}

static void worker_handle(struct worker *w, struct conn *conn)
{
	struct shop *shop = w->all->shop;
	const struct http1_parser *p = &conn->parser;
	nsec_t began = clock_mono();
	struct reply reply = { .user = -1 };
	struct request req;
	enum api_id id = API_OTHER;
	bool sent, keep = p->keep_alive;

	buf_init(&reply.body, 0);
	metrics_time(&shop->metrics, &shop->metrics.wait,
		     began - conn->queued);
	reply.outcome = worker_request(conn, &req);
	req.redis = &w->redis;
	rng_init(&req.rng, (uint64_t)shop->conf.seed, conn->seq);
	if (reply.outcome == OUTCOME_OK)
		id = api_route(&req, p->head.data + p->method.off,
			       p->method.len, &reply.outcome);
	worker_serve(shop, id, &req, &reply);
	/* Noted first: who has its answer finds it counted. */
	worker_note(w, id, &reply, clock_mono() - began);
	sent = worker_answer(w, conn, &reply);
	if (!sent)
		worker_gone(w, id, &reply);
	poller_return(conn, sent && keep);
	buf_done(&reply.body);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	struct list *item;

	/* The default slack of 50 us is 2 % of a cached answer at 5x. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	while ((item = queue_pop(&w->all->shop->queue))) {
		w->all->busy++;
		worker_handle(w, LIST_ENTRY(item, struct conn, link));
		w->all->busy--;
	}
	return NULL;
}

static int worker_start(struct workers *all, struct err *err)
{
	struct worker *w = &all->v[all->count];
	const struct conf *conf = &all->shop->conf;
	pthread_attr_t attr;
	int r;

	w->all = all;
	buf_init(&w->out, 0);
	buf_init(&w->json, 0);
	r = redis_init(&w->redis, conf->redis, NSEC_SEC, &all->shop->redis_up,
		       err);
	if (r < 0)
		return r;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	r = pthread_create(&w->thread, &attr, worker_run, w);
	pthread_attr_destroy(&attr);
	if (r) {
		redis_done(&w->redis);
		return err_set(err, -r, "cannot start worker %d", all->count);
	}
	all->count++;
	return 0;
}

int workers_new(struct shop *shop, int count, struct workers **ret,
		struct err *err)
{
	struct workers *all = mem_zalloc(sizeof(*all));
	int r = 0;

	all->shop = shop;
	all->v = mem_calloc((size_t)count, sizeof(*all->v));
	while (all->count < count && r == 0)
		r = worker_start(all, err);
	if (r < 0) {
		queue_close(&shop->queue);
		workers_free(all);
		return r;
	}
	*ret = all;
	return 0;
}

int workers_busy(const struct workers *all)
{
	return all->busy;
}

int workers_count(const struct workers *all)
{
	return all->count;
}

void workers_free(struct workers *all)
{
	if (!all)
		return;
	for (int i = 0; i < all->count; i++) {
		struct worker *w = &all->v[i];

		pthread_join(w->thread, NULL);
		redis_done(&w->redis);
		buf_done(&w->out);
		buf_done(&w->json);
	}
	mem_free(all->v);
	mem_free(all);
}
