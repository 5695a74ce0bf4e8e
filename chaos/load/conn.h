/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One user's connection: one HTTP/1.1 exchange at a time, kept alive between
 * them.  It never waits and measures nothing but when the request was sent; it
 * keeps the request's timeouts for connect and first byte, the one for the
 * whole is its owner's.  A load thread owns all that is in here.
 *
 *	closed → connecting → sending → reading → idle → sending …
 *
 * An idle connection that the peer closes is reopened by the next request in
 * silence; once a byte of a request has been taken by the kernel, a reset is a
 * failure, for the server may have acted on it.
 */
#ifndef GD_LOAD_CONN_H
#define GD_LOAD_CONN_H

#include "chaos/load/answer.h"
#include "chaos/load/request.h"

struct conn;
struct conn_reader;
/* The exchange is over; it may begin the next one. */
typedef void conn_done_fn(struct conn *c, const struct answer *a);

/* What the connections of one thread share. */
struct conn_host {
	struct loop *loop;
	const struct endpoint *endpoints;
	conn_done_fn *done;
	char *buf;		/* what is read at once */
	struct conn_reader **readers;	/* free ones */
	size_t n_readers, cap_readers;
	uint64_t connects, emfile, eaddrnotavail;
	uint64_t open, open_max;	/* connections */
	uint64_t pairs, pairs_max;	/* of descriptors, libcurl's own */
	const struct allow *allow;	/* NULL: all was checked */
	struct curl_host *curl;	/* engine_curl's; NULL: unused */
	uint64_t *open_of;	/* by target: each takes a port of its own */
	size_t n_open_of, cap_open_of;
	uint64_t ports_max;	/* open to one target at once */
	uint64_t sent;		/* requests that the kernel has taken whole */
	uint64_t sent_partly;	/* ... and of which it took the beginning */
	uint64_t closed;	/* in order: their ports stay taken a while */
};

enum conn_state {
	CONN_CLOSED, CONN_CONNECTING, CONN_SENDING, CONN_READING, CONN_IDLE
};

struct conn {
	struct loop_io io;
	struct conn_host *host;
	const struct request *request;	/* of the exchange */
	struct conn_reader *reader;	/* from the answer's first byte on */
	char *out;		/* what the kernel has not taken yet */
	uint32_t out_len, out_pos;
	uint16_t target;	/* of the descriptor */
	uint8_t state;		/* enum conn_state */
	nsec_t sent;		/* drill ns; valid if has_sent */
	nsec_t idle_mono;	/* since when it is idle */
	bool has_sent;
	struct loop_timer timer;	/* connect, then first byte */
	struct curl_user *curl;	/* engine_curl's; NULL: unused */
};

void conn_host_init(struct conn_host *h, struct loop *loop,
		    const struct endpoint *endpoints, conn_done_fn *done);
void conn_host_done(struct conn_host *h);

void conn_init(struct conn *c, struct conn_host *host);
/*
 * Begins an exchange; r outlives it, the bytes are copied if they have to wait.
 * False: it failed at once with *ret_cause, and done is not called.
 */
bool conn_request(struct conn *c, const struct request *r, const char *bytes,
		  size_t len, enum load_cause *ret_cause);
void conn_close(struct conn *c);	/* in order; from any state */
void conn_abort(struct conn *c);	/* with RST; from any state */

#endif
