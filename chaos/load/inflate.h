/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies with a Content-Encoding of gzip or deflate. */
#ifndef GD_LOAD_INFLATE_H
#define GD_LOAD_INFLATE_H

#include "chaos/base/buf.h"

enum inflate_result { INFLATE_OK, INFLATE_BROKEN };

/* "gzip", "x-gzip" or "deflate"; others are left as they are. */
bool inflate_knows(const char *coding, size_t len);
/*
 * Decodes into out up to out->max bytes (> 0); more sets out->overflow.  cut:
 * in is only the beginning of a body, so its end may be missing.
 */
enum inflate_result inflate_body(const char *in, size_t len, bool cut,
				 struct buf *out);
/*
 * A kept body as its Content-Encoding (len bytes; NULL: none) means it: body
 * itself, or decoded, filled up to its max.  NULL: it is broken.
 */
const struct buf *inflate_kept(const struct buf *body, const char *coding,
			       size_t len, struct buf *decoded);

#endif
