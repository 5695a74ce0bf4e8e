/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's control socket: GET /status, POST /down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/httpd.h"
#include "chaos/base/json.h"
#include "staging/stack/sup_impl.h"

/* starting | up | broken (a part has ended) | stopping */
static const char *sup_state(const struct sup *sup)
{
	if (sup->stopping)
		return "stopping";
	if (!sup->up)
		return "starting";
	return sup->failure.code ? "broken" : "up";
}

static json_t *parts_json(const struct sup *sup)
{
	json_t *list = json_array();

	for (int i = 0; i < PART_COUNT; i++) {
		const struct part *part = &sup->parts[i];
		json_t *row = json_pack("{s:s, s:s, s:i, s:s, s:s}",
			"name", part->ops->name,
			"state", part_state_name(part->state),
			"pid", part->running ? (int)part->proc.pid : 0,
			"version", part->version, "ended", part->ended);
		char at[ADDR_TEXT] = "";

		if (part->port)
			part_at(part, at);
		json_object_set_new(row, "at", json_string(at));
		json_array_append_new(list, row);
	}
	return list;
}

static void serve_status(struct sup *sup, struct httpd_response *resp)
{
	json_t *status = json_pack("{s:s, s:i, s:s, s:o, s:O?}",
		"state", sup_state(sup), "pid", (int)getpid(),
		"failure", sup->up ? sup->failure.msg : "",
		"parts", parts_json(sup), "info", sup->info);
	char *text = json_dumps(status, JSON_COMPACT);

	buf_adds(&resp->body, text);
	free(text);
	json_decref(status);
}

static void on_request(void *arg, const struct httpd_request *req,
		       struct httpd_response *resp)
{
	struct sup *sup = arg;

	if (!strcmp(req->path, "/status") && !strcmp(req->method, "GET")) {
		serve_status(sup, resp);
	} else if (!strcmp(req->path, "/down") &&
		   !strcmp(req->method, "POST")) {
		resp->status = 202;
		buf_adds(&resp->body, "{}");
		sup_stop(sup, "asked to");
	} else {
		resp->status = 404;
		buf_adds(&resp->body,
			 "{\"error\":\"GET /status or POST /down\"}");
	}
}

int sup_listen(struct sup *sup, struct err *err)
{
	char text[STACK_PATH + 8];
	struct addr at;
	int fd, rc;

	snprintf(text, sizeof(text), "unix:%s", sup->paths.control);
	rc = addr_parse(text, &at, err);
	if (!rc)
		rc = addr_listen(&at, 16, &fd, err);
	if (rc)
		return rc;
	if (chmod(sup->paths.control, 0600)) {
		close(fd);
		return err_errno(err, "cannot guard '%s'", sup->paths.control);
	}
	return httpd_new(sup->loop, fd, 4096, on_request, sup, &sup->httpd,
			 err);
}

void sup_unlisten(struct sup *sup)
{
	httpd_free(sup->httpd);
	sup->httpd = NULL;
}
