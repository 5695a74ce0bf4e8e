/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes bodies by zlib, into no more memory than was asked for. */
#include "chaos/load/inflate.h"

#include <string.h>
#include <strings.h>
#define ZLIB_CONST	/* its input is const */
#include <zlib.h>

enum { STEP = 16384 };
/* zlib: gzip or zlib by their headers; negative: deflate without one. */
enum { BITS_EITHER = 15 + 32, BITS_RAW = -15 };

bool inflate_knows(const char *coding, size_t len)
{
	static const char *const known[] = { "gzip", "x-gzip", "deflate" };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i]) == len &&
		    strncasecmp(known[i], coding, len) == 0)
			return true;
	return false;
}

/* zlib's word on how it ended: Z_STREAM_END, Z_BUF_ERROR or what is broken. */
static int run(z_stream *z, struct buf *out)
{
	char step[STEP];
	size_t n, room;
	int rc;

	do {
		z->next_out = (Bytef *)step;
		z->avail_out = sizeof(step);
		rc = inflate(z, Z_NO_FLUSH);
		n = sizeof(step) - z->avail_out;
		room = out->max - out->len;
		(void)buf_add(out, step, n < room ? n : room);
		if (n > room) {
			out->overflow = true;
			return Z_STREAM_END;
		}
	} while (rc == Z_OK);
	return rc;
}

static int decode(const char *in, size_t len, int bits, struct buf *out)
{
	z_stream z = { 0 };
	int rc = inflateInit2(&z, bits);

	if (rc != Z_OK)
		return rc;
	z.next_in = (const Bytef *)in;
	z.avail_in = (uInt)len;
	buf_reset(out);
	rc = run(&z, out);
	inflateEnd(&z);
	return rc;
}

enum inflate_result inflate_body(const char *in, size_t len, bool cut,
				 struct buf *out)
{
	int rc = decode(in, len, BITS_EITHER, out);

	/* Some servers' deflate has no zlib header (RFC 9110, 8.4.1.2). */
	if (rc == Z_DATA_ERROR && !out->len)
		rc = decode(in, len, BITS_RAW, out);
	if (rc == Z_STREAM_END || (cut && rc == Z_BUF_ERROR))
		return INFLATE_OK;
	return INFLATE_BROKEN;
}

const struct buf *inflate_kept(const struct buf *body, const char *coding,
			       size_t len, struct buf *decoded)
{
	if (!body->len || !coding || !inflate_knows(coding, len))
		return body;
	if (inflate_body(body->data, body->len, body->overflow, decoded) ==
	    INFLATE_BROKEN)
		return NULL;
	decoded->overflow |= body->overflow;
	return decoded;
}
