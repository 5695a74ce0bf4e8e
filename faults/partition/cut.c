/* SPDX-License-Identifier: Apache-2.0 */
/* Ending open TCP connections; see cut.h. */
#include "faults/partition/cut.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/mem.h"

enum {
	READ = 32768,
	ESTABLISHED = 1,	/* enum of the kernel's tcp_states.h */
	SYN_SENT = 2,
	CLOSE_WAIT = 8,
	SEQ_DUMP = 1, SEQ_DESTROY = 2,
	WAIT_S = 1,
};

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 req;
};

int cut_open(struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
			NETLINK_SOCK_DIAG);
	struct timeval wait = { .tv_sec = WAIT_S };

	if (fd < 0) {
		err_errno(err, "sock_diag");
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static struct request request(int type, int flags, int seq, int family)
{
	struct request r;

	memset(&r, 0, sizeof(r));
	r.head.nlmsg_len = sizeof(r);
	r.head.nlmsg_type = (uint16_t)type;
	r.head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	r.head.nlmsg_seq = (uint32_t)seq;
	r.req.sdiag_family = (uint8_t)family;
	r.req.sdiag_protocol = IPPROTO_TCP;
	return r;
}

static int error_of(const struct nlmsghdr *h)
{
	struct nlmsgerr e;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
		return -EPROTO;
	memcpy(&e, NLMSG_DATA(h), sizeof(e));
	return e.error;
}

/* Waits for the verdict on one message. */
static int ask(int fd, const struct request *r)
{
	_Alignas(struct nlmsghdr) char in[4096];
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)in;

	if (send(fd, r, sizeof(*r), 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(fd, in, sizeof(in), 0);

		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (NLMSG_OK(h, n) && h->nlmsg_seq == r->head.nlmsg_seq &&
		    h->nlmsg_type == NLMSG_ERROR)
			return error_of(h);
	}
}

/* A socket that cannot be: a kernel that could end it looks for it first. */
int cut_supported(int fd, struct err *err)
{
	struct request r = request(SOCK_DESTROY, NLM_F_ACK, SEQ_DESTROY,
				   AF_INET);
	int rc;

	r.req.id.idiag_cookie[0] = r.req.id.idiag_cookie[1] =
		INET_DIAG_NOCOOKIE;
	rc = ask(fd, &r);
	if (rc == -EOPNOTSUPP || rc == -EINVAL)
		return err_set(err, -EOPNOTSUPP, "this kernel cannot end open "
			       "connections (CONFIG_INET_DIAG_DESTROY): leave "
			       "'cut' out");
	return rc == -EPERM ? err_set(err, rc, "no CAP_NET_ADMIN: run it as "
				      "root") : 0;
}

/* --- which ------------------------------------------------------------- */

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return !rest || !((a[bits / 8] ^ b[bits / 8]) >> (8 - rest));
}

/* A dual-stack socket's IPv4 peer is ::ffff:a.b.c.d. */
static bool same_peer(const struct cut_match *m, int family,
		      const uint8_t *peer)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (!m->family)
		return true;
	if (m->family == AF_INET && family == AF_INET6 &&
	    !memcmp(peer, mapped, sizeof(mapped)))
		return same_bits(m->addr, peer + sizeof(mapped), m->bits);
	return m->family == family && same_bits(m->addr, peer, m->bits);
}

static bool is_meant(const struct cut_match *m, const struct inet_diag_msg *d)
{
	if (m->port && !((m->remote && ntohs(d->id.idiag_dport) == m->port) ||
			 (m->local && ntohs(d->id.idiag_sport) == m->port)))
		return false;
	return same_peer(m, d->idiag_family,
			 (const uint8_t *)d->id.idiag_dst);
}

/* --- ending ------------------------------------------------------------ */

struct found {
	struct inet_diag_msg *v;
	size_t n, cap;
};

static void collect(struct found *found, const struct nlmsghdr *h,
		    const struct cut_match *v, size_t n)
{
	const struct inet_diag_msg *d = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*d)))
		return;
	for (size_t i = 0; i < n; i++)
		if (is_meant(&v[i], d)) {
			(void)mem_grow(found->v, found->n, found->cap);
			found->v[found->n++] = *d;
			return;
		}
}

static int dump(int fd, int family, const struct cut_match *v, size_t n,
		struct found *found)
{
	_Alignas(struct nlmsghdr) static _Thread_local char in[READ];
	struct request r = request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, SEQ_DUMP,
				   family);

	r.req.idiag_states = 1 << ESTABLISHED | 1 << SYN_SENT |
			     1 << CLOSE_WAIT;
	if (send(fd, &r, sizeof(r), 0) < 0)
		return -errno;
	for (;;) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)in;
		ssize_t got = recv(fd, in, sizeof(in), 0);

		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		for (; NLMSG_OK(h, got); h = NLMSG_NEXT(h, got)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return error_of(h);
			collect(found, h, v, n);
		}
	}
}

/* By its cookie: a port that was taken over meanwhile has another one. */
static int end_one(int fd, const struct inet_diag_msg *d)
{
	struct request r = request(SOCK_DESTROY, NLM_F_ACK, SEQ_DESTROY,
				   d->idiag_family);

	r.req.id = d->id;
	return ask(fd, &r);
}

int cut_all(int fd, const struct cut_match *v, size_t n, size_t *ret,
	    struct err *err)
{
	struct found found = { 0 };
	int rc = dump(fd, AF_INET, v, n, &found);

	*ret = 0;
	if (!rc)
		rc = dump(fd, AF_INET6, v, n, &found);
	if (rc == -ENOENT)	/* a kernel without IPv6 */
		rc = 0;
	for (size_t i = 0; !rc && i < found.n; i++) {
		int one = end_one(fd, &found.v[i]);

		*ret += !one;
		if (one && one != -ENOENT)	/* it ended by itself */
			rc = one;
	}
	mem_free(found.v);
	return rc ? err_set(err, rc, "end open connections: %s",
			    strerror(-rc)) : 0;
}
