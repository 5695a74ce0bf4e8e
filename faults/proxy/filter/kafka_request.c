/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka requests on their way to the broker: what is expected, and Fetch. */
#include "chaos/base/mem.h"
#include "faults/proxy/filter/kafka_flow.h"

void kafka_expected_free(struct expected *e)
{
	if (!e)
		return;
	list_remove(&e->link);
	buf_done(&e->missing);
	mem_free(e);
}

static struct expected *expected_add(struct kafka *k,
				     const struct kafka_request *req)
{
	struct expected *e = mem_zalloc(sizeof(*e));

	e->req = *req;
	e->arrival = clock_mono();
	list_append(&k->expected, &e->link);
	k->n_expected++;
	return e;
}

/* Starved and other topics in one request: the starved ones are taken out. */
static bool split_fetch(struct flow *f, struct expected *e)
{
	struct kafka *k = kafka_of(f);
	const struct framing *d = &k->dir[STREAM_UP];
	struct buf out;

	buf_init(&out, 0);
	kafka_new_frame(&out);
	k->matched = 0;
	int rc = kafka_fetch_split(kafka_frame(d), kafka_frame_len(d), &e->req,
				   kafka_is_starved, f, &out, &e->missing,
				   &e->n_missing);

	if (rc < 0) {
		e->n_missing = 0;
		flow_count_error(f);
	} else {
		e->matched = k->matched;
		kafka_pass_frame(f, STREAM_UP, &out);
	}
	buf_done(&out);
	return rc == 0;
}

/* True: it has been passed on already. */
static bool request_fetch(struct flow *f, struct expected *e)
{
	const struct framing *d = &kafka_of(f)->dir[STREAM_UP];
	struct kafka_fetch fetch;

	if (d->rest ||
	    kafka_fetch_request(kafka_frame(d), kafka_frame_len(d), &e->req,
				kafka_is_starved, f, &fetch) < 0) {
		flow_count_error(f);
		return false;
	}
	if (fetch.in_session)
		flow_count_error(f);
	e->max_wait_ms = fetch.max_wait_ms;
	return fetch.starved && fetch.starved < fetch.topics &&
	       split_fetch(f, e);
}

static bool request_is_answered(const struct framing *d,
				const struct kafka_request *req)
{
	return req->api != KAFKA_PRODUCE ||
	       kafka_produce_is_answered(kafka_frame(d), kafka_frame_len(d),
					 req);
}

void kafka_request_done(struct flow *f)
{
	struct kafka *k = kafka_of(f);
	struct framing *d = &k->dir[STREAM_UP];
	struct kafka_request req;
	bool passed = false;

	d->rest = 4 + (uint64_t)kafka_frame_size(d) - d->b.len;
	if (kafka_request_head(kafka_frame(d), kafka_frame_len(d), &req) < 0) {
		kafka_opaque(f);
		return;
	}
	if (request_is_answered(d, &req)) {
		struct expected *e = expected_add(k, &req);

		if (req.api == KAFKA_FETCH)
			passed = request_fetch(f, e);
	}
	if (!passed)
		flow_pass(f, STREAM_UP, d->b.data, d->b.len);
	kafka_frame_next(d, STREAM_UP);
}
