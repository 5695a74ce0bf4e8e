/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxies from JSON: one of a request, the array of /populate, and a file,
 * which may hold toxics and when they come and go as well.
 */
#include <errno.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "faults/proxy/api.h"
#include "faults/proxy/config.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/link.h"
#include "faults/proxy/resolve.h"
#include "faults/proxy/schedule.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

/* Strings and a boolean are what they are, and nothing that looks like it. */
static int check_types(struct api_call *call, const json_t *json)
{
	static const char *const texts[] = {"name", "listen", "upstream",
					    "protocol"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const json_t *v = json_object_get(json, texts[i]);

		if (v && !json_is_string(v))
			return api_error(call, 400,
					 "bad request body: %s is no string",
					 texts[i]);
	}
	const json_t *enabled = json_object_get(json, "enabled");

	if (enabled && !json_is_boolean(enabled))
		return api_error(call, 400,
				 "bad request body: enabled is neither true "
				 "nor false");
	return 0;
}

/* Addresses from JSON; those that are not there stay as they are. */
int api_parse_addrs(struct api_call *call, const json_t *json,
		    struct link_args *args)
{
	const char *listen = json_str(json, "listen", "");
	const char *upstream = json_str(json, "upstream", "");
	int status = check_types(call, json);

	if (status)
		return status;
	if (*listen) {
		args->listen_text = listen;
		if (proxy_addr(listen, &args->listen, &call->err) < 0) {
			err_prefix(&call->err, "listen");
			return 400;
		}
	}
	if (!*upstream)
		return 0;
	args->upstream_text = upstream;
	if (proxy_addr(upstream, &args->upstream, &call->err) < 0) {
		if (!resolve_is_name(upstream)) {
			err_prefix(&call->err, "upstream");
			return 400;
		}
		args->upstream.len = 0;
	}
	return 0;
}

static int required(struct api_call *call, const json_t *json, const char *at)
{
	static const char *const keys[] = {"name", "upstream"};
	int status = check_types(call, json);

	for (size_t i = 0; !status && i < 2; i++)
		if (!*json_str(json, keys[i], ""))
			return api_error(call, 400,
					 "missing required field: %s%s",
					 keys[i], at);
	return status;
}

int api_parse_link(struct api_call *call, const json_t *json, const char *at,
		   struct link_args *args)
{
	const char *protocol = json_str(json, "protocol", "tcp");
	int status = required(call, json, at);

	if (status)
		return status;
	*args = (struct link_args){
		.name = json_str(json, "name", ""),
		.filter = filter_find(protocol),
		.enabled = json_flag(json, "enabled", true),
	};
	if (!args->filter)
		return api_error(call, 400, "unknown protocol '%s'", protocol);
	if (addr_parse("127.0.0.1:0", &args->listen, &call->err) < 0)
		return 500;
	return api_parse_addrs(call, json, args);
}

/* As Toxiproxy: one of the same addresses stays, with its toxics. */
static int populate_one(struct api_call *call, const json_t *json,
			struct link **ret)
{
	struct link_args args;
	int status = api_parse_link(call, json, "", &args);

	if (status)
		return status;
	struct link *l = proxy_link(call->proxy, args.name);

	if (l && l->filter == args.filter) {
		args.listen = addr_port(&args.listen)
				      ? args.listen
				      : l->conf->endpoints[0].listen;
		if (link_readdress(l, &args, &call->err) < 0 ||
		    link_enable(l, args.enabled, &call->err) < 0)
			return api_errno(call);
	} else {
		if (l)
			link_delete(l);
		if (link_new(call->proxy, &args, &l, &call->err) < 0)
			return api_errno(call);
	}
	*ret = l;
	return 0;
}

/* All are looked at before the first is touched. */
static int check_all(struct api_call *call, const json_t *all)
{
	char at[32];
	size_t i;
	json_t *one;

	if (!json_is_array(all))
		return api_error(call, 400, "bad request body: not an array");
	json_array_foreach (all, i, one) {
		(void)snprintf(at, sizeof(at), " at proxy %zu", i + 1);
		if (!json_is_object(one))
			return api_error(call, 400,
					 "bad request body: no object%s", at);
		int status = required(call, one, at);

		if (status)
			return status;
	}
	return 0;
}

int api_populate(struct api_call *call)
{
	size_t i;
	json_t *one, *made = json_array();
	int status = check_all(call, call->body);

	call->answer = json_pack("{s:o}", "proxies", made);
	if (status)
		return status;
	json_array_foreach (call->body, i, one) {
		struct link *l;

		status = populate_one(call, one, &l);
		if (status)
			return status;
		json_array_append_new(made, api_proxy_json(l));
	}
	return 201;
}

/* A file's. */

static int add_toxic(struct api_call *call, struct link *l, const json_t *json)
{
	struct toxic *t;

	if (json_num(json, "after", 0) > 0)
		return schedule_later(call->proxy, l->name, json, &call->err);
	if (toxic_parse(json, NULL, &t, &call->err) < 0) {
		call->err.code = -EINVAL;
		return -EINVAL;
	}
	int rc = link_add_toxic(l, t, &call->err);

	schedule_look(call->proxy);
	return rc;
}

static int add_toxics(struct api_call *call, struct link *l,
		      const json_t *proxy)
{
	const json_t *all = json_object_get(proxy, "toxics");
	size_t i;
	json_t *one;

	if (all && !json_is_array(all) && !json_is_null(all))
		return err_set(&call->err, -EINVAL, "toxics is no array");
	json_array_foreach (all, i, one) {
		if (add_toxic(call, l, one) < 0)
			return err_prefix(&call->err, "proxy '%s': toxic %zu",
					  l->name, i + 1);
	}
	return 0;
}

static int load_all(struct api_call *call, const json_t *all)
{
	size_t i;
	json_t *one;

	if (check_all(call, all))
		return -EINVAL;
	json_array_foreach (all, i, one) {
		struct link *l;

		if (populate_one(call, one, &l)) {
			if (!call->err.code)
				call->err.code = -EINVAL;
			return err_prefix(&call->err, "proxy %zu", i + 1);
		}
		if (add_toxics(call, l, one) < 0)
			return call->err.code;
	}
	return 0;
}

int config_load(struct proxy *proxy, const char *path, struct err *err)
{
	struct api_call call = {.proxy = proxy};
	json_t *json = NULL;
	struct buf text;

	buf_init(&text, FILE_MAX);
	int rc = buf_read_file(&text, path, err);

	if (!rc)
		rc = json_parse(text.data ? text.data : "", text.len, &json,
				err);
	buf_done(&text);
	if (rc < 0)
		return err_prefix(err, "%s", path);
	/* Theirs is an array; one with a name for it may grow */
	const json_t *all = json_object_get(json, "proxies");

	rc = load_all(&call, all ? all : json);
	json_decref(json);
	if (rc < 0)
		return err_set(err, rc, "%s: %s", path, call.err.msg);
	return 0;
}
