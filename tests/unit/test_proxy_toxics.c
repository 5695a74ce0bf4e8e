// links: gd_proxy
/* SPDX-License-Identifier: Apache-2.0 */
/* What each toxic does to bytes, on times that the test makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "faults/proxy/chain.h"

#define MS NSEC_MS
#define START (1000 * NSEC_SEC)

static struct toxic *parse(const char *text)
{
	struct toxic *t = NULL;
	json_t *json = NULL;
	struct err err = {0};

	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	if (toxic_parse(json, NULL, &t, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	json_decref(json);
	return t;
}

static void refused(const char *text, const char *why)
{
	struct toxic *t = NULL;
	json_t *json = NULL;
	struct err err = {0};

	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	assert_int_equal(toxic_parse(json, NULL, &t, &err), -EINVAL);
	assert_non_null(strstr(err.msg, why));
	json_decref(json);
}

struct world { /* one direction with one toxic */
	struct link_conf conf;
	struct chain chain;
	struct chain_flow flow;
};

static void begin(struct world *w, const char *text)
{
	*w = (struct world){.flow = {.seed = 7}};
	w->conf.toxics[0] = parse(text);
	w->conf.n_toxics = 1;
	chain_init(&w->chain);
	assert_true(chain_conf(&w->chain, &w->conf, STREAM_DOWN, &w->flow,
			       START));
}

static void end(struct world *w)
{
	chain_done(&w->chain);
	toxic_unref(w->conf.toxics[0]);
}

/* The toxic is changed, or (NULL) taken off; whether the flow lives. */
static bool change(struct world *w, const char *text, nsec_t now)
{
	struct toxic *was = w->conf.toxics[0], *t = NULL;
	json_t *json = NULL;
	struct err err = {0};
	bool whole;

	w->conf.n_toxics = 0;
	if (text) {
		assert_int_equal(json_parse(text, strlen(text), &json, &err),
				 0);
		assert_int_equal(toxic_parse(json, was, &t, &err), 0);
		json_decref(json);
		w->conf.toxics[0] = t;
		w->conf.n_toxics = 1;
	}
	whole = chain_conf(&w->chain, &w->conf, STREAM_DOWN, &w->flow, now);
	if (text)
		toxic_unref(was);
	return whole;
}

static struct toxic_chunk take(struct world *w, char *data, size_t len,
			       nsec_t now)
{
	struct toxic_chunk c = {
		.data = data,
		.len = len,
		.now = now,
		.then_at = NSEC_NEVER,
	};

	chain_intake(&w->chain, &c);
	return c;
}

/* Sends n bytes as they may go; when the last one left. */
static nsec_t drain(struct world *w, size_t n, nsec_t now, size_t *ret_pieces)
{
	size_t pieces = 0;

	while (n) {
		nsec_t next = NSEC_NEVER;
		size_t may = chain_allow(&w->chain, n, now, &next);

		assert_true(may <= n);
		if (!may) {
			assert_true(next > now && next != NSEC_NEVER);
			now = next;
			continue;
		}
		chain_sent(&w->chain, may, now);
		n -= may;
		pieces++;
	}
	if (ret_pieces)
		*ret_pieces = pieces;
	return now;
}

/* Within 1 % and one turn, from 1 KB/s to 1 GB/s. */
static void test_bandwidth(void **state)
{
	static const struct {
		const char *json;
		double rate; /* bytes a second */
	} rows[] = {
		{"{\"type\":\"bandwidth\",\"attributes\":{\"rate\":1}}", 1e3},
		{"{\"type\":\"bandwidth\",\"attributes\":{\"rate\":37.5}}",
		 37.5e3},
		{"{\"type\":\"bandwidth\",\"attributes\":{\"rate\":1000}}",
		 1e6},
		{"{\"type\":\"bandwidth\",\"attributes\":{\"rate\":1000000}}",
		 1e9},
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		begin(&w, rows[i].json);
		nsec_t took = drain(&w, (size_t)(rows[i].rate * 5), START,
				    NULL) - START;

		assert_true(took >= 5 * NSEC_SEC - 11 * MS);
		assert_true(took <= 5 * NSEC_SEC + 11 * MS);
		json_t *a = toxic_bandwidth.achieved(w.conf.toxics[0], NULL, 0);
		double rate = json_num(a, "bytes_per_s", 0);

		assert_true(fabs(rate / rows[i].rate - 1) < 0.01);
		json_decref(a);
		end(&w);
	}
}

/* A turn that comes late is made up for; a rest is not, but for the burst. */
static void test_bandwidth_late(void **state)
{
	nsec_t next;
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"bandwidth\",\"attributes\":"
		  "{\"rate\":1000,\"burst\":50000}}");
	/* 50 ms' worth at once after a rest */
	assert_int_equal(chain_allow(&w.chain, 1000000, START, &next), 50000);
	chain_sent(&w.chain, 50000, START);
	assert_int_equal(chain_allow(&w.chain, 1000000, START, &next), 0);
	assert_true(next > START && next <= START + 11 * MS);
	/* 200 ms late: all of it is there */
	size_t may = chain_allow(&w.chain, 1000000, START + 200 * MS, &next);

	assert_in_range(may, 199900, 200100);
	chain_sent(&w.chain, may, START + 200 * MS);
	/* Nobody waited for 10 s */
	assert_int_equal(
		chain_allow(&w.chain, 1000000, START + 10 * NSEC_SEC, &next),
		50000);
	end(&w);
}

static void test_slicer(void **state)
{
	size_t pieces;
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"slicer\",\"attributes\":{\"average_size\":10,"
		  "\"size_variation\":3,\"delay\":2000}}");
	nsec_t took = drain(&w, 10000, START, &pieces) - START;

	assert_in_range(pieces, 950, 1050);
	assert_int_equal(took, (nsec_t)(pieces - 1) * 2 * MS);
	end(&w);
}

static void test_drip(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"drip\",\"attributes\":{\"bytes\":4,"
		  "\"every\":20}}");
	assert_int_equal(drain(&w, 40, START, NULL), START + 9 * 20 * MS);
	end(&w);
}

static void test_budget(void **state)
{
	nsec_t next;
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"limit_data\",\"attributes\":{\"bytes\":10}}");
	assert_int_equal(chain_allow(&w.chain, 7, START, &next), 7);
	assert_int_equal(chain_sent(&w.chain, 7, START), TOXIC_GOES_ON);
	assert_int_equal(chain_allow(&w.chain, 7, START, &next), 3);
	assert_int_equal(chain_sent(&w.chain, 3, START), TOXIC_CLOSES);
	end(&w);
	begin(&w, "{\"type\":\"cut\",\"attributes\":{\"bytes\":10}}");
	assert_int_equal(chain_allow(&w.chain, 70, START, &next), 10);
	/* A change keeps the count */
	assert_true(change(&w, "{\"attributes\":{\"bytes\":12}}", START));
	assert_int_equal(chain_sent(&w.chain, 10, START), TOXIC_GOES_ON);
	assert_int_equal(chain_sent(&w.chain, 2, START), TOXIC_RESETS);
	end(&w);
	begin(&w, "{\"type\":\"cut\",\"attributes\":{\"bytes\":0}}");
	assert_int_equal(take(&w, NULL, 5, START).then, TOXIC_RESETS);
	end(&w);
}

static void test_pause(void **state)
{
	nsec_t next = 0;
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"pause\"}");
	assert_false(take(&w, NULL, 9, START + 5).drop);
	take(&w, NULL, 1, START + 8);
	assert_int_equal(chain_allow(&w.chain, 9, START + 9, &next), 0);
	assert_int_equal(next, NSEC_NEVER);
	assert_true(chain_holds_end(&w.chain));
	json_t *a = toxic_achieved(w.conf.toxics[0], NULL, 0);

	assert_int_equal(json_int64(a, "hits", 0), 10);
	assert_int_equal(json_int64(a, "first_mono_ns", 0), START + 5);
	assert_int_equal(json_int64(a, "last_mono_ns", 0), START + 8);
	json_decref(a);
	assert_true(change(&w, NULL, START + 10));
	assert_int_equal(chain_allow(&w.chain, 9, START + 10, &next), 9);
	end(&w);
}

static void test_losing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"timeout\",\"attributes\":{\"timeout\":100}}");
	assert_int_equal(w.chain.then, TOXIC_CLOSES);
	assert_int_equal(w.chain.then_at, START + 100 * MS);
	assert_true(take(&w, NULL, 9, START).drop);
	assert_true(change(&w, "{\"attributes\":{\"timeout\":0}}", START));
	assert_int_equal(w.chain.then_at, NSEC_NEVER);
	assert_false(change(&w, NULL, START)); /* bytes were lost */
	end(&w);
	begin(&w, "{\"type\":\"blackhole\"}");
	assert_true(take(&w, NULL, 9, START).drop);
	assert_true(take(&w, NULL, 0, START).drop); /* the end too */
	assert_int_equal(w.chain.then_at, NSEC_NEVER);
	assert_false(change(&w, NULL, START));
	end(&w);
	begin(&w, "{\"type\":\"reset_peer\",\"attributes\":{\"timeout\":50}}");
	assert_int_equal(w.chain.then_at, NSEC_NEVER);
	take(&w, NULL, 9, START + MS);
	take(&w, NULL, 9, START + 20 * MS); /* does not begin it again */
	assert_int_equal(w.chain.then, TOXIC_RESETS);
	assert_int_equal(w.chain.then_at, START + 51 * MS);
	assert_true(change(&w, "{\"attributes\":{\"timeout\":60}}", START));
	assert_int_equal(w.chain.then_at, START + 61 * MS);
	end(&w);
	begin(&w, "{\"type\":\"slow_close\",\"attributes\":{\"delay\":50}}");
	assert_int_equal(take(&w, NULL, 9, START).delay, 0);
	assert_int_equal(take(&w, NULL, 0, START).delay, 50 * MS);
	assert_int_equal(chain_longest_end(&w.chain), 50 * MS);
	end(&w);
}

/* The share is as asked, and the same bytes whatever the chunks. */
static void test_corrupt(void **state)
{
	enum { N = 200000 };
	char *a = mem_zalloc(N), *b = mem_zalloc(N);
	unsigned bad = 0;
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"corrupt\",\"attributes\":{\"share\":0.01}}");
	take(&w, a, N, START);
	end(&w);
	begin(&w, "{\"type\":\"corrupt\",\"attributes\":{\"share\":0.01}}");
	for (size_t i = 0; i < N; i += 1000)
		take(&w, b + i, 1000, START);
	end(&w);
	assert_memory_equal(a, b, N);
	for (size_t i = 0; i < N; i++)
		bad += a[i] != 0;
	assert_in_range(bad, 1800, 2200);
	mem_free(a);
	mem_free(b);
}

struct moments {
	double mean, sd, max;
};

static struct moments draw(const char *json)
{
	enum { N = 20000 };
	struct moments m = {0};
	double sum = 0, squares = 0;
	struct world w;

	begin(&w, json);
	for (int i = 0; i < N; i++) {
		double ms = (double)take(&w, NULL, 1, START).delay / (double)MS;

		sum += ms;
		squares += ms * ms;
		m.max = ms > m.max ? ms : m.max;
	}
	m.mean = sum / N;
	m.sd = sqrt(squares / N - m.mean * m.mean);
	assert_true(m.max <= (double)chain_longest(&w.chain) / (double)MS);
	end(&w);
	return m;
}

static void near(double got, double want, double by)
{
	if (fabs(got - want) > by)
		fail_msg("%g is not %g +- %g", got, want, by);
}

static void test_latency(void **state)
{
	char path[] = "/tmp/gd-delays-XXXXXX", json[256];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && dprintf(fd, "10\n20\n30.5\n") > 0);
	close(fd);
	struct moments m = draw("{\"type\":\"latency\",\"attributes\":"
				"{\"latency\":100,\"jitter\":30}}");

	near(m.mean, 100, 1);
	near(m.sd, 30 / sqrt(3), 0.5);
	m = draw("{\"type\":\"latency\",\"attributes\":{\"latency\":100,"
		 "\"jitter\":10,\"distribution\":\"normal\"}}");
	near(m.mean, 100, 1);
	near(m.sd, 10, 0.5);
	m = draw("{\"type\":\"latency\",\"attributes\":{\"latency\":100,"
		 "\"jitter\":10,\"distribution\":\"pareto\"}}");
	near(m.mean, 100, 1);
	near(m.sd, 10, 2.5);
	assert_true(m.max > 140); /* a long tail */
	snprintf(json, sizeof(json), "{\"type\":\"latency\",\"attributes\":"
		 "{\"latency\":5,\"scale\":2,\"file\":\"%s\"}}", path);
	m = draw(json);
	near(m.mean, 5 + 2 * 60.5 / 3, 0.5);
	near(m.max, 66, 0.001);
	unlink(path);
	refused(json, "delays");
}

/* A share of the chunks, or of the connections: by seed, every time. */
static void test_toxicity(void **state)
{
	unsigned late = 0, flows = 0, again = 0;
	struct world w;

	(void)state;
	begin(&w, "{\"type\":\"latency\",\"per\":\"chunk\",\"toxicity\":0.25,"
		  "\"attributes\":{\"latency\":10}}");
	for (int i = 0; i < 4000; i++)
		late += take(&w, NULL, 1, START).delay > 0;
	assert_in_range(late, 900, 1100);
	end(&w);
	struct toxic *t = parse("{\"type\":\"pause\",\"toxicity\":0.25}");

	for (uint64_t i = 0; i < 4000; i++) {
		flows += toxic_applies(t, 1, i);
		again += toxic_applies(t, 1, i) == toxic_applies(t, 2, i);
	}
	assert_in_range(flows, 900, 1100);
	assert_in_range(again, 2000, 3000); /* another seed, others */
	t->first = 100; /* counted from where it came */
	bool third = toxic_applies(t, 1, 103);

	t->first = 0;
	assert_int_equal(toxic_applies(t, 1, 3), third);
	toxic_unref(t);
}

static void test_connect(void **state)
{
	struct toxic *t = parse("{\"type\":\"connect_rate\",\"attributes\":"
				"{\"rate\":100,\"burst\":2,\"queue\":3}}");
	static const nsec_t want[] = {0, 0, 10 * MS, 20 * MS, 30 * MS, -1};
	struct rng rng;

	(void)state;
	toxic_rng(t, 1, 1, &rng);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		assert_int_equal(t->ops->connect(t, &rng, START), want[i]);
	assert_int_equal(t->ops->connect(t, &rng, START + NSEC_SEC), 0);
	toxic_unref(t);
	t = parse("{\"type\":\"slow_connect\",\"attributes\":{\"delay\":70}}");
	assert_int_equal(t->ops->connect(t, &rng, START), 70 * MS);
	toxic_unref(t);
	t = parse("{\"type\":\"refuse\"}");
	assert_int_equal(t->ops->connect(t, &rng, START), -1);
	toxic_unref(t);
}

static void test_ramp(void **state)
{
	struct toxic *t = parse("{\"type\":\"latency\",\"attributes\":"
				"{\"latency\":10},\"ramp\":{\"attribute\":"
				"\"latency\",\"to\":110,\"over\":1000}}");
	nsec_t from = t->ramp.start;
	double v;

	(void)state;
	assert_false(toxic_ramp_at(t, from, &v));
	near(v, 10, 0.001);
	assert_false(toxic_ramp_at(t, from + 250 * MS, &v));
	near(v, 35, 0.001);
	assert_true(toxic_ramp_at(t, from + 5000 * MS, &v));
	near(v, 110, 0.001);
	toxic_unref(t);
}

static void test_refused(void **state)
{
	(void)state;
	refused("{\"type\":\"latency\",\"attributes\":{\"latency\":\"5\"}}",
		"number");
	refused("{\"type\":\"latency\",\"attributes\":{\"file\":5}}",
		"string");
	refused("{\"type\":\"latency\",\"attributes\":[]}", "no object");
	refused("{\"type\":\"latency\",\"toxicity\":\"1\"}", "no number");
	refused("{\"type\":\"latency\",\"toxicity\":2}", "between 0 and 1");
	refused("{\"type\":\"latency\",\"per\":\"byte\"}", "chunk");
	refused("{\"type\":\"pause\",\"per\":\"chunk\"}", "per connection");
	refused("{\"type\":\"down\",\"toxicity\":0.5}", "refuse");
	refused("{\"type\":\"nonesuch\"}", "invalid toxic type");
	refused("{}", "invalid toxic type");
	refused("{\"type\":\"slicer\"}", "average_size");
	refused("{\"type\":\"slicer\",\"attributes\":{\"average_size\":3,"
		"\"size_variation\":3}}", "below");
	refused("{\"type\":\"corrupt\",\"attributes\":{\"share\":2}}",
		"within 0 and 1");
	refused("{\"type\":\"latency\",\"attributes\":"
		"{\"distribution\":\"flat\"}}", "pareto");
	refused("{\"type\":\"latency\",\"attributes\":{},"
		"\"ramp\":{\"attribute\":\"distribution\",\"to\":1,"
		"\"over\":1}}", "ramp");
}

/* Sorted, whole, and each of its rows may be set. */
static void test_table(void **state)
{
	const struct toxic_ops *const *t = toxic_table();

	(void)state;
	for (size_t i = 0; t[i]; i++) {
		assert_true(!i || strcmp(t[i - 1]->type, t[i]->type) < 0);
		assert_non_null(t[i]->summary);
		assert_true(t[i]->attrs_size > 0);
		assert_ptr_equal(toxic_find(t[i]->type), t[i]);
		for (const struct opt *o = t[i]->attrs; o->name; o++) {
			assert_true(o->off < t[i]->attrs_size);
			assert_non_null(o->help);
			assert_true(!o[1].name ||
				    strcmp(o->name, o[1].name) < 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bandwidth),
		cmocka_unit_test(test_bandwidth_late),
		cmocka_unit_test(test_slicer),
		cmocka_unit_test(test_drip),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_losing),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_toxicity),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_ramp),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
