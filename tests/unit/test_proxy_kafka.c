// links: gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka frames: versions that are capped, addresses, fetches that starve. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "faults/proxy/filter/kafka_codec.h"

static struct buf in, out;

static int setup(void **state)
{
	(void)state;
	buf_init(&in, 0);
	buf_init(&out, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&in);
	buf_done(&out);
	return 0;
}

static void put_i8(struct buf *b, char v)
{
	buf_add(b, &v, 1);
}

static void put_text(struct buf *b, bool flex, const char *s)
{
	kput_str(b, flex, s, s ? (int32_t)strlen(s) : -1);
}

/* A frame is built twice, as it comes and as it should be: where they differ
 * the builder asks whether it builds the latter. */

static void test_primitives(void **state)
{
	struct kreader r;

	(void)state;
	kput_uvarint(&in, 0);
	kput_uvarint(&in, 127);
	kput_uvarint(&in, 128);
	kput_uvarint(&in, UINT32_MAX);
	kput_i64(&in, -2);
	put_text(&in, true, "flex");
	put_text(&in, false, NULL);
	kreader_init(&r, in.data, in.len);
	assert_int_equal(kget_uvarint(&r), 0);
	assert_int_equal(kget_uvarint(&r), 127);
	assert_int_equal(kget_uvarint(&r), 128);
	assert_int_equal(kget_uvarint(&r), UINT32_MAX);
	assert_int_equal(kget_i64(&r), -2);
	assert_true(kstr_is(kget_str(&r, true), "flex"));
	assert_int_equal(kget_str(&r, false).len, -1);
	assert_int_equal(kreader_left(&r), 0);
	assert_false(r.bad);
	assert_int_equal(kget_i32(&r), 0);
	assert_true(r.bad);
	/* a count that cannot be is no work */
	kreader_init(&r, "\x7f\xff\xff\xff\0", 5);
	assert_int_equal(kget_array(&r, false), 0);
	assert_true(r.bad);
	/* a varint without end */
	kreader_init(&r, "\xff\xff\xff\xff\xff\xff\xff", 7);
	assert_int_equal(kget_uvarint(&r), 0);
	assert_true(r.bad);
}

static const struct {
	int16_t api, min, max, capped; /* capped -1: taken away */
} offered[] = {
	{KAFKA_PRODUCE, 0, 13, 9},
	{KAFKA_FETCH, 4, 18, 12},
	{2, 0, 10, 10},
	{KAFKA_METADATA, 0, 14, 13},
	{KAFKA_METADATA, 14, 15, -1},
	{78, 1, 2, -1},
	{32000, 0, 3, -1},
	{68, 0, 1, 1},
};
enum { OFFERED = sizeof(offered) / sizeof(*offered) };

static void build_versions(struct buf *b, int16_t version, bool capped)
{
	bool flex = version >= 3;
	int32_t n = 0;

	kput_i32(b, 77);
	kput_i16(b, 0);
	for (int i = 0; i < OFFERED; i++)
		n += !capped || offered[i].capped >= 0;
	kput_array(b, flex, n);
	for (int i = 0; i < OFFERED; i++) {
		if (capped && offered[i].capped < 0)
			continue;
		kput_i16(b, offered[i].api);
		kput_i16(b, offered[i].min);
		kput_i16(b, capped ? offered[i].capped : offered[i].max);
		kput_tags(b, flex);
	}
	if (version >= 1)
		kput_i32(b, 5);
	kput_tags(b, flex);
}

static void assert_same(const struct buf *got, const struct buf *want)
{
	assert_int_equal(got->len, want->len);
	assert_memory_equal(got->data, want->data, want->len);
}

static void test_versions(void **state)
{
	(void)state;
	for (int16_t v = 0; v <= 4; v++) {
		const struct kafka_request req = {KAFKA_API_VERSIONS, v, 77};
		struct buf want;

		buf_init(&want, 0);
		buf_reset(&in);
		buf_reset(&out);
		build_versions(&in, v, false);
		build_versions(&want, v, true);
		assert_int_equal(
			kafka_cap_versions(in.data, in.len, &req, &out), 0);
		assert_same(&out, &want);
		buf_done(&want);
		assert_int_equal(kafka_cap_versions(in.data, 12, &req, &out),
				 -EBADMSG);
	}
}

static int map_known(void *arg, const char *host, int32_t port,
		     struct kafka_mapped *ret)
{
	int *asked = arg;

	++*asked;
	if (!strcmp(host, "later"))
		return -EAGAIN;
	if (strcmp(host, "broker") || port != 9092)
		return 0;
	strcpy(ret->host, "127.0.0.1");
	ret->port = 40000;
	return 1;
}

static void build_address(struct buf *b, bool flex, bool mapped,
			  const char *first)
{
	put_text(b, flex, mapped ? "127.0.0.1" : first);
	kput_i32(b, mapped ? 40000 : 9092);
}

static void build_metadata(struct buf *b, int16_t v, bool mapped,
			   const char *first)
{
	bool flex = v >= 9;

	kput_i32(b, 1);
	kput_tags(b, flex);
	if (v >= 3)
		kput_i32(b, 0);
	kput_array(b, flex, 2);
	for (int i = 0; i < 2; i++) {
		kput_i32(b, i);
		if (i)
			build_address(b, flex, false, "unknown");
		else
			build_address(b, flex, mapped, first);
		if (v >= 1)
			put_text(b, flex, i ? NULL : "rack");
		kput_tags(b, flex);
	}
	buf_adds(b, "the rest, which is not read");
}

static void build_coordinator(struct buf *b, int16_t v, bool mapped,
			      const char *first)
{
	bool flex = v >= 3;

	kput_i32(b, 1);
	kput_tags(b, flex);
	if (v >= 1)
		kput_i32(b, 0);
	if (v >= 4) {
		kput_array(b, flex, 1);
		put_text(b, flex, "group");
	} else {
		kput_i16(b, 0);
		if (v >= 1)
			put_text(b, flex, NULL);
	}
	kput_i32(b, 1);
	build_address(b, flex, mapped, first);
	if (v >= 4) {
		kput_i16(b, 0);
		put_text(b, flex, NULL);
		kput_tags(b, flex);
	}
	kput_tags(b, flex);
}

static void build_cluster(struct buf *b, int16_t v, bool mapped,
			  const char *first)
{
	kput_i32(b, 1);
	kput_tags(b, true);
	kput_i32(b, 0);
	kput_i16(b, 0);
	put_text(b, true, NULL);
	if (v >= 1)
		put_i8(b, 1);
	put_text(b, true, "cluster");
	kput_i32(b, 1);
	kput_array(b, true, 1);
	kput_i32(b, 1);
	build_address(b, true, mapped, first);
	put_text(b, true, NULL);
	if (v >= 2)
		put_i8(b, 0);
	kput_tags(b, true);
	kput_i32(b, -1);
	kput_tags(b, true);
}

static const struct {
	int16_t api, max;
	void (*build)(struct buf *b, int16_t v, bool mapped, const char *first);
	int addresses;
} answers[] = {
	{KAFKA_METADATA, 13, build_metadata, 2},
	{KAFKA_FIND_COORDINATOR, 6, build_coordinator, 1},
	{KAFKA_DESCRIBE_CLUSTER, 2, build_cluster, 1},
};

static void check_addresses(size_t i, int16_t v)
{
	const struct kafka_request req = {answers[i].api, v, 1};
	struct buf want;
	int asked = 0;

	buf_init(&want, 0);
	buf_reset(&in);
	buf_reset(&out);
	answers[i].build(&in, v, false, "broker");
	answers[i].build(&want, v, true, "broker");
	assert_int_equal(kafka_map_addresses(in.data, in.len, &req, map_known,
					     &asked, &out),
			 0);
	assert_int_equal(asked, answers[i].addresses);
	assert_same(&out, &want);
	/* cut anywhere before its end: refused, whatever is in out then */
	for (size_t len = 0; len < 20; len++)
		assert_int_equal(kafka_map_addresses(in.data, len, &req,
						     map_known, &asked, &out),
				 -EBADMSG);
	buf_reset(&in);
	answers[i].build(&in, v, false, "later");
	assert_int_equal(kafka_map_addresses(in.data, in.len, &req, map_known,
					     &asked, &out),
			 -EAGAIN);
	buf_done(&want);
}

static void test_addresses(void **state)
{
	int asked = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		const struct kafka_request above = {
			answers[i].api, (int16_t)(answers[i].max + 1), 1};

		for (int16_t v = 0; v <= answers[i].max; v++)
			check_addresses(i, v);
		assert_int_equal(kafka_map_addresses(in.data, in.len, &above,
						     map_known, &asked, &out),
				 -EBADMSG);
	}
}

static void build_head(struct buf *b, int16_t api, int16_t v, bool flex)
{
	kput_i16(b, api);
	kput_i16(b, v);
	kput_i32(b, 9);
	put_text(b, false, "client");
	kput_tags(b, flex);
}

static void test_produce(void **state)
{
	(void)state;
	for (int16_t v = 0; v <= 9; v++)
		for (int16_t acks = -1; acks <= 1; acks++) {
			struct kafka_request req;

			buf_reset(&in);
			build_head(&in, KAFKA_PRODUCE, v, v >= 9);
			if (v >= 3)
				put_text(&in, v >= 9, v % 2 ? "tx" : NULL);
			kput_i16(&in, acks);
			assert_int_equal(
				kafka_request_head(in.data, in.len, &req), 0);
			assert_int_equal(req.correlation, 9);
			assert_int_equal(kafka_produce_is_answered(
						 in.data, in.len, &req),
					 acks != 0);
		}
}

/* Fetch: topics "a" and "b", two partitions each; want: what to build. */

enum want { AS_IT_COMES, STARVED_A, WITHOUT_A };

static void build_fetch(struct buf *b, int16_t v, enum want want)
{
	bool flex = v >= 12;

	build_head(b, KAFKA_FETCH, v, flex);
	kput_i32(b, -1);
	kput_i32(b, 500);
	kput_i32(b, 1);
	kput_i32(b, 1 << 20);
	put_i8(b, 0);
	if (v >= 7) {
		kput_i32(b, 0);
		kput_i32(b, want == AS_IT_COMES ? 0 : -1);
	}
	kput_array(b, flex, want == WITHOUT_A ? 1 : 2);
	for (int t = want == WITHOUT_A; t < 2; t++) {
		put_text(b, flex, t ? "b" : "a");
		kput_array(b, flex, 2);
		for (int32_t p = 0; p < 2; p++) {
			kput_i32(b, p);
			if (v >= 9)
				kput_i32(b, 3);
			kput_i64(b, 1000 + p);
			if (v >= 12)
				kput_i32(b, -1);
			if (v >= 5)
				kput_i64(b, -1);
			kput_i32(b, want == STARVED_A && !t ? 1 : 65536);
			kput_tags(b, flex);
		}
		kput_tags(b, flex);
	}
	if (v >= 7)
		kput_array(b, flex, 0);
	if (v >= 11)
		put_text(b, flex, "");
	kput_tags(b, flex);
}

static bool is_a(void *arg, struct kstr topic)
{
	(void)arg;
	return kstr_is(topic, "a");
}

/* An entry of a response; records NULL: what an emptied one has. */
static void build_partition(struct buf *b, int16_t v, int32_t index,
			    int16_t error, int64_t high, const char *records)
{
	bool flex = v >= 12;

	kput_i32(b, index);
	kput_i16(b, error);
	kput_i64(b, high);
	kput_i64(b, high);
	if (v >= 5)
		kput_i64(b, high < 0 ? -1 : 0);
	kput_array(b, flex, -1);
	if (v >= 11)
		kput_i32(b, -1);
	kput_array(b, flex, (int32_t)strlen(records));
	buf_adds(b, records);
	kput_tags(b, flex);
}

static void build_fetched(struct buf *b, int16_t v, const char *records_a,
			  const char *records_b, bool missing)
{
	bool flex = v >= 12;

	kput_i32(b, 9);
	kput_tags(b, flex);
	kput_i32(b, 0);
	if (v >= 7) {
		kput_i16(b, 0);
		kput_i32(b, 0);
	}
	kput_array(b, flex, records_a ? 2 : 1);
	for (int t = !records_a && !missing; t < 2; t++) {
		/* what is missing comes last */
		bool a = missing ? t == 1 : t == 0;
		const char *records = a ? records_a : records_b;

		put_text(b, flex, a ? "a" : "b");
		kput_array(b, flex, 2);
		for (int32_t p = 0; p < 2; p++)
			build_partition(b, v, p, 0, a && missing ? -1 : 2000,
					records);
		kput_tags(b, flex);
	}
	kput_tags(b, flex);
}

static void check_fetch_request(int16_t v)
{
	struct kafka_request req;
	struct kafka_fetch fetch;
	struct buf want, missing;
	int32_t n_missing;

	buf_init(&want, 0);
	buf_init(&missing, 0);
	buf_reset(&in);
	buf_reset(&out);
	build_fetch(&in, v, AS_IT_COMES);
	build_fetch(&want, v, STARVED_A);
	assert_int_equal(kafka_request_head(in.data, in.len, &req), 0);
	/* one that is cut stays as it is */
	buf_add(&out, in.data, in.len);
	assert_int_equal(kafka_fetch_request(out.data, in.len - 20, &req, is_a,
					     NULL, &fetch),
			 -EBADMSG);
	assert_same(&out, &in);
	assert_int_equal(
		kafka_fetch_request(in.data, in.len, &req, is_a, NULL, &fetch),
		0);
	assert_same(&in, &want);
	assert_int_equal(fetch.max_wait_ms, 500);
	assert_int_equal(fetch.topics, 2);
	assert_int_equal(fetch.starved, 1);
	assert_false(fetch.in_session);

	buf_reset(&want);
	buf_reset(&out);
	build_fetch(&want, v, WITHOUT_A);
	assert_int_equal(kafka_fetch_split(in.data, in.len, &req, is_a, NULL,
					   &out, &missing, &n_missing),
			 0);
	assert_same(&out, &want);
	assert_int_equal(n_missing, 1);

	/* what is missing comes back at the end of the answer */
	struct kafka_emptied emptied;

	buf_reset(&want);
	buf_reset(&in);
	buf_reset(&out);
	build_fetched(&in, v, NULL, "records", false);
	build_fetched(&want, v, "", "records", true);
	assert_int_equal(kafka_fetch_empty(in.data, in.len, &req, is_a, NULL,
					   &missing, 1, &out, &emptied),
			 0);
	assert_same(&out, &want);
	assert_true(emptied.others);
	assert_int_equal(emptied.partitions, 0);
	buf_done(&want);
	buf_done(&missing);
}

static void check_fetch_response(int16_t v, const char *b_records)
{
	const struct kafka_request req = {KAFKA_FETCH, v, 9};
	struct kafka_emptied emptied;
	struct buf want;

	buf_init(&want, 0);
	buf_reset(&in);
	buf_reset(&out);
	build_fetched(&in, v, "some records", b_records, false);
	build_fetched(&want, v, "", b_records, false);
	assert_int_equal(kafka_fetch_empty(in.data, in.len, &req, is_a, NULL,
					   NULL, 0, &out, &emptied),
			 0);
	assert_same(&out, &want);
	assert_int_equal(emptied.partitions, 2);
	assert_int_equal(emptied.others, *b_records != '\0');
	buf_done(&want);
}

static void test_fetch(void **state)
{
	const struct kafka_request by_id = {KAFKA_FETCH, 13, 9};
	struct kafka_fetch fetch;

	(void)state;
	for (int16_t v = 4; v <= 12; v++) {
		check_fetch_request(v);
		check_fetch_response(v, "others");
		check_fetch_response(v, "");
	}
	assert_int_equal(kafka_fetch_request(in.data, in.len, &by_id, is_a,
					     NULL, &fetch),
			 -EBADMSG);
}

/* An error of the broker's is news, not an empty set. */
static void test_fetch_error(void **state)
{
	const struct kafka_request req = {KAFKA_FETCH, 11, 9};
	struct kafka_emptied emptied;

	(void)state;
	kput_i32(&in, 9);
	kput_i32(&in, 0);
	kput_i16(&in, 0);
	kput_i32(&in, 0);
	kput_array(&in, false, 1);
	put_text(&in, false, "a");
	kput_array(&in, false, 1);
	build_partition(&in, 11, 0, 6, 2000, "");
	assert_int_equal(kafka_fetch_empty(in.data, in.len, &req, is_a, NULL,
					   NULL, 0, &out, &emptied),
			 0);
	assert_true(emptied.others);
	assert_int_equal(emptied.emptied, 0);
	assert_same(&out, &in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_primitives, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_produce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fetch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fetch_error, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
