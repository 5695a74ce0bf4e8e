/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's Fetch, versions 4 to 12: starved topics come back empty. */
#include <errno.h>

#include "faults/proxy/filter/kafka_impl.h"

enum {
	FETCH_MIN = 4,
	FETCH_MAX = 12,
	NO_SESSION_EPOCH = -1, /* with id 0: a full fetch, no session begun */
};

static int fetch_begin(const char *frame, size_t len,
		       const struct kafka_request *req, struct kreader *r)
{
	if (req->version < FETCH_MIN || req->version > FETCH_MAX)
		return -EBADMSG;
	kreader_init(r, frame, len);
	return 0;
}

/* The place that was read, to be written. */
static char *in_frame(char *frame, const char *at)
{
	return frame + (at - frame);
}

/*
 * One partition of a request.  Returns where its partition_max_bytes is; the
 * index goes to *ret_index.
 */
static const char *request_partition(struct kreader *r, int16_t version,
				     int32_t *ret_index)
{
	*ret_index = kget_i32(r);
	if (version >= 9)
		kget_skip(r, 4); /* current_leader_epoch */
	kget_skip(r, 8);	 /* fetch_offset */
	if (version >= 12)
		kget_skip(r, 4); /* last_fetched_epoch */
	if (version >= 5)
		kget_skip(r, 8); /* log_start_offset */
	const char *at = r->p;

	kget_skip(r, 4);
	kget_tags(r, version >= 12);
	return at;
}

/* Up to the topics. ret_session: where session_id and epoch are, or NULL. */
static int32_t request_top(struct kreader *r, const struct kafka_request *req,
			   const char **ret_session)
{
	kafka_skip_request_head(r, req);
	kget_skip(r, 4); /* replica_id */
	int32_t max_wait = kget_i32(r);

	kget_skip(r, 4 + 4 + 1); /* min, max bytes, isolation_level */
	*ret_session = NULL;
	if (req->version >= 7) {
		*ret_session = r->p;
		kget_skip(r, 8);
	}
	return max_wait;
}

/* Whether it is in a session that was not begun through us. */
static bool leave_session(char *frame, const char *session)
{
	struct kreader r;

	if (!session)
		return false;
	kreader_init(&r, session, 8);
	int32_t id = kget_i32(&r);

	if (id)
		return true;
	kset_i32(in_frame(frame, session) + 4, NO_SESSION_EPOCH);
	return false;
}

/* frame: where a byte is asked for of what is starved; NULL: only counted. */
static void request_topics(struct kreader *r, const struct kafka_request *req,
			   char *frame, kafka_topic_fn *starved, void *arg,
			   struct kafka_fetch *ret)
{
	bool flex = kafka_is_flexible(req);
	int32_t index;

	for (int32_t n = kget_array(r, flex); n > 0 && !r->bad; n--) {
		bool starve = starved(arg, kget_str(r, flex));

		ret->topics++;
		ret->starved += starve;
		for (int32_t k = kget_array(r, flex); k > 0 && !r->bad; k--) {
			const char *at =
				request_partition(r, req->version, &index);

			if (starve && frame && !r->bad)
				kset_i32(in_frame(frame, at), 1);
		}
		kget_tags(r, flex);
	}
}

int kafka_fetch_request(char *frame, size_t len,
			const struct kafka_request *req,
			kafka_topic_fn *starved, void *arg,
			struct kafka_fetch *ret)
{
	struct kreader r;
	const char *session;

	*ret = (struct kafka_fetch){0};
	if (fetch_begin(frame, len, req, &r) < 0)
		return -EBADMSG;
	/* First all of it is read, so that a broken one stays as it is */
	ret->max_wait_ms = request_top(&r, req, &session);
	struct kreader topics = r;

	request_topics(&r, req, NULL, starved, arg, ret);
	if (r.bad)
		return -EBADMSG;
	ret->in_session = leave_session(frame, session);
	ret->topics = ret->starved = 0;
	request_topics(&topics, req, frame, starved, arg, ret);
	return 0;
}

/* A partition as a response has it that has nothing to give. */
static void put_empty(struct buf *b, int16_t version, int32_t index)
{
	kput_i32(b, index);
	kput_i16(b, 0);	 /* error_code */
	kput_i64(b, -1); /* high_watermark: not known */
	kput_i64(b, -1); /* last_stable_offset */
	if (version >= 5)
		kput_i64(b, -1);	  /* log_start_offset */
	kput_array(b, version >= 12, -1); /* aborted_transactions */
	if (version >= 11)
		kput_i32(b, -1);	 /* preferred_read_replica */
	kput_array(b, version >= 12, 0); /* records */
	kput_tags(b, version >= 12);
}

/* One starved topic of a request, as an entry of the response. */
static void split_topic(struct kreader *r, const struct kafka_request *req,
			struct kstr topic, struct buf *missing)
{
	bool flex = kafka_is_flexible(req);
	int32_t n = kget_array(r, flex), index;

	kput_str(missing, flex, topic.p, topic.len);
	kput_array(missing, flex, n < 0 ? 0 : n);
	for (; n > 0 && !r->bad; n--) {
		(void)request_partition(r, req->version, &index);
		put_empty(missing, req->version, index);
	}
	kput_tags(missing, flex);
}

static void skip_topic(struct kreader *r, const struct kafka_request *req)
{
	bool flex = kafka_is_flexible(req);
	int32_t index;

	for (int32_t n = kget_array(r, flex); n > 0 && !r->bad; n--)
		(void)request_partition(r, req->version, &index);
}

int kafka_fetch_split(const char *frame, size_t len,
		      const struct kafka_request *req, kafka_topic_fn *starved,
		      void *arg, struct buf *out, struct buf *missing,
		      int32_t *ret_missing)
{
	bool flex = kafka_is_flexible(req);
	int32_t kept = 0, gone = 0;
	const char *session, *mark = frame;
	struct kreader r;
	struct buf topics;

	if (fetch_begin(frame, len, req, &r) < 0)
		return -EBADMSG;
	(void)request_top(&r, req, &session);
	kafka_keep(out, &mark, r.p);
	buf_init(&topics, 0);
	for (int32_t n = kget_array(&r, flex); n > 0 && !r.bad; n--) {
		const char *at = r.p;
		struct kstr topic = kget_str(&r, flex);

		if (starved(arg, topic)) {
			split_topic(&r, req, topic, missing);
			kget_tags(&r, flex);
			gone++;
			continue;
		}
		skip_topic(&r, req);
		kget_tags(&r, flex);
		kafka_keep(&topics, &at, r.p);
		kept++;
	}
	kput_array(out, flex, kept);
	buf_add(out, topics.data, topics.len);
	buf_done(&topics);
	mark = r.p;
	kafka_keep(out, &mark, r.end);
	*ret_missing = gone;
	return r.bad || out->overflow ? -EBADMSG : 0;
}

/* The responses. */

/* Up to the records of a partition; its error_code is returned. */
static int16_t response_partition(struct kreader *r,
				  const struct kafka_request *req)
{
	bool flex = kafka_is_flexible(req);

	kget_skip(r, 4); /* partition_index */
	int16_t error = kget_i16(r);

	kget_skip(r, 8 + 8); /* high_watermark, last_stable_offset */
	if (req->version >= 5)
		kget_skip(r, 8); /* log_start_offset */
	for (int32_t n = kget_array(r, flex); n > 0 && !r->bad; n--) {
		kget_skip(r, 8 + 8); /* aborted: producer_id, first_offset */
		kget_tags(r, flex);
	}
	if (req->version >= 11)
		kget_skip(r, 4); /* preferred_read_replica */
	return error;
}

static void empty_partition(struct kreader *r, const struct kafka_request *req,
			    bool starve, const char **mark, struct buf *out,
			    struct kafka_emptied *ret)
{
	bool flex = kafka_is_flexible(req);
	int16_t error = response_partition(r, req);
	const char *at = r->p;
	struct kstr records = kget_bytes(r, flex);

	if (error || (!starve && records.len > 0))
		ret->others = true;
	if (starve) {
		ret->partitions++;
		ret->emptied += !error;
		if (records.len > 0) {
			kafka_keep(out, mark, at);
			kput_array(out, flex, 0);
			*mark = r->p;
		}
	}
	kget_tags(r, flex);
}

/* Up to the topics; an error there stands for the whole response. */
static int16_t response_top(struct kreader *r, const struct kafka_request *req)
{
	kget_skip(r, 4); /* correlation_id */
	kget_tags(r, kafka_is_flexible(req));
	kget_skip(r, 4); /* throttle_time_ms */
	if (req->version < 7)
		return 0;
	int16_t error = kget_i16(r);

	kget_skip(r, 4); /* session_id */
	return error;
}

int kafka_fetch_empty(const char *frame, size_t len,
		      const struct kafka_request *req, kafka_topic_fn *starved,
		      void *arg, const struct buf *missing, int32_t n_missing,
		      struct buf *out, struct kafka_emptied *ret)
{
	bool flex = kafka_is_flexible(req);
	const char *mark = frame;
	struct kreader r;

	*ret = (struct kafka_emptied){0};
	if (fetch_begin(frame, len, req, &r) < 0)
		return -EBADMSG;
	ret->others = response_top(&r, req) != 0;
	kafka_keep(out, &mark, r.p);
	int32_t n = kget_array(&r, flex);

	kput_array(out, flex, (n < 0 ? 0 : n) + n_missing);
	mark = r.p;
	for (; n > 0 && !r.bad; n--) {
		bool starve = starved(arg, kget_str(&r, flex));

		for (int32_t k = kget_array(&r, flex); k > 0 && !r.bad; k--)
			empty_partition(&r, req, starve, &mark, out, ret);
		kget_tags(&r, flex);
	}
	kafka_keep(out, &mark, r.p);
	if (n_missing)
		buf_add(out, missing->data, missing->len);
	mark = r.p;
	kafka_keep(out, &mark, r.end);
	return r.bad || out->overflow ? -EBADMSG : 0;
}
