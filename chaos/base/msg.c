/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: little-endian fixed-width fields and counted strings. */
#include "chaos/base/msg.h"

#include <endian.h>
#include <string.h>

void msg_u32(struct buf *b, uint32_t v)
{
	v = htole32(v);
	buf_add(b, &v, sizeof(v));
}

void msg_i64(struct buf *b, int64_t v)
{
	uint64_t bits = htole64((uint64_t)v);

	buf_add(b, &bits, sizeof(bits));
}

void msg_f64(struct buf *b, double v)
{
	int64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	msg_i64(b, bits);
}

void msg_bytes(struct buf *b, const void *data, size_t len)
{
	if (len > UINT32_MAX) {
		b->overflow = true;
		return;
	}
	msg_u32(b, (uint32_t)len);
	buf_add(b, data, len);
}

void msg_reader_init(struct msg_reader *r, const void *data, size_t len)
{
	r->p = data;
	r->end = r->p + len;
	r->bad = false;
}

/* The next len bytes, or NULL and bad. */
static const void *take(struct msg_reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->bad || (size_t)(r->end - p) < len) {
		r->bad = true;
		return NULL;
	}
	r->p += len;
	return p;
}

uint32_t msg_get_u32(struct msg_reader *r)
{
	const void *p = take(r, sizeof(uint32_t));
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

int64_t msg_get_i64(struct msg_reader *r)
{
	const void *p = take(r, sizeof(uint64_t));
	uint64_t bits = 0;

	if (p)
		memcpy(&bits, p, sizeof(bits));
	return (int64_t)le64toh(bits);
}

double msg_get_f64(struct msg_reader *r)
{
	int64_t bits = msg_get_i64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

const void *msg_get_bytes(struct msg_reader *r, size_t *ret_len)
{
	size_t len = msg_get_u32(r);
	const void *p = take(r, len);

	*ret_len = p ? len : 0;
	return p;
}
