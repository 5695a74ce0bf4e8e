/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka frames: heads, versions, addresses.  The versions are those of Kafka
 * 4.1 and before; what is above is capped, so no client comes to use it.
 */
#include "faults/proxy/filter/kafka_codec.h"

#include <errno.h>
#include <string.h>

#include "faults/proxy/filter/kafka_impl.h"

/* Then the answer is of version 0 and names ApiVersions alone. */
enum { UNSUPPORTED_VERSION = 35 };

/*
 * Highest versions that clients are offered.  Produce 10 and Fetch 16 answer
 * with NodeEndpoints, Fetch 13 names topics by id; DescribeQuorum 2 answers
 * with listeners.  Any other API up to LAST_KNOWN has no broker's address.
 */
static const struct kafka_cap {
	int16_t api, max; /* max -1: the API is not offered */
} caps[] = {
	{KAFKA_PRODUCE, 9},
	{KAFKA_FETCH, 12},
	{KAFKA_METADATA, 13},
	{KAFKA_FIND_COORDINATOR, 6},
	{KAFKA_API_VERSIONS, 4},
	{52, -1}, /* Vote … */
	{53, -1},
	{54, -1}, /* … Begin-, EndQuorumEpoch */
	{55, 1},
	{59, -1}, /* FetchSnapshot */
	{KAFKA_DESCRIBE_CLUSTER, 2},
	{78, -1}, /* ShareFetch */
	{79, -1}, /* ShareAcknowledge */
};
enum { LAST_KNOWN = 92 };

/* The first version of an API whose fields are flexible. */
static const struct {
	int16_t api, version;
} flexible[] = {
	{KAFKA_PRODUCE, 9},	 {KAFKA_FETCH, 12},
	{KAFKA_METADATA, 9},	 {KAFKA_FIND_COORDINATOR, 3},
	{KAFKA_API_VERSIONS, 3}, {KAFKA_DESCRIBE_CLUSTER, 0},
};

bool kafka_is_flexible(const struct kafka_request *req)
{
	for (size_t i = 0; i < sizeof(flexible) / sizeof(*flexible); i++)
		if (flexible[i].api == req->api)
			return req->version >= flexible[i].version;
	return false;
}

static int16_t cap_of(int16_t api)
{
	for (size_t i = 0; i < sizeof(caps) / sizeof(*caps); i++)
		if (caps[i].api == api)
			return caps[i].max;
	return api < 0 || api > LAST_KNOWN ? -1 : INT16_MAX;
}

int kafka_request_head(const char *frame, size_t len, struct kafka_request *ret)
{
	struct kreader r;

	kreader_init(&r, frame, len);
	ret->api = kget_i16(&r);
	ret->version = kget_i16(&r);
	ret->correlation = kget_i32(&r);
	return r.bad || ret->api < 0 || ret->version < 0 ? -EBADMSG : 0;
}

void kafka_skip_request_head(struct kreader *r, const struct kafka_request *req)
{
	kget_skip(r, 8);
	(void)kget_str(r, false); /* client id: not compact in any */
	kget_tags(r, kafka_is_flexible(req));
}

bool kafka_response_is_read(const struct kafka_request *req)
{
	switch (req->api) {
	case KAFKA_METADATA:
	case KAFKA_FIND_COORDINATOR:
	case KAFKA_API_VERSIONS:
	case KAFKA_DESCRIBE_CLUSTER:
		return true;
	default:
		return false;
	}
}

bool kafka_produce_is_answered(const char *frame, size_t len,
			       const struct kafka_request *req)
{
	struct kreader r;

	kreader_init(&r, frame, len);
	kafka_skip_request_head(&r, req);
	if (req->version >= 3)
		(void)kget_str(&r, kafka_is_flexible(req));
	int16_t acks = kget_i16(&r);

	return r.bad || acks != 0;
}

/* What was read since the last call goes out as it is. */
void kafka_keep(struct buf *out, const char **mark, const char *upto)
{
	buf_add(out, *mark, (size_t)(upto - *mark));
	*mark = upto;
}

static int done(const struct kreader *r, const struct buf *out)
{
	return r->bad || out->overflow ? -EBADMSG : 0;
}

/* ApiVersions. */

struct version_range {
	int16_t api, min, max;
};

static bool take_version(struct kreader *r, bool flex,
			 struct version_range *ret)
{
	ret->api = kget_i16(r);
	ret->min = kget_i16(r);
	ret->max = kget_i16(r);
	kget_tags(r, flex);

	int16_t cap = cap_of(ret->api);

	if (ret->max > cap)
		ret->max = cap;
	return ret->min <= ret->max;
}

static void put_version(struct buf *b, bool flex, const struct version_range *v)
{
	kput_i16(b, v->api);
	kput_i16(b, v->min);
	kput_i16(b, v->max);
	kput_tags(b, flex);
}

int kafka_cap_versions(const char *frame, size_t len,
		       const struct kafka_request *req, struct buf *out)
{
	struct kreader r;
	struct buf list;
	int32_t kept = 0;

	kreader_init(&r, frame, len);
	kget_skip(&r, 4); /* the head has no tags in any version */
	int16_t error = kget_i16(&r);
	bool flex = kafka_is_flexible(req);
	const char *mark = frame;

	/* librdkafka's mock cluster (2.0) writes it in no version's form */
	if (error == UNSUPPORTED_VERSION) {
		kafka_keep(out, &mark, r.end);
		return done(&r, out);
	}
	kafka_keep(out, &mark, r.p);
	buf_init(&list, 0);
	for (int32_t n = kget_array(&r, flex); n > 0; n--) {
		struct version_range v;
		bool keep = take_version(&r, flex, &v);

		if (r.bad)
			break;
		if (keep) {
			put_version(&list, flex, &v);
			kept++;
		}
	}
	kput_array(out, flex, kept);
	buf_add(out, list.data, list.len);
	buf_done(&list);
	mark = r.p;
	kafka_keep(out, &mark, r.end);
	return done(&r, out);
}

/* Addresses: host and port, next to each other wherever they are. */

struct mapping {
	struct kreader r;
	struct buf *out;
	const char *mark; /* up to here it is in out */
	kafka_map_fn *map;
	void *arg;
	bool flex;
	int16_t version;
	int rc; /* -EAGAIN is sticky */
};

static void map_host(struct mapping *m)
{
	const char *before = m->r.p;
	struct kstr host = kget_str(&m->r, m->flex);
	int32_t port = kget_i32(&m->r);
	struct kafka_mapped to;
	char text[256];

	if (m->r.bad || host.len <= 0 || port <= 0 ||
	    (size_t)host.len >= sizeof(text) || m->rc < 0)
		return;
	memcpy(text, host.p, (size_t)host.len);
	text[host.len] = '\0';
	int rc = m->map(m->arg, text, port, &to);

	if (rc < 0)
		m->rc = rc;
	if (rc <= 0)
		return;
	kafka_keep(m->out, &m->mark, before);
	kput_str(m->out, m->flex, to.host, (int32_t)strlen(to.host));
	kput_i32(m->out, to.port);
	m->mark = m->r.p;
}

static void map_metadata(struct mapping *m)
{
	if (m->version >= 3)
		kget_skip(&m->r, 4); /* throttle_time_ms */
	for (int32_t n = kget_array(&m->r, m->flex); n > 0 && !m->r.bad; n--) {
		kget_skip(&m->r, 4); /* node_id */
		map_host(m);
		if (m->version >= 1)
			(void)kget_str(&m->r, m->flex); /* rack */
		kget_tags(&m->r, m->flex);
	}
}

static void map_coordinators(struct mapping *m)
{
	for (int32_t n = kget_array(&m->r, m->flex); n > 0 && !m->r.bad; n--) {
		(void)kget_str(&m->r, m->flex); /* key */
		kget_skip(&m->r, 4);		/* node_id */
		map_host(m);
		kget_skip(&m->r, 2);		/* error_code */
		(void)kget_str(&m->r, m->flex); /* error_message */
		kget_tags(&m->r, m->flex);
	}
}

static void map_coordinator(struct mapping *m)
{
	if (m->version >= 1)
		kget_skip(&m->r, 4); /* throttle_time_ms */
	if (m->version >= 4) {
		map_coordinators(m);
		return;
	}
	kget_skip(&m->r, 2); /* error_code */
	if (m->version >= 1)
		(void)kget_str(&m->r, m->flex); /* error_message */
	kget_skip(&m->r, 4);			/* node_id */
	map_host(m);
}

static void map_cluster(struct mapping *m)
{
	kget_skip(&m->r, 4 + 2);     /* throttle_time_ms, error_code */
	(void)kget_str(&m->r, true); /* error_message */
	if (m->version >= 1)
		kget_skip(&m->r, 1); /* endpoint_type */
	(void)kget_str(&m->r, true); /* cluster_id */
	kget_skip(&m->r, 4);	     /* controller_id */
	for (int32_t n = kget_array(&m->r, true); n > 0 && !m->r.bad; n--) {
		kget_skip(&m->r, 4); /* broker_id */
		map_host(m);
		(void)kget_str(&m->r, true); /* rack */
		if (m->version >= 2)
			kget_skip(&m->r, 1); /* is_fenced */
		kget_tags(&m->r, true);
	}
}

static const struct {
	int16_t api;
	void (*fn)(struct mapping *m);
} mappers[] = {
	{KAFKA_METADATA, map_metadata},
	{KAFKA_FIND_COORDINATOR, map_coordinator},
	{KAFKA_DESCRIBE_CLUSTER, map_cluster},
};

int kafka_map_addresses(const char *frame, size_t len,
			const struct kafka_request *req, kafka_map_fn *map,
			void *arg, struct buf *out)
{
	struct mapping m = {
		.out = out,
		.mark = frame,
		.map = map,
		.arg = arg,
		.flex = kafka_is_flexible(req),
		.version = req->version,
	};

	if (req->version > cap_of(req->api))
		return -EBADMSG;
	kreader_init(&m.r, frame, len);
	kget_skip(&m.r, 4);
	kget_tags(&m.r, m.flex);
	for (size_t i = 0; i < sizeof(mappers) / sizeof(*mappers); i++)
		if (mappers[i].api == req->api)
			mappers[i].fn(&m);
	if (m.r.bad)
		return -EBADMSG;
	if (m.rc < 0)
		return m.rc;
	kafka_keep(out, &m.mark, m.r.end);
	return out->overflow ? -EBADMSG : 0;
}
