/* SPDX-License-Identifier: Apache-2.0 */
/* One path over HTTP; everything it says is the drill's. */
#include "chaos/ui/metrics.h"

#include <errno.h>
#include <string.h>

#include "chaos/base/addr.h"
#include "chaos/base/httpd.h"
#include "chaos/base/mem.h"
#include "chaos/base/openmetrics.h"

enum { MAX_BODY = 4096 };

struct metrics {
	const struct drill *drill;	/* NULL: not begun */
	struct httpd *httpd;
};

static void on_request(void *arg, const struct httpd_request *req,
		       struct httpd_response *resp)
{
	struct metrics *m = arg;

	if (strcmp(req->path, "/metrics") != 0) {
		resp->status = 404;
		resp->content_type = "text/plain";
		buf_adds(&resp->body, "there is /metrics\n");
		return;
	}
	if (strcmp(req->method, "GET") != 0 &&
	    strcmp(req->method, "HEAD") != 0) {
		resp->status = 405;
		resp->content_type = "text/plain";
		buf_adds(&resp->body, "GET alone\n");
		return;
	}
	if (!m->drill) {
		resp->status = 503;
		resp->content_type = "text/plain";
		buf_adds(&resp->body, "it has not begun\n");
		return;
	}
	resp->content_type = OPENMETRICS_TYPE;
	drill_metrics(m->drill, &resp->body);
}

/* Without a host it is this one's alone. */
static int listen_at(const char *where, char *ret_url, int *ret_fd,
		     struct err *err)
{
	const char *port = where[0] == ':' ? where + 1 : where;
	AUTO_FREE char *full = strchr(port, ':')
				       ? mem_strdup(where)
				       : mem_printf("127.0.0.1:%s", port);
	char text[ADDR_TEXT];
	struct addr addr;
	int rc = addr_parse(full, &addr, err);

	if (rc == 0)
		rc = addr_listen(&addr, 16, ret_fd, err);
	if (rc < 0)
		return rc;
	rc = addr_local(*ret_fd, &addr);
	if (rc < 0)
		return err_set(err, rc, "cannot tell the port");
	snprintf(ret_url, METRICS_URL, "http://%s/metrics",
		 addr_fmt(&addr, text));
	return 0;
}

int metrics_open(struct loop *loop, const char *where, struct metrics **ret,
		 char *ret_url, struct err *err)
{
	struct metrics *m = mem_zalloc(sizeof(*m));
	int fd = -1, rc;

	rc = listen_at(where, ret_url, &fd, err);
	if (rc == 0)
		rc = httpd_new(loop, fd, MAX_BODY, on_request, m, &m->httpd,
			       err);
	if (rc < 0) {
		metrics_close(m);
		return err_prefix(err, "--metrics '%s'", where);
	}
	*ret = m;
	return 0;
}

void metrics_drill(struct metrics *m, const struct drill *d)
{
	if (m)
		m->drill = d;
}

void metrics_close(struct metrics *m)
{
	if (!m)
		return;
	httpd_free(m->httpd);
	mem_free(m);
}
