// links: gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the proxy's protocol parsers.  The first byte picks the
 * parser, the second the API's version or the size of the pieces.
 */
#include <string.h>

#include "chaos/base/mem.h"
#include "faults/proxy/filter/kafka_codec.h"
#include "faults/proxy/filter/pgwire.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_pgwire(const char *data, size_t len, size_t step)
{
	struct pgwire w;
	enum pgwire_stop stop;
	bool front = true;

	pgwire_init(&w);
	while (len) {
		size_t n = len < step ? len : step;

		/* A direction's turn ends at a byte of 0xff */
		if (*data == '\xff')
			front = !front;
		if (front && !pgwire_front(&w, data, n, step & 1, &stop) &&
		    stop == PGWIRE_ALL)
			__builtin_trap(); /* no way on */
		if (!front)
			pgwire_back(&w, data, n);
		if (w.n > PGWIRE_EXPECT_MAX + 1)
			__builtin_trap();
		data += n;
		len -= n;
	}
	(void)pgwire_idle(&w);
	pgwire_done(&w);
}

static int map_any(void *arg, const char *host, int32_t port,
		   struct kafka_mapped *ret)
{
	(void)arg;
	if (port % 3 == 0)
		return 0;
	strcpy(ret->host, "127.0.0.1");
	ret->port = 1;
	return host[0] == 'w' ? -11 : 1;
}

static bool starve_some(void *arg, struct kstr topic)
{
	(void)arg;
	return topic.len > 0 && topic.p[0] & 1;
}

static void fuzz_fetch(char *frame, size_t len, const struct kafka_request *req)
{
	struct kafka_fetch fetch;
	struct kafka_emptied emptied;
	struct buf out, missing;
	int32_t n = 0;

	buf_init(&out, 0);
	buf_init(&missing, 0);
	(void)!kafka_fetch_request(frame, len, req, starve_some, NULL, &fetch);
	(void)!kafka_fetch_split(frame, len, req, starve_some, NULL, &out,
				 &missing, &n);
	buf_reset(&out);
	(void)!kafka_fetch_empty(frame, len, req, starve_some, NULL, &missing,
				 n, &out, &emptied);
	buf_done(&out);
	buf_done(&missing);
}

static void fuzz_kafka(char *frame, size_t len, int16_t api, int16_t version)
{
	struct kafka_request head;
	const struct kafka_request req = {api, version, 1};
	struct buf out;

	buf_init(&out, 0);
	if (!kafka_request_head(frame, len, &head))
		(void)kafka_produce_is_answered(frame, len, &head);
	(void)!kafka_cap_versions(frame, len, &req, &out);
	buf_reset(&out);
	(void)!kafka_map_addresses(frame, len, &req, map_any, NULL, &out);
	buf_done(&out);
	fuzz_fetch(frame, len, &req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int16_t apis[] = {KAFKA_METADATA, KAFKA_FIND_COORDINATOR,
				       KAFKA_DESCRIBE_CLUSTER, KAFKA_FETCH};

	if (size < 2)
		return 0;
	/* A copy of just this size, so that a byte too far is seen */
	size_t len = size - 2;
	char *copy = mem_alloc(len ? len : 1);

	memcpy(copy, data + 2, len);
	if (data[0] & 1)
		fuzz_pgwire(copy, len, (size_t)data[1] + 1);
	else
		fuzz_kafka(copy, len, apis[data[0] / 2 % 4], data[1] % 16);
	mem_free(copy);
	return 0;
}
