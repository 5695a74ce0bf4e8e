/* SPDX-License-Identifier: Apache-2.0 */
// links: gd_load
/* One load thread seen from inside: that a starved one shows in the audit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tests/unit/load_server.h"

#include "chaos/load/worker.h"

static const struct section_spec *const specs[] = {
	&load_target_section, &load_journey_section, &load_load_section, NULL
};

struct ended {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool ended;
	unsigned snapshots;
};

static void on_snapshot(void *arg, unsigned index, struct buf *bytes,
			int64_t second)
{
	struct ended *e = arg;

	(void)index;
	(void)second;
	e->snapshots++;
	buf_done(bytes);
}

static void on_ended(void *arg, unsigned index)
{
	struct ended *e = arg;

	(void)index;
	pthread_mutex_lock(&e->lock);
	e->ended = true;
	pthread_cond_signal(&e->cond);
	pthread_mutex_unlock(&e->lock);
}

/* Keeps a loop from its work for 150 real ms. */
static void starve(struct loop *loop, struct loop_post *post)
{
	nsec_t until = clock_mono() + 150 * NSEC_MS;

	(void)loop;
	(void)post;
	while (clock_mono() < until)
		;
}

struct world {
	struct server server;
	struct scenario *sc;
	struct load_conf *conf;
	struct endpoint endpoint;
	struct request *requests;
	struct allow *allow;
	struct ended ended;
};

static void world_init(struct world *w, const char *text)
{
	struct errs errs;
	struct err err;
	char full[1024];

	memset(w, 0, sizeof(*w));
	errs_init(&errs);
	server_start(&w->server);
	snprintf(full, sizeof(full),
		 "[target t]\nurl = http://127.0.0.1:%d/v1/\n%s",
		 w->server.port, text);
	scenario_parse("t.ini", full, specs, NULL, NULL, &w->sc, &errs);
	assert_int_equal(errs.n, 0);
	load_conf_read(w->sc, &w->conf, &errs);
	assert_int_equal(errs.n, 0);
	w->allow = allow_new();
	assert_int_equal(allow_add(w->allow, ALLOW_HOST, "127.0.0.1", &err), 0);
	assert_int_equal(endpoint_resolve(&w->conf->targets[0], NULL, w->allow,
					  &w->endpoint, &err), 0);
	w->requests = requests_new(w->conf, &w->endpoint);
	pthread_mutex_init(&w->ended.lock, NULL);
	pthread_cond_init(&w->ended.cond, NULL);
	errs_done(&errs);
}

static void world_done(struct world *w)
{
	server_stop(&w->server);
	requests_free(w->requests, w->conf->n_requests);
	load_conf_free(w->conf);
	scenario_free(w->sc);
	allow_free(w->allow);
	pthread_mutex_destroy(&w->ended.lock);
	pthread_cond_destroy(&w->ended.cond);
}

static void await_requests(struct world *w, unsigned long n)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;

	while (w->server.requests < n && clock_mono() < deadline)
		usleep(1000);
	assert_true(w->server.requests >= n);
}

static void run(struct world *w, struct worker *worker, bool starved)
{
	struct worker_args args = {
		.conf = w->conf, .requests = w->requests,
		.endpoints = &w->endpoint, .seed = 1, .threads = 1,
		.clock = { .mono0 = clock_mono(), .speed = 1 },
		.snapshot = on_snapshot, .ended = on_ended, .arg = &w->ended,
	};
	struct loop_post post = { .fn = starve };
	struct err err;

	assert_int_equal(worker_init(worker, &args, &err), 0);
	assert_int_equal(worker_start(worker, &err), 0);
	await_requests(w, 100);
	if (starved)
		loop_post(worker->loop, &post);
	await_requests(w, 250);
	worker_post_stop(worker);
	pthread_mutex_lock(&w->ended.lock);
	while (!w->ended.ended)
		pthread_cond_wait(&w->ended.cond, &w->ended.lock);
	pthread_mutex_unlock(&w->ended.lock);
	worker_join(worker);
}

static const char ten_ms[] =
	"[journey a]\nstep = GET /ok\nstep = think const 10ms\n"
	"[load l]\nstages = 0s 10\n";

static void a_starved_thread_shows(void **state)
{
	static struct worker worker;
	static struct world w;

	(void)state;
	world_init(&w, ten_ms);
	run(&w, &worker, true);
	/* It was to send while it could not. */
	assert_true(hist_max(worker.stats.send_lag) > 130 * NSEC_MS);
	assert_string_equal(w.server.target, "/v1/ok");
	worker_done(&worker);
	world_done(&w);
}

static void the_time_of_a_thread_is_measured(void **state)
{
	static struct worker worker;
	static struct world w;

	(void)state;
	world_init(&w, ten_ms);
	run(&w, &worker, false);
	assert_true(worker.n_cpu >= 2);
	assert_true(worker.cpu_max < 0.85);
	assert_true(worker.host.open_max == 10);
	assert_true(worker.host.connects == 10);
	assert_int_equal(worker.host.emfile, 0);
	worker_done(&worker);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_starved_thread_shows),
		cmocka_unit_test(the_time_of_a_thread_is_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
