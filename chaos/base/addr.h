/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses: TCP over IPv4 and IPv6, and Unix sockets. */
#ifndef GD_BASE_ADDR_H
#define GD_BASE_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "chaos/base/err.h"

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_storage ss;
		struct sockaddr_un un;
	} u;
	socklen_t len;
};

enum { ADDR_TEXT = 128 };

/* "127.0.0.1:80" "[::1]:80" "unix:/path"; numeric only, never blocks. */
int addr_parse(const char *text, struct addr *ret, struct err *err) MUST_CHECK;
/*
 * Blocking (DNS): preflight and the helper thread only.  First result.  A host
 * that begins with '/' is a Unix socket's path.
 */
int addr_resolve(const char *host, int port, struct addr *ret, struct err *err)
	MUST_CHECK;
char *addr_fmt(const struct addr *a, char dst[ADDR_TEXT]);
int addr_port(const struct addr *a);		/* 0: a Unix socket */
/*
 * Non-blocking, O_CLOEXEC sockets.  Port 0 takes a free one: addr_local().  A
 * socket file that nobody listens on any more is replaced.
 */
int addr_listen(const struct addr *a, int backlog, int *ret_fd,
		struct err *err) MUST_CHECK;
/*
 * 0: connected; -EINPROGRESS with *ret_fd set is no error here: the outcome is
 * addr_connected() when the descriptor is writable.  TCP_NODELAY is set.
 */
int addr_connect(const struct addr *a, int *ret_fd, struct err *err) MUST_CHECK;
int addr_connected(int fd);	/* 0 or negative errno (SO_ERROR) */
int addr_local(int fd, struct addr *ret);	/* 0 or negative errno */
/* Closes with RST (SO_LINGER 0). */
void addr_close_rst(int fd);

#endif
