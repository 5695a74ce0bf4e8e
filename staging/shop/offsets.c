/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer lag from what producer and consumers know. */
#include "staging/shop/offsets.h"

void offsets_init(struct offsets *o, int partitions)
{
	o->partitions = partitions < OFFSETS_MAX ? partitions : OFFSETS_MAX;
	for (int i = 0; i < OFFSETS_MAX; i++) {
		o->v[i].end = o->v[i].done = 0;
		o->v[i].owner = -1;
	}
}

void offsets_begin(struct offsets *o, int partition, int64_t end)
{
	if (partition < 0 || partition >= OFFSETS_MAX)
		return;
	o->v[partition].end = end;
	o->v[partition].done = end;
}

void offsets_written(struct offsets *o, int partition, int64_t offset)
{
	if (partition < 0 || partition >= OFFSETS_MAX)
		return;
	/* The topic was made anew: all offsets begin again. */
	if (offset + 1 < o->v[partition].end)
		o->v[partition].done = offset;
	o->v[partition].end = offset + 1;
}

void offsets_handled(struct offsets *o, int partition, int64_t offset)
{
	if (partition >= 0 && partition < OFFSETS_MAX)
		o->v[partition].done = offset + 1;
}

int64_t offsets_next(const struct offsets *o, int partition)
{
	if (partition < 0 || partition >= OFFSETS_MAX)
		return 0;
	return o->v[partition].done;
}

int64_t offsets_lag(const struct offsets *o, int partition)
{
	int64_t lag = o->v[partition].end - o->v[partition].done;

	/* A message may be confirmed before its acknowledgement is read. */
	return lag > 0 ? lag : 0;
}

int64_t offsets_lag_all(const struct offsets *o)
{
	int64_t sum = 0;

	for (int i = 0; i < o->partitions; i++)
		sum += offsets_lag(o, i);
	return sum;
}
