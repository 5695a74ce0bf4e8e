/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a value is taken from in an answer, as captures, checks and conditions
 * name it:
 *
 *	status · size · time · body · header NAME · json POINTER · regex RE
 *
 * size is the body's on the wire, in bytes; time is drill ns, from the intended
 * start.  Compiled once; only read by the load threads.
 */
#ifndef GD_LOAD_EXTRACT_H
#define GD_LOAD_EXTRACT_H

#include <jansson.h>
#include <stdbool.h>

#include "chaos/base/clock.h"
#include "chaos/load/answer.h"
#include "chaos/load/pointer.h"
#include "chaos/load/regex.h"

enum extract_kind {
	EXTRACT_STATUS, EXTRACT_SIZE, EXTRACT_TIME, EXTRACT_BODY,
	EXTRACT_HEADER, EXTRACT_JSON, EXTRACT_REGEX,
};

struct extract {
	enum extract_kind kind;
	char *header;		/* EXTRACT_HEADER */
	struct pointer pointer;	/* EXTRACT_JSON */
	struct regex *regex;	/* EXTRACT_REGEX, over the body */
};

/*
 * Takes its words off the front of *text; a regex takes all that is left.  x is
 * zeroed to begin; done() also after an error.
 */
int extract_parse(const char **text, struct extract *x, struct err *err)
	MUST_CHECK;
void extract_done(struct extract *x);
/* What the engine must keep for it: enum request_keep, or'ed. */
unsigned extract_keep(const struct extract *x);

/* One answer, looked at several times: its JSON is parsed once. */
struct seen {
	const struct answer *answer;
	nsec_t response;	/* drill ns */
	json_t *root;
	bool parsed;		/* tried; root NULL: it is no JSON */
	char number[40];	/* the last value's text, or its dump */
	char *dump;
};
void seen_init(struct seen *s, const struct answer *a, nsec_t response);
void seen_done(struct seen *s);

/* s[0 .. len) holds until the next extract_value() or seen_done(). */
struct extracted {
	const char *s;
	size_t len;
	bool is_number;		/* known to be one, without parsing s */
	double number;
};
/* False: there is none. JSON's null counts as none. */
bool extract_value(const struct extract *x, struct seen *seen,
		   struct extracted *ret);

#endif
