/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One helper thread for what may block: SQL, DNS, fsync, history.  Jobs run in
 * order; their completion runs on the loop.
 */
#ifndef GD_BASE_WORK_H
#define GD_BASE_WORK_H

#include "chaos/base/loop.h"

struct work;
struct work_job {
	void (*run)(struct work_job *job);	/* on the helper thread */
	void (*done)(struct work_job *job);	/* on the loop; may free job */
	struct list link;			/* private from here on */
	struct loop_post post;
	struct work *work;
};

/* On a virtual loop there is no thread: run and done follow at once. */
int work_new(struct loop *loop, struct work **ret, struct err *err) MUST_CHECK;
void work_submit(struct work *work, struct work_job *job);
/*
 * Waits for the running job; jobs that never ran get neither call.  The done of
 * those that ran still comes if the loop turns again; job->work is gone then.
 */
void work_free(struct work *work);

#endif
