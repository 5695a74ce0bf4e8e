/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker threads: take a request from the queue; rate limit, event
 * suspended, work, in that order; write the answer; give the connection back.
 */
#ifndef GD_SHOP_WORKER_H
#define GD_SHOP_WORKER_H

#include "chaos/base/err.h"

struct shop;
struct workers;

int workers_new(struct shop *shop, int count, struct workers **ret,
		struct err *err) MUST_CHECK;
int workers_busy(const struct workers *w);
int workers_count(const struct workers *w);
/* Waits for all; the queue must have been closed. */
void workers_free(struct workers *w);

#endif
