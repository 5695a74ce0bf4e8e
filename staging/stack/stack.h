/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The staging stack: PostgreSQL, Redis, Kafka, gameday-proxy and gameday-shop
 * on loopback with a private directory, as children of one supervisor process
 * that is a session and a subreaper of its own and ends on `down`.  All calls
 * block; none is for a loop's thread while a drill runs.
 */
#ifndef GD_STAGING_STACK_H
#define GD_STAGING_STACK_H

#include <jansson.h>
#include <stdbool.h>

#include "chaos/base/err.h"

struct stack_conf {
	const char *name;	/* "default"; several live side by side: a-z, */
				/* 0-9 and '-', at most 32 */
	double speed;		/* drill seconds per real second */
	const char *const *keys;/* "shop.pool=50": any key of gameday-shop; */
				/* "kafka=auto|real|mock"; "proxy.threads=2"; */
				/* NULL-terminated; or NULL */
};

/*
 * One line a part as it comes up ("postgres 15.18 on 127.0.0.1:41233, 1.2 s"),
 * and the last lines of its log, "shop | …", when one does not.
 */
typedef void stack_progress_fn(void *arg, const char *line);

/*
 * Brings it up and waits until every part answers (each bounded, 60 s).
 * *ret_info is info.json (caller json_decrefs).  -EEXIST: one of that name is
 * up.  On failure nothing is left, and err names the part, the last line of its
 * log and how to mend it.  stop_fd (-1: none) becoming readable, as by SIGINT,
 * takes down what was begun and gives -EINTR; it is not read from.  When the
 * caller dies half way, the stack comes up all the same.
 */
int stack_up(const struct stack_conf *conf, int stop_fd,
	     stack_progress_fn *progress, void *arg, json_t **ret_info,
	     struct err *err) MUST_CHECK;

/*
 * info.json of a live stack, from its supervisor, with "state" (up, or broken:
 * a part has ended, which "failure" names) and "parts" added.  Waits for one
 * that is coming up or going down.  -ENOENT: none.
 */
int stack_find(const char *name, json_t **ret_info, struct err *err) MUST_CHECK;

/*
 * 0 if the live stack can serve conf: nothing of it has ended, and speed, keys
 * and the builds of proxy and shop are the same; else -EBUSY with the
 * difference named.
 */
int stack_matches(const json_t *info, const struct stack_conf *conf,
		  struct err *err) MUST_CHECK;

/*
 * Knobs, tables, Redis and topic as after `up`; the proxy without toxics.
 * Returns when the shop's pool is full and its consumers have their partitions.
 */
int stack_reset(const json_t *info, struct err *err) MUST_CHECK;

/*
 * A run takes the stack for itself until *ret_fd is closed, which the kernel
 * does too when it dies. -EBUSY: another run has it.
 */
int stack_claim(const json_t *info, const char *run, int *ret_fd,
		struct err *err) MUST_CHECK;

/* Stops every part, waits for it, removes the directory. -ENOENT: none up. */
int stack_down(const char *name, struct err *err) MUST_CHECK;

/* The supervisor's main: argv[1] "staging-supervisor"; called by cli's main. */
int stack_supervisor_main(int argc, char **argv);

#endif
