/* SPDX-License-Identifier: Apache-2.0 */
/* The helper thread: order, threads, the end with work left over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "chaos/base/work.h"

enum { JOBS = 200 };

struct job {
	struct work_job job;
	int id;
	pthread_t ran_on, done_on;
	bool signals_open;	/* on the helper thread */
	sem_t *enter, *leave;	/* both or none */
};

static int ran[JOBS], done[JOBS], n_ran, n_done;

static int reset(void **state)
{
	(void)state;
	n_ran = n_done = 0;
	return 0;
}

static void job_run(struct work_job *job)
{
	struct job *j = LIST_ENTRY(job, struct job, job);
	sigset_t blocked;

	if (j->enter) {
		sem_post(j->enter);
		sem_wait(j->leave);
	}
	j->ran_on = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	j->signals_open = !sigismember(&blocked, SIGINT);
	ran[n_ran++] = j->id;
}

static void job_done(struct work_job *job)
{
	struct job *j = LIST_ENTRY(job, struct job, job);

	j->done_on = pthread_self();
	done[n_done++] = j->id;
}

static void job_init(struct job *j, int id)
{
	*j = (struct job){ .job = { .run = job_run, .done = job_done },
			   .id = id };
}

static struct loop *loop_make(enum loop_backend backend)
{
	struct loop *loop;
	struct err err;

	if (loop_new(backend, &loop, &err))
		fail_msg("%s", err.msg);
	return loop;
}

static struct work *work_make(struct loop *loop)
{
	struct work *work;
	struct err err;

	if (work_new(loop, &work, &err))
		fail_msg("%s", err.msg);
	return work;
}

static void turn_until_done(struct loop *loop, int n)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;

	while (n_done < n) {
		assert_true(clock_mono() < deadline);
		loop_turn(loop, 100 * NSEC_MS);
	}
}

static void test_in_order(void **state)
{
	static struct job jobs[JOBS];
	struct loop *loop = loop_make(LOOP_EPOLL);
	struct work *work = work_make(loop);

	(void)state;
	for (int i = 0; i < JOBS; i++) {
		job_init(&jobs[i], i);
		work_submit(work, &jobs[i].job);
	}
	turn_until_done(loop, JOBS);
	for (int i = 0; i < JOBS; i++) {
		assert_int_equal(ran[i], i);
		assert_int_equal(done[i], i);
		assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
		assert_true(pthread_equal(jobs[i].done_on, pthread_self()));
		assert_false(jobs[i].signals_open);
	}
	work_free(work);
	loop_free(loop);
}

struct chain {
	struct work_job job;
	int left;
};

static void chain_run(struct work_job *job)
{
	(void)job;
}

static void chain_done(struct work_job *job)
{
	struct chain *c = LIST_ENTRY(job, struct chain, job);

	n_done++;
	if (--c->left > 0)
		work_submit(job->work, job);
}

/* A job may be submitted again from its own completion. */
static void test_again(void **state)
{
	(void)state;
	for (int b = 0; b < 2; b++) {
		struct loop *loop = loop_make(b ? LOOP_VIRTUAL : LOOP_EPOLL);
		struct work *work = work_make(loop);
		struct chain c = {
			.job = { .run = chain_run, .done = chain_done },
			.left = 20,
		};

		n_done = 0;
		work_submit(work, &c.job);
		turn_until_done(loop, 20);
		work_free(work);
		loop_free(loop);
	}
}

static void *free_main(void *arg)
{
	work_free(arg);
	return NULL;
}

/* The running job is waited for; those behind it get neither call. */
static void test_free_while_running(void **state)
{
	struct loop *loop = loop_make(LOOP_EPOLL);
	struct work *work = work_make(loop);
	struct job jobs[3];
	sem_t enter, leave;
	pthread_t freeing;

	(void)state;
	sem_init(&enter, 0, 0);
	sem_init(&leave, 0, 0);
	for (int i = 0; i < 3; i++)
		job_init(&jobs[i], i);
	jobs[0].enter = &enter;
	jobs[0].leave = &leave;
	for (int i = 0; i < 3; i++)
		work_submit(work, &jobs[i].job);
	sem_wait(&enter);
	assert_int_equal(pthread_create(&freeing, NULL, free_main, work), 0);
	/* It cannot get through; give it every chance to try. */
	for (int i = 0; i < 1000; i++)
		sched_yield();
	assert_int_equal(n_ran, 0);
	sem_post(&leave);
	pthread_join(freeing, NULL);
	assert_true(n_ran >= 1);
	turn_until_done(loop, n_ran);
	assert_int_equal(n_done, n_ran);
	loop_free(loop);
	sem_destroy(&enter);
	sem_destroy(&leave);
}

/* No thread there: the same run each time. */
static void test_virtual(void **state)
{
	struct loop *loop = loop_make(LOOP_VIRTUAL);
	struct work *work = work_make(loop);
	struct job j;

	(void)state;
	job_init(&j, 7);
	work_submit(work, &j.job);
	assert_int_equal(n_ran, 1);
	assert_int_equal(n_done, 1);
	assert_true(pthread_equal(j.ran_on, pthread_self()));
	work_free(work);
	work_free(NULL);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_in_order, reset),
		cmocka_unit_test_setup(test_again, reset),
		cmocka_unit_test_setup(test_free_while_running, reset),
		cmocka_unit_test_setup(test_virtual, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
