/* SPDX-License-Identifier: Apache-2.0 */
/* Answers the control socket; every decision is the drill's. */
#include "chaos/ui/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/httpd.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/fault/rundir.h"

enum { MAX_BODY = 65536 };

struct control {
	struct drill *drill;
	struct loop *loop;
	struct httpd *httpd;
	char dir[RUNDIR_PATH];
	char path[RUNDIR_PATH + 16];
	struct loop_timer stop;	/* the answer goes out before the stop */
};

static void answer_error(struct httpd_response *resp, int status,
			 const char *text)
{
	struct buf *b = &resp->body;

	resp->status = status;
	json_line_begin(b);
	json_line_str(b, "error", text);
	json_line_end(b);
}

static void answer_status(struct control *c, const json_t *body,
			  struct httpd_response *resp)
{
	json_t *o = drill_status(c->drill);
	char *dump = json_dumps(o, JSON_COMPACT);

	(void)body;
	buf_adds(&resp->body, dump ? dump : "{}");
	free(dump);
	json_decref(o);
}

static void answer_mark(struct control *c, const json_t *body,
			struct httpd_response *resp)
{
	const char *text = json_str(body, "at", NULL);
	double ago_s = json_num(body, "ago_s", 0);
	nsec_t at = loop_now(c->loop) - (nsec_t)(ago_s * 1e9);
	struct err err = { 0 };

	if ((text && drill_time(c->drill, text, &at, &err) < 0) ||
	    drill_mark(c->drill, json_str(body, "name", ""), at,
		       json_str(body, "by", ""), json_str(body, "note", ""),
		       &err) < 0)
		answer_error(resp, 400, err.msg);
	else
		buf_adds(&resp->body, "{\"ok\":true}");
}

static void answer_ctl(struct control *c, const json_t *body,
		       struct httpd_response *resp)
{
	const json_t *args = json_at(body, "argv");
	const char *argv[8];
	struct err err = { 0 };
	size_t n = json_array_size(args);

	if (n > 8)
		n = 8;
	for (size_t i = 0; i < n; i++) {
		argv[i] = json_string_value(json_array_get(args, i));
		if (!argv[i])
			argv[i] = "";
	}
	if (drill_ctl(c->drill, (int)n, argv, &err) < 0)
		answer_error(resp, 400, err.msg);
	else
		buf_adds(&resp->body, "{\"ok\":true}");
}

static void on_stop(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct control *c = arg;

	(void)loop;
	(void)timer;
	drill_stop(c->drill, DRILL_INTERRUPTED, "gameday stop");
}

static void answer_stop(struct control *c, const json_t *body,
			struct httpd_response *resp)
{
	(void)body;
	loop_timer_at_mono(c->loop, &c->stop, loop_mono(c->loop));
	buf_adds(&resp->body, "{\"ok\":true}");
}

static const struct {
	const char *method, *path;
	void (*fn)(struct control *c, const json_t *body,
		   struct httpd_response *resp);
} routes[] = {
	{ "GET", "/status", answer_status },
	{ "POST", "/ctl", answer_ctl },
	{ "POST", "/mark", answer_mark },
	{ "POST", "/stop", answer_stop },
};

static void on_request(void *arg, const struct httpd_request *req,
		       struct httpd_response *resp)
{
	struct control *c = arg;
	json_t *body = NULL;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, req->path) != 0 ||
		    strcmp(routes[i].method, req->method) != 0)
			continue;
		if (req->body_len > 0 &&
		    json_parse(req->body, req->body_len, &body, &err) < 0)
			answer_error(resp, 400, err.msg);
		else
			routes[i].fn(c, body, resp);
		json_decref(body);
		return;
	}
	answer_error(resp, 404, "no such call (status, mark, ctl, stop)");
}

int control_open(struct drill *d, struct loop *loop, const char *run,
		 struct control **ret, struct err *err)
{
	struct control *c = mem_zalloc(sizeof(*c));
	char text[ADDR_TEXT];
	struct addr addr;
	int fd = -1;
	int rc;

	c->drill = d;
	c->loop = loop;
	loop_timer_init(&c->stop, "gameday stop", on_stop, c);
	rc = fault_run_dir(run, c->dir, err);
	if (rc == 0) {
		snprintf(c->path, sizeof(c->path), "%s/control", c->dir);
		snprintf(text, sizeof(text), "unix:%s", c->path);
		unlink(c->path);
		rc = addr_parse(text, &addr, err);
	}
	if (rc == 0)
		rc = addr_listen(&addr, 16, &fd, err);
	if (rc == 0)
		rc = httpd_new(loop, fd, MAX_BODY, on_request, c, &c->httpd,
			       err);
	if (rc < 0) {
		control_close(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	loop_timer_stop(c->loop, &c->stop);
	httpd_free(c->httpd);
	if (c->path[0])
		unlink(c->path);
	if (c->dir[0])
		rmdir(c->dir);
	mem_free(c);
}
