/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by rtnetlink messages on a raw socket.  Messages carry no interface
 * index: it is looked up by name now, for an index may have been taken over.
 * A tc message that looks is a dump; the handle in it is what is looked for,
 * and its TCA_INGRESS_BLOCK if it has one: an ingress qdisc is always ffff:.
 * A link message has the name of the link in it.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

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

/*
 * -ENOENT: the namespace is gone, and all with it.  An interface that is gone
 * has index 0: so are the qdiscs that it had.
 */
static int open_for(const struct undo_record *r, int *ret_fd, int *ret_index,
		    struct err *err)
{
	AUTO_CLOSE int fd = undo_socket(r->netns, NETLINK_ROUTE, err);
	int index;

	if (fd < 0)
		return fd;
	index = index_of(fd, r->where, err);
	if (index < 0 && index != -ENODEV)
		return index;
	*ret_index = index < 0 ? 0 : index;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static bool is_tc(unsigned type)
{
	return type >= RTM_NEWQDISC && type <= RTM_GETTFILTER;
}

/* Copies one message out of the record and fills in what was left open. */
static int render(const uint8_t *from, size_t left, int index, uint32_t seq,
		  uint16_t flags, uint8_t *to, struct nlmsghdr *head)
{
	struct tcmsg tc;
	size_t min;

	if (left < sizeof(*head))
		return -EINVAL;
	memcpy(head, from, sizeof(*head));
	min = is_tc(head->nlmsg_type) ? sizeof(tc) : sizeof(struct ifinfomsg);
	if (head->nlmsg_len < NLMSG_LENGTH(min) || head->nlmsg_len > left ||
	    !(is_tc(head->nlmsg_type) || head->nlmsg_type == RTM_DELLINK ||
	      head->nlmsg_type == RTM_GETLINK))
		return -EINVAL;
	memcpy(to, from, head->nlmsg_len);
	head->nlmsg_flags = head->nlmsg_flags | NLM_F_REQUEST | flags;
	head->nlmsg_seq = seq;
	head->nlmsg_pid = 0;
	memcpy(to, head, sizeof(*head));
	if (!is_tc(head->nlmsg_type))
		return 0;
	memcpy(&tc, to + NLMSG_HDRLEN, sizeof(tc));
	tc.tcm_ifindex = index;
	memcpy(to + NLMSG_HDRLEN, &tc, sizeof(tc));
	return 0;
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
		ssize_t n = undo_receive(fd, in, sizeof(in), deadline);
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

/* --- looking ----------------------------------------------------------- */

/* The block that a tc message names; 0: none. */
static uint32_t block_of(const uint8_t *msg, size_t len)
{
	size_t off = NLMSG_LENGTH(sizeof(struct tcmsg));
	uint32_t block = 0;
	struct rtattr a;

	while (off + sizeof(a) <= len) {
		memcpy(&a, msg + off, sizeof(a));
		if (a.rta_len < sizeof(a) || off + a.rta_len > len)
			break;
		if (a.rta_type == TCA_INGRESS_BLOCK &&
		    a.rta_len >= RTA_LENGTH(sizeof(block)))
			memcpy(&block, msg + off + RTA_LENGTH(0),
			       sizeof(block));
		off += RTA_ALIGN(a.rta_len);
	}
	return block;
}

struct want {
	int index;
	uint32_t handle, block;
	bool found;
};

static bool is_wanted(const struct nlmsghdr *h, const struct want *w)
{
	const struct tcmsg *tc = NLMSG_DATA(h);

	return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*tc)) &&
	       tc->tcm_ifindex == w->index && tc->tcm_handle == w->handle &&
	       (!w->block ||
		block_of((const uint8_t *)h, h->nlmsg_len) == w->block);
}

/* -EAGAIN: more to come. */
static int scan(const struct nlmsghdr *h, ssize_t n, uint32_t seq,
		struct want *w)
{
	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
		w->found |= is_wanted(h, w);
	}
	return -EAGAIN;
}

/* A qdisc by handle and block. msg: any tc message that names it. */
static int has_qdisc(int fd, const uint8_t *msg, size_t len, int index,
		     uint32_t seq, bool *found)
{
	_Alignas(struct nlmsghdr) static _Thread_local char in[NETLINK_READ];
	nsec_t deadline = clock_mono() + UNDO_TIMEOUT;
	struct {
		struct nlmsghdr head;
		struct tcmsg tc;
	} ask = { .head = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = RTM_GETQDISC,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_seq = seq } };
	struct want w = { .index = index, .block = block_of(msg, len) };
	int rc = -EAGAIN;

	memcpy(&ask.tc, msg + NLMSG_HDRLEN, sizeof(ask.tc));
	w.handle = ask.tc.tcm_handle;
	if (send(fd, &ask, sizeof(ask), 0) < 0)
		return -errno;
	while (rc == -EAGAIN) {
		ssize_t n = undo_receive(fd, in, sizeof(in), deadline);

		if (n < 0)
			return (int)n;
		rc = scan((const struct nlmsghdr *)(void *)in, n, seq, &w);
	}
	*found = w.found;
	return rc;
}

/* A link by the name in the message: the answer is it, or ENODEV. */
static int has_link(int fd, const uint8_t *msg, size_t len, uint32_t seq,
		    bool *found)
{
	_Alignas(struct nlmsghdr) static _Thread_local char in[NETLINK_READ];
	nsec_t deadline = clock_mono() + UNDO_TIMEOUT;
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)in;

	if (send(fd, msg, len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = undo_receive(fd, in, sizeof(in), deadline);
		int rc;

		if (n < 0)
			return (int)n;
		if (!NLMSG_OK(h, n) || h->nlmsg_seq != seq)
			continue;
		rc = h->nlmsg_type == NLMSG_ERROR ? error_of(h) : 0;
		*found = h->nlmsg_type == RTM_NEWLINK;
		return rc == -ENODEV ? 0 : rc;
	}
}

/* --- revert and verify ------------------------------------------------- */

/* Whose ingress qdisc it is its handle does not say. */
static int is_ours(int fd, const uint8_t *msg, size_t len, int index,
		   uint32_t seq, bool *ours)
{
	*ours = true;
	return block_of(msg, len) ? has_qdisc(fd, msg, len, index, seq, ours) :
				    0;
}

/* One message of the undo; what it would remove may be gone. */
static int revert_one(int fd, const uint8_t *msg, const struct nlmsghdr *head,
		      int index, nsec_t deadline)
{
	bool ours = true;
	int rc;

	if (is_tc(head->nlmsg_type)) {
		if (!index)
			return 0;
		rc = is_ours(fd, msg, head->nlmsg_len, index,
			     head->nlmsg_seq + 1, &ours);
		if (rc || !ours)
			return rc;
	}
	rc = transact(fd, msg, head->nlmsg_len, head->nlmsg_seq, deadline);
	/* A first try may have got no further than this: go on. */
	return is_gone(rc) ? 0 : rc;
}

static int netlink_revert(const struct undo_record *r, struct err *err)
{
	nsec_t deadline = clock_mono() + UNDO_TIMEOUT;
	uint8_t msg[UNDO_BYTES];
	AUTO_CLOSE int fd = -1;
	struct nlmsghdr head;
	uint32_t seq = 1;
	int rc, index;

	rc = open_for(r, &fd, &index, err);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	for (size_t off = 0; off < r->len;
	     off += NLMSG_ALIGN(head.nlmsg_len)) {
		rc = render(r->bytes + off, r->len - off, index, seq,
			    NLM_F_ACK, msg, &head);
		if (rc)
			return err_set(err, rc, "undo of '%s': broken message",
				       r->fault);
		rc = revert_one(fd, msg, &head, index, deadline);
		if (rc)
			return err_set(err, rc, "undo of '%s' on %s: %s",
				       r->fault, r->where, strerror(-rc));
		seq += 2;
	}
	return 0;
}

static int look_all(const struct undo_record *r, int fd, int index,
		    bool *found)
{
	uint8_t msg[UNDO_BYTES];
	struct nlmsghdr head;
	uint32_t seq = 1;
	bool one;
	int rc;

	for (size_t off = 0; off < r->verify_len;
	     off += NLMSG_ALIGN(head.nlmsg_len)) {
		rc = render(r->verify + off, r->verify_len - off, index, seq,
			    0, msg, &head);
		one = false;
		if (!rc && !is_tc(head.nlmsg_type))
			rc = has_link(fd, msg, head.nlmsg_len, seq, &one);
		else if (!rc && index)
			rc = has_qdisc(fd, msg, head.nlmsg_len, index, seq,
				       &one);
		if (rc)
			return rc;
		*found |= one;
		seq++;
	}
	return 0;
}

static enum undo_state netlink_verify(const struct undo_record *r,
				      struct err *err)
{
	AUTO_CLOSE int fd = -1;
	bool found = false;
	int rc, index;

	rc = open_for(r, &fd, &index, err);
	if (rc == -ENOENT)
		return UNDO_GONE;
	if (!rc)
		rc = look_all(r, fd, index, &found);
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
