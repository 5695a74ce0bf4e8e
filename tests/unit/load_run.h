/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole run of load_threads within a test, and what it reported, summed up.
 */
#ifndef GD_TESTS_LOAD_RUN_H
#define GD_TESTS_LOAD_RUN_H

#include "tests/unit/load_server.h"

#include "chaos/load/load.h"

static const struct section_spec *const load_specs[] = {
	&load_target_section, &load_journey_section, &load_load_section,
	&load_data_section, NULL
};

enum { SECONDS_MAX = 256, APIS_MAX = 16 };

/* What a run reported. */
struct result {
	struct load_row sum[APIS_MAX][LOAD_PHASES];
	unsigned seen[SECONDS_MAX];	/* snapshots of second first + i */
	uint64_t due_at[SECONDS_MAX];
	double users_at[SECONDS_MAX];
	int64_t first;
	unsigned threads;
	struct load_final final;
	struct load_users_row users[APIS_MAX * LOAD_PHASES];
	struct load_check_total checks[APIS_MAX];	/* without names */
	bool done;
	bool finished;		/* it ended by itself */
	nsec_t finished_at;	/* drill ns */
	struct loop *loop;
};

struct setup {
	const char *text;	/* behind [target]; %d in url is put in */
	double speed;
	nsec_t from, until;	/* drill ns */
	uint64_t seed;
	unsigned threads;
	int port;
	bool ends;		/* as load_args.ends; until is a limit then */
	/* Called once each turn with the drill time; may be NULL. */
	void (*act)(struct setup *s, void *load, nsec_t now);
	int acted;
	void (*opened)(struct setup *s);	/* after open; may be NULL */
	int fd;
};

static inline void on_snapshot(void *arg, const struct load_snapshot *s)
{
	struct result *r = arg;
	size_t i = (size_t)(s->second - r->first);

	assert_false(r->done);
	assert_true(s->second >= r->first);
	assert_true(s->second < r->first + SECONDS_MAX);
	r->seen[i]++;
	r->users_at[i] += s->users;
	r->threads = s->threads;
	for (size_t k = 0; k < s->n; k++) {
		const struct load_row *row = &s->rows[k];
		struct load_row *sum = &r->sum[row->api][row->phase];

		sum->due += row->due;
		sum->ok += row->ok;
		sum->client += row->client;
		sum->business += row->business;
		sum->checks_ok += row->checks_ok;
		sum->checks_failed += row->checks_failed;
		for (int c = 0; c < LOAD_CAUSES; c++)
			sum->failed[c] += row->failed[c];
		hist_merge(sum->response, row->response);
		hist_merge(sum->service, row->service);
		r->due_at[i] += row->due;
	}
}

static inline void on_done(void *arg, const struct load_final *final)
{
	struct result *r = arg;

	assert_false(r->done);
	r->final = *final;
	memcpy(r->users, final->users, final->n_users * sizeof(*r->users));
	for (size_t i = 0; i < final->n_checks && i < APIS_MAX; i++)
		r->checks[i] = final->checks[i];
	r->done = true;
}

static inline void on_finished(void *arg)
{
	struct result *r = arg;

	assert_false(r->finished || r->done);
	r->finished = true;
	r->finished_at = loop_now_fresh(r->loop);
}

static inline void result_init(struct result *r, nsec_t from)
{
	memset(r, 0, sizeof(*r));
	r->first = from / NSEC_SEC - (from % NSEC_SEC < 0);
	for (size_t i = 0; i < APIS_MAX * LOAD_PHASES; i++) {
		struct load_row *row = &r->sum[0][0] + i;

		row->response = hist_new();
		row->service = hist_new();
	}
}

static inline void result_free(struct result *r)
{
	for (size_t i = 0; i < APIS_MAX * LOAD_PHASES; i++) {
		hist_free((&r->sum[0][0] + i)->response);
		hist_free((&r->sum[0][0] + i)->service);
	}
}

static inline struct load_conf *conf_read(struct setup *s,
					  struct scenario **ret_sc)
{
	struct load_conf *conf = NULL;
	char text[4096];
	struct errs errs;

	errs_init(&errs);
	snprintf(text, sizeof(text),
		 "[target t]\nurl = http://127.0.0.1:%d\n%s", s->port, s->text);
	scenario_parse("t.ini", text, load_specs, NULL, NULL, ret_sc, &errs);
	if (*ret_sc)
		load_conf_read(*ret_sc, &conf, &errs);
	for (size_t i = 0; i < errs.n; i++)
		print_message("%d: %s\n", errs.v[i].line, errs.v[i].msg);
	assert_int_equal(errs.n, 0);
	errs_done(&errs);
	return conf;
}

static inline struct allow *allow_loopback(void)
{
	struct allow *allow = allow_new();
	struct err err;

	assert_int_equal(allow_add(allow, ALLOW_HOST, "127.0.0.0/8", &err), 0);
	return allow;
}

static inline void wait_done(struct loop *loop, struct result *r)
{
	nsec_t deadline = clock_mono() + 20 * NSEC_SEC;

	while (!r->done && clock_mono() < deadline)
		loop_turn(loop, 50 * NSEC_MS);
	assert_true(r->done);
}

/* A whole run, from opening to freeing. */
static inline void run(struct setup *s, struct result *r)
{
	struct allow *allow = allow_loopback();
	struct scenario *sc = NULL;
	struct load_conf *conf = conf_read(s, &sc);
	struct loop *loop;
	struct err err;
	void *load;
	struct load_args args = {
		.conf = conf, .seed = s->seed, .threads = s->threads,
		.allow = allow, .from = s->from, .snapshot = on_snapshot,
		.done = on_done, .arg = r,
		.ends = s->ends, .finished = on_finished,
	};

	result_init(r, s->from);
	args.clock.speed = s->speed;
	args.clock.mono0 = clock_mono() + 20 * NSEC_MS -
			   (nsec_t)((double)s->from / s->speed);
	assert_int_equal(loop_new(LOOP_EPOLL, &loop, &err), 0);
	loop_set_clock(loop, &args.clock);
	args.loop = r->loop = loop;
	if (load_threads.open(&args, &load, &err) < 0)
		fail_msg("%s", err.msg);
	if (s->opened)
		s->opened(s);
	assert_int_equal(load_threads.start(load, &err), 0);
	while (loop_now_fresh(loop) < s->until && !r->finished) {
		loop_turn(loop, 5 * NSEC_MS);
		if (s->act)
			s->act(s, load, loop_now(loop));
	}
	load_threads.stop(load);
	wait_done(loop, r);
	load_threads.free(load);
	loop_free(loop);
	load_conf_free(conf);
	scenario_free(sc);
	allow_free(allow);
}

static inline uint64_t completed(const struct load_row *row)
{
	uint64_t n = row->ok + row->client + row->business;

	for (int c = 0; c < LOAD_CAUSES; c++)
		n += row->failed[c];
	return n;
}

/* Each second once from every thread, with none left out. */
static inline void check_seconds(const struct result *r, nsec_t until)
{
	size_t n = (size_t)(until / NSEC_SEC - r->first);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(r->seen[i], r->threads);
	for (size_t i = n + 2; i < SECONDS_MAX; i++)
		assert_int_equal(r->seen[i], 0);
}

#endif
