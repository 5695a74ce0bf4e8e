/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_ops by threads of this process: starts them, passes messages both ways,
 * and sums up what they leave.  All functions are called on the controller's
 * thread; a run in memory is counted, because a message of a thread may still
 * lie in the controller's loop when the run is freed.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/http1.h"
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
	unsigned user_fds;	/* a user's descriptors, at most */
	bool takes_ports;	/* a port a user, too */
	struct worker *workers;
	unsigned n_workers, n_ended, n_finished;
	double *users;		/* by [load]: the most at once, adjusted too */
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

static void finished_run(struct loop *loop, struct loop_post *post)
{
	struct report *r = LIST_ENTRY(post, struct report, post);
	struct run *run = r->run;

	(void)loop;
	if (!run->detached && ++run->n_finished == run->n_workers &&
	    run->args.finished)
		run->args.finished(run->args.arg);
	report_free(r);
}

/* On the load thread. */
static void finished_post(void *arg, unsigned index)
{
	report_post(arg, index, (struct buf){ 0 }, 0, finished_run);
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
	f->sent += h->sent;
	f->sent_partly += h->sent_partly;
	f->conns_held += h->open_max;
	f->ports += h->curl ? h->open_max : h->ports_max;
	f->fds += h->open_max + 2 * h->pairs_max;
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
	f->ports += w->closed_max;
	f->decisions += w->digest;
	for (size_t i = 0; i < w->n_groups; i++) {
		f->open_planned += (double)w->groups[i].arrivals.planned;
		f->open_achieved += (double)w->groups[i].arrivals.achieved;
		f->dropped += w->groups[i].arrivals.dropped;
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

/* What was used of what the host has. */
static void final_limits(const struct run *run, struct load_final *f)
{
	f->fds += run->limits.fds_used;
	f->fds_limit = run->limits.fds;
	f->fd_share = (double)f->fds / (double)f->fds_limit;
	f->ports_limit = run->limits.ports;
	f->port_share = (double)f->ports / (double)f->ports_limit;
	/* As many as users were there at once: each has one. */
	f->conns_asked = f->users_max;
	f->greedy = load_conf_is_greedy(run->args.conf);
}

/* Caller frees users and cpu. */
static void final_make(const struct run *run, struct load_final *f)
{
	struct load_cpu *cpu = mem_calloc(run->n_workers, sizeof(*cpu));
	struct hist *lag = hist_new();

	f->n_users = run->args.conf->n_apis * LOAD_PHASES;
	f->users = mem_calloc(f->n_users, sizeof(*f->users));
	f->cpu = cpu;
	f->n_cpu = run->n_workers;
	for (unsigned k = 0; k < run->n_workers; k++) {
		const struct worker *w = &run->workers[k];

		add_worker(f, w);
		hist_merge(lag, w->stats.send_lag);
		cpu[k] = (struct load_cpu){ w->cpu_mean, w->cpu_max };
	}
	f->send_lag_p50 = hist_percentile(lag, 50);
	f->send_lag_p99 = hist_percentile(lag, 99);
	f->send_lag_max = hist_max(lag);
	final_limits(run, f);
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
		mem_free((void *)(uintptr_t)final.cpu);
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
		.ends = run->args.ends,
		.finished = finished_post,
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

/* Users of a target by TCP; a symbol that is not known yet is taken for one. */
static bool takes_ports(const struct load_conf *c)
{
	for (size_t i = 0; i < c->n_targets; i++)
		if (strncmp(c->targets[i].url, "unix:", 5) != 0)
			return true;
	return false;
}

/* A user's, at most; of a symbol that is not known yet the plain engine's. */
static unsigned user_fds(const struct load_conf *c)
{
	unsigned most = engine_table[ENGINE_EPOLL]->fds;
	struct http1_url url;

	for (size_t i = 0; i < c->n_targets; i++) {
		const struct load_target *t = &c->targets[i];

		if (http1_url_parse(t->url, &url, NULL) < 0)
			continue;
		if (engine_table[target_engine(t, &url)]->fds > most)
			most = engine_table[target_engine(t, &url)]->fds;
	}
	return most;
}

void load_preflight(const struct load_conf *c, struct buf *text,
		    struct errs *errs)
{
	uint64_t users = (uint64_t)ceil(load_conf_max_users(c));
	uint64_t fds = users * user_fds(c);
	struct limits l;
	struct err err;

	if (limits_read(&l, users, fds, takes_ports(c) ? users : 0, &err) < 0)
		errs_add(errs, NULL, 0, "%s", err.msg);
	else if (text)
		buf_addf(text, "\nload\n  at most %" PRIu64 " users, a "
			 "connection each: descriptors %" PRIu64 " of %"
			 PRIu64 ", ports %" PRIu64 "\n", users,
			 l.fds_used + fds, l.fds, l.ports);
}

static int threads_open(const struct load_args *args, void **ret,
			struct err *err)
{
	uint64_t users = (uint64_t)ceil(load_conf_max_users(args->conf));
	struct run *run = mem_zalloc(sizeof(*run));
	int rc;

	run->refs = 1;
	run->args = *args;
	run->users = mem_calloc(args->conf->n_groups, sizeof(*run->users));
	for (size_t i = 0; i < args->conf->n_groups; i++)
		run->users[i] = load_group_users(&args->conf->groups[i]);
	rc = targets_resolve(run, err);
	for (size_t i = 0; rc == 0 && i < args->conf->n_targets; i++) {
		const struct endpoint *ep = &run->endpoints[i];
		unsigned n = engine_table[ep->engine]->fds;

		run->takes_ports |= addr_port(&ep->addr) != 0;
		if (n > run->user_fds)
			run->user_fds = n;
	}
	if (rc == 0)
		rc = limits_read(&run->limits, users, users * run->user_fds,
				 run->takes_ports ? users : 0, err);
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
		worker_phase_from(&run->workers[k], phase, t);
}

/* Would the users that are asked for fit into what the host has? */
static int adjust_check(struct run *run, const struct load_adjust *a,
			struct err *err)
{
	double sum = 0;

	if (a->what != LOAD_SET_USERS)
		return 0;
	for (size_t i = 0; i < run->args.conf->n_groups; i++)
		sum += (int)i == a->group ? a->value : run->users[i];
	if (!limits_fit(&run->limits, (uint64_t)sum * run->user_fds,
			run->takes_ports ? (uint64_t)sum : 0))
		return err_set(err, -ERANGE,
			       "%.0f users do not fit: this run may have %"
			       PRIu64 " descriptors and %" PRIu64
			       " local ports, and takes 80 %% of them",
			       sum, run->limits.fds, run->limits.ports);
	run->users[a->group] = a->value;
	return 0;
}

static int threads_adjust(void *load, const struct load_adjust *a,
			  struct err *err)
{
	struct run *run = load;
	int rc = adjust_check(run, a, err);

	if (rc < 0 || run->stopping)
		return rc;
	for (unsigned k = 0; k < run->n_workers; k++)
		worker_post_adjust(&run->workers[k], a);
	return 0;
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
	mem_free(run->users);
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
