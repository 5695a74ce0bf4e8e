/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka: keeps clients on the proxy (addresses of brokers are rewritten,
 * ApiVersions is capped to what is read here) and starves topics.
 *
 * A broker answers a connection's requests in order, so what is expected is
 * kept in order too.  Frames that need not be read pass as they come.  While
 * a topic is starved each Fetch still goes to the broker and its answer is
 * emptied: errors, high watermarks and the pace stay the broker's own, and a
 * Fetch that was there before the toxic bites as well.
 */
#include <errno.h>

#include "chaos/base/mem.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/filter/kafka_broker.h"
#include "faults/proxy/filter/kafka_flow.h"
#include "faults/proxy/link.h"

struct kafka *kafka_of(struct flow *f)
{
	return flow_state(f);
}

size_t kafka_head_size(enum stream s)
{
	return s == STREAM_UP ? HEAD_UP : HEAD_DOWN;
}

void kafka_frame_next(struct framing *d, enum stream s)
{
	if (d->b.cap > 1024 * 1024)
		buf_done(&d->b); /* it can be made again */
	buf_reset(&d->b);
	d->want = kafka_head_size(s);
}

uint32_t kafka_frame_size(const struct framing *d)
{
	struct kreader r;

	kreader_init(&r, d->b.data, d->b.len);
	return (uint32_t)kget_i32(&r);
}

char *kafka_frame(const struct framing *d)
{
	return d->b.data + 4;
}

size_t kafka_frame_len(const struct framing *d)
{
	return d->b.len - 4;
}

void kafka_new_frame(struct buf *frame)
{
	buf_reset(frame);
	kput_i32(frame, 0);
}

void kafka_pass_frame(struct flow *f, enum stream s, struct buf *frame)
{
	kset_i32(frame->data, (int32_t)(frame->len - 4));
	flow_pass(f, s, frame->data, frame->len);
}

/* Toxics. */

static const char *starved_topic(const struct toxic *t)
{
	const struct kafka_starve_attrs *a = t->attrs;

	return a->topic;
}

bool kafka_is_starved(void *arg, struct kstr topic)
{
	struct flow *f = arg;
	struct kafka *k = kafka_of(f);
	const struct link_conf *conf = flow_conf(f);
	bool starved = false;

	for (unsigned i = 0; k->starving && i < conf->n_toxics; i++) {
		uint32_t bit = UINT32_C(1) << i;

		if (k->starving & bit &&
		    kstr_is(topic, starved_topic(conf->toxics[i]))) {
			k->matched |= bit;
			starved = true;
		}
	}
	return starved;
}

static void record_answer(struct flow *f, uint32_t matched)
{
	const struct link_conf *conf = flow_conf(f);
	nsec_t now = clock_mono();

	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (matched & (UINT32_C(1) << i) &&
		    conf->toxics[i]->ops == &toxic_kafka_starve)
			toxic_record_answer(conf->toxics[i], now);
}

/* Answers. */

static int map_broker(void *arg, const char *host, int32_t port,
		      struct kafka_mapped *ret)
{
	struct flow *f = arg;
	struct kafka *k = kafka_of(f);
	int rc = kafka_map_broker(f, host, port, k->map_gave_up, ret);

	if (rc != -ENOENT)
		return rc;
	k->left_out++;
	return 0;
}

static void answer_done(struct flow *f)
{
	struct kafka *k = kafka_of(f);

	kafka_expected_free(k->answer);
	k->answer = NULL;
	k->hold = HOLD_NONE;
	k->map_gave_up = false;
	buf_done(&k->out);
	loop_timer_stop(flow_loop(f), &k->timer);
	kafka_frame_next(&k->dir[STREAM_DOWN], STREAM_DOWN);
}

/* Ends the frame: with what is in k->out, or as it came. */
static void answer_pass(struct flow *f, bool changed)
{
	struct kafka *k = kafka_of(f);
	const struct framing *d = &k->dir[STREAM_DOWN];

	if (changed)
		kafka_pass_frame(f, STREAM_DOWN, &k->out);
	else
		flow_pass(f, STREAM_DOWN, d->b.data, d->b.len);
	answer_done(f);
}

static void answer_hold(struct flow *f, enum hold hold, nsec_t until)
{
	struct kafka *k = kafka_of(f);

	k->hold = hold;
	loop_timer_at_mono(flow_loop(f), &k->timer, until);
}

static void answer_addresses(struct flow *f)
{
	struct kafka *k = kafka_of(f);
	const struct framing *d = &k->dir[STREAM_DOWN];
	const struct kafka_request *req = &k->answer->req;

	kafka_new_frame(&k->out);
	k->left_out = 0;
	int rc = req->api == KAFKA_API_VERSIONS
			 ? kafka_cap_versions(kafka_frame(d),
					      kafka_frame_len(d), req, &k->out)
			 : kafka_map_addresses(kafka_frame(d),
					       kafka_frame_len(d), req,
					       map_broker, f, &k->out);

	if (rc == -EAGAIN) {
		if (k->hold != HOLD_MAP)
			answer_hold(f, HOLD_MAP,
				    clock_mono() + KAFKA_MAP_WITHIN);
		return;
	}
	for (unsigned n = k->left_out + (rc < 0); n; n--)
		flow_count_error(f);
	answer_pass(f, rc == 0);
}

static void answer_fetch_send(struct flow *f)
{
	record_answer(f, kafka_of(f)->answer->matched);
	answer_pass(f, true);
}

static void answer_fetch(struct flow *f)
{
	struct kafka *k = kafka_of(f);
	const struct framing *d = &k->dir[STREAM_DOWN];
	struct expected *e = k->answer;
	struct kafka_emptied emptied;

	kafka_new_frame(&k->out);
	k->matched = e->matched;
	int rc = kafka_fetch_empty(kafka_frame(d), kafka_frame_len(d), &e->req,
				   kafka_is_starved, f, &e->missing,
				   e->n_missing, &k->out, &emptied);

	if (rc < 0)
		flow_count_error(f);
	if (rc < 0 || (!emptied.partitions && !e->n_missing)) {
		answer_pass(f, false);
		return;
	}
	e->matched = k->matched;
	nsec_t due = e->arrival + e->max_wait_ms * NSEC_MS;

	if (emptied.others || due <= clock_mono())
		answer_fetch_send(f);
	else
		answer_hold(f, HOLD_FETCH, due);
}

/* The held answer goes now. */
static void release(struct flow *f)
{
	struct kafka *k = kafka_of(f);

	switch (k->hold) {
	case HOLD_NONE:
		break;
	case HOLD_FETCH:
		answer_fetch_send(f);
		break;
	case HOLD_MAP:
		k->map_gave_up = true;
		answer_addresses(f);
		break;
	}
}

static void on_hold_over(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct kafka *k = arg;
	struct flow *f = k->f;

	(void)loop, (void)timer;
	release(f);
	flow_resume(f, STREAM_DOWN);
	flow_settle(f);
}

/* Not Kafka, or not any more: what is kept of both directions goes on. */
void kafka_opaque(struct flow *f)
{
	struct kafka *k = kafka_of(f);

	release(f);
	k->opaque = true;
	flow_count_opaque(f);
	flow_count_error(f);
	for (int s = 0; s < STREAMS; s++) {
		flow_pass(f, (enum stream)s, k->dir[s].b.data, k->dir[s].b.len);
		buf_reset(&k->dir[s].b);
	}
}

/* The answer's request; those before it were never to be answered. */
static struct expected *take_expected(struct kafka *k, int32_t correlation)
{
	struct list *pos, *tmp;
	struct expected *found = NULL;

	LIST_FOR (pos, &k->expected) {
		struct expected *e = LIST_ENTRY(pos, struct expected, link);

		if (e->req.correlation == correlation) {
			found = e;
			break;
		}
	}
	if (!found)
		return NULL;
	LIST_FOR_SAFE (pos, tmp, &k->expected) {
		k->n_expected--;
		list_remove(pos);
		if (pos == &found->link)
			break;
		kafka_expected_free(LIST_ENTRY(pos, struct expected, link));
	}
	return found;
}

static bool answer_is_read(const struct kafka *k, const struct expected *e)
{
	if (kafka_response_is_read(&e->req))
		return true;
	return e->req.api == KAFKA_FETCH && (k->starving || e->n_missing);
}

/* The head of an answer is there: read the whole, or let it pass? */
static void answer_head(struct flow *f)
{
	struct kafka *k = kafka_of(f);
	struct framing *d = &k->dir[STREAM_DOWN];
	uint32_t size = kafka_frame_size(d);
	struct kreader r;

	kreader_init(&r, kafka_frame(d), 4);
	k->answer = take_expected(k, kget_i32(&r));
	if (!k->answer)
		flow_count_error(f);
	else if (answer_is_read(k, k->answer)) {
		if (size <= FRAME_MAX) {
			d->want = 4 + (size_t)size;
			return;
		}
		flow_count_error(f);
	}
	d->rest = (uint64_t)size - 4;
	answer_pass(f, false);
}

static void answer_whole(struct flow *f)
{
	if (kafka_of(f)->answer->req.api == KAFKA_FETCH)
		answer_fetch(f);
	else
		answer_addresses(f);
}

/* Both directions: frames out of bytes. */

/* want bytes of a frame are there. */
static void frame_step(struct flow *f, enum stream s)
{
	struct kafka *k = kafka_of(f);
	struct framing *d = &k->dir[s];
	uint32_t size = kafka_frame_size(d);

	if (d->b.len > kafka_head_size(s)) {
		s == STREAM_UP ? kafka_request_done(f) : answer_whole(f);
		return;
	}
	if (size < kafka_head_size(s) - 4 || size > SIZE_MAX_SANE) {
		kafka_opaque(f);
		return;
	}
	if (s == STREAM_DOWN) {
		answer_head(f);
		if (k->answer && d->want == d->b.len)
			answer_whole(f);
		return;
	}
	struct kreader r;

	kreader_init(&r, kafka_frame(d), 2);
	size_t see = kget_i16(&r) == KAFKA_FETCH ? FRAME_MAX : PREFIX_MAX;

	d->want = 4 + (size < see ? (size_t)size : see);
	if (d->want == d->b.len)
		kafka_request_done(f);
}

static bool must_wait(const struct kafka *k, enum stream s)
{
	return s == STREAM_UP ? k->n_expected >= EXPECTED_MAX
			      : k->hold != HOLD_NONE;
}

static size_t take_some(struct flow *f, enum stream s, const char *data,
			size_t len)
{
	struct framing *d = &kafka_of(f)->dir[s];
	size_t n;

	if (d->rest) {
		n = d->rest < len ? (size_t)d->rest : len;
		d->rest -= n;
		flow_pass(f, s, data, n);
		return n;
	}
	n = d->want - d->b.len < len ? d->want - d->b.len : len;
	buf_add(&d->b, data, n);
	if (d->b.len == d->want)
		frame_step(f, s);
	return n;
}

static size_t kafka_input(struct flow *f, enum stream s, const char *data,
			  size_t len)
{
	struct kafka *k = kafka_of(f);
	bool full = k->n_expected >= EXPECTED_MAX;
	size_t used = 0;

	while (used < len && !k->opaque && !must_wait(k, s))
		used += take_some(f, s, data + used, len - used);
	if (k->opaque && used < len) {
		flow_pass(f, s, data + used, len - used);
		used = len;
	}
	if (s == STREAM_DOWN && full && k->n_expected < EXPECTED_MAX)
		flow_resume(f, STREAM_UP);
	return used;
}

/* The flow's calls. */

static void kafka_open(struct flow *f)
{
	struct kafka *k = kafka_of(f);

	k->f = f;
	list_init(&k->expected);
	buf_init(&k->out, FRAME_MAX + 64);
	loop_timer_init(&k->timer, "proxy kafka", on_hold_over, k);
	for (int s = 0; s < STREAMS; s++) {
		buf_init(&k->dir[s].b, FRAME_MAX + 64);
		k->dir[s].want = kafka_head_size((enum stream)s);
	}
}

static void kafka_close(struct flow *f)
{
	struct kafka *k = kafka_of(f);
	struct list *l;

	loop_timer_stop(flow_loop(f), &k->timer);
	while ((l = list_pop(&k->expected)))
		kafka_expected_free(LIST_ENTRY(l, struct expected, link));
	kafka_expected_free(k->answer);
	buf_done(&k->out);
	buf_done(&k->dir[STREAM_UP].b);
	buf_done(&k->dir[STREAM_DOWN].b);
}

/* Nobody is left for whom an answer should wait, or nothing else will come. */
static void kafka_eof(struct flow *f, enum stream s)
{
	(void)s;
	release(f);
	flow_resume(f, STREAM_DOWN);
}

static void kafka_reconf(struct flow *f)
{
	struct kafka *k = kafka_of(f);
	const struct link_conf *conf = flow_conf(f);

	k->starving = 0;
	for (unsigned i = 0; i < conf->n_toxics; i++)
		if (conf->toxics[i]->ops == &toxic_kafka_starve &&
		    flow_toxic_on(f, i))
			k->starving |= UINT32_C(1) << i;
	if (k->hold == HOLD_MAP)
		answer_addresses(f); /* the broker may be known now */
	else if (k->hold == HOLD_FETCH && !k->starving)
		release(f);
	else
		return;
	flow_resume(f, STREAM_DOWN);
}

const struct filter_ops filter_kafka = {
	.protocol = "kafka",
	.summary = "brokers stay behind the proxy; the pool counts connections",
	.gate_connections = true,
	.state_size = sizeof(struct kafka),
	.open = kafka_open,
	.close = kafka_close,
	.input = kafka_input,
	.eof = kafka_eof,
	.reconf = kafka_reconf,
};
