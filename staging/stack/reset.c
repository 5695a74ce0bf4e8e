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
static const nsec_t drain_bound = 60 * NSEC_SEC;

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

/* The sum of records_lag over all partitions, or -1: the shop gives none. */
static double metrics_lag(const char *text)
{
	static const char name[] = "kafka_consumer_fetch_manager_records_lag{";
	double sum = -1;
	const char *at = text;

	while ((at = strstr(at, name))) {
		const char *value = strstr(at, "} ");

		if (!value)
			break;
		if ((at == text || at[-1] == '\n') && sum < 0)
			sum = 0;
		if (at == text || at[-1] == '\n')
			sum += strtod(value + 2, NULL);
		at = value;
	}
	return sum;
}

/* The shop drops what belongs to another epoch; it has to read it first. */
static int drain(const char *management, char *body, struct err *err)
{
	nsec_t until = clock_mono() + drain_bound;
	double lag;
	int rc;

	for (;;) {
		rc = call(management, "GET", "/actuator/prometheus", body, err);
		if (rc)
			return rc;
		lag = metrics_lag(body);
		if (lag <= 0)
			return 0;
		if (clock_mono() > until)
			return err_set(err, -ETIMEDOUT, "the topic still has "
				       "%.0f messages of the last run after "
				       "60 s", lag);
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
	return rc ? rc : drain(management, body, err);
}
