/* SPDX-License-Identifier: Apache-2.0 */
/* Kafka's primitive types; see the header. */
#include "faults/proxy/filter/kwire.h"

#include <string.h>

void kreader_init(struct kreader *r, const char *data, size_t len)
{
	*r = (struct kreader){.p = data, .end = data + len};
}

/* n bytes, or NULL: then the reader is bad and at its end. */
static const char *take(struct kreader *r, size_t n)
{
	const char *p = r->p;

	if (r->bad || n > kreader_left(r)) {
		r->bad = true;
		r->p = r->end;
		return NULL;
	}
	r->p += n;
	return p;
}

static uint64_t take_be(struct kreader *r, unsigned n)
{
	const unsigned char *p = (const unsigned char *)take(r, n);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

void kget_skip(struct kreader *r, size_t n)
{
	(void)take(r, n);
}

int8_t kget_i8(struct kreader *r)
{
	return (int8_t)take_be(r, 1);
}

int16_t kget_i16(struct kreader *r)
{
	return (int16_t)take_be(r, 2);
}

int32_t kget_i32(struct kreader *r)
{
	return (int32_t)take_be(r, 4);
}

int64_t kget_i64(struct kreader *r)
{
	return (int64_t)take_be(r, 8);
}

uint32_t kget_uvarint(struct kreader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint64_t byte = take_be(r, 1);

		v |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (v > UINT32_MAX)
			break;
		return (uint32_t)v;
	}
	r->bad = true;
	r->p = r->end;
	return 0;
}

static struct kstr take_str(struct kreader *r, int64_t len)
{
	if (len < 0)
		return (struct kstr){.len = -1};
	const char *p = take(r, (size_t)len);

	return (struct kstr){.p = p, .len = p ? (int32_t)len : -1};
}

struct kstr kget_str(struct kreader *r, bool flex)
{
	return take_str(r, flex ? (int64_t)kget_uvarint(r) - 1 : kget_i16(r));
}

struct kstr kget_bytes(struct kreader *r, bool flex)
{
	return take_str(r, flex ? (int64_t)kget_uvarint(r) - 1 : kget_i32(r));
}

int32_t kget_array(struct kreader *r, bool flex)
{
	int64_t n = flex ? (int64_t)kget_uvarint(r) - 1 : kget_i32(r);

	/* Each element has a byte at least: no count can make us work more */
	if (n > (int64_t)kreader_left(r)) {
		r->bad = true;
		r->p = r->end;
	}
	if (r->bad)
		return 0;
	return n < 0 ? -1 : (int32_t)n;
}

void kget_tags(struct kreader *r, bool flex)
{
	if (!flex)
		return;
	for (uint32_t n = kget_uvarint(r); n && !r->bad; n--) {
		(void)kget_uvarint(r);
		kget_skip(r, kget_uvarint(r));
	}
}

bool kstr_is(struct kstr s, const char *text)
{
	return s.len >= 0 && strlen(text) == (size_t)s.len &&
	       !memcmp(s.p, text, (size_t)s.len);
}

static void put_be(struct buf *b, uint64_t v, unsigned n)
{
	char bytes[8];

	for (unsigned i = 0; i < n; i++)
		bytes[i] = (char)(v >> (8 * (n - 1 - i)));
	buf_add(b, bytes, n);
}

void kput_i16(struct buf *b, int16_t v)
{
	put_be(b, (uint64_t)v, 2);
}

void kput_i32(struct buf *b, int32_t v)
{
	put_be(b, (uint64_t)v, 4);
}

void kput_i64(struct buf *b, int64_t v)
{
	put_be(b, (uint64_t)v, 8);
}

void kput_uvarint(struct buf *b, uint32_t v)
{
	char byte;

	while (v > 0x7f) {
		byte = (char)(v | 0x80);
		buf_add(b, &byte, 1);
		v >>= 7;
	}
	byte = (char)v;
	buf_add(b, &byte, 1);
}

void kput_str(struct buf *b, bool flex, const char *p, int32_t len)
{
	if (flex)
		kput_uvarint(b, (uint32_t)(len + 1));
	else
		kput_i16(b, (int16_t)len);
	if (len > 0)
		buf_add(b, p, (size_t)len);
}

void kput_array(struct buf *b, bool flex, int32_t n)
{
	if (flex)
		kput_uvarint(b, (uint32_t)(n + 1));
	else
		kput_i32(b, n);
}

void kput_tags(struct buf *b, bool flex)
{
	if (flex)
		kput_uvarint(b, 0);
}

void kset_i16(char *at, int16_t v)
{
	at[0] = (char)((uint16_t)v >> 8);
	at[1] = (char)v;
}

void kset_i32(char *at, int32_t v)
{
	kset_i16(at, (int16_t)((uint32_t)v >> 16));
	kset_i16(at + 2, (int16_t)v);
}
