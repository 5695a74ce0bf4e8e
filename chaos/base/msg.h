/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between threads, in a form that could cross hosts: little-endian
 * fixed-width fields, counted strings, a reader with a sticky error.
 */
#ifndef GD_BASE_MSG_H
#define GD_BASE_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/buf.h"

void msg_u32(struct buf *b, uint32_t v);
void msg_i64(struct buf *b, int64_t v);
void msg_f64(struct buf *b, double v);
void msg_bytes(struct buf *b, const void *data, size_t len);	/* counted */

struct msg_reader {
	const uint8_t *p, *end;
	bool bad;		/* sticky; reads then give 0 */
};
void msg_reader_init(struct msg_reader *r, const void *data, size_t len);
uint32_t msg_get_u32(struct msg_reader *r);
int64_t msg_get_i64(struct msg_reader *r);
double msg_get_f64(struct msg_reader *r);
const void *msg_get_bytes(struct msg_reader *r, size_t *ret_len);

#endif
