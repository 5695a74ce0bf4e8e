/* SPDX-License-Identifier: Apache-2.0 */
/* Is told of alerts: the receiver of Alertmanager's and Grafana's webhooks. */
#include <stddef.h>
#include <string.h>

#include "chaos/base/httpd.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/watch/board.h"
#include "chaos/watch/probes.h"

enum {
	WEBHOOK_MAX = 1 << 20,		/* bytes that are understood */
	WEBHOOK_READ_MAX = 16 << 20,	/* that are read, to say it was more */
};

struct webhook_opts {
	char *listen;
};

struct webhook_state {
	struct httpd *httpd;
	struct board board;
	double posts, refused, left_out;
};

static const struct opt webhook_opts[] = {
	{ .name = "listen", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct webhook_opts, listen),
	  .help = "HOST:PORT, where the monitoring's receiver posts to",
	  .example = "127.0.0.1:9099" },
	OPT_END
};

static void refuse(struct probe *p, struct httpd_response *resp, int status,
		   const char *why)
{
	struct webhook_state *st = probe_state(p);

	resp->status = status;
	buf_addf(&resp->body, "{\"error\":\"not understood\"}\n");
	if (status == 405 || status == 404)
		return;
	st->refused++;
	probe_warn(p, "a webhook was refused: %s", why);
}

static void take(struct probe *p, const struct notices *n)
{
	struct webhook_state *st = probe_state(p);
	nsec_t now = loop_now_fresh(probe_loop(p)), fired;

	for (size_t i = 0; i < n->n; i++) {
		fired = probe_drill(p, n->v[i].fired);
		if (n->v[i].state == WATCH_FIRING && fired != NSEC_NEVER)
			probe_set(p, "delay", (double)(now - fired) / NSEC_SEC);
	}
	st->left_out += (double)n->left_out;
	board_update(&st->board, p, n,
		     n->grafana ? "grafana" : "alertmanager", false);
	if (n->left_out)
		probe_warn(p, "the group was truncated: %llu alerts are not in "
			   "it", (unsigned long long)n->left_out);
	else
		probe_ok(p);
	probe_set(p, "truncated", st->left_out);
}

static void on_post(void *arg, const struct httpd_request *req,
		    struct httpd_response *resp)
{
	struct probe *p = arg;
	struct webhook_state *st = probe_state(p);
	struct notices n;
	struct err err;

	st->posts++;
	if (strcmp(req->method, "POST") != 0)
		refuse(p, resp, 405, "want POST");
	else if (req->body_len > WEBHOOK_MAX)
		refuse(p, resp, 413, "over 1 MiB");
	else if (notices_webhook(req->body, req->body_len, &n, &err))
		refuse(p, resp, 400, err.msg);
	else {
		take(p, &n);
		notices_done(&n);
		buf_adds(&resp->body, "{}\n");
	}
	probe_set(p, "posts", st->posts);
	probe_set(p, "refused", st->refused);
}

static int webhook_start(struct probe *p, struct err *err)
{
	const struct webhook_opts *opts = probe_opts(p);
	struct webhook_state *st = probe_state(p);
	struct addr at;
	int fd, rc = addr_parse(opts->listen, &at, err);

	if (!rc)
		rc = addr_listen(&at, 128, &fd, err);
	if (!rc)
		rc = httpd_new(probe_loop(p), fd, WEBHOOK_READ_MAX, on_post, p,
			       &st->httpd, err);
	if (!rc)
		log_info("probe '%s' listens on %s", probe_name(p),
			 opts->listen);
	return rc;
}

/* It is told; being asked shows only that it is there. */
static void webhook_sample(struct probe *p)
{
	struct webhook_state *st = probe_state(p);

	if (!st->posts) {
		probe_set(p, "posts", 0);
		probe_set(p, "refused", 0);
		probe_set(p, "truncated", 0);
	}
}

static void webhook_stop(struct probe *p)
{
	struct webhook_state *st = probe_state(p);

	httpd_free(st->httpd);
	board_done(&st->board);
}

static int webhook_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
			  void *arg)
{
	static const char *const what[] = { "delay", "posts", "refused",
					    "truncated", NULL };

	return probe_own_gauges(conf, what, fn, arg);
}

const struct probe_ops probe_webhook = {
	.name = "webhook",
	.summary = "alerts that Alertmanager (v4) or Grafana posts: "
		   "probe.NAME.posts, .refused, .truncated and .delay (s)",
	.example = "[probe pager]\nkind = webhook\nlisten = 127.0.0.1:9099\n",
	.every = "1s",
	.opts = webhook_opts,
	.opts_size = sizeof(struct webhook_opts),
	.state_size = sizeof(struct webhook_state),
	.gauges = webhook_gauges,
	.start = webhook_start,
	.sample = webhook_sample,
	.stop = webhook_stop,
};
