/* SPDX-License-Identifier: Apache-2.0 */
/* GET for probes. */
#include "chaos/watch/probe_get.h"

#include <ctype.h>
#include <string.h>

#include "chaos/base/mem.h"

int probe_get_init(struct probe_get *g, struct probe *p, const char *url,
		   struct err *err)
{
	int rc = probe_address(p, url, &g->text, &g->to, err);

	return rc ? rc : http1_url_parse(g->text, &g->url, err);
}

void probe_get_start(struct probe_get *g, struct probe *p, const char *path,
		     nsec_t timeout, http1_done_fn *done, void *arg)
{
	size_t len = strlen(g->url.path);
	AUTO_FREE char *full = NULL;
	struct http1_args args = {
		.to = g->to, .allow = probe_allow(p), .method = "GET",
		.host = g->url.port ? g->url.host : "localhost",
		.timeout_real = probe_real(p, timeout),
		.done = done, .arg = arg,
	};
	struct err err;

	if (g->call)
		return;
	while (path && len && g->url.path[len - 1] == '/')
		len--;
	full = mem_printf("%.*s%s", (int)len, g->url.path, path ? path : "");
	args.path = full;
	if (http1_call_start(probe_loop(p), &args, &g->call, &err))
		probe_failed(p, "%s", err.msg);
}

void probe_get_done(struct probe_get *g)
{
	if (g->call)
		http1_call_cancel(g->call);
	g->call = NULL;
	mem_free(g->text);
	g->text = NULL;
}

bool probe_get_ok(struct probe_get *g, struct probe *p,
		  const struct http1_reply *reply)
{
	g->call = NULL;
	if (reply->error)
		probe_failed(p, "%s", reply->why);
	else if (reply->status != 200)
		probe_failed(p, "%s answered %d", g->text, reply->status);
	return !reply->error && reply->status == 200;
}

char *probe_get_escape(const char *text)
{
	struct buf b;

	buf_init(&b, 0);
	for (; *text; text++)
		if (isalnum((unsigned char)*text) || strchr("-_.~", *text))
			buf_add(&b, text, 1);
		else
			buf_addf(&b, "%%%02X", (unsigned char)*text);
	return b.data ? buf_take(&b) : mem_strdup("");
}
