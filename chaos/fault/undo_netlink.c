/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by rtnetlink messages on a raw socket.  Messages carry no interface
 * index: it is looked up by name now, for an index may have been taken over.
 * The message that looks is a dump; the handle in it is what is looked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

enum { NETLINK_READ = 32768 };	/* the kernel's largest dump message */

/* Only the socket has to be made in the other namespace. */
static int socket_in(const char *netns, struct err *err)
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
		    NETLINK_ROUTE);
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

static int index_of(int fd, const char *name, struct err *err)
{
	struct ifreq req;

	memset(&req, 0, sizeof(req));
	if (strlen(name) >= sizeof(req.ifr_name))
		return err_set(err, -ENODEV, "interface '%s': name too long",
			       name);
	strcpy(req.ifr_name, name);
	if (ioctl(fd, SIOCGIFINDEX, &req))
		return err_errno(err, "interface '%s'", name);
	return req.ifr_ifindex;
}

/* 1: ready; -ENODEV, -ENOENT: what it stood on is gone. */
static int open_for(const struct undo_record *r, int *ret_fd, int *ret_index,
		    struct err *err)
{
	AUTO_CLOSE int fd = socket_in(r->netns, err);
	int index;

	if (fd < 0)
		return fd;
	index = index_of(fd, r->where, err);
	if (index < 0)
		return index;
	*ret_index = index;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Copies one message out of the record and fills in what was left open. */
static int render(const uint8_t *from, size_t left, int index, uint32_t seq,
		  uint16_t flags, uint8_t *to, size_t *ret_len)
{
	struct nlmsghdr head;
	struct tcmsg tc;

	if (left < NLMSG_LENGTH(sizeof(tc)))
		return -EINVAL;
	memcpy(&head, from, sizeof(head));
	if (head.nlmsg_len < NLMSG_LENGTH(sizeof(tc)) ||
	    head.nlmsg_len > left || head.nlmsg_type < RTM_NEWQDISC ||
	    head.nlmsg_type > RTM_GETTFILTER)
		return -EINVAL;
	memcpy(to, from, head.nlmsg_len);
	head.nlmsg_flags = head.nlmsg_flags | NLM_F_REQUEST | flags;
	head.nlmsg_seq = seq;
	head.nlmsg_pid = 0;
	memcpy(to, &head, sizeof(head));
	memcpy(&tc, to + NLMSG_HDRLEN, sizeof(tc));
	tc.tcm_ifindex = index;
	memcpy(to + NLMSG_HDRLEN, &tc, sizeof(tc));
	*ret_len = head.nlmsg_len;
	return 0;
}

static ssize_t receive(int fd, void *buf, size_t size, nsec_t deadline)
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

static int error_of(const struct nlmsghdr *h)
{
	return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

/* One message and its acknowledgement. */
static int transact(int fd, const uint8_t *msg, size_t len, uint32_t seq,
		    nsec_t deadline)
{
	_Alignas(struct nlmsghdr) static _Thread_local char in[8192];

	if (send(fd, msg, len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = receive(fd, in, sizeof(in), deadline);
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)in;

		if (n < 0)
			return (int)n;
		for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
			if (h->nlmsg_seq == seq &&
			    h->nlmsg_type == NLMSG_ERROR)
				return error_of(h);
	}
}

/*
 * EINVAL is how the kernel says that the root qdisc has another handle, so
 * that it is not ours; verify has the last word.
 */
static bool is_gone(int rc)
{
	return rc == -ENOENT || rc == -ENODEV || rc == -EINVAL || rc == -ENXIO;
}

static int netlink_revert(const struct undo_record *r, struct err *err)
{
	nsec_t deadline = clock_mono() + UNDO_TIMEOUT;
	uint8_t msg[UNDO_BYTES];
	AUTO_CLOSE int fd = -1;
	uint32_t seq = 1;
	size_t len;
	int rc, index;

	rc = open_for(r, &fd, &index, err);
	if (rc)
		return rc == -ENODEV || rc == -ENOENT ? 0 : rc;
	for (size_t off = 0; off < r->len; off += NLMSG_ALIGN(len)) {
		rc = render(r->bytes + off, r->len - off, index, seq,
			    NLM_F_ACK, msg, &len);
		if (rc)
			return err_set(err, rc, "undo of '%s': broken message",
				       r->fault);
		rc = transact(fd, msg, len, seq++, deadline);
		/* A first try may have got no further than this: go on. */
		if (rc && !is_gone(rc))
			return err_set(err, rc, "undo of '%s' on %s: %s",
				       r->fault, r->where, strerror(-rc));
	}
	return 0;
}

/* -EAGAIN: more to come. */
static int scan(const struct nlmsghdr *h, ssize_t n, uint32_t seq, int index,
		uint32_t handle, bool *found)
{
	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		const struct tcmsg *tc = NLMSG_DATA(h);

		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
		if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(*tc)) &&
		    tc->tcm_ifindex == index && tc->tcm_handle == handle)
			*found = true;
	}
	return -EAGAIN;
}

static int dump_has(int fd, const uint8_t *msg, size_t len, int index,
		    bool *found)
{
	_Alignas(struct nlmsghdr) static _Thread_local char in[NETLINK_READ];
	nsec_t deadline = clock_mono() + UNDO_TIMEOUT;
	struct tcmsg tc;
	int rc = -EAGAIN;

	memcpy(&tc, msg + NLMSG_HDRLEN, sizeof(tc));
	if (send(fd, msg, len, 0) < 0)
		return -errno;
	while (rc == -EAGAIN) {
		ssize_t n = receive(fd, in, sizeof(in), deadline);

		if (n < 0)
			return (int)n;
		rc = scan((const struct nlmsghdr *)(void *)in, n, 1, index,
			  tc.tcm_handle, found);
	}
	return rc;
}

static enum undo_state netlink_verify(const struct undo_record *r,
				      struct err *err)
{
	uint8_t msg[UNDO_BYTES];
	AUTO_CLOSE int fd = -1;
	bool found = false;
	size_t len;
	int rc, index;

	rc = open_for(r, &fd, &index, err);
	if (rc == -ENODEV || rc == -ENOENT)
		return UNDO_GONE;
	if (!rc)
		rc = render(r->verify, r->verify_len, index, 1, NLM_F_DUMP,
			    msg, &len);
	if (!rc)
		rc = dump_has(fd, msg, len, index, &found);
	if (rc) {
		err_set(err, rc, "look at %s: %s", r->where, strerror(-rc));
		return UNDO_CANNOT_TELL;
	}
	return found ? UNDO_PRESENT : UNDO_GONE;
}

const struct undo_medium undo_netlink = {
	.name = "netlink",
	.revert = netlink_revert,
	.verify = netlink_verify,
};
