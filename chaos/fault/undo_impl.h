/* SPDX-License-Identifier: Apache-2.0 */
/* What one medium of undo can do: between undo.c and undo_*.c only. */
#ifndef GD_FAULT_UNDO_IMPL_H
#define GD_FAULT_UNDO_IMPL_H

#include <sys/types.h>

#include "chaos/fault/undo.h"

#define UNDO_TIMEOUT (500 * NSEC_MS)	/* real, of one revert or one look */

/*
 * Neither may allocate: they run in the guardian, which is locked into memory
 * and may be all that is left of a drill.
 */
struct undo_medium {
	const char *name;
	int (*revert)(const struct undo_record *r, struct err *err);
	enum undo_state (*verify)(const struct undo_record *r,
				  struct err *err);
};

extern const struct undo_medium undo_command, undo_http, undo_netlink,
	undo_nft, undo_signal, undo_unlink, undo_write;

enum { NETLINK_READ = 32768 };	/* the kernel's largest dump message */

/* A netlink socket in a namespace (a path, or "" for ours). */
int undo_socket(const char *netns, int protocol, struct err *err);
/* One datagram; -ETIMEDOUT, -EMSGSIZE. */
ssize_t undo_receive(int fd, void *buf, size_t size, nsec_t deadline);

/* Room for real ns until the deadline (mono), for poll(2); 0 when past. */
int undo_left_ms(nsec_t deadline);

#endif
