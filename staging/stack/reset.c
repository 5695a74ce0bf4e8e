/* SPDX-License-Identifier: Apache-2.0 */
/* A stack that another run has used, as after `up`. Blocks. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "staging/stack/impl.h"

enum { BODY_CAP = 1 << 20 };
static const nsec_t reset_call_bound = 20 * NSEC_SEC;
static const nsec_t settle_bound = 60 * NSEC_SEC;

/* where: "unix:/path", "host:port" or "http://host:port". */
static int call(const char *where, const char *method, const char *path,
		char *body, struct err *err)
{
	static const char scheme[] = "http://";
	char request[256];
	struct addr to;
	int n, rc;

	if (!strncmp(where, scheme, sizeof(scheme) - 1))
		where += sizeof(scheme) - 1;
	rc = addr_parse(where, &to, err);
	if (rc)
		return rc;
	n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\n"
		     "Host: staging\r\nContent-Length: 0\r\n"
		     "Connection: close\r\n\r\n", method, path);
	rc = http1_call_wait(&to, request, (size_t)n, reset_call_bound, body,
			     BODY_CAP, err);
	if (rc < 0)
		return err_prefix(err, "%s %s", method, path);
	if (rc / 100 != 2)
		return err_set(err, -EPROTO, "%s %s: answered %d: %.200s",
			       method, path, rc, body);
	return 0;
}

/* The pool is full, every consumer has its share, nothing is left to read. */
static bool shop_settled(const json_t *status)
{
	int64_t max = json_int64(status, "pool/max", 0);
	int64_t open = json_int64(status, "pool/idle", 0) +
		       json_int64(status, "pool/active", 0);
	int64_t consumers = json_int64(status, "consumers/count", 1);

	if (consumers > STACK_PARTITIONS)
		consumers = STACK_PARTITIONS;	/* the rest stays idle */
	return open >= max &&
	       json_int64(status, "consumers/assigned", 0) >= consumers &&
	       json_int64(status, "consumers/lag", 0) == 0;
}

/* What is left in the topic is of another epoch: it is read and dropped. */
static int settle(const char *management, char *body, struct err *err)
{
	nsec_t until = clock_mono() + settle_bound;

	for (;;) {
		json_t *status;
		bool settled;
		int rc = call(management, "GET", "/admin/status", body, err);

		if (!rc)
			rc = json_parse(body, strlen(body), &status, err);
		if (rc)
			return rc;
		settled = shop_settled(status);
		json_decref(status);
		if (settled)
			return 0;
		if (clock_mono() > until)
			return err_set(err, -ETIMEDOUT, "the shop has not "
				       "settled 60 s after its reset: %.200s",
				       body);
		poll(NULL, 0, 50);
	}
}

int stack_reset(const json_t *info, struct err *err)
{
	const char *management = json_str(info, "management", "");
	const char *proxy = json_str(info, "proxy", "");
	AUTO_FREE char *body = mem_alloc(BODY_CAP);
	int rc;

	/* The proxy first: through its toxics the shop cannot reset. */
	rc = call(proxy, "POST", "/reset", body, err);
	if (!rc)
		rc = call(management, "POST", "/admin/reset", body, err);
	return rc ? rc : settle(management, body, err);
}
