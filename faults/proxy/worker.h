/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A data thread: a loop and the flows on it.  Other threads reach it through
 * messages alone, which it takes at the top of its loop.
 */
#ifndef GD_PROXY_WORKER_H
#define GD_PROXY_WORKER_H

#include <pthread.h>
#include <stdint.h>

#include "chaos/base/addr.h"
#include "chaos/base/loop.h"
#include "faults/proxy/link.h"

enum { WORKER_SCRATCH = 64 * 1024 };

struct worker { /* its own thread's, after worker_start() */
	unsigned index;
	struct loop *loop;
	struct proxy *proxy;
	pthread_t thread;
	char *scratch; /* WORKER_SCRATCH bytes: every read lands here */
	uint64_t seed;
};

int worker_start(struct proxy *proxy, unsigned index, uint64_t seed,
		 struct worker **ret, struct err *err) MUST_CHECK;
/* Waits until it has taken all messages that were sent before. */
void worker_sync(struct worker *w);
/* Ends and frees it; its flows must be closed. */
void worker_stop(struct worker *w);

/* Any thread. fd is taken over; number: which connection of the link it is. */
void worker_accept(struct worker *w, struct link *l,
		   const struct addr *upstream, uint64_t number, int fd);
/* A socket of a link of datagrams. fd is taken over. */
void worker_datagrams(struct worker *w, struct link *l,
		      const struct addr *upstream, int fd);
/* The link has this conf from now on. */
void worker_conf(struct worker *w, struct link *l, struct link_conf *conf);
/*
 * Its flows are closed; shut: its datagrams' socket as well; gone: and there
 * will be no more.
 */
void worker_close(struct worker *w, struct link *l, bool shut, bool gone);

#endif
