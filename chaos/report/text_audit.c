/* SPDX-License-Identifier: Apache-2.0 */
/* What the generator used of its host: on both kinds of page. */
#include "chaos/report/text.h"

#include "chaos/base/json.h"

/* What was asked of the host, and what it gave. */
void text_audit(const json_t *a, FILE *f)
{
	double planned = json_num(a, "open_planned", 0);

	if (planned > 0)
		fprintf(f, "  arrivals        %.0f planned, %.0f sent, %.0f "
			   "dropped\n",
			planned, json_num(a, "open_achieved", 0),
			json_num(a, "dropped", 0));
	if (json_at(a, "sent"))
		fprintf(f, "  requests        %.0f due, %.0f sent whole, "
			   "%.0f in part\n",
			json_num(a, "requests", 0) + json_num(a, "polls", 0),
			json_num(a, "sent", 0), json_num(a, "sent_partly", 0));
	if (json_at(a, "conns_held"))
		fprintf(f,
			"  held            %.0f asked, %.0f held at most\n"
			"  of the host     descriptors %.0f of %.0f, ports "
			"%.0f of %.0f\n",
			json_num(a, "conns_asked", 0),
			json_num(a, "conns_held", 0), json_num(a, "fds", 0),
			json_num(a, "fds_limit", 0), json_num(a, "ports", 0),
			json_num(a, "ports_limit", 0));
	if (json_flag(a, "greedy", false) &&
	    json_num(a, "cpu_max_5s", 0) > 0.85)
		fprintf(f, "  the generator was at its limit, as a load "
			   "without think time, pace or\n"
			   "  rate asks: its times are of a full machine\n");
}
