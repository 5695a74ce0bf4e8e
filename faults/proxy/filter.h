/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters: what a protocol means to a flow.  One row per protocol
 * (filter/NAME.c, listed in filter.c).  All calls are made on the flow's
 * thread; a filter keeps its state in flow_state() and closes nothing itself.
 */
#ifndef GD_PROXY_FILTER_H
#define GD_PROXY_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "faults/proxy/flow.h"

struct filter_ops {
	const char *protocol;
	const char *summary;
	bool gate_connections; /* pool_limit counts connections */
	bool datagrams;	       /* UDP: no flows, no filter, no pool */
	size_t state_size;     /* zeroed */
	void (*open)(struct flow *f);
	/*
	 * Bytes came.  Passes what may go on with flow_pass() and returns how
	 * many it took; the rest is kept and given again after flow_resume().
	 * NULL: all bytes pass as they are.
	 */
	size_t (*input)(struct flow *f, enum stream s, const char *data,
			size_t len);
	/* The peer that s comes from ended its stream; bytes may be kept. */
	void (*eof)(struct flow *f, enum stream s);
	void (*granted)(struct flow *f); /* after flow_gate_enter() */
	void (*refused)(struct flow *f); /* pool is full, or timed out */
	void (*reconf)(struct flow *f);	 /* the link's toxics changed */
	void (*close)(struct flow *f);	 /* frees what open made */
};

extern const struct filter_ops filter_kafka, filter_postgres, filter_redis,
	filter_tcp, filter_udp;

const struct filter_ops *filter_find(const char *protocol); /* or NULL */
/* The rows, sorted by protocol; ends with NULL. */
const struct filter_ops *const *filter_table(void);

#endif
