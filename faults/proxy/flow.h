/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow: one client and its upstream connection.  Two directions, each with
 * a bounded queue; reading stops while it is full.  A stream that ends is
 * passed on as such once what came before it is out (half-close).
 *
 *	socket -> filter -> [kept: not taken by the filter yet]
 *	                 -> toxics -> [queue, by deadline] -> toxics -> socket
 *
 * With nothing to look at and nothing to delay bytes go from read to write.
 */
#ifndef GD_PROXY_FLOW_H
#define GD_PROXY_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "chaos/base/addr.h"
#include "chaos/base/loop.h"
#include "faults/proxy/toxic.h"

struct flow;
struct link;
struct link_conf;
struct worker;

/* For the data thread. fd is taken over. */
void flow_open(struct worker *w, struct link *l, const struct addr *upstream,
	       uint64_t number, int fd);
void flow_reconf(struct flow *f); /* its slot's conf has changed */
void flow_kill(struct flow *f);	  /* at once, both sides reset */
struct list *flow_in_slot(struct flow *f);
struct flow *flow_of_slot(struct list *in_slot);

/* For filters, in a callback of theirs or of a timer or post. */
void *flow_state(struct flow *f);
struct link *flow_link(struct flow *f);
const struct link_conf *flow_conf(struct flow *f);
struct loop *flow_loop(struct flow *f);
int flow_client_fd(struct flow *f);
struct flow *flow_of_state(void *state);
/* Bytes go on their way in that direction; they are copied or sent. */
void flow_pass(struct flow *f, enum stream s, const char *data, size_t len);
/* Kept bytes of that direction are given to the filter again. */
void flow_resume(struct flow *f, enum stream s);
/* Ends a callback that the flow did not call: timers. May free it. */
void flow_settle(struct flow *f);
/* Both sides are reset, when the callback is over. */
void flow_abort(struct flow *f);
/* Nothing more is read; what is queued for the client is sent, then closed. */
void flow_finish(struct flow *f);
/* Whether toxic i of flow_conf() applies to this flow. */
bool flow_toxic_on(struct flow *f, unsigned i);
void flow_count_error(struct flow *f);
void flow_count_opaque(struct flow *f);

/* The pool. True: in. False: granted or refused will be called. */
bool flow_gate_enter(struct flow *f);
bool flow_gate_in(const struct flow *f);
bool flow_gate_waiting(const struct flow *f);
void flow_gate_leave(struct flow *f); /* counts a transaction */

#endif
