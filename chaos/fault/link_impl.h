/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's client: between link*.c only. */
#ifndef GD_FAULT_LINK_IMPL_H
#define GD_FAULT_LINK_IMPL_H

#include "chaos/fault/link.h"

enum { LINK_NAME = 64, LINK_BODY = 65536 };

struct link_known {
	char name[LINK_NAME], listen[ADDR_TEXT], protocol[16];
};

struct fault_link {
	struct loop *loop;
	char api[ADDR_TEXT];	/* "unix:/…" or "host:port" */
	struct addr to;		/* the same, parsed */
	char instance[64];
	int lease_fd;
	bool ours;		/* we started it */
	bool said_goodbye;
	struct link_known *v;
	size_t n, cap;
};

/* Starts a proxy of our own; fills l->api. Blocks until it is up. */
int link_start_proxy(struct fault_link *l, const char *run, struct err *err)
	MUST_CHECK;
/* One blocking call; status and the parsed body (NULL if it is no JSON). */
int link_wait(const struct fault_link *l, const char *method,
	      const char *path, const char *body, json_t **ret,
	      struct err *err) MUST_CHECK;

#endif
