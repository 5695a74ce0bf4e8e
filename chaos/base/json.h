/* SPDX-License-Identifier: Apache-2.0 */
/* What jansson lacks: typed look-ups by path, and lines for event logs. */
#ifndef GD_BASE_JSON_H
#define GD_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "chaos/base/err.h"

/* path: "milestones/0/t_s"; "" is the root. Borrowed, or NULL. */
json_t *json_at(const json_t *root, const char *path);
/* Each gives def where there is nothing, or something of another type. */
const char *json_str(const json_t *root, const char *path, const char *def);
double json_num(const json_t *root, const char *path, double def);
int64_t json_int64(const json_t *root, const char *path, int64_t def);
bool json_flag(const json_t *root, const char *path, bool def);
/* The whole of text, with line and column in the message. */
int json_parse(const char *text, size_t len, json_t **ret, struct err *err)
	MUST_CHECK;

/*
 * One flat line, written in the order of the calls, without a tree:
 * json_line_begin, members, json_line_end adds "}\\n".  Times are drill
 * seconds with six decimals; NaN is null.
 */
void json_line_begin(struct buf *b);
/* NULL is null; bytes that are no UTF-8 become U+FFFD. */
void json_line_str(struct buf *b, const char *key, const char *value);
void json_line_int(struct buf *b, const char *key, int64_t value);
void json_line_num(struct buf *b, const char *key, double value);
void json_line_bool(struct buf *b, const char *key, bool value);
void json_line_time(struct buf *b, const char *key, nsec_t value);
						/* NSEC_NEVER: null */
void json_line_open(struct buf *b, const char *key);	/* "key":{ */
void json_line_close(struct buf *b);			/* } */
void json_line_raw(struct buf *b, const char *key, const char *json);
void json_line_end(struct buf *b);

#endif
