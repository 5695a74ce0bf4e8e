/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Toxiproxy's API, with its names, codes and texts, so that its clients work
 * unchanged.  More than theirs: "protocol", "lease", "achieved".
 */
#include <errno.h>
#include <string.h>

#include "chaos/base/log.h"
#include "faults/proxy/api.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/link.h"
#include "faults/proxy/schedule.h"
#include "faults/proxy/toxic.h"

static json_t *toxics_json(struct link *l)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < l->conf->n_toxics; i++)
		json_array_append_new(all, toxic_json(l->conf->toxics[i],
						      &l->gate, clock_mono()));
	return all;
}

static json_t *proxy_json(struct link *l)
{
	const struct link_endpoint *own = &l->conf->endpoints[0];
	char listen[ADDR_TEXT], upstream[ADDR_TEXT];

	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "name", l->name,
			 "listen", addr_fmt(&own->listen, listen), "upstream",
			 addr_fmt(&own->upstream, upstream), "enabled",
			 l->enabled, "protocol", l->filter->protocol, "toxics",
			 toxics_json(l));
}

static int get_version(struct api_call *call)
{
	call->answer = json_pack("{s:s}", "version", GAMEDAY_VERSION);
	return 200;
}

static int get_proxies(struct api_call *call)
{
	struct list *pos;

	call->answer = json_object();
	LIST_FOR (pos, &call->proxy->links) {
		struct link *l = LIST_ENTRY(pos, struct link, in_proxy);

		json_object_set_new(call->answer, l->name, proxy_json(l));
	}
	return 200;
}

/* Addresses from JSON; those that are not there stay as they are. */
static int parse_addrs(struct api_call *call, const json_t *json,
		       struct addr *listen, struct addr *upstream)
{
	const char *text = json_str(json, "listen", NULL);

	if (text && proxy_addr(text, listen, &call->err) < 0) {
		err_prefix(&call->err, "listen");
		return 400;
	}
	text = json_str(json, "upstream", NULL);
	if (text && proxy_addr(text, upstream, &call->err) < 0) {
		err_prefix(&call->err, "upstream");
		return 400;
	}
	return 0;
}

static int parse_link(struct api_call *call, const json_t *json,
		      struct link_args *args)
{
	const char *protocol = json_str(json, "protocol", "tcp");

	*args = (struct link_args){
		.name = json_str(json, "name", ""),
		.filter = filter_find(protocol),
		.enabled = json_flag(json, "enabled", true),
	};
	if (!*args->name)
		return api_error(call, 400, "missing required field: name");
	if (!json_str(json, "upstream", NULL))
		return api_error(call, 400, "missing required field: upstream");
	if (!args->filter)
		return api_error(call, 400, "unknown protocol '%s'", protocol);
	if (addr_parse("127.0.0.1:0", &args->listen, &call->err) < 0)
		return 500;
	return parse_addrs(call, json, &args->listen, &args->upstream);
}

static int post_proxies(struct api_call *call)
{
	struct link_args args;
	struct link *l;
	int status = parse_link(call, call->body, &args);

	if (status)
		return status;
	if (proxy_link(call->proxy, args.name))
		return api_error(call, 409, "proxy already exists");
	if (link_new(call->proxy, &args, &l, &call->err) < 0)
		return api_errno(call);
	call->answer = proxy_json(l);
	return 201;
}

/* As Toxiproxy: one of the same addresses stays, with its toxics. */
static int populate_one(struct api_call *call, const json_t *json)
{
	struct link_args args;
	struct link *l;
	int status = parse_link(call, json, &args);

	if (status)
		return status;
	l = proxy_link(call->proxy, args.name);
	if (l && l->filter == args.filter) {
		args.listen = addr_port(&args.listen)
				      ? args.listen
				      : l->conf->endpoints[0].listen;
		if (link_readdress(l, &args.listen, &args.upstream,
				   &call->err) < 0 ||
		    link_enable(l, args.enabled, &call->err) < 0)
			return api_errno(call);
	} else {
		if (l)
			link_delete(l);
		if (link_new(call->proxy, &args, &l, &call->err) < 0)
			return api_errno(call);
	}
	json_array_append_new(json_object_get(call->answer, "proxies"),
			      proxy_json(l));
	return 0;
}

static int post_populate(struct api_call *call)
{
	size_t i;
	json_t *one;

	if (!json_is_array(call->body))
		return api_error(call, 400, "bad request body: not an array");
	call->answer = json_pack("{s:[]}", "proxies");
	json_array_foreach (call->body, i, one) {
		int status = populate_one(call, one);

		if (status) {
			json_decref(call->answer);
			call->answer = NULL;
			return status;
		}
	}
	return 201;
}

static int post_reset(struct api_call *call)
{
	struct list *pos;
	int status = 204;

	LIST_FOR (pos, &call->proxy->links) {
		struct link *l = LIST_ENTRY(pos, struct link, in_proxy);

		link_remove_toxics(l, NULL);
		if (link_enable(l, true, &call->err) < 0)
			status = api_errno(call);
	}
	return status;
}

static int get_proxy(struct api_call *call)
{
	struct link *l = api_link(call);

	if (!l)
		return 404;
	call->answer = proxy_json(l);
	return 200;
}

static int post_proxy(struct api_call *call)
{
	struct link *l = api_link(call);

	if (!l)
		return 404;
	struct addr listen = l->conf->endpoints[0].listen;
	struct addr upstream = l->conf->endpoints[0].upstream;
	int status = parse_addrs(call, call->body, &listen, &upstream);

	if (status)
		return status;
	if (link_readdress(l, &listen, &upstream, &call->err) < 0 ||
	    link_enable(l, json_flag(call->body, "enabled", l->enabled),
			&call->err) < 0)
		return api_errno(call);
	call->answer = proxy_json(l);
	return 200;
}

static int delete_proxy(struct api_call *call)
{
	struct link *l = api_link(call);

	if (!l)
		return 404;
	link_delete(l);
	return 204;
}

static int get_toxics(struct api_call *call)
{
	struct link *l = api_link(call);

	if (!l)
		return 404;
	call->answer = toxics_json(l);
	return 200;
}

static json_t *one_toxic(struct link *l, const char *name)
{
	return toxic_json(link_toxic(l, name), &l->gate, clock_mono());
}

static int post_toxics(struct api_call *call)
{
	struct link *l = api_link(call);
	struct toxic *t;

	if (!l)
		return 404;
	if (!json_is_object(call->body))
		return api_error(call, 400, "bad request body: not an object");
	if (toxic_parse(call->body, NULL, &t, &call->err) < 0)
		return 400;
	if (strlen(t->name) >= API_NAME_MAX) {
		toxic_unref(t);
		return api_error(call, 400, "a toxic's name has at most %d "
				 "bytes", API_NAME_MAX - 1);
	}
	if (t->lease && !lease_is_open(call->proxy, t->lease)) {
		api_error(call, 409, "lease '%s' is not open", t->lease);
		toxic_unref(t);
		return 409;
	}
	/* It takes t over, and may free it */
	char name[API_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s", t->name);
	if (link_add_toxic(l, t, &call->err) < 0)
		return api_errno(call);
	schedule_look(call->proxy);
	call->answer = one_toxic(l, name);
	return 200;
}

static struct toxic *find_toxic(struct api_call *call, struct link **ret_link)
{
	*ret_link = api_link(call);
	if (!*ret_link)
		return NULL;
	struct toxic *t = link_toxic(*ret_link, call->name[1]);

	if (!t)
		err_set(&call->err, -ENOENT, "toxic not found");
	return t;
}

static int get_toxic(struct api_call *call)
{
	struct link *l;

	if (!find_toxic(call, &l))
		return 404;
	call->answer = one_toxic(l, call->name[1]);
	return 200;
}

static int post_toxic(struct api_call *call)
{
	struct link *l;
	struct toxic *changed, *t = find_toxic(call, &l);

	if (!t)
		return 404;
	if (toxic_parse(call->body, t, &changed, &call->err) < 0)
		return 400;
	link_change_toxic(l, changed);
	schedule_look(call->proxy);
	call->answer = one_toxic(l, call->name[1]);
	return 200;
}

static int delete_toxic(struct api_call *call)
{
	struct link *l;

	if (!find_toxic(call, &l))
		return 404;
	(void)link_remove_toxic(l, call->name[1]);
	return 204;
}

const struct api_route api_toxiproxy_routes[] = {
	{"GET", "/version", false, get_version},
	{"GET", "/proxies", false, get_proxies},
	{"POST", "/proxies", true, post_proxies},
	{"POST", "/populate", true, post_populate},
	{"POST", "/reset", true, post_reset},
	{"GET", "/proxies/*", false, get_proxy},
	{"POST", "/proxies/*", true, post_proxy},
	{"PATCH", "/proxies/*", true, post_proxy},
	{"DELETE", "/proxies/*", true, delete_proxy},
	{"GET", "/proxies/*/toxics", false, get_toxics},
	{"POST", "/proxies/*/toxics", true, post_toxics},
	{"GET", "/proxies/*/toxics/*", false, get_toxic},
	{"POST", "/proxies/*/toxics/*", true, post_toxic},
	{"PATCH", "/proxies/*/toxics/*", true, post_toxic},
	{"DELETE", "/proxies/*/toxics/*", true, delete_toxic},
	{NULL},
};
