/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revert and verify by medium.  A record is read as it lies on disk or in
 * memory: nothing here knows a driver, and nothing here allocates.
 */
#include "chaos/fault/undo.h"

#include <errno.h>

#include "chaos/fault/undo_impl.h"

/* What lived in the controller's memory went with it. */
static int local_revert(const struct undo_record *r, struct err *err)
{
	(void)r;
	(void)err;
	return 0;
}

static enum undo_state local_verify(const struct undo_record *r,
				    struct err *err)
{
	(void)r;
	(void)err;
	return UNDO_GONE;
}

static const struct undo_medium undo_local = {
	.name = "local",
	.revert = local_revert,
	.verify = local_verify,
};

static const struct undo_medium *const media[UNDO_VIAS] = {
	[UNDO_HTTP] = &undo_http,
	[UNDO_NETLINK] = &undo_netlink,
	[UNDO_NFT] = &undo_nft,
	[UNDO_SIGNAL] = &undo_signal,
	[UNDO_COMMAND] = &undo_command,
	[UNDO_WRITE] = &undo_write,
	[UNDO_UNLINK] = &undo_unlink,
	[UNDO_LOCAL] = &undo_local,
};

int undo_left_ms(nsec_t deadline)
{
	nsec_t left = deadline - clock_mono();

	return left <= 0 ? 0 : (int)((left + NSEC_MS - 1) / NSEC_MS);
}

/* A record from a journal is input like any other. */
static int record_check(const struct undo_record *r, struct err *err)
{
	if (r->via >= UNDO_VIAS)
		return err_set(err, -EINVAL,
			       "undo of '%s': unknown medium %u", r->fault,
			       r->via);
	if (r->len > UNDO_BYTES || r->verify_len > UNDO_BYTES)
		return err_set(err, -EINVAL, "undo of '%s': too long",
			       r->fault);
	return 0;
}

int undo_revert(const struct undo_record *r, struct err *err)
{
	int rc = record_check(r, err);

	return rc ? rc : media[r->via]->revert(r, err);
}

enum undo_state undo_verify(const struct undo_record *r, struct err *err)
{
	if (record_check(r, err))
		return UNDO_CANNOT_TELL;
	return media[r->via]->verify(r, err);
}
