/* SPDX-License-Identifier: Apache-2.0 */
/*
 * [link] sections and the client of gameday-proxy: creates what links the
 * scenario adds, holds the lease, sends toxics, reads counters.  All calls on
 * the loop's thread; only fault_link_open() blocks.
 */
#ifndef GD_FAULT_LINK_H
#define GD_FAULT_LINK_H

#include <jansson.h>

#include "chaos/base/allow.h"
#include "chaos/base/http1.h"
#include "chaos/base/loop.h"
#include "chaos/scenario/scenario.h"
#include "chaos/scenario/symbols.h"

struct fault_link;

struct fault_link_conf {
	char *name, *listen, *upstream, *protocol;
};
void fault_link_confs_read(const struct scenario *sc,
			   struct fault_link_conf **ret, size_t *ret_n,
			   struct errs *errs);
void fault_link_confs_free(struct fault_link_conf *v, size_t n);

struct fault_link_args {
	struct loop *loop;
	const struct allow *allow;
	const char *run;
	const char *api;	/* the stack's: "unix:/…"; NULL: start one */
	const json_t *stack_links;	/* info.json's links, or NULL */
	struct symbols *symbols;	/* gets link:NAME, link:NAME/pool */
	const struct fault_link_conf *confs;
	size_t n;
};
/* Connects or starts, makes links, takes the lease. Blocks, bounded. */
int fault_link_open(const struct fault_link_args *args,
		    struct fault_link **ret, struct err *err) MUST_CHECK;
void fault_link_close(struct fault_link *l);	/* without a goodbye */
int fault_link_lease_fd(const struct fault_link *l);
/* For addr_parse(). */
const char *fault_link_socket(const struct fault_link *l);
const char *fault_link_instance(const struct fault_link *l);
bool fault_link_has(const struct fault_link *l, const char *name);
/* NULL: no such link. */
const char *fault_link_protocol(const struct fault_link *l, const char *name);
/*
 * Ends the lease with a goodbye: nothing is removed any more. One that was
 * started here then ends by itself. Once; blocks, at most 2 s.
 */
void fault_link_goodbye(struct fault_link *l);
/* One API call; done once. */
int fault_link_call(struct fault_link *l, const char *method, const char *path,
		    const char *body, http1_done_fn *done, void *arg,
		    struct http1_call **ret, struct err *err) MUST_CHECK;

#endif
