/* SPDX-License-Identifier: Apache-2.0 */
/* Talking rtnetlink through libnl, here or in a scratch namespace. */
#include "faults/net/rtnl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/mem.h"

/* A distribution's table is 8 KB. */
enum { RTNL_MSG = 12 * 1024 };

/* Not of libnl's, which counts those that it expects. */
enum { BATCH_SEQ = 0x67640000 };

void rtnl_netns_path(const char *netns, char dst[RTNL_NETNS])
{
	if (!netns || !*netns)
		dst[0] = '\0';
	else if (*netns == '/')
		snprintf(dst, RTNL_NETNS, "%s", netns);
	else
		snprintf(dst, RTNL_NETNS, "/run/netns/%s", netns);
}

/* --- open -------------------------------------------------------------- */

static int look_up(struct rtnl *r, const char *dev, struct err *err)
{
	struct ifreq req;

	memset(&req, 0, sizeof(req));
	if (strlen(dev) >= sizeof(req.ifr_name))
		return err_set(err, -ENODEV, "interface '%s': name too long",
			       dev);
	strcpy(req.ifr_name, dev);
	if (ioctl(nl_socket_get_fd(r->sock), SIOCGIFINDEX, &req))
		return err_errno(err, "interface '%s'", dev);
	r->ifindex = req.ifr_ifindex;
	strcpy(r->dev, dev);
	return 0;
}

/* libnl has codes of its own; ours are the kernel's. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *arg)
{
	struct rtnl *r = arg;

	(void)from;
	r->error = e->error;
	return NL_STOP;
}

static int connect_here(struct rtnl *r, const char *dev, struct err *err)
{
	int rc;

	r->sock = nl_socket_alloc();
	if (!r->sock)
		return err_set(err, -ENOMEM, "netlink socket");
	nl_socket_modify_err_cb(r->sock, NL_CB_CUSTOM, on_error, r);
	rc = nl_connect(r->sock, NETLINK_ROUTE);
	if (rc)
		return err_set(err, -EPROTO, "netlink: %s", nl_geterror(rc));
	return look_up(r, dev, err);
}

int rtnl_in_netns(const char *netns, int (*fn)(void *arg, struct err *err),
		  void *arg, struct err *err)
{
	AUTO_CLOSE int home = -1;
	AUTO_CLOSE int there = -1;
	int rc;

	if (*netns) {
		there = open(netns, O_RDONLY | O_CLOEXEC);
		if (there < 0)
			return err_errno(err, "network namespace '%s'", netns);
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0 || setns(there, CLONE_NEWNET))
			return err_errno(err, "enter network namespace '%s'",
					 netns);
	}
	rc = fn(arg, err);
	if (home >= 0 && setns(home, CLONE_NEWNET))
		rc = err_errno(err, "leave network namespace '%s'", netns);
	return rc;
}

struct opening {
	struct rtnl *r;
	const char *dev;
};

static int open_here(void *arg, struct err *err)
{
	struct opening *o = arg;

	return connect_here(o->r, o->dev, err);
}

/* A socket stays in the namespace that it was made in. */
int rtnl_open(struct rtnl *r, const char *netns, const char *dev,
	      struct err *err)
{
	struct opening o = { .r = r, .dev = dev };
	int rc = rtnl_in_netns(netns, open_here, &o, err);

	if (rc)
		rtnl_close(r);
	return rc;
}

void rtnl_close(struct rtnl *r)
{
	if (r->sock)
		nl_socket_free(r->sock);
	r->sock = NULL;
}

/* --- messages ---------------------------------------------------------- */

struct nl_msg *rtnl_tc_msg(const struct rtnl *r, int type, int flags,
			   uint32_t handle, uint32_t parent, uint32_t info,
			   const char *kind)
{
	struct nl_msg *msg = nlmsg_alloc_size(RTNL_MSG);
	struct tcmsg tc = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = r ? r->ifindex : 0,
		.tcm_handle = handle,
		.tcm_parent = parent,
		.tcm_info = info,
	};

	nlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags);
	nlmsg_append(msg, &tc, sizeof(tc), NLMSG_ALIGNTO);
	if (kind)
		nla_put_string(msg, TCA_KIND, kind);
	return msg;
}

int rtnl_send(struct rtnl *r, struct nl_msg *msg)
{
	int rc;

	r->error = 0;
	nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ; /* it may be sent again */
	rc = nl_send_auto(r->sock, msg);
	if (rc >= 0)
		rc = nl_wait_for_ack(r->sock);
	if (r->error)
		return r->error;
	return rc < 0 ? -EPROTO : 0;
}

/* Each is answered if it fails, and the last one anyway. */
static size_t pack(struct nl_msg *const *msgs, size_t n, uint32_t seq,
		   char *dst, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		const struct nlmsghdr *from = nlmsg_hdr(msgs[i]);
		struct nlmsghdr head = *from;

		if (len + NLMSG_ALIGN(head.nlmsg_len) > size)
			return 0;
		head.nlmsg_flags |= NLM_F_REQUEST;
		if (i == n - 1)
			head.nlmsg_flags |= NLM_F_ACK;
		head.nlmsg_seq = seq + (uint32_t)i;
		head.nlmsg_pid = 0;
		memcpy(dst + len, from, head.nlmsg_len);
		memcpy(dst + len, &head, sizeof(head));
		len += NLMSG_ALIGN(head.nlmsg_len);
	}
	return len;
}

/* Until the last is answered. */
static int answers(struct rtnl *r, uint32_t seq, size_t n, size_t *ret_at)
{
	_Alignas(struct nlmsghdr) char in[16384];
	int first = 0;

	for (;;) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)in;
		ssize_t got = recv(nl_socket_get_fd(r->sock), in, sizeof(in),
				   0);

		if (got < 0 && errno != EINTR)
			return -errno;
		for (; got > 0 && nlmsg_ok(h, (int)got);) {
			const struct nlmsgerr *e = nlmsg_data(h);
			size_t at = h->nlmsg_seq - seq;
			int left = (int)got;

			if (h->nlmsg_type == NLMSG_ERROR && at < n) {
				if (e->error && !first) {
					first = e->error;
					*ret_at = at;
				}
				if (at == n - 1)
					return first;
			}
			h = nlmsg_next(h, &left);
			got = left;
		}
	}
}

int rtnl_send_all(struct rtnl *r, struct nl_msg *const *msgs, size_t n,
		  size_t *ret_at)
{
	const size_t size = 64 * 1024;
	char *buf = mem_alloc(size);
	const uint32_t seq = BATCH_SEQ;
	size_t len;
	int rc = 0;

	*ret_at = 0;
	len = pack(msgs, n, seq, buf, size);
	if (!len)
		rc = -EMSGSIZE;
	else if (send(nl_socket_get_fd(r->sock), buf, len, 0) < 0)
		rc = -errno;
	mem_free(buf);
	return rc ? rc : answers(r, seq, n, ret_at);
}

struct dump_walk {
	void (*fn)(void *arg, struct nlmsghdr *h);
	void *arg;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct dump_walk *walk = arg;

	walk->fn(walk->arg, nlmsg_hdr(msg));
	return NL_OK;
}

int rtnl_dump(struct rtnl *r, int type,
	      void (*fn)(void *arg, struct nlmsghdr *h), void *arg)
{
	struct dump_walk walk = { .fn = fn, .arg = arg };
	struct nl_msg *msg = rtnl_tc_msg(r, type, NLM_F_DUMP, 0, 0, 0, NULL);
	int rc;

	r->error = 0;
	nl_socket_modify_cb(r->sock, NL_CB_VALID, NL_CB_CUSTOM, on_valid,
			    &walk);
	rc = nl_send_auto(r->sock, msg);
	nlmsg_free(msg);
	if (rc >= 0)
		rc = nl_recvmsgs_default(r->sock);
	nl_socket_modify_cb(r->sock, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	if (r->error)
		return r->error;
	return rc < 0 ? -EPROTO : 0;
}

/* --- scratch ----------------------------------------------------------- */

struct verdict {
	int code;
	char msg[240];
};

static void in_scratch(int (*fn)(struct rtnl *, void *, struct err *),
		       void *arg, struct verdict *v)
{
	struct rtnl r = { 0 };
	struct err err = { 0 };

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		v->code = -EPERM;
		return;
	}
	v->code = rtnl_open(&r, "", "lo", &err);
	if (!v->code)
		v->code = fn(&r, arg, &err);
	snprintf(v->msg, sizeof(v->msg), "%.239s", err.msg);
	rtnl_close(&r);
}

int rtnl_scratch(int (*fn)(struct rtnl *r, void *arg, struct err *err),
		 void *arg, struct err *err)
{
	struct verdict v = { .code = -EPROTO, .msg = "the probe ended early" };
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int to = -1;
	int pair[2];
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC))
		return err_errno(err, "pipe");
	from = pair[0];
	to = pair[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, "fork");
	if (pid == 0) {
		ssize_t n;

		in_scratch(fn, arg, &v);
		n = write(to, &v, sizeof(v));
		_exit(n != (ssize_t)sizeof(v));
	}
	mem_close_fd(&to);
	while (read(from, &v, sizeof(v)) < 0 && errno == EINTR)
		;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return v.code ? err_set(err, v.code, "%s", v.msg) : 0;
}

/* capget(2) has no wrapper in the C library. */
int rtnl_may(struct err *err)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	memset(data, 0, sizeof(data));
	if (syscall(SYS_capget, &head, data))
		return err_errno(err, "capabilities");
	if (data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &
	    CAP_TO_MASK(CAP_NET_ADMIN))
		return 0;
	return err_set(err, -EPERM, "no CAP_NET_ADMIN: run it as root, or "
		       "setcap cap_net_admin+ep on gameday");
}
