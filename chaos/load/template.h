/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text with values of a user in it: ${user} ${iteration} ${uuid} ${rand.N}
 * ${rand.A..B} ${pick.a|b|c} ${data.NAME.COLUMN}, and ${NAME} of what it has
 * captured.  Compiled once; rendered for every request.
 */
#ifndef GD_LOAD_TEMPLATE_H
#define GD_LOAD_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/err.h"
#include "chaos/base/rng.h"
#include "chaos/load/capture.h"
#include "chaos/load/data.h"

enum template_kind {
	TEMPLATE_TEXT,
	TEMPLATE_USER,		/* number of the user, from 1 */
	TEMPLATE_ITERATION,	/* of its journeys, from 1 */
	TEMPLATE_UUID,		/* version 4; the same within a request */
	TEMPLATE_RAND,		/* 1 to n, a new one at each place */
	TEMPLATE_CAPTURE,	/* the n-th of the journey's */
	TEMPLATE_PICK,		/* one of n texts, which lie in text */
	TEMPLATE_DATA,		/* of the n-th data, its column */
	TEMPLATE_BASIC,		/* base64 of inner */
};

struct template_piece {
	enum template_kind kind;
	char *text;		/* owned; TEMPLATE_TEXT, TEMPLATE_PICK */
	size_t len;
	uint64_t n;		/* how many, or which one */
	int64_t from;		/* TEMPLATE_RAND: the lowest */
	size_t column;		/* TEMPLATE_DATA */
	struct template *inner;	/* owned; TEMPLATE_BASIC */
	bool encode;		/* percent-encode what a URL cannot hold */
};

struct template {
	struct template_piece *v;
	size_t n;
};

/* Names beside the built-in ones, while a journey is read. */
struct template_scope {
	const char *const *captures;
	size_t n_captures;
	const struct data *data;
	size_t n_data;
};

/* What one request's render draws on. */
struct template_values {
	uint64_t user, iteration;
	struct rng *rng;
	uint64_t *digest;	/* takes in every draw; may be NULL */
	bool has_uuid;		/* zeroed to begin */
	char uuid[36];
	const struct captured *captured;	/* may be NULL: there is none */
	const struct data *data;
	const uint64_t *rows;	/* by data; NULL: there are none */
	bool missing;		/* set: a captured value is not there */
};

/* Appends; t is zeroed to begin. scope may be NULL. */
int template_parse(struct template *t, const char *text,
		   const struct template_scope *scope, struct err *err)
	MUST_CHECK;
/* Its values are for a URL: what that cannot hold is percent-encoded. */
void template_encode(struct template *t);
void template_add(struct template *t, const char *text, size_t len);
void template_append(struct template *t, const struct template *more);
/* Adds the base64 of what inner gives; takes inner over. */
void template_add_basic(struct template *t, struct template *inner);
/* A bit for each data that it uses. */
uint64_t template_data(const struct template *t);
void template_done(struct template *t);
bool template_is_static(const struct template *t);
void template_render(const struct template *t, struct template_values *values,
		     struct buf *out);
/* Takes a value into a digest. */
void template_mix(uint64_t *digest, uint64_t value);

#endif
