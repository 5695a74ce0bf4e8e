// links: gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PostgreSQL tracker.  Scripts: "> Q" sends a message, "< Z I" is one of
 * the server's; each is run in one piece and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "chaos/base/rng.h"
#include "faults/proxy/filter/pgwire.h"

static size_t message(char *dst, char type, const char *body, size_t len)
{
	size_t n = 0;

	dst[n++] = type;
	dst[n++] = 0;
	dst[n++] = 0;
	dst[n++] = (char)((len + 4) >> 8);
	dst[n++] = (char)(len + 4);
	memcpy(dst + n, body, len);
	return n + len;
}

static size_t startup(char dst[8], uint32_t code)
{
	const unsigned char bytes[8] = {0,
					0,
					0,
					8,
					(unsigned char)(code >> 24),
					(unsigned char)(code >> 16),
					(unsigned char)(code >> 8),
					(unsigned char)code};

	memcpy(dst, bytes, 8);
	return 8;
}

enum { SSL = 80877103, CANCEL = 80877102, V3 = 196608 };

static size_t front_by(struct pgwire *w, const char *data, size_t len,
		       bool slot, size_t step, enum pgwire_stop *stop)
{
	size_t used = 0;

	*stop = PGWIRE_ALL;
	while (used < len && *stop == PGWIRE_ALL) {
		size_t n = len - used < step ? len - used : step;

		used += pgwire_front(w, data + used, n, slot, stop);
	}
	return used;
}

static void back_by(struct pgwire *w, const char *data, size_t len, size_t step)
{
	for (size_t i = 0; i < len; i += step)
		pgwire_back(w, data + i, len - i < step ? len - i : step);
}

static void front(struct pgwire *w, const char *types, size_t step)
{
	char data[512];
	enum pgwire_stop stop;

	for (; *types; types++) {
		size_t n = message(data, *types, "abcdef", 6);

		assert_int_equal(front_by(w, data, n, true, step, &stop), n);
		assert_int_equal(stop, PGWIRE_ALL);
	}
}

/* 'i' 't' 'e' stand for ReadyForQuery with that status. */
static void back(struct pgwire *w, const char *types, size_t step)
{
	char data[512];

	for (; *types; types++) {
		bool ready = strchr("ite", *types);
		char status = (char)(*types - 'a' + 'A');
		size_t n = ready ? message(data, 'Z', &status, 1)
				 : message(data, *types, "abcdef", 6);

		back_by(w, data, n, step);
	}
}

static void begin(struct pgwire *w, size_t step)
{
	char data[8];
	enum pgwire_stop stop;

	pgwire_init(w);
	startup(data, V3);
	assert_int_equal(front_by(w, data, 8, false, step, &stop), 8);
	assert_int_equal(w->phase, PGWIRE_MESSAGES);
	assert_false(pgwire_idle(w));
	back(w, "RSSKi", step);
	assert_true(pgwire_idle(w));
}

struct step {
	const char *front, *back;
	bool idle; /* after both */
};

static const struct script {
	const char *name;
	struct step steps[6];
} scripts[] = {
	{"a query", {{"Q", "TDCi", true}}},
	{"a transaction",
	 {{"Q", "Ct", false},
	  {"Q", "Et", false},
	  {"Q", "Ce", false},
	  {"Q", "Ci", true}}},
	{"queries in a row",
	 {{"QQQ", "Ci", false}, {"", "Ci", false}, {"", "Ci", true}}},
	{"a lone Sync", {{"S", "i", true}}},
	{"extended", {{"PBDES", "12TDCi", true}}},
	{"two batches", {{"PBESPBES", "12Ci", false}, {"", "12Ci", true}}},
	{"a batch without its Sync", {{"PBE", "12C", false}, {"S", "i", true}}},
	{"a batch behind a Sync that is answered late",
	 {{"SPBE", "i", false}, {"S", "12Ci", true}}},
	{"an error skips to Sync", {{"PBEPBES", "1Ei", true}}},
	{"an error skips a Query, too", {{"PBEQPBES", "1Ei", true}}},
	{"an error before the client's Sync",
	 {{"PBE", "1E", false}, {"PBQ", "", false}, {"S", "i", true}}},
	{"an error in the Query behind a batch", {{"PBEQ", "12CEi", true}}},
	{"a batch behind the error's Sync",
	 {{"PSPS", "Ei", false}, {"", "1i", true}}},
	{"function call", {{"F", "Vi", true}}},
	{"copy in by a Query", {{"Q", "G", false}, {"ddc", "Ci", true}}},
	{"copy in, extended: the early Sync is ignored",
	 {{"PBES", "12G", false}, {"dd", "", false}, {"cS", "Ci", true}}},
	{"copy in, extended: so is one among the data",
	 {{"PBES", "12G", false}, {"dSd", "", false}, {"cS", "Ci", true}}},
	{"a Describe is answered, too",
	 {{"PBDQ", "12TEi", true}, {"Q", "", false}, {"", "Ci", true}}},
	{"copy in that fails at the server",
	 {{"PBES", "12G", false}, {"d", "E", false}, {"cS", "i", true}}},
	{"copy out", {{"Q", "HddcCi", true}}},
	{"notices and notifications",
	 {{"", "NAS", true}, {"Q", "NTDACi", true}}},
	{"portal in pieces", {{"PBEH", "12s", false}, {"ES", "Ci", true}}},
};

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
		for (size_t step = 1; step < 60; step += 9) {
			struct pgwire w;

			begin(&w, step);
			for (const struct step *s = scripts[i].steps; s->front;
			     s++) {
				front(&w, s->front, step);
				back(&w, s->back, step);
				if (pgwire_idle(&w) != s->idle)
					fail_msg("%s, step %td by %zu",
						 scripts[i].name,
						 s - scripts[i].steps, step);
			}
			pgwire_done(&w);
		}
}

static void test_what_needs_a_slot(void **state)
{
	static const struct {
		const char *types;
		size_t passes; /* messages before the stop */
	} rows[] = {
		{"Q", 0},    {"P", 0},	   {"B", 0},  {"F", 0},
		{"SSSQ", 3}, {"HCDES", 5}, {"XS", 2}, {"p", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char data[256];
		size_t len = 0;
		struct pgwire w;
		enum pgwire_stop stop;
		bool stops = rows[i].passes < strlen(rows[i].types);

		begin(&w, 100);
		for (const char *t = rows[i].types; *t; t++)
			len += message(data + len, *t, "abcdef", 6);
		assert_int_equal(pgwire_front(&w, data, len, false, &stop),
				 rows[i].passes * 11);
		assert_int_equal(stop, stops ? PGWIRE_NEEDS_SLOT : PGWIRE_ALL);
		pgwire_done(&w);
	}
}

static void test_encryption(void **state)
{
	char data[16];
	struct pgwire w;
	enum pgwire_stop stop;

	(void)state;
	for (int answer = 0; answer < 2; answer++) {
		pgwire_init(&w);
		startup(data, SSL);
		startup(data + 8, V3);
		/* what follows waits for the server's byte */
		assert_int_equal(pgwire_front(&w, data, 16, false, &stop), 8);
		assert_int_equal(stop, PGWIRE_NOT_NOW);
		pgwire_back(&w, answer ? "S" : "N", 1);
		assert_int_equal(w.phase,
				 answer ? PGWIRE_OPAQUE : PGWIRE_STARTUP);
		assert_false(w.broken);
		assert_int_equal(pgwire_front(&w, data + 8, 8, false, &stop),
				 8);
		assert_int_equal(w.phase,
				 answer ? PGWIRE_OPAQUE : PGWIRE_MESSAGES);
		pgwire_done(&w);
	}
}

static void test_not_this_protocol(void **state)
{
	static const char *const texts[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01",
		"\0\0\0\x08\0\2\0\0",
		"\0\0\0\4\0\3\0\0",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct pgwire w;
		enum pgwire_stop stop;

		pgwire_init(&w);
		assert_int_equal(pgwire_front(&w, texts[i], 8, false, &stop),
				 8);
		assert_int_equal(w.phase, PGWIRE_OPAQUE);
		assert_true(w.broken);
		pgwire_done(&w);
	}
}

static void test_cancel(void **state)
{
	char data[16] = {0};
	struct pgwire w;
	enum pgwire_stop stop;

	(void)state;
	pgwire_init(&w);
	startup(data, CANCEL);
	data[3] = 16;
	assert_int_equal(pgwire_front(&w, data, 16, false, &stop), 16);
	assert_int_equal(w.n, 0);
	pgwire_done(&w);
}

/* A flood of unanswered Syncs is held back, not remembered without end. */
static void test_bounded(void **state)
{
	char data[5 * 100];
	struct pgwire w;
	enum pgwire_stop stop;
	size_t used, total = 0;

	(void)state;
	begin(&w, 100);
	for (int i = 0; i < 100; i++)
		memcpy(data + 5 * i, "S\0\0\0\4", 5);
	do {
		used = pgwire_front(&w, data, sizeof(data), false, &stop);
		total += used / 5;
	} while (used == sizeof(data));
	assert_int_equal(stop, PGWIRE_NOT_NOW);
	assert_int_equal(total, PGWIRE_EXPECT_MAX);
	back(&w, "i", 100);
	assert_int_equal(pgwire_front(&w, data, sizeof(data), false, &stop), 5);
	pgwire_done(&w);
}

static void test_noise(void **state)
{
	struct rng rng;
	char data[200];
	enum pgwire_stop stop;

	(void)state;
	rng_init(&rng, 1, 0);
	for (int round = 0; round < 20000; round++) {
		struct pgwire w;

		if (round % 2)
			begin(&w, 100);
		else
			pgwire_init(&w);
		for (int k = 0; k < 6; k++) {
			size_t len = rng_below(&rng, sizeof(data));

			for (size_t i = 0; i < len; i++)
				data[i] = (char)(rng_below(&rng, 3)
							 ? rng_below(&rng, 12)
							 : rng_next(&rng));
			assert_true(pgwire_front(&w, data, len, k & 1, &stop) <=
				    len);
			pgwire_back(&w, data, len);
		}
		pgwire_done(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_what_needs_a_slot),
		cmocka_unit_test(test_encryption),
		cmocka_unit_test(test_not_this_protocol),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
