/* SPDX-License-Identifier: Apache-2.0 */
/* The helper thread: jobs in order, completions by post. */
#include "chaos/base/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "chaos/base/mem.h"

struct work {
	struct loop *loop;
	pthread_t thread;
	bool threaded;		/* false: a virtual loop */
	pthread_mutex_t lock;	/* guards what follows */
	pthread_cond_t more;
	struct list jobs;
	bool stop;
};

static void job_posted(struct loop *loop, struct loop_post *post)
{
	struct work_job *job = LIST_ENTRY(post, struct work_job, post);

	(void)loop;
	job->done(job);
}

/* The next job; waits for it. NULL: stop. */
static struct work_job *job_next(struct work *work)
{
	struct list *l = NULL;

	pthread_mutex_lock(&work->lock);
	while (!work->stop && !(l = list_pop(&work->jobs)))
		pthread_cond_wait(&work->more, &work->lock);
	pthread_mutex_unlock(&work->lock);
	return l ? LIST_ENTRY(l, struct work_job, link) : NULL;
}

static void *work_main(void *arg)
{
	struct work *work = arg;
	struct work_job *job;

	while ((job = job_next(work))) {
		job->run(job);
		loop_post(work->loop, &job->post);
	}
	return NULL;
}

/* With every signal blocked: they are for the thread that owns the loop. */
static int thread_start(struct work *work)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&work->thread, NULL, work_main, work);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		pthread_setname_np(work->thread, "work");
	return rc;
}

int work_new(struct loop *loop, struct work **ret, struct err *err)
{
	struct work *work = mem_zalloc(sizeof(*work));

	work->loop = loop;
	list_init(&work->jobs);
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->more, NULL);
	if (!loop_is_virtual(loop)) {
		int rc = thread_start(work);

		if (rc) {
			work_free(work);
			errno = rc;
			return err_errno(err, "cannot start the helper thread");
		}
		work->threaded = true;
	}
	*ret = work;
	return 0;
}

void work_submit(struct work *work, struct work_job *job)
{
	job->work = work;
	job->post.fn = job_posted;
	if (!work->threaded) {
		job->run(job);
		job->done(job);
		return;
	}
	pthread_mutex_lock(&work->lock);
	list_append(&work->jobs, &job->link);
	pthread_cond_signal(&work->more);
	pthread_mutex_unlock(&work->lock);
}

void work_free(struct work *work)
{
	if (!work)
		return;
	pthread_mutex_lock(&work->lock);
	work->stop = true;
	pthread_cond_signal(&work->more);
	pthread_mutex_unlock(&work->lock);
	if (work->threaded)
		pthread_join(work->thread, NULL);
	pthread_cond_destroy(&work->more);
	pthread_mutex_destroy(&work->lock);
	mem_free(work);
}
