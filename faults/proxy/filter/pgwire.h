/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows PostgreSQL's frontend/backend protocol (version 3) on both
 * directions of a connection, just far enough to know whether the server has
 * something of this client in flight.  Pure, incremental, bounded; it looks
 * at message headers and keeps no bytes.
 *
 * Each Query, FunctionCall, Sync and start-up is answered by one
 * ReadyForQuery.  What is expected is kept in order, because an error in the
 * extended protocol makes the server skip everything up to the next Sync.
 */
#ifndef GD_PROXY_PGWIRE_H
#define GD_PROXY_PGWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PGWIRE_EXPECT_MAX = 65536 };

enum pgwire_phase {
	PGWIRE_STARTUP, /* a start-up packet is due */
	PGWIRE_ASKED,	/* for SSL or GSS encryption: one byte is due */
	PGWIRE_MESSAGES,
	PGWIRE_OPAQUE, /* encrypted, or not this protocol */
};

enum pgwire_stop {
	PGWIRE_ALL,	   /* took all bytes */
	PGWIRE_NEEDS_SLOT, /* the next message begins a transaction */
	PGWIRE_NOT_NOW,	   /* the server has to say something first */
};

enum pgwire_kind {
	PGWIRE_EXPECT_STARTUP,
	PGWIRE_EXPECT_QUERY, /* FunctionCall too */
	PGWIRE_EXPECT_BATCH, /* extended messages up to a Sync: no answer */
	PGWIRE_EXPECT_SYNC,
};

struct pgwire_expect {
	enum pgwire_kind kind;
	uint32_t count; /* BATCH: messages not completed yet */
};

/* One direction: have bytes of the header are known, left of the body due. */
struct pgwire_half {
	uint8_t head[8];
	unsigned have;
	uint32_t left;
};

struct pgwire {
	enum pgwire_phase phase;
	bool broken;   /* OPAQUE because it is not this protocol */
	bool batch;    /* extended messages without a Sync yet */
	bool skipping; /* after an error, until the client's Sync */
	bool copy_in;  /* the server ignores Sync until CopyDone */
	char status;   /* of the last ReadyForQuery: I T E; 0: none */
	struct pgwire_half front, back;
	struct pgwire_expect *expect; /* a ring */
	uint32_t cap, first, n;
};

void pgwire_init(struct pgwire *w);
void pgwire_done(struct pgwire *w);
/*
 * Bytes from the client, of which it takes as many as it returns.  A message
 * that begins a transaction is taken only when slot is true.
 */
size_t pgwire_front(struct pgwire *w, const char *data, size_t len, bool slot,
		    enum pgwire_stop *ret_stop);
/* Bytes from the server: takes all. */
void pgwire_back(struct pgwire *w, const char *data, size_t len);
/* Nothing of the client is in flight and no transaction is open. */
bool pgwire_idle(const struct pgwire *w);

#endif
