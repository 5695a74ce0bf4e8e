/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo through a proxy's API: the rendered request is sent as it is and only
 * the status of the answer counts.  No listener, 404 and 410 (another
 * instance) all mean that what the record made is gone.
 */
#include <errno.h>

#include "chaos/base/addr.h"
#include "chaos/base/http1.h"
#include "chaos/fault/undo_impl.h"

/* The answer's status, or a negative errno. */
static int exchange(const struct undo_record *r, const uint8_t *bytes,
		    size_t len, struct err *err)
{
	char body[256];
	struct addr to;
	int rc = addr_parse(r->where, &to, err);

	if (rc)
		return rc;
	return http1_call_wait(&to, (const char *)bytes, len, UNDO_TIMEOUT,
			       body, sizeof(body), err);
}

/* Nobody listens: the proxy has ended, and its toxics with it. */
static bool is_gone(int rc)
{
	return rc == -ECONNREFUSED || rc == -ENOENT || rc == 404 || rc == 410;
}

static int http_revert(const struct undo_record *r, struct err *err)
{
	int rc = exchange(r, r->bytes, r->len, err);

	if (is_gone(rc) || (rc >= 200 && rc < 300))
		return 0;
	if (rc < 0)
		return rc;
	return err_set(err, -EPROTO, "the proxy at '%s' answered %d", r->where,
		       rc);
}

static enum undo_state http_verify(const struct undo_record *r,
				   struct err *err)
{
	int rc = exchange(r, r->verify, r->verify_len, err);

	if (is_gone(rc))
		return UNDO_GONE;
	if (rc == 200)
		return UNDO_PRESENT;
	if (rc > 0)
		err_set(err, -EPROTO, "the proxy at '%s' answered %d",
			r->where, rc);
	return UNDO_CANNOT_TELL;
}

const struct undo_medium undo_http = {
	.name = "http",
	.revert = http_revert,
	.verify = http_verify,
};
