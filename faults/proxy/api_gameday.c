/* SPDX-License-Identifier: Apache-2.0 */
/* What Toxiproxy does not have: instance, leases, live counters, the pool. */
#include <string.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "faults/proxy/api.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/link.h"

static int get_instance(struct api_call *call)
{
	call->answer =
		json_pack("{s:s, s:i, s:s}", "instance", call->proxy->instance,
			  "pid", (int)getpid(), "version", GAMEDAY_VERSION);
	return 200;
}

static int get_lease(struct api_call *call)
{
	const char *id = httpd_query(call->req, "id");
	const char *upgrade = httpd_header(call->req, "Upgrade");
	void *lease;

	if (!id || !*id)
		return api_error(call, 400, "missing query parameter: id");
	if (!upgrade || strcasecmp(upgrade, "gameday-lease"))
		return api_error(call, 426, "needs Upgrade: gameday-lease");
	if (lease_begin(call->proxy, id, &lease, &call->err) < 0)
		return api_errno(call);
	call->resp->upgrade = "gameday-lease";
	call->resp->upgraded = lease_attach;
	call->resp->upgraded_arg = lease;
	return 101;
}

static json_t *link_json(struct link *l)
{
	char listen[ADDR_TEXT], upstream[ADDR_TEXT];
	struct gate_stats gate;
	struct link_sum sum;

	gate_stats(&l->gate, clock_mono(), &gate);
	link_sum(l, &sum);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:I}",
		"name", l->name, "protocol", l->filter->protocol, "listen",
		link_listen_text(l, listen), "upstream",
		link_upstream_text(l, upstream), "connections",
		(json_int_t)sum.connections, "accepted",
		(json_int_t)sum.accepted, "in_flight",
		(json_int_t)gate.in_flight, "waiting", (json_int_t)gate.waiting,
		"size", (json_int_t)gate.size, "max_in_flight",
		(json_int_t)gate.max_in_flight, "transactions",
		(json_int_t)gate.transactions, "bytes_up",
		(json_int_t)sum.bytes[STREAM_UP], "bytes_down",
		(json_int_t)sum.bytes[STREAM_DOWN], "errors",
		(json_int_t)sum.errors, "opaque", (json_int_t)sum.opaque);
}

static int get_links(struct api_call *call)
{
	struct list *pos;

	call->answer = json_array();
	LIST_FOR (pos, &call->proxy->links)
		json_array_append_new(
			call->answer,
			link_json(LIST_ENTRY(pos, struct link, in_proxy)));
	return 200;
}

static int get_link(struct api_call *call)
{
	struct link *l = api_link(call);

	if (!l)
		return 404;
	call->answer = link_json(l);
	return 200;
}

static struct toxic *find_pool(struct api_call *call, struct link **ret_link)
{
	*ret_link = api_link(call);
	if (!*ret_link)
		return NULL;
	struct toxic *t = link_toxic_of(*ret_link, &toxic_pool_limit);

	if (!t)
		api_error(call, 404, "link '%s' has no pool_limit",
			  (*ret_link)->name);
	return t;
}

static json_t *pool_json(struct link *l)
{
	return gate_pool(&l->gate, clock_mono());
}

static int get_pool(struct api_call *call)
{
	struct link *l;

	if (!find_pool(call, &l))
		return 404;
	call->answer = pool_json(l);
	return 200;
}

static int post_pool(struct api_call *call)
{
	struct link *l;
	struct toxic *changed, *t = find_pool(call, &l);
	double size = json_num(call->body, "size", 0);

	if (!t)
		return 404;
	if (size < 1 || size != (double)(int64_t)size)
		return api_error(call, 400, "missing required field: size");
	if (toxic_change(t, "size", size, &changed, &call->err) < 0)
		return 400;
	link_change_toxic(l, changed);
	call->answer = pool_json(l);
	return 200;
}

static int post_goodbye(struct api_call *call)
{
	call->proxy->goodbye = loop_mono(call->proxy->loop);
	return 204;
}

const struct api_route api_gameday_routes[] = {
	{"GET", "/gameday/instance", false, get_instance},
	{"GET", "/gameday/lease", true, get_lease},
	{"GET", "/gameday/links", false, get_links},
	{"GET", "/gameday/links/*", false, get_link},
	{"GET", "/gameday/links/*/pool", false, get_pool},
	{"POST", "/gameday/links/*/pool", true, post_pool},
	{"POST", "/gameday/goodbye", true, post_goodbye},
	{NULL},
};
