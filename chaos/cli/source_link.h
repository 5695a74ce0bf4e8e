/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's counters as a source of watch: link.NAME.in_flight and so on. */
#ifndef GD_CLI_SOURCE_LINK_H
#define GD_CLI_SOURCE_LINK_H

#include "chaos/fault/link.h"
#include "chaos/watch/watch.h"

struct source_link;

struct source_link *source_link_new(struct fault_link *link, struct loop *loop);
/* Whether the proxy ever failed to answer. */
bool source_link_was_down(const struct source_link *s);
void source_link_free(struct source_link *s);
extern const struct watch_source_ops source_link_ops;

#endif
