/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's primitive types on the wire: a bounds-checked reader whose error is
 * sticky, and writers.  flex: the "flexible" versions (KIP-482), whose
 * lengths are unsigned varints plus one and whose structs end in tags.
 */
#ifndef GD_PROXY_KWIRE_H
#define GD_PROXY_KWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/buf.h"

struct kreader {
	const char *p, *end;
	bool bad; /* sticky; reads then give 0 */
};

struct kstr {
	const char *p;
	int32_t len; /* -1: null */
};

void kreader_init(struct kreader *r, const char *data, size_t len);
static inline size_t kreader_left(const struct kreader *r)
{
	return (size_t)(r->end - r->p);
}
void kget_skip(struct kreader *r, size_t n);
int8_t kget_i8(struct kreader *r);
int16_t kget_i16(struct kreader *r);
int32_t kget_i32(struct kreader *r);
int64_t kget_i64(struct kreader *r);
uint32_t kget_uvarint(struct kreader *r);
struct kstr kget_str(struct kreader *r, bool flex);   /* i16 or compact */
struct kstr kget_bytes(struct kreader *r, bool flex); /* i32 or compact */
int32_t kget_array(struct kreader *r, bool flex);     /* count; -1: null */
void kget_tags(struct kreader *r, bool flex);	      /* skipped */
bool kstr_is(struct kstr s, const char *text);

void kput_i16(struct buf *b, int16_t v);
void kput_i32(struct buf *b, int32_t v);
void kput_i64(struct buf *b, int64_t v);
void kput_uvarint(struct buf *b, uint32_t v);
void kput_str(struct buf *b, bool flex, const char *p, int32_t len);
void kput_array(struct buf *b, bool flex, int32_t n);
void kput_tags(struct buf *b, bool flex); /* none */
/* In place. */
void kset_i16(char *at, int16_t v);
void kset_i32(char *at, int32_t v);

#endif
