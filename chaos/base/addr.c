/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses: text, resolution, and non-blocking sockets. */
#include "chaos/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/units.h"

static void set_v4(struct addr *a, struct in_addr ip, int port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr = ip,
		.sin_port = htons((uint16_t)port),
	};

	memset(a, 0, sizeof(*a));
	memcpy(&a->u, &in, sizeof(in));
	a->len = sizeof(in);
}

static void set_v6(struct addr *a, const struct in6_addr *ip, int port)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = *ip,
		.sin6_port = htons((uint16_t)port),
	};

	memset(a, 0, sizeof(*a));
	memcpy(&a->u, &in6, sizeof(in6));
	a->len = sizeof(in6);
}

static int set_unix(struct addr *a, const char *path, struct err *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return err_set(err, -EINVAL,
			       "socket path '%s' is not absolute", path);
	if (len >= sizeof(a->u.un.sun_path))
		return err_set(err, -ENAMETOOLONG,
			       "socket path '%s' is longer than %zu bytes",
			       path, sizeof(a->u.un.sun_path) - 1);
	memset(a, 0, sizeof(*a));
	a->u.un.sun_family = AF_UNIX;
	memcpy(a->u.un.sun_path, path, len + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return 0;
}

static bool set_numeric(struct addr *a, const char *host, int port)
{
	struct in6_addr ip6;
	struct in_addr ip;

	if (inet_pton(AF_INET, host, &ip) == 1)
		set_v4(a, ip, port);
	else if (inet_pton(AF_INET6, host, &ip6) == 1)
		set_v6(a, &ip6, port);
	else
		return false;
	return true;
}

/* The host of "host:port" or "[host]:port" into dst, the port's text back. */
static const char *split_port(const char *text, char *dst, size_t size)
{
	const char *from = text, *to = strrchr(text, ':'), *port;

	if (!to)
		return NULL;
	port = to + 1;
	if (*from == '[') {
		from++;
		if (to == text || to[-1] != ']')
			return NULL;
		to--;
	} else if (memchr(from, ':', (size_t)(to - from))) {
		return NULL;	/* IPv6 without brackets */
	}
	if (to <= from || (size_t)(to - from) >= size)
		return NULL;
	memcpy(dst, from, (size_t)(to - from));
	dst[to - from] = '\0';
	return port;
}

int addr_parse(const char *text, struct addr *ret, struct err *err)
{
	char host[INET6_ADDRSTRLEN];
	const char *port_text;
	int64_t port;

	if (!strncmp(text, "unix:", 5))
		return set_unix(ret, text + 5, err);
	port_text = split_port(text, host, sizeof(host));
	if (!port_text || units_int(port_text, &port, NULL) || port < 0 ||
	    port > 65535 || !set_numeric(ret, host, (int)port))
		return err_set(err, -EINVAL,
			       "'%s' is no address (127.0.0.1:80, [::1]:80 or "
			       "unix:/path)", text);
	return 0;
}

int addr_resolve(const char *host, int port, struct addr *ret, struct err *err)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};
	struct addrinfo *found = NULL;
	char service[16];
	int rc;

	if (host[0] == '/')
		return set_unix(ret, host, err);
	if (port < 0 || port > 65535)
		return err_set(err, -EINVAL, "port %d is out of range", port);
	if (set_numeric(ret, host, port))
		return 0;
	snprintf(service, sizeof(service), "%d", port);
	rc = getaddrinfo(host, service, &hints, &found);
	if (rc)
		return err_set(err, -EHOSTUNREACH, "cannot resolve '%s': %s",
			       host, rc == EAI_SYSTEM ? strerror(errno)
						      : gai_strerror(rc));
	memset(ret, 0, sizeof(*ret));
	memcpy(&ret->u, found->ai_addr, found->ai_addrlen);
	ret->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

char *addr_fmt(const struct addr *a, char dst[ADDR_TEXT])
{
	const struct sockaddr_in6 *in6 = (const void *)&a->u;
	const struct sockaddr_in *in = (const void *)&a->u;
	char host[INET6_ADDRSTRLEN] = "";

	if (a->len && a->u.sa.sa_family == AF_UNIX) {
		snprintf(dst, ADDR_TEXT, "unix:%s", a->u.un.sun_path);
	} else if (a->len && a->u.sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(dst, ADDR_TEXT, "[%s]:%d", host, addr_port(a));
	} else if (a->len && a->u.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(dst, ADDR_TEXT, "%s:%d", host, addr_port(a));
	} else {
		snprintf(dst, ADDR_TEXT, "none");
	}
	return dst;
}

int addr_port(const struct addr *a)
{
	const struct sockaddr_in6 *in6 = (const void *)&a->u;
	const struct sockaddr_in *in = (const void *)&a->u;

	if (a->u.sa.sa_family == AF_INET)
		return ntohs(in->sin_port);
	if (a->u.sa.sa_family == AF_INET6)
		return ntohs(in6->sin6_port);
	return 0;
}

static int stream_socket(const struct addr *a)
{
	return socket(a->u.sa.sa_family,
		      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Is it a socket file that refuses connections? Then its owner is dead. */
static bool is_stale(const struct addr *a)
{
	struct stat st;
	bool refused;
	int fd;

	if (a->u.sa.sa_family != AF_UNIX || lstat(a->u.un.sun_path, &st) ||
	    !S_ISSOCK(st.st_mode))
		return false;
	fd = stream_socket(a);
	if (fd < 0)
		return false;
	refused = connect(fd, &a->u.sa, a->len) && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int bind_fresh(int fd, const struct addr *a)
{
	if (!bind(fd, &a->u.sa, a->len))
		return 0;
	if (errno != EADDRINUSE)
		return -1;
	if (!is_stale(a)) {
		errno = EADDRINUSE;
		return -1;
	}
	unlink(a->u.un.sun_path);
	return bind(fd, &a->u.sa, a->len);
}

int addr_listen(const struct addr *a, int backlog, int *ret_fd, struct err *err)
{
	char text[ADDR_TEXT];
	int fd = stream_socket(a), on = 1, rc;

	if (fd < 0)
		return err_errno(err, "cannot make a socket for %s",
				 addr_fmt(a, text));
	if (a->u.sa.sa_family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind_fresh(fd, a) || listen(fd, backlog)) {
		rc = err_errno(err, "cannot listen on %s", addr_fmt(a, text));
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int addr_connect(const struct addr *a, int *ret_fd, struct err *err)
{
	char text[ADDR_TEXT];
	int fd = stream_socket(a), on = 1, rc;

	if (fd < 0)
		return err_errno(err, "cannot make a socket for %s",
				 addr_fmt(a, text));
	if (a->u.sa.sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	rc = connect(fd, &a->u.sa, a->len) ? -errno : 0;
	if (rc && rc != -EINPROGRESS) {
		rc = err_errno(err, "cannot connect to %s", addr_fmt(a, text));
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return rc;
}

int addr_connected(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

int addr_local(int fd, struct addr *ret)
{
	struct addr a = { .len = sizeof(a.u) };

	if (getsockname(fd, &a.u.sa, &a.len))
		return -errno;
	*ret = a;
	return 0;
}

void addr_close_rst(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
