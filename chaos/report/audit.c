/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator's own error (DESIGN 5): what makes a run invalid, and what
 * to change so that the next one is not.
 */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/model.h"

static bool is(const json_t *e, const char *ev)
{
	return strcmp(json_str(e, "ev", ""), ev) == 0;
}

/* fix: what to change; may be empty. */
static void finding(json_t *because, bool bad, const char *what, double got,
		    double limit, const char *fix)
{
	AUTO_FREE char *text = NULL;

	if (!bad)
		return;
	text = mem_printf("%s %.3g is over %.3g%s%s", what, got, limit,
			  *fix ? ": " : "", fix);
	json_array_append_new(because, json_string(text));
}

static void check_holds(const json_t *audit, json_t *because)
{
	json_t *h;
	size_t i;

	json_array_foreach(json_at(audit, "hold"), i, h) {
		double asked = json_num(h, "asked_s", 0);
		double off = json_num(h, "achieved_s", 0) / asked - 1;

		if (asked > 5)
			finding(because, fabs(off) > 0.03,
				"an emulated service time is off by a share: ",
				off, 0.03, "");
	}
}

static void add_spoilt(const struct facts *f, json_t *because)
{
	json_t *e;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (is(e, "spoilt"))
			json_array_append_new(because,
					      json_string(json_str(e, "why",
								   "?")));
}

/* jansson iterates over what is not const only; nothing is changed. */
static void copy_all(json_t *to, const json_t *from)
{
	json_t *all = json_copy((json_t *)(uintptr_t)from), *v;
	const char *key;

	json_object_foreach(all, key, v)
		if (strcmp(key, "ev") != 0 && strcmp(key, "users") != 0 &&
		    strcmp(key, "file") != 0 && strcmp(key, "line") != 0)
			json_object_set(to, key, v);
	json_decref(all);
}

static const struct audit_limit {
	const char *key, *text;
	double limit;
	const char *fix;
	bool if_greedy;		/* also of a load that is as fast as can be */
} limits[] = {
	{ "send_lag_p99_ms", "the generator's send lag p99 in ms:", 10,
	  "the machine was too busy to send on time; ask less of it, or give "
	  "the load more --threads or a machine of its own", true },
	{ "cpu_max_5s", "a load thread's share of a core over 5 s:", 0.85,
	  "ask less of it, or give the load more --threads or a machine of its "
	  "own", false },
	{ "fd_share", "the share of descriptors in use:", 0.8,
	  "raise it with 'ulimit -n'", true },
	{ "port_share", "the share of ports in use:", 0.8,
	  "widen net.ipv4.ip_local_port_range, or keep connections", true },
	{ "emfile", "EMFILE:", 0, "raise the limit with 'ulimit -n'", true },
	{ "eaddrnotavail", "EADDRNOTAVAIL:", 0,
	  "widen net.ipv4.ip_local_port_range, or keep connections", true },
};

static void check_limits(const json_t *load, json_t *because)
{
	bool greedy = json_flag(load, "greedy", false);

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct audit_limit *l = &limits[i];
		double got = json_num(load, l->key, 0);

		if (!greedy || l->if_greedy)
			finding(because, got > l->limit, l->text, got,
				l->limit, l->fix);
	}
}

static void check_arrivals(const json_t *load, json_t *because)
{
	double planned = json_num(load, "open_planned", 0);
	double achieved = json_num(load, "open_achieved", 0);

	finding(because, planned > 0 && achieved < 0.99 * planned,
		"arrivals that were not sent as planned:", planned - achieved,
		0.01 * planned,
		json_num(load, "dropped", 0) > 0
			? "raise max_users, or catch_up lets more wait"
			: "raise max_users");
}

json_t *report_audit(const struct facts *f, json_t *because)
{
	const json_t *load = facts_event(f, "load");
	const json_t *audit = facts_event(f, "audit");
	static const char never[] = "the run ended before its audit";
	json_t *o = json_object();

	copy_all(o, load);
	copy_all(o, audit);
	if (load) {
		check_limits(load, because);
		check_arrivals(load, because);
	}
	check_holds(audit, because);
	add_spoilt(f, because);
	json_array_extend(because, f->missing);
	if (!audit)
		json_array_append_new(because, json_string(never));
	return o;
}
