/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few of Kafka's requests and responses that a proxy has to read: where
 * broker addresses come back, what versions a client may use, and Fetch.
 * Pure: whole frames in, whole frames out.  A frame here is what follows the
 * four bytes of its length.  Errors: -EBADMSG, and nothing was changed.
 */
#ifndef GD_PROXY_KAFKA_CODEC_H
#define GD_PROXY_KAFKA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/err.h"
#include "faults/proxy/filter/kwire.h"

enum kafka_api {
	KAFKA_PRODUCE = 0,
	KAFKA_FETCH = 1,
	KAFKA_METADATA = 3,
	KAFKA_FIND_COORDINATOR = 10,
	KAFKA_API_VERSIONS = 18,
	KAFKA_DESCRIBE_CLUSTER = 60,
};

struct kafka_request {
	int16_t api, version;
	int32_t correlation;
};

/* The first eight bytes of a frame are enough. */
int kafka_request_head(const char *frame, size_t len,
		       struct kafka_request *ret) MUST_CHECK;
/* Whether a response of this kind is read and rewritten as a whole. */
bool kafka_response_is_read(const struct kafka_request *req);
/* Produce with acks = 0 is never answered. Needs the frame's beginning. */
bool kafka_produce_is_answered(const char *frame, size_t len,
			       const struct kafka_request *req);

/* ApiVersions: what we do not read is taken away or capped. */
int kafka_cap_versions(const char *frame, size_t len,
		       const struct kafka_request *req,
		       struct buf *out) MUST_CHECK;

/*
 * Addresses: map gives the one to put in a place.  1: put it; 0: leave it as
 * it is; -EAGAIN: not known yet, the whole frame is to be tried again.
 */
struct kafka_mapped {
	char host[256];
	int32_t port;
};
typedef int kafka_map_fn(void *arg, const char *host, int32_t port,
			 struct kafka_mapped *ret);
int kafka_map_addresses(const char *frame, size_t len,
			const struct kafka_request *req, kafka_map_fn *map,
			void *arg, struct buf *out) MUST_CHECK;

/* Fetch. Topics are named up to version 12. */
typedef bool kafka_topic_fn(void *arg, struct kstr topic);

struct kafka_fetch {
	int32_t max_wait_ms;
	unsigned topics, starved; /* in the request */
	bool in_session;	  /* incremental: what it omits is not seen */
};
/*
 * Reads a request and edits it in place: no fetch session is begun, so that
 * each request names all its partitions; of starved topics at most a byte is
 * asked for, so that the broker sends one batch at most.
 */
int kafka_fetch_request(char *frame, size_t len,
			const struct kafka_request *req,
			kafka_topic_fn *starved, void *arg,
			struct kafka_fetch *ret) MUST_CHECK;
/*
 * The request without its starved topics, and the partitions that are missing
 * then, as entries of a response (count in *ret_missing).
 */
int kafka_fetch_split(const char *frame, size_t len,
		      const struct kafka_request *req, kafka_topic_fn *starved,
		      void *arg, struct buf *out, struct buf *missing,
		      int32_t *ret_missing) MUST_CHECK;

struct kafka_emptied {
	unsigned partitions; /* of starved topics */
	unsigned emptied;    /* of these: had records, or could have had */
	bool others;	     /* there are records of others, or an error */
};
/*
 * The response with the record sets of starved topics emptied, and missing
 * appended to its topics.
 */
int kafka_fetch_empty(const char *frame, size_t len,
		      const struct kafka_request *req, kafka_topic_fn *starved,
		      void *arg, const struct buf *missing, int32_t n_missing,
		      struct buf *out, struct kafka_emptied *ret) MUST_CHECK;

#endif
