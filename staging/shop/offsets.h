/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consumer lag without asking the broker: the producer's acknowledgements say
 * where each partition ends (this shop alone writes the topic), the consumers
 * how far they are.  So it is also true while Fetch is starved.
 */
#ifndef GD_SHOP_OFFSETS_H
#define GD_SHOP_OFFSETS_H

#include <stdatomic.h>
#include <stdint.h>

enum { OFFSETS_MAX = 256 };

struct offsets {
	_Atomic int partitions;
	struct {
		_Atomic int64_t end;	/* the next message's offset */
		_Atomic int64_t done;	/* the next to be confirmed */
		_Atomic int owner;	/* consumer's number; -1: none */
	} v[OFFSETS_MAX];
};

void offsets_init(struct offsets *o, int partitions);
/* Where a partition stood before this shop wrote to it. */
void offsets_begin(struct offsets *o, int partition, int64_t end);
void offsets_written(struct offsets *o, int partition, int64_t offset);
void offsets_handled(struct offsets *o, int partition, int64_t offset);
int64_t offsets_next(const struct offsets *o, int partition);
int64_t offsets_lag(const struct offsets *o, int partition);
int64_t offsets_lag_all(const struct offsets *o);

#endif
