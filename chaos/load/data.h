/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [data NAME]: values of a file for requests, ${data.NAME.COLUMN}.  A user has
 * one row of each for a run through a journey.  Which one is a pure function of
 * seed, user and iteration, but in the order 'sequential', where all users of
 * all threads take the next one.
 */
#ifndef GD_LOAD_DATA_H
#define GD_LOAD_DATA_H

#include <stdatomic.h>

#include "chaos/load/rows.h"
#include "chaos/scenario/scenario.h"

enum data_order { DATA_SEQUENTIAL, DATA_USER, DATA_ITERATION, DATA_RANDOM };
enum data_end { DATA_WRAP, DATA_STOP, DATA_ERROR };

enum { DATA_FILES_MAX = 64 };		/* a bit each in journeys */
#define DATA_NONE UINT64_MAX		/* no row: the file has ended */

struct data {
	char *name;
	enum data_order order;
	enum data_end at_end;
	struct rows rows;
	const struct scenario_section *section;
};

extern const struct opt data_opts[];
struct data_conf {
	char *file;
	int order, at_end;
};
void data_read(const struct scenario_section *s, struct data *ret,
	       struct errs *errs);
void data_done(struct data *d);

/* Who wants a row. */
struct data_want {
	uint64_t seed, number;	/* number: unique in the run */
	uint64_t user;		/* number within its [load], from 0 */
	uint32_t iteration;	/* from 1 */
	unsigned index;		/* of the data */
};
/* next: of all threads, for DATA_SEQUENTIAL. DATA_NONE: it has ended. */
uint64_t data_row(const struct data *d, const struct data_want *want,
		  atomic_ullong *next);

#endif
