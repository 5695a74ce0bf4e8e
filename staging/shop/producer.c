/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The producer: rd_kafka_t under a read-write lock (renewing takes it for
 * writing), a thread that serves delivery reports, a ticket per message.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/conf.h"
#include "staging/shop/producer.h"

/* Shared by the waiting worker and the delivery report; two references. */
struct ticket {
	pthread_mutex_t lock;
	pthread_cond_t settled;
	int refs;
	bool done;
	rd_kafka_resp_err_t error;
	int64_t coupon;
};

struct producer {
	const struct conf *conf;
	struct metrics *metrics;
	struct offsets *offsets;
	pthread_rwlock_t lock;
	rd_kafka_t *rk;			/* under lock */
	pthread_t thread;
	_Atomic bool stop, up, mock;
	_Atomic uint64_t waiting;
};

static struct ticket *ticket_new(int64_t coupon)
{
	struct ticket *t = mem_zalloc(sizeof(*t));
	pthread_condattr_t attr;

	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->settled, &attr);
	pthread_condattr_destroy(&attr);
	t->refs = 2;
	t->coupon = coupon;
	return t;
}

static void ticket_put(struct ticket *t)
{
	bool last;

	pthread_mutex_lock(&t->lock);
	last = --t->refs == 0;
	pthread_mutex_unlock(&t->lock);
	if (!last)
		return;
	pthread_cond_destroy(&t->settled);
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}

static void ticket_settle(struct ticket *t, rd_kafka_resp_err_t error)
{
	pthread_mutex_lock(&t->lock);
	t->done = true;
	t->error = error;
	pthread_cond_signal(&t->settled);
	/* Nobody waits any more who could take the coupon back. */
	if (error && t->refs == 1)
		log_error("coupon %lld was issued and is not published: %s",
			  (long long)t->coupon, rd_kafka_err2str(error));
	pthread_mutex_unlock(&t->lock);
	ticket_put(t);
}

static int ticket_wait(struct ticket *t, nsec_t timeout)
{
	nsec_t until = clock_mono() + timeout;
	struct timespec ts = { until / NSEC_SEC, until % NSEC_SEC };
	int r = -ETIMEDOUT;

	pthread_mutex_lock(&t->lock);
	while (!t->done)
		if (pthread_cond_timedwait(&t->settled, &t->lock, &ts))
			break;
	if (t->done)
		r = t->error ? -EIO : 0;
	pthread_mutex_unlock(&t->lock);
	ticket_put(t);
	return r;
}

static void producer_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg,
			       void *opaque)
{
	struct producer *p = opaque;

	(void)rk;
	p->waiting--;
	if (!msg->err) {
		p->up = true;
		p->metrics->published++;
		offsets_written(p->offsets, msg->partition, msg->offset);
	}
	ticket_settle(msg->_private, msg->err);
}

static void producer_error(rd_kafka_t *rk, int error, const char *reason,
			   void *opaque)
{
	struct producer *p = opaque;

	(void)rk;
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
	    error == RD_KAFKA_RESP_ERR__FATAL)
		p->up = false;
	log_warn("producer: %s", reason);
}

static void producer_prepare(rd_kafka_conf_t *c)
{
	rd_kafka_conf_set_dr_msg_cb(c, producer_delivered);
	rd_kafka_conf_set_error_cb(c, producer_error);
}

static int producer_client(struct producer *p, nsec_t timeout,
			   rd_kafka_t **ret, struct err *err)
{
	const struct kafka_setting settings[] = {
		{ "enable.idempotence", "true" },
		{ "linger.ms", "0" },
		{ "message.timeout.ms", "0" },
		{ "retry.backoff.ms", "20" },
		{ NULL, "" },
	};
	int partitions = 0;
	int r = kafka_client(p->conf, RD_KAFKA_PRODUCER, "shop-producer",
			     settings, producer_prepare, p, ret, err);

	if (r < 0)
		return r;
	r = kafka_topic(*ret, p->conf, timeout, &partitions, err);
	if (r == 0) {
		offsets_init(p->offsets, partitions);
		r = kafka_ends(*ret, p->conf, timeout, p->offsets, err);
		p->mock = kafka_is_mock(*ret);
	}
	if (r < 0)
		rd_kafka_destroy(*ret);
	return r;
}

static void *producer_serve(void *arg)
{
	struct producer *p = arg;

	while (!p->stop) {
		pthread_rwlock_rdlock(&p->lock);
		rd_kafka_poll(p->rk, 50);
		pthread_rwlock_unlock(&p->lock);
	}
	return NULL;
}

int producer_new(const struct conf *conf, struct metrics *metrics,
		 struct offsets *offsets, nsec_t timeout_real,
		 struct producer **ret, struct err *err)
{
	struct producer *p = mem_zalloc(sizeof(*p));
	pthread_rwlockattr_t attr;
	int r;

	p->conf = conf;
	p->metrics = metrics;
	p->offsets = offsets;
	p->up = true;
	/* Or the serving thread, which always reads, would keep writers out. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&p->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	r = producer_client(p, timeout_real, &p->rk, err);
	if (r < 0) {
		mem_free(p);
		return r;
	}
	r = pthread_create(&p->thread, NULL, producer_serve, p);
	if (r) {
		rd_kafka_destroy(p->rk);
		mem_free(p);
		return err_set(err, -r, "cannot start the producer's thread");
	}
	*ret = p;
	return 0;
}

/* Gives the client a second for what is under way, then drops the rest. */
static void producer_drop(rd_kafka_t *rk)
{
	rd_kafka_flush(rk, 1000);
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(rk, 200);
	rd_kafka_destroy(rk);
}

void producer_free(struct producer *p)
{
	if (!p)
		return;
	p->stop = true;
	pthread_join(p->thread, NULL);
	producer_drop(p->rk);
	pthread_rwlock_destroy(&p->lock);
	mem_free(p);
}

/* Hands it over; the library's queue is bounded, so this may have to wait. */
static rd_kafka_resp_err_t producer_hand(struct producer *p, struct ticket *t,
					 const struct kafka_coupon *coupon,
					 nsec_t until)
{
	const struct timespec pause = { 0, 5 * NSEC_MS };
	int partitions = p->offsets->partitions;
	char text[KAFKA_COUPON_TEXT];
	size_t len = kafka_coupon_write(coupon, text);
	rd_kafka_resp_err_t e;

	for (;;) {
		pthread_rwlock_rdlock(&p->lock);
		p->waiting++;
		e = rd_kafka_producev(
			p->rk, RD_KAFKA_V_TOPIC(p->conf->topic),
			RD_KAFKA_V_PARTITION((int32_t)(coupon->coupon %
						       partitions)),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_VALUE(text, len), RD_KAFKA_V_OPAQUE(t),
			RD_KAFKA_V_END);
		if (e)
			p->waiting--;
		pthread_rwlock_unlock(&p->lock);
		if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL ||
		    clock_mono() > until)
			return e;
		nanosleep(&pause, NULL);
	}
}

int producer_publish(struct producer *p, const struct kafka_coupon *coupon,
		     nsec_t timeout_real)
{
	nsec_t until = clock_mono() + timeout_real;
	struct ticket *t = ticket_new(coupon->coupon);
	rd_kafka_resp_err_t e = producer_hand(p, t, coupon, until);

	if (e) {
		log_warn("producer: %s", rd_kafka_err2str(e));
		ticket_put(t);
		ticket_put(t);
		return -EIO;
	}
	return ticket_wait(t, until - clock_mono());
}

int producer_renew(struct producer *p, struct err *err)
{
	rd_kafka_t *rk = NULL, *old;
	int r;

	r = producer_client(p, 10 * NSEC_SEC, &rk, err);
	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&p->lock);
	old = p->rk;
	p->rk = rk;
	p->up = true;
	pthread_rwlock_unlock(&p->lock);
	producer_drop(old);
	return 0;
}

bool producer_on_mock(const struct producer *p)
{
	return p->mock;
}

bool producer_up(const struct producer *p)
{
	return p->up;
}

uint64_t producer_waiting(const struct producer *p)
{
	return p->waiting;
}
