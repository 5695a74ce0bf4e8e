/* SPDX-License-Identifier: Apache-2.0 */
/* What link.c needs of its listeners. Control thread. */
#ifndef GD_PROXY_LISTENER_H
#define GD_PROXY_LISTENER_H

#include "faults/proxy/link.h"

/*
 * Opens endpoint i at addr, which becomes the address that it got.  While the
 * link is down it is bound and not listened on.
 */
int listener_open(struct link *l, unsigned i, struct addr *addr,
		  struct err *err) MUST_CHECK;
/* All of conf's; none is left open when one fails. */
int listeners_open(struct link *l, struct link_conf *conf,
		   struct err *err) MUST_CHECK;
void listeners_close(struct link *l);

#endif
