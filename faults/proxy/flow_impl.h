/* SPDX-License-Identifier: Apache-2.0 */
/* What flow.c and pipe.c share. A flow is its data thread's alone. */
#ifndef GD_PROXY_FLOW_IMPL_H
#define GD_PROXY_FLOW_IMPL_H

#include <stdalign.h>

#include "chaos/base/buf.h"
#include "faults/proxy/chain.h"
#include "faults/proxy/delayq.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/flow.h"
#include "faults/proxy/link.h"
#include "faults/proxy/worker.h"

enum { PIPE_MAX = 1024 * 1024 }; /* bytes queued before reading stops */

/* side[STREAM_UP] is the client, where that stream comes from. */
struct side {
	int fd; /* -1: none */
	struct loop_io io;
	bool connected;
	bool more; /* its last read left something */
};

struct pipe { /* one direction: side[s] -> side[!s] */
	struct delayq q;
	struct loop_timer timer; /* the first chunk's deadline */
	struct buf kept;	 /* read, and not taken by the filter yet */
	struct chain chain;	 /* the toxics that apply here */
	bool held;		 /* a toxic lets nothing go before … */
	nsec_t held_until;	 /* … mono ns; NSEC_NEVER: a change */
	bool blocked;		 /* the socket took no more */
	bool ended;		 /* nothing more will be read */
	bool reset;		 /* … because it was reset */
	bool end_queued;
	bool over; /* its end was passed on, or nobody reads it */
};

enum flow_gate { FLOW_OUT, FLOW_WAITING, FLOW_IN };

struct flow {
	struct worker *w;
	struct link *link; /* a reference */
	struct link_slot *slot;
	struct list in_slot;
	struct addr upstream;
	struct side side[STREAMS];
	struct pipe pipe[STREAMS];
	struct gate_pass pass;
	struct loop_timer timer; /* connects it, or ends its wait */
	nsec_t connect_at;	 /* mono ns; 0: it went on */
	enum flow_gate gate; /* what this thread knows of pass.state */
	uint64_t number; /* of its link: names it for the seed */
	uint32_t toxics; /* of the conf in use that apply, as bits */
	bool dying;	 /* reset both sides at the next settle */
	bool finishing;	 /* the upstream is done with */
	bool closed;	 /* memory waits for a grant's post */
	alignas(max_align_t) char state[];
};

/* pipe.c: one direction. None of these frees the flow. */
void pipe_init(struct flow *f, enum stream s);
void pipe_done(struct flow *f, enum stream s);
/* ending: the peer has ended its stream, so that the end is to be read. */
void pipe_read(struct flow *f, enum stream s, bool ending);
void pipe_flush(struct flow *f, enum stream s);
void pipe_retime(struct flow *f, enum stream s); /* toxics changed */
/* What the toxics make of the flow, if it is time; sets the pipe's timer. */
void pipe_time(struct flow *f, enum stream s);
void pipe_end(struct flow *f, enum stream s);	 /* if all is taken: pass it */
bool pipe_has_room(const struct pipe *p);

#endif
