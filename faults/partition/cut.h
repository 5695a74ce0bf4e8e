/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends TCP connections that are open (SOCK_DESTROY of sock_diag), as ss -K
 * does: their owners see ECONNABORTED at once instead of silence.
 */
#ifndef GD_FAULTS_PARTITION_CUT_H
#define GD_FAULTS_PARTITION_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chaos/base/err.h"

/* One end of a connection; the bits of addr that count. */
struct cut_match {
	int family;		/* AF_INET, AF_INET6; 0: any */
	unsigned bits;
	uint8_t addr[16];	/* of the peer, network order */
	int port;		/* 0: any */
	bool remote, local;	/* whose port it is */
};

/* A socket in the present network namespace; -1 if it cannot be had. */
int cut_open(struct err *err);
/* 0, or -EOPNOTSUPP: the kernel has no CONFIG_INET_DIAG_DESTROY. */
int cut_supported(int fd, struct err *err) MUST_CHECK;
/* How many were ended into *ret. */
int cut_all(int fd, const struct cut_match *v, size_t n, size_t *ret,
	    struct err *err) MUST_CHECK;

#endif
