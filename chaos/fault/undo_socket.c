/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink sockets for the media of undo; nothing here allocates. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

/* Only the socket has to be made in the other namespace. */
int undo_socket(const char *netns, int protocol, struct err *err)
{
	AUTO_CLOSE int home = -1;
	AUTO_CLOSE int there = -1;
	int fd;

	if (netns[0]) {
		there = open(netns, O_RDONLY | O_CLOEXEC);
		if (there < 0)
			return err_errno(err, "network namespace '%s'", netns);
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0)
			return err_errno(err, "/proc/thread-self/ns/net");
		if (setns(there, CLONE_NEWNET))
			return err_errno(err, "enter network namespace '%s'",
					 netns);
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    protocol);
	if (fd < 0)
		fd = err_errno(err, "netlink socket");
	if (home >= 0 && setns(home, CLONE_NEWNET)) {
		/* A thread in the wrong namespace must not go on. */
		if (fd >= 0)
			close(fd);
		return err_errno(err, "leave network namespace '%s'", netns);
	}
	return fd;
}

ssize_t undo_receive(int fd, void *buf, size_t size, nsec_t deadline)
{
	for (;;) {
		ssize_t n = recv(fd, buf, size, MSG_TRUNC);
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (n >= 0)
			return (size_t)n > size ? -EMSGSIZE : n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (poll(&p, 1, undo_left_ms(deadline)) == 0)
			return -ETIMEDOUT;
	}
}
