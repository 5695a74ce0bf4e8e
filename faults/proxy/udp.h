/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links of datagrams.  Each data thread has a socket of its own at the link's
 * port (the kernel spreads clients over them) and a session per client, with
 * a socket of its own to the upstream.  A session ends when nothing has come
 * for a minute.  A toxic's chunk is a datagram: it passes whole or not.
 */
#ifndef GD_PROXY_UDP_H
#define GD_PROXY_UDP_H

#include "chaos/base/addr.h"
#include "chaos/base/err.h"

struct link;
struct link_slot;
struct worker;

/* Control thread: one socket for each data thread, at the same port. */
int udp_listen(struct link *l, struct addr *addr, const struct addr *upstream,
	       struct err *err) MUST_CHECK;

/* For the data thread. fd is taken over. */
void udp_open(struct worker *w, struct link *l, const struct addr *upstream,
	      int fd);
void udp_reconf(struct link_slot *slot); /* its conf has changed */
/* Ends the sessions, and with shut the port as well. */
void udp_close(struct link_slot *slot, bool shut);

#endif
