/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics: Prometheus' text.  Toxiproxy's two names for bytes, and what a
 * link knows of its connections and its pool.
 */
#include "faults/proxy/api.h"
#include "faults/proxy/link.h"

/* A label's value: backslash, quote and line feed are escaped. */
static void add_label(struct buf *b, const char *key, const char *value)
{
	buf_addf(b, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			buf_addf(b, "\\%c", *value);
		else if (*value == '\n')
			buf_adds(b, "\\n");
		else
			buf_add(b, value, 1);
	}
	buf_adds(b, "\"");
}

static void add_bytes(struct buf *b, const char *name, const struct link *l,
		      enum stream s, unsigned long long n)
{
	char text[ADDR_TEXT];

	buf_addf(b, "%s{direction=\"%s\",", name,
		 s == STREAM_UP ? "upstream" : "downstream");
	add_label(b, "listener", link_listen_text(l, text));
	buf_adds(b, ",");
	add_label(b, "proxy", l->name);
	buf_adds(b, ",");
	add_label(b, "upstream", link_upstream_text(l, text));
	buf_addf(b, "} %llu\n", n);
}

typedef double gauge_fn(struct link *l);

static double get_accepted(struct link *l)
{
	struct link_sum sum;

	link_sum(l, &sum);
	return (double)sum.accepted;
}

static double get_connections(struct link *l)
{
	struct link_sum sum;

	link_sum(l, &sum);
	return (double)sum.connections;
}

static double get_errors(struct link *l)
{
	struct link_sum sum;

	link_sum(l, &sum);
	return (double)sum.errors;
}

static double get_active(struct link *l)
{
	struct gate_stats gate;

	gate_stats(&l->gate, clock_mono(), &gate);
	return (double)gate.in_flight;
}

static double get_waiting(struct link *l)
{
	struct gate_stats gate;

	gate_stats(&l->gate, clock_mono(), &gate);
	return (double)gate.waiting;
}

static double get_toxics(struct link *l)
{
	return l->conf->n_toxics;
}

static const struct {
	const char *name, *type, *help;
	gauge_fn *fn;
} rows[] = {
	{"gameday_link_accepted_total", "counter", "connections ever accepted",
	 get_accepted},
	{"gameday_link_connections", "gauge", "connections that are open",
	 get_connections},
	{"gameday_link_errors_total", "counter",
	 "upstreams that could not be connected, and protocol errors",
	 get_errors},
	{"gameday_link_pool_active", "gauge", "in flight through the pool",
	 get_active},
	{"gameday_link_pool_waiting", "gauge", "waiting for the pool",
	 get_waiting},
	{"gameday_link_toxics", "gauge", "toxics that are on", get_toxics},
};

static void add_all_bytes(struct buf *b, struct proxy *proxy, const char *name)
{
	struct list *pos;

	buf_addf(b, "# TYPE %s counter\n", name);
	LIST_FOR (pos, &proxy->links) {
		struct link *l = LIST_ENTRY(pos, struct link, in_proxy);
		struct link_sum sum;

		link_sum(l, &sum);
		for (int s = 0; s < STREAMS; s++)
			add_bytes(b, name, l, (enum stream)s, sum.bytes[s]);
	}
}

/* No byte stays in a link for long: what came in is what went out. */
int api_metrics(struct api_call *call)
{
	struct buf *b = &call->resp->body;
	struct list *pos;

	call->resp->content_type = "text/plain; version=0.0.4";
	add_all_bytes(b, call->proxy, "toxiproxy_proxy_received_bytes_total");
	add_all_bytes(b, call->proxy, "toxiproxy_proxy_sent_bytes_total");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name,
			 rows[i].help, rows[i].name, rows[i].type);
		LIST_FOR (pos, &call->proxy->links) {
			struct link *l =
				LIST_ENTRY(pos, struct link, in_proxy);

			buf_addf(b, "%s{", rows[i].name);
			add_label(b, "link", l->name);
			buf_addf(b, "} %.15g\n", rows[i].fn(l));
		}
	}
	return 200;
}
