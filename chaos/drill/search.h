/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where does it break?  Which load is held next, and what follows from those
 * that were held: pure, it reads no clock and touches no load.
 *
 *	search_init → [ hold search_load(), search_add() each window,
 *	                search_next() ] until SEARCH_OVER → search_numbers
 *
 * It doubles the load until a level is bad and throughput grows no more, and
 * then halves (in proportion) the gap between the highest good and the lowest
 * bad level until the two differ by `apart` at most.  A level is cut in
 * windows, each good or bad; when a sign test cannot tell which it is (5 %),
 * the level is held longer, and what stays in doubt widens the interval.
 */
#ifndef GD_DRILL_SEARCH_H
#define GD_DRILL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEARCH_LEVELS_MAX = 64 };

struct search_conf {
	double from;		/* the first level, > 0: users or 1/s */
	double to;		/* no level is above it */
	bool whole;		/* users: levels are whole numbers */
	double apart;		/* 0.05: neighbours that close end it */
	/* Below this share of proportional growth it is saturated. */
	double linear;
	unsigned holds_max;	/* a level in doubt is held so often at most */
};

/* A part of a hold, judged. */
struct search_window {
	bool good;
	double seconds;		/* > 0 */
	uint64_t answered, failed;
	double response_s;	/* mean of those; 0 with none */
};

/* Mean and scatter of the windows' values (Welford). */
struct search_mean {
	unsigned n;
	double mean, m2;
};

struct search_level {
	double load;
	unsigned good, bad;	/* windows */
	unsigned holds;
	bool is_good, sure;	/* once it is over */
	double seconds;
	uint64_t answered, failed;
	struct search_mean throughput, response;	/* 1/s, s */
};

enum search_do {
	SEARCH_LEVEL,		/* recover, then hold search_load() */
	SEARCH_LONGER,		/* go on holding it */
	SEARCH_OVER
};

struct search {
	struct search_conf conf;
	/* In the order in which they were held; the last is the present one. */
	struct search_level levels[SEARCH_LEVELS_MAX];
	size_t n;
	bool closed;		/* the two neighbours are close enough */
	const char *why;	/* it is over; NULL: it goes on */
};

/* A value and the interval that is sure; NAN: not known, INFINITY: no end. */
struct search_number {
	double value, lo, hi;
};

struct search_numbers {
	struct search_number limit;	/* highest good load */
	double bad;			/* the lowest bad one */
	struct search_number xmax;	/* requests/s answered */
	struct search_number r0_s;	/* at the lowest level */
	struct search_number knee;	/* N* = Xmax (Z + R0), users */
};

void search_init(struct search *s, const struct search_conf *conf);
double search_load(const struct search *s);
void search_add(struct search *s, const struct search_window *w);
enum search_do search_next(struct search *s);
/* It cannot go on; why is kept. */
void search_give_up(struct search *s, const char *why);
/* z_s: think time a request, s. */
void search_numbers(const struct search *s, double z_s,
		    struct search_numbers *ret);
/* Half the width of the 95 % interval of the mean (Student's t). */
double search_mean_error(const struct search_mean *m);

#endif
