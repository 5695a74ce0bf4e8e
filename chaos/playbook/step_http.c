/* SPDX-License-Identifier: Apache-2.0 */
/* The step kind "http": METHOD URL [BODY]; a status of 2xx is ok. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/playbook/impl.h"

/* Splits in place of a copy: method, URL, and the rest as body. */
static int split(char *text, char **ret_method, char **ret_url, char **ret_body)
{
	char *save;

	*ret_method = strtok_r(text, " ", &save);
	*ret_url = strtok_r(NULL, " ", &save);
	*ret_body = save && *save ? save : NULL;
	return *ret_method && *ret_url ? 0 : -EINVAL;
}

static int http_check(const char *value, struct err *err)
{
	AUTO_FREE char *copy = mem_strdup(value);
	char *method, *url, *body;
	struct http1_url parsed;

	if (split(copy, &method, &url, &body) < 0)
		return err_set(err, -EINVAL,
			       "http takes METHOD URL [BODY], not '%s'", value);
	if (symbols_is(url))
		return 0;
	return http1_url_parse(url, &parsed, err);
}

/*
 * A link's knob is on the control socket that the drill itself uses; every
 * other address, Unix sockets too, is allowed or refused.
 */
static int http_prepare(const char *value, const struct symbols *symbols,
			const struct allow *allow, struct addr *ret_to,
			struct err *err)
{
	AUTO_FREE char *copy = mem_strdup(value);
	char *method, *url, *body;
	int rc = split(copy, &method, &url, &body);

	if (rc == 0)
		rc = symbols_addr(symbols, url, ret_to, err);
	if (rc == 0 && strncmp(url, "link:", strlen("link:")) != 0)
		rc = allow_connect(allow, ret_to, err);
	return rc;
}

static void on_reply(void *arg, const struct http1_reply *reply)
{
	struct playbook_call *c = arg;
	AUTO_FREE char *text = NULL;

	*playbook_call_state(c) = NULL;
	if (reply->error < 0) {
		playbook_call_done(c, reply->error, reply->why);
		return;
	}
	text = mem_printf("status %d: %.200s", reply->status,
			  reply->body ? reply->body : "");
	playbook_call_done(c, reply->status / 100 == 2 ? 0 : -EPROTO, text);
}

static int http_start(struct playbook_call *c, struct err *err)
{
	AUTO_FREE char *copy = mem_strdup(playbook_call_text(c));
	AUTO_FREE char *expanded = NULL;
	char *method, *url, *body;
	struct http1_url parsed;
	struct http1_call *call;
	const struct drill_clock *clock = loop_clock(playbook_call_loop(c));
	struct http1_args args = { .done = on_reply, .arg = c };
	int rc = split(copy, &method, &url, &body);

	if (rc < 0)
		return err_set(err, rc, "http takes METHOD URL [BODY]");
	rc = symbols_expand(playbook_call_symbols(c), url, &expanded, err);
	if (rc == 0)
		rc = http1_url_parse(expanded, &parsed, err);
	if (rc < 0)
		return rc;
	args.to = *playbook_call_to(c);	/* allowed in prepare */
	args.method = method;
	args.path = parsed.path;
	args.host = parsed.port ? parsed.host : "localhost";
	args.headers = body ? "Content-Type: application/json\r\n" : NULL;
	args.body = body;
	args.body_len = body ? strlen(body) : 0;
	args.timeout_real = drill_span_to_real(clock, playbook_call_timeout(c));
	rc = http1_call_start(playbook_call_loop(c), &args, &call, err);
	if (rc == 0)
		*playbook_call_state(c) = call;
	return rc;
}

static void http_cancel(struct playbook_call *c)
{
	if (*playbook_call_state(c))
		http1_call_cancel(*playbook_call_state(c));
}

const struct playbook_step_ops playbook_step_http = {
	.name = "http",
	.summary = "one HTTP request; a status of 2xx is ok",
	.example = "http = POST ${pool_url} {\"size\":50}",
	.check = http_check,
	.prepare = http_prepare,
	.start = http_start,
	.cancel = http_cancel,
};
