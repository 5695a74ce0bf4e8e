/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The poller owns idle connections, as Tomcat NIO's does: it accepts up to a
 * maximum (beyond that the kernel's backlog fills), reads, and puts each
 * complete request into the queue.  While a request is queued or served its
 * connection belongs to the worker, and nobody looks at the socket: that the
 * client has left is noticed when the answer is written.
 */
#ifndef GD_SHOP_POLLER_H
#define GD_SHOP_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/base/http1.h"
#include "chaos/base/list.h"
#include "staging/shop/queue.h"

struct poller;

struct conn {
	struct list link;		/* in the queue */
	struct poller *poller;
	int fd;
	struct http1_parser parser;	/* a complete request, for a worker */
	struct buf body;
	struct buf rest;		/* read behind the request */
	nsec_t queued;			/* mono */
	uint64_t seq;			/* number of the request, from 1 */
};

/* Takes listen_fd over. */
int poller_new(int listen_fd, int max_connections, struct queue *queue,
	       struct poller **ret, struct err *err) MUST_CHECK;
void poller_stop(struct poller *p);	/* waits; nothing is read any more */
void poller_free(struct poller *p);
int poller_connections(const struct poller *p);

/*
 * From a worker: gives the connection back for the next request, or closes it.
 * Do not touch it afterwards.
 */
void poller_return(struct conn *conn, bool keep);

#endif
