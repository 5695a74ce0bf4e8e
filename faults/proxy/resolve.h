/* SPDX-License-Identifier: Apache-2.0 */
/* Upstreams that were given by name.  Control thread. */
#ifndef GD_PROXY_RESOLVE_H
#define GD_PROXY_RESOLVE_H

#include <stdbool.h>

struct link;
struct proxy;

/* "redis:6379", "[::1]:80": what a link's upstream_text may say. */
bool resolve_is_name(const char *text);
/*
 * Asks for the address of the link's upstream_text on the helper thread;
 * link_resolved() follows, or it is asked again after a second.
 */
void resolve_upstream(struct link *l);
void resolve_done(struct proxy *proxy);

#endif
