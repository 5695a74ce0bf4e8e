/* SPDX-License-Identifier: Apache-2.0 */
/* Where in the run directory a figure comes from: "events.jsonl#L12". */
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/report/events.h"
#include "chaos/report/model.h"

static void set_link(json_t *row, const json_t *event)
{
	const char *file = json_str(event, "file", EVENTS_FILE);
	AUTO_FREE char *link = mem_printf(
		"%s#L%d", file, (int)json_int64(event, "line", 1));

	json_object_set_new(row, "link",
			    json_string(event ? link : SERIES_FILE));
}

/* The first event of that kind and name; name NULL: any. */
static const json_t *event_of(const struct facts *f, const char *ev,
			      const char *key, const char *name)
{
	json_t *e;
	size_t i;

	json_array_foreach(f->events, i, e)
		if (strcmp(json_str(e, "ev", ""), ev) == 0 &&
		    (!name || strcmp(json_str(e, key, ""), name) == 0))
			return e;
	return NULL;
}

static void link_rows(const struct facts *f, const json_t *rows,
		      const char *ev, const char *key)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
		set_link(row, event_of(f, ev, key, json_str(row, key, "?")));
}

/* A measure between milestones is the later one's; users are the load's. */
static void link_measure(const struct facts *f, json_t *m)
{
	const json_t *e = event_of(f, "milestone", "name",
				   json_str(m, "to", "?"));

	if (strncmp(json_str(m, "name", ""), "users_", 6) == 0)
		e = facts_event(f, "load");
	set_link(m, e);
}

void report_links(const struct facts *f, json_t *root)
{
	json_t *m;
	size_t i;

	link_rows(f, json_at(root, "milestones"), "milestone", "name");
	link_rows(f, json_at(root, "faults"), "fault", "name");
	link_rows(f, json_at(root, "alerts"), "alert", "name");
	link_rows(f, json_at(root, "playbook"), "step", "step");
	json_array_foreach(json_at(root, "measures"), i, m)
		link_measure(f, m);
	json_array_foreach(json_at(root, "impact"), i, m)
		link_measure(f, m);
}
