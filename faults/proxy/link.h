/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link: where clients come in, where they are taken, and what is wrong on
 * the way.  The control thread owns the link and its newest conf; each data
 * thread owns one slot of it.  A conf never changes once it is published: the
 * data threads take it over at the top of their loop.
 */
#ifndef GD_PROXY_LINK_H
#define GD_PROXY_LINK_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "chaos/base/addr.h"
#include "chaos/base/list.h"
#include "chaos/base/loop.h"
#include "faults/proxy/gate.h"
#include "faults/proxy/toxic.h"

struct filter_ops;
struct proxy;
struct udp_port;

enum {
	LINK_TOXICS_MAX = 32, /* a flow keeps them as bits */
	LINK_ENDPOINTS_MAX = 64,
	LINK_HOST_MAX = 256,
};

/*
 * One way in and out.  The first is the link's own; the others are brokers
 * that the upstream named (Kafka), with listeners that were opened for them.
 */
struct link_endpoint {
	struct addr listen, upstream;
	char host[LINK_HOST_MAX]; /* as named; "": the link's own */
	int port;
	bool failed; /* could not be opened: leave it */
};

struct link_conf {
	atomic_int refs;
	struct toxic *toxics[LINK_TOXICS_MAX];
	unsigned n_toxics;
	struct link_endpoint *endpoints;
	unsigned n_endpoints;
};

struct link_counters {		  /* added to by one thread */
	atomic_llong connections; /* open now */
	atomic_ullong accepted, errors, opaque;
	atomic_ullong bytes[STREAMS];
};

/* What a data thread has of a link. */
struct link_slot {
	alignas(64) struct link_counters counters;
	struct list flows;     /* that thread's alone */
	struct udp_port *udp;  /* that thread's alone; NULL: not open */
	struct link_conf *use; /* that thread's alone */
	bool closed;	       /* deleted: new flows are turned away */
};

struct link_listener { /* control thread */
	int fd;	       /* -1: closed */
	bool reserved; /* bound, and nobody listens: the link is down */
	struct loop_io io;
	struct loop_timer pause; /* out of descriptors */
	struct link *link;
	unsigned endpoint;
};

struct link {
	atomic_int refs;
	struct proxy *proxy;  /* outlives every link */
	struct list in_proxy; /* control thread from here … */
	char *name;
	char *listen_text;   /* as asked, until it is open; or NULL */
	char *upstream_text; /* as asked; or NULL */
	bool enabled;
	bool down;		/* a toxic shuts it */
	bool udp_open;		/* its data threads have a socket each */
	uint64_t n_flows;	/* ever accepted: numbers them */
	struct link_conf *conf; /* the newest */
	struct link_listener listeners[LINK_ENDPOINTS_MAX];
	/* … to here; constant: */
	const struct filter_ops *filter;
	uint64_t id;
	unsigned n_slots;
	struct gate gate;	 /* any thread */
	struct link_slot *slots; /* slot i: data thread i */
};

struct link_args {
	const char *name;
	struct addr listen, upstream; /* upstream.len 0: a name's, resolved */
	const char *listen_text, *upstream_text; /* as asked; or NULL */
	const struct filter_ops *filter;
	bool enabled;
};

/* Control thread. The listener is open when it returns (if enabled). */
int link_new(struct proxy *proxy, const struct link_args *args,
	     struct link **ret, struct err *err) MUST_CHECK;
/* Control thread: closes listener and flows; the memory goes with the last. */
void link_delete(struct link *l);
/* Opens or closes it with all its flows, as Toxiproxy does. */
int link_enable(struct link *l, bool enabled, struct err *err) MUST_CHECK;
/* New addresses; open flows are closed when something changes. */
int link_readdress(struct link *l, const struct link_args *args,
		   struct err *err) MUST_CHECK;
/* The upstream's name leads there (again): new flows go there. */
void link_resolved(struct link *l, const struct addr *upstream);
/* For people and clients: as they asked for it, or the addresses. */
const char *link_listen_text(const struct link *l, char dst[ADDR_TEXT]);
const char *link_upstream_text(const struct link *l, char dst[ADDR_TEXT]);
/* Another broker: a listener of its own. failed: only remembered as such. */
void link_add_endpoint(struct link *l, const char *host, int port,
		       const struct addr *upstream, bool failed);

bool link_is_down(const struct link *l); /* a toxic shuts it */
struct toxic *link_toxic(const struct link *l, const char *name); /* NULL */
struct toxic *link_toxic_of(const struct link *l, const struct toxic_ops *ops);
/* Takes t over and puts it on. -EEXIST, -ENOSPC, -EINVAL: text in err. */
int link_add_toxic(struct link *l, struct toxic *t, struct err *err) MUST_CHECK;
/* Takes t over; it replaces the one of that name. */
void link_change_toxic(struct link *l, struct toxic *t);
int link_remove_toxic(struct link *l, const char *name); /* -ENOENT */
/* All (lease NULL), or those of a lease. Returns how many. */
unsigned link_remove_toxics(struct link *l, const char *lease);

/* Any thread. */
struct link *link_ref(struct link *l);
void link_unref(struct link *l);
struct link_conf *link_conf_ref(struct link_conf *conf);
void link_conf_unref(struct link_conf *conf); /* NULL is fine */

struct link_sum {
	long long connections;
	unsigned long long accepted, errors, opaque, bytes[STREAMS];
};
void link_sum(const struct link *l, struct link_sum *ret); /* any thread */

#endif
