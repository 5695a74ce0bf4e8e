/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging stack: PostgreSQL, Redis, Kafka, gameday-proxy and gameday-shop in
 * a private directory on loopback, as children of one supervisor process that
 * is a session and a subreaper of its own and ends on `down`.
 */
#ifndef GD_STAGING_STACK_H
#define GD_STAGING_STACK_H

#include <jansson.h>
#include <stdbool.h>

#include "chaos/base/err.h"

struct stack_conf {
	const char *name;	/* "default": several stacks live side by side */
	double speed;		/* drill seconds per real second */
	bool netns;		/* each part in a network namespace of its own */
	const char *const *keys;/* "shop.pool=50", …; NULL-terminated; or NULL */
};

/* One line a part as it comes up ("postgres 15.18 on 127.0.0.1:41233, 1.2 s"). */
typedef void stack_progress_fn(void *arg, const char *line);

/*
 * Brings it up and waits until every part answers (each bounded, 60 s).
 * *ret_info is info.json (caller json_decrefs).  -EEXIST: one of that name is up.
 * On failure nothing is left, and err names the part, its last log lines and
 * how to mend it.  A SIGINT (through *stop_fd becoming readable; -1: none)
 * takes down what was begun and gives -EINTR.
 */
int stack_up(const struct stack_conf *conf, int stop_fd,
	     stack_progress_fn *progress, void *arg, json_t **ret_info,
	     struct err *err) MUST_CHECK;

/* info.json of a live stack, checked against its supervisor. -ENOENT: none. */
int stack_find(const char *name, json_t **ret_info, struct err *err) MUST_CHECK;

/*
 * 0 if the live stack can serve conf (same speed, versions, keys); else -EBUSY
 * with the difference named.
 */
int stack_matches(const json_t *info, const struct stack_conf *conf,
		  struct err *err) MUST_CHECK;

/* Knobs, tables, Redis and topic as after `up`; the proxy without toxics. */
int stack_reset(const json_t *info, struct err *err) MUST_CHECK;

/* Stops every part, waits for it, removes the directory. -ENOENT: none up. */
int stack_down(const char *name, struct err *err) MUST_CHECK;

/* Names of live stacks, "" terminated list in one block the caller frees. */
char *stack_names(void);

/* The supervisor's main: argv[1] "staging-supervisor"; called by cli's main. */
int stack_supervisor_main(int argc, char **argv);

#endif
