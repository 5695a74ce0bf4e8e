/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_ops by threads of this process: starts them, passes messages both ways,
 * and sums up what they leave.  All functions are called on the controller's
 * thread; a run in memory is counted, because a message of a thread may still
 * lie in the controller's loop when the run is freed.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/load/engine.h"
#include "chaos/load/limits.h"
#include "chaos/load/worker.h"

enum { THREADS_MAX = 64 };

struct run {
	atomic_uint refs;
	bool detached;		/* freed: what comes is dropped */
	bool started, stopping;
	struct load_args args;
	struct endpoint *endpoints;
	struct request *requests;
	struct limits limits;
	struct worker *workers;
	unsigned n_workers, n_ended;
	int64_t *last_second;	/* by worker: seen last */
	atomic_ullong *data_next;
};

/* From a thread to the controller's loop. */
struct report {
	struct loop_post post;
	struct run *run;
	unsigned index;
	struct buf bytes;	/* a snapshot */
	int64_t second;
};

static void run_unref(struct run *run)
{
	if (atomic_fetch_sub(&run->refs, 1) == 1)
		mem_free(run);
}

static void report_post(struct run *run, unsigned index, struct buf bytes,
			int64_t second, loop_post_fn *fn)
{
	struct report *r = mem_zalloc(sizeof(*r));

	atomic_fetch_add(&run->refs, 1);
	*r = (struct report){ .run = run, .index = index, .bytes = bytes,
			      .second = second };
	r->post.fn = fn;
	loop_post(run->args.loop, &r->post);
}

static void report_free(struct report *r)
{
	run_unref(r->run);
	buf_done(&r->bytes);
	mem_free(r);
}

static void snapshot_run(struct loop *loop, struct loop_post *post)
{
	struct report *r = LIST_ENTRY(post, struct report, post);
	struct run *run = r->run;
	struct load_snapshot s;
	struct err err;

	(void)loop;
	if (run->detached) {
		report_free(r);
		return;
	}
	run->last_second[r->index] = r->second;
	if (load_snapshot_decode(&s, r->bytes.data, r->bytes.len, &err) < 0) {
		log_error("%s", err.msg);
	} else {
		run->args.snapshot(run->args.arg, &s);
		load_snapshot_done(&s);
	}
	report_free(r);
}

/* On the load thread. */
static void snapshot_post(void *arg, unsigned index, struct buf *bytes,
			  int64_t second)
{
	report_post(arg, index, *bytes, second, snapshot_run);
	buf_init(bytes, 0);
}

/*
 * A thread that heard of the end before a second's turn and one that heard of
 * it after have not sent the same seconds: the missing ones were empty.
 */
static void fill_up(struct run *run)
{
	int64_t last = INT64_MIN;

	for (unsigned k = 0; k < run->n_workers; k++)
		if (run->last_second[k] > last)
			last = run->last_second[k];
	for (unsigned k = 0; k < run->n_workers; k++) {
		struct load_snapshot s = { .thread = k,
					   .threads = run->n_workers };

		for (s.second = run->last_second[k] + 1; s.second <= last;
		     s.second++)
			run->args.snapshot(run->args.arg, &s);
	}
}

static void add_users(struct load_final *f, const struct stats *s)
{
	for (size_t i = 0; i < s->n_apis * LOAD_PHASES; i++) {
		f->users[i].api = s->users[i].api;
		f->users[i].phase = s->users[i].phase;
		f->users[i].asked += s->users[i].asked;
		f->users[i].unserved += s->users[i].unserved;
		f->users[i].raw += s->users[i].raw;
	}
	for (size_t i = 0; i < s->n_apis; i++) {
		f->censored[i] += s->censored[i];
		f->skipped[i] += s->skipped[i];
	}
	f->users_affected += s->users_affected;
	f->requests += s->requests;
}

static void add_host(struct load_final *f, const struct conn_host *h)
{
	f->emfile += h->emfile;
	f->eaddrnotavail += h->eaddrnotavail;
	f->connects += h->connects;
}

static void add_worker(struct load_final *f, const struct worker *w)
{
	add_users(f, &w->stats);
	f->cpu_max_5s = fmax(f->cpu_max_5s, w->cpu_max);
	add_host(f, &w->host);
	add_host(f, &w->followers.host);
	f->polls += w->followers.polls;
	f->redirects += w->redirects;
	if (w->data_ended)
		f->data_ended = w->data_ended;
	f->users_max += w->users_max;
	f->decisions += w->digest;
	for (size_t i = 0; i < w->n_groups; i++) {
		f->open_planned += (double)w->groups[i].arrivals.planned;
		f->open_achieved += (double)w->groups[i].arrivals.achieved;
	}
}

static void checks_sum(const struct run *run, struct load_final *f)
{
	const struct load_conf *c = run->args.conf;

	f->n_checks = c->n_checks;
	f->checks = mem_calloc(c->n_checks + 1, sizeof(*f->checks));
	for (size_t i = 0; i < c->n_checks; i++) {
		f->checks[i].name = c->checks[i];
		for (unsigned k = 0; k < run->n_workers; k++) {
			const struct check_count *n =
				&run->workers[k].stats.checks[i];

			f->checks[i].ok += n->ok;
			f->checks[i].failed += n->failed;
		}
	}
}

static void final_make(const struct run *run, struct load_final *f)
{
	struct hist *lag = hist_new();
	uint64_t open = 0, pairs = 0;

	f->n_users = run->args.conf->n_apis * LOAD_PHASES;
	f->users = mem_calloc(f->n_users, sizeof(*f->users));
	for (unsigned k = 0; k < run->n_workers; k++) {
		add_worker(f, &run->workers[k]);
		hist_merge(lag, run->workers[k].stats.send_lag);
		open += run->workers[k].host.open_max +
			run->workers[k].followers.host.open_max;
		pairs += run->workers[k].host.pairs_max +
			 run->workers[k].followers.host.pairs_max;
	}
	f->send_lag_p99 = hist_percentile(lag, 99);
	f->send_lag_max = hist_max(lag);
	f->fd_share = (double)(run->limits.fds_used + open + 2 * pairs) /
		      (double)run->limits.fds;
	/* As if all were to one target; what is in TIME_WAIT shows as */
	/* EADDRNOTAVAIL only. */
	f->port_share = (double)open / (double)run->limits.ports;
	hist_free(lag);
	checks_sum(run, f);
}

static void ended_run(struct loop *loop, struct loop_post *post)
{
	struct report *r = LIST_ENTRY(post, struct report, post);
	struct run *run = r->run;
	struct load_final final = { 0 };

	(void)loop;
	if (!run->detached && ++run->n_ended == run->n_workers) {
		if (run->started)
			fill_up(run);
		final_make(run, &final);
		run->args.done(run->args.arg, &final);
		mem_free(final.users);
		mem_free(final.checks);
	}
	report_free(r);
}

/* On the load thread, its last word. */
static void ended_post(void *arg, unsigned index)
{
	report_post(arg, index, (struct buf){ 0 }, 0, ended_run);
}

static unsigned threads_choose(unsigned asked, double max_users)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = asked;

	if (n == 0)	/* the system under test needs cores too */
		n = cores <= 2 ? 1 : (unsigned)(cores / 2);
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	if (max_users >= 1 && n > max_users)
		n = (unsigned)max_users;
	return n;
}

static int targets_resolve(struct run *run, struct err *err)
{
	const struct load_conf *c = run->args.conf;

	run->endpoints = mem_calloc(c->n_targets, sizeof(*run->endpoints));
	for (size_t i = 0; i < c->n_targets; i++) {
		int rc = endpoint_resolve(&c->targets[i], run->args.symbols,
					  run->args.allow, &run->endpoints[i],
					  err);

		if (rc == 0)
			rc = engine_table[run->endpoints[i].engine]->reach(
				&run->endpoints[i], &c->targets[i], err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int workers_init(struct run *run, struct err *err)
{
	struct worker_args args = {
		.conf = run->args.conf,
		.requests = run->requests,
		.endpoints = run->endpoints,
		.allow = run->args.allow,
		.clock = run->args.clock,
		.seed = run->args.seed,
		.from = run->args.from,
		.snapshot = snapshot_post,
		.ended = ended_post,
		.arg = run,
	};
	int rc = 0;

	run->data_next = mem_calloc(run->args.conf->n_data + 1,
				    sizeof(*run->data_next));
	args.data_next = run->data_next;
	args.threads = threads_choose(run->args.threads,
				      load_conf_max_users(run->args.conf));
	run->workers = mem_calloc(args.threads, sizeof(*run->workers));
	run->last_second = mem_calloc(args.threads, sizeof(int64_t));
	while (rc == 0 && run->n_workers < args.threads) {
		args.index = run->n_workers;
		rc = worker_init(&run->workers[run->n_workers], &args, err);
		if (rc == 0)
			run->n_workers++;
	}
	return rc;
}

static void threads_free(void *load);

static int threads_open(const struct load_args *args, void **ret,
			struct err *err)
{
	uint64_t users = (uint64_t)ceil(load_conf_max_users(args->conf));
	struct run *run = mem_zalloc(sizeof(*run));
	uint64_t ports = 0, fds = 0;
	int rc;

	run->refs = 1;
	run->args = *args;
	rc = targets_resolve(run, err);
	for (size_t i = 0; rc == 0 && i < args->conf->n_targets; i++) {
		const struct endpoint *ep = &run->endpoints[i];
		uint64_t n = users * engine_table[ep->engine]->fds;

		if (addr_port(&ep->addr) != 0)
			ports = users;
		if (n > fds)
			fds = n;
	}
	if (rc == 0)
		rc = limits_read(&run->limits, users, fds, ports, err);
	if (rc == 0) {
		run->requests = requests_new(args->conf, run->endpoints);
		rc = workers_init(run, err);
	}
	if (rc < 0) {
		threads_free(run);
		return rc;
	}
	*ret = run;
	return 0;
}

static int threads_start(void *load, struct err *err)
{
	struct run *run = load;

	assert(!run->started);
	for (unsigned k = 0; k < run->n_workers; k++) {
		int rc = worker_start(&run->workers[k], err);

		if (rc < 0)
			return rc;	/* free() ends those that run */
	}
	run->started = true;
	return 0;
}

static void threads_phase(void *load, enum load_phase phase, nsec_t t)
{
	struct run *run = load;

	if (run->stopping)
		return;
	for (unsigned k = 0; k < run->n_workers; k++)
		worker_post_phase(&run->workers[k], phase, t);
}

static void threads_adjust(void *load, const struct load_adjust *a)
{
	struct run *run = load;

	if (run->stopping)
		return;
	for (unsigned k = 0; k < run->n_workers; k++)
		worker_post_adjust(&run->workers[k], a);
}

static void threads_stop(void *load)
{
	struct run *run = load;

	if (run->stopping)
		return;
	run->stopping = true;
	for (unsigned k = 0; k < run->n_workers; k++) {
		if (run->workers[k].running)
			worker_post_stop(&run->workers[k]);
		else
			ended_post(run, k);
	}
}

static void threads_free(void *load)
{
	struct run *run = load;

	if (!run)
		return;
	run->detached = true;
	for (unsigned k = 0; k < run->n_workers; k++) {
		if (run->workers[k].running && !run->stopping)
			worker_post_stop(&run->workers[k]);
		worker_join(&run->workers[k]);
	}
	for (unsigned k = 0; k < run->n_workers; k++)
		worker_done(&run->workers[k]);
	requests_free(run->requests, run->args.conf->n_requests);
	engine_release(run->endpoints, run->args.conf->n_targets);
	mem_free(run->endpoints);
	mem_free(run->workers);
	mem_free(run->last_second);
	mem_free(run->data_next);
	run_unref(run);
}

const struct load_ops load_threads = {
	.name = "threads",
	.open = threads_open,
	.start = threads_start,
	.phase = threads_phase,
	.adjust = threads_adjust,
	.stop = threads_stop,
	.free = threads_free,
};
