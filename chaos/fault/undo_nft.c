/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo by an nftables batch that deletes one table.  Its name is the owner's
 * mark, so whoever else has a table has another one.  A table takes its
 * chains and rules with it, and a kernel without nftables has none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/undo_impl.h"

enum { SEQ = 1 };	/* of the one message that is answered */

/* --- rendering --------------------------------------------------------- */

struct nft_msg {
	struct nlmsghdr head;
	struct nfgenmsg gen;
};

static void add_msg(uint8_t *dst, uint32_t *len, uint16_t type, uint8_t family,
		    uint16_t res_id, uint16_t flags, const char *table)
{
	size_t name = table ? strlen(table) + 1 : 0;
	struct nlattr a = { .nla_type = NFTA_TABLE_NAME,
			    .nla_len = (uint16_t)(NLA_HDRLEN + name) };
	struct nft_msg m = {
		.head = { .nlmsg_type = type, .nlmsg_seq = SEQ,
			  .nlmsg_flags = NLM_F_REQUEST | flags,
			  .nlmsg_len = sizeof(m) },
		.gen = { .nfgen_family = family, .version = NFNETLINK_V0,
			 .res_id = res_id },
	};

	if (table)
		m.head.nlmsg_len += (uint32_t)NLMSG_ALIGN(a.nla_len);
	memset(dst + *len, 0, m.head.nlmsg_len);
	memcpy(dst + *len, &m, sizeof(m));
	if (table) {
		memcpy(dst + *len + sizeof(m), &a, sizeof(a));
		memcpy(dst + *len + sizeof(m) + NLA_HDRLEN, table, name);
	}
	*len += m.head.nlmsg_len;
}

static uint16_t nft_type(int msg)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | msg);
}

void undo_nft_render(struct undo_record *r)
{
	const uint16_t subsystem = htons(NFNL_SUBSYS_NFTABLES);

	r->via = UNDO_NFT;
	r->len = r->verify_len = 0;
	add_msg(r->bytes, &r->len, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, subsystem,
		0, NULL);
	add_msg(r->bytes, &r->len, nft_type(NFT_MSG_DELTABLE), NFPROTO_INET, 0,
		NLM_F_ACK, r->owner);
	add_msg(r->bytes, &r->len, NFNL_MSG_BATCH_END, AF_UNSPEC, subsystem, 0,
		NULL);
	add_msg(r->verify, &r->verify_len, nft_type(NFT_MSG_GETTABLE),
		NFPROTO_INET, 0, 0, r->owner);
}

/* --- sending ----------------------------------------------------------- */

/* The code of the answer: 0 for an ack or an object. */
static int answer(int fd, nsec_t deadline)
{
	_Alignas(struct nlmsghdr) static _Thread_local char in[NETLINK_READ];
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)in;

	for (;;) {
		ssize_t n = undo_receive(fd, in, sizeof(in), deadline);
		struct nlmsgerr e;

		if (n < 0)
			return (int)n;
		if (!NLMSG_OK(h, n) || h->nlmsg_seq != SEQ)
			continue;
		if (h->nlmsg_type != NLMSG_ERROR)
			return 0;
		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(e)))
			return -EPROTO;
		memcpy(&e, NLMSG_DATA(h), sizeof(e));
		return e.error;
	}
}

/* -ENOENT: no such table, no namespace, or no nftables. */
static int exchange(const struct undo_record *r, const uint8_t *bytes,
		    size_t len, struct err *err)
{
	nsec_t deadline = clock_mono() + UNDO_TIMEOUT;
	AUTO_CLOSE int fd = undo_socket(r->netns, NETLINK_NETFILTER, err);
	int rc;

	if (fd < 0)
		return fd == -EPROTONOSUPPORT ? -ENOENT : fd;
	if (send(fd, bytes, len, 0) < 0)
		return err_errno(err, "nftables");
	rc = answer(fd, deadline);
	return rc ? err_set(err, rc, "table '%s': %s", r->owner,
			    strerror(-rc)) : 0;
}

static int nft_revert(const struct undo_record *r, struct err *err)
{
	int rc = exchange(r, r->bytes, r->len, err);

	return rc == -ENOENT ? 0 : rc;
}

static enum undo_state nft_verify(const struct undo_record *r, struct err *err)
{
	int rc = exchange(r, r->verify, r->verify_len, err);

	if (rc == -ENOENT)
		return UNDO_GONE;
	return rc ? UNDO_CANNOT_TELL : UNDO_PRESENT;
}

const struct undo_medium undo_nft = {
	.name = "nft",
	.revert = nft_revert,
	.verify = nft_verify,
};
