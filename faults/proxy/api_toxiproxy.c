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

json_t *api_toxics_json(struct link *l)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < l->conf->n_toxics; i++)
		json_array_append_new(all, toxic_json(l->conf->toxics[i],
						      &l->gate, clock_mono()));
	return all;
}

json_t *api_proxy_json(struct link *l)
{
	char listen[ADDR_TEXT], upstream[ADDR_TEXT];

	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:o}", "name", l->name,
			 "listen", link_listen_text(l, listen), "upstream",
			 link_upstream_text(l, upstream), "enabled",
			 l->enabled, "protocol", l->filter->protocol, "toxics",
			 api_toxics_json(l));
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

		json_object_set_new(call->answer, l->name, api_proxy_json(l));
	}
	return 200;
}

static int post_proxies(struct api_call *call)
{
	struct link_args args;
	struct link *l;

	if (!json_is_object(call->body))
		return api_error(call, 400, "bad request body: not an object");
	int status = api_parse_link(call, call->body, "", &args);

	if (status)
		return status;
	if (proxy_link(call->proxy, args.name))
		return api_error(call, 409, "proxy already exists");
	if (link_new(call->proxy, &args, &l, &call->err) < 0)
		return api_errno(call);
	call->answer = api_proxy_json(l);
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
	call->answer = api_proxy_json(l);
	return 200;
}

static int post_proxy(struct api_call *call)
{
	struct link *l = api_link(call);

	if (!l)
		return 404;
	if (!json_is_object(call->body))
		return api_error(call, 400, "bad request body: not an object");
	struct link_args args = {
		.listen = l->conf->endpoints[0].listen,
		.listen_text = l->listen_text,
		.upstream = l->conf->endpoints[0].upstream,
		.upstream_text = l->upstream_text,
	};
	int status = api_parse_addrs(call, call->body, &args);

	if (status)
		return status;
	if (link_readdress(l, &args, &call->err) < 0 ||
	    link_enable(l, json_flag(call->body, "enabled", l->enabled),
			&call->err) < 0)
		return api_errno(call);
	call->answer = api_proxy_json(l);
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
	call->answer = api_toxics_json(l);
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
	if (!json_is_object(call->body))
		return api_error(call, 400, "bad request body: not an object");
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
	{"POST", "/populate", true, api_populate},
	{"GET", "/metrics", false, api_metrics},
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
