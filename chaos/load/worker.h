/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One load thread: its loop, its share of the users and arrivals of every
 * [load], its statistics.  Everything in here is the thread's own from
 * worker_start() until it has posted its end; the rest of the program talks to
 * it by posts alone.
 */
#ifndef GD_LOAD_WORKER_H
#define GD_LOAD_WORKER_H

#include <pthread.h>

#include "chaos/load/arrivals.h"
#include "chaos/load/user.h"

/* Two a second: 5 s of CPU, 60 s of closed connections (Linux: TIME_WAIT). */
enum { WORKER_CPU_SAMPLES = 10, WORKER_CLOSED_SAMPLES = 120 };

/* Its share of a [load]: every threads-th user, from its own number on. */
struct worker_group {
	struct worker *worker;
	const struct load_group *conf;
	double set;		/* users or rate by adjust; < 0: as planned */
	struct user **users;	/* closed: by number; open: the pool */
	size_t n_users, cap_users;
	size_t active;		/* closed: the first so many are there */
	uint64_t begun;		/* closed: iterations */
	bool paused;
	bool over;		/* nobody begins anything any more */
	bool spent;		/* over, by its iterations */
	bool idle;		/* over, and nobody is in anything */
	struct arrivals arrivals;	/* open */
};

struct worker_args {
	const struct load_conf *conf;
	const struct request *requests;
	const struct endpoint *endpoints;	/* by target; copied */
	const struct allow *allow;	/* NULL: no more connects are checked */
	struct drill_clock clock;
	uint64_t seed;
	atomic_ullong *data_next;	/* by data: shared by all threads */
	unsigned index, threads;
	nsec_t from;		/* drill ns */
	bool ends;		/* as load_args.ends */
	/* On this thread, once: as load_args.finished. */
	void (*finished)(void *arg, unsigned index);
	/* On this thread. The bytes are taken over. */
	void (*snapshot)(void *arg, unsigned index, struct buf *bytes,
			 int64_t second);
	/* The last thing it does; its fields may be read from then on. */
	void (*ended)(void *arg, unsigned index);
	void *arg;
};

struct worker {
	struct worker_args args;
	pthread_t thread;
	bool running;		/* joinable; the starter's */
	struct loop *loop;
	struct endpoints endpoints;
	struct conn_host host;
	struct stats stats;
	struct followers followers;
	struct worker_group *groups;
	size_t n_groups;
	nsec_t phase_from[LOAD_PHASES];	/* drill ns */
	bool finished;		/* and has said so */
	uint64_t in_flight, users, users_max;
	struct buf out, scratch;	/* a request being rendered */
	struct buf session;	/* the same with cookies */
	uint64_t redirects;	/* followed: HTTP requests that were not due */
	struct loop_timer ramp, second, cpu, finish;
	struct {
		nsec_t mono, cpu;
	} cpu_ring[WORKER_CPU_SAMPLES];
	size_t n_cpu;		/* samples taken */
	double cpu_max;		/* share of a core over 5 s */
	const char *data_ended;	/* of a [data] that was not to; or NULL */
	double cpu_mean;	/* ... over all of it */
	struct {
		nsec_t mono, cpu;
	} cpu_first;
	uint64_t closed_ring[WORKER_CLOSED_SAMPLES];	/* conn_host.closed */
	uint64_t closed_max;	/* in 60 s: they may be in TIME_WAIT */
	uint64_t digest;	/* of all decisions, at the end */
};

int worker_init(struct worker *w, const struct worker_args *args,
		struct err *err) MUST_CHECK;
void worker_done(struct worker *w);	/* after worker_join() */
int worker_start(struct worker *w, struct err *err) MUST_CHECK;
void worker_join(struct worker *w);
/*
 * Messages, from the controller. None after worker_post_stop().  A phase may be
 * told before worker_start(): then of the first request on.
 */
void worker_phase_from(struct worker *w, enum load_phase phase, nsec_t t);
void worker_post_adjust(struct worker *w, const struct load_adjust *a);
void worker_post_stop(struct worker *w);

/* For users and arrivals, on the thread. */
enum load_phase worker_phase(const struct worker *w, nsec_t intended);
void worker_user_comes(struct worker *w);
/*
 * Looks at an answer (NULL: none came) as the step says, for a user (NULL: an
 * await's); an ok outcome may become a failed one.
 */
struct inspect_at {
	nsec_t intended, now;	/* drill ns */
	unsigned phase;
};
void worker_inspect(struct worker *w, const struct load_step *step,
		    struct user *u, const struct answer *a,
		    struct inspect_at at, struct outcome *o);
/* Users of a total that are this thread's. */
size_t worker_share(const struct worker *w, double total);

/* finish.c: the end of traffic that ends by itself, worker_args.ends. */
void finish_start(struct worker *w);
void finish_stop(struct worker *w);
/* All stop at once; what is not over by now is censored. */
void finish_cut(struct worker *w, nsec_t now);
/* May this user of the closed model begin an iteration? Counts it if so. */
bool finish_may_begin(struct worker_group *g, uint64_t begun_by_user);

#endif
