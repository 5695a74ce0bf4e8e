/* SPDX-License-Identifier: Apache-2.0 */
/* [impact]: what it cost whom; each figure with its formula and its inputs. */
#include <math.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/model.h"

struct impact {
	char *order_api, *order_value, *users_api;
	double inquiries;
};

static const struct opt impact_opts[] = {
	{ .name = "order.api", .type = OPT_STR,
	  .off = offsetof(struct impact, order_api),
	  .help = "the API whose failures are lost sales" },
	{ .name = "order.value", .type = OPT_STR,
	  .off = offsetof(struct impact, order_value),
	  .help = "what one is worth, with its currency",
	  .example = "12000 KRW" },
	{ .name = "users.api", .type = OPT_STR,
	  .off = offsetof(struct impact, users_api),
	  .help = "the API whose unserved users are counted" },
	{ .name = "inquiries.share", .type = OPT_SHARE,
	  .off = offsetof(struct impact, inquiries),
	  .help = "of the unserved users, who ask for help (an assumption)",
	  .example = "29%" },
	OPT_END,
};

const struct section_spec report_impact_section = {
	.name = "impact",
	.opts = impact_opts,
	.size = sizeof(struct impact),
	.summary = "what a failure costs",
};

static const struct row {
	const char *name;	/* of the measure */
	const char *recorded;	/* key of [recorded], or NULL */
	const char *formula;
	/* Measures by name; keys of [impact] after a colon. */
	const char *inputs[4];
} rows[] = {
	{ "users_affected", NULL, "users with a failed request, each once",
	  { "users_max" } },
	{ "users_unserved", "users.unserved",
	  "distinct users who asked users.api between start and first action "
	  "and were issued nothing",
	  { ":users.api", "users_asked" } },
	{ "users_unserved_share", "users.unserved_share",
	  "users_unserved / users_asked", { "users_unserved", "users_asked" } },
	{ "users_unserved_raw", NULL,
	  "requests of users.api in the same time, every attempt counted",
	  { ":users.api", "users_asked" } },
	{ "orders_failed", "orders.failed",
	  "failed requests of order.api in the window, less those answered 429",
	  { ":order.api", "orders_failed_all", "orders_limited" } },
	{ "orders_limited", NULL,
	  "requests of order.api in the window that were answered 429",
	  { ":order.api" } },
	{ "sales_lost", "sales.lost", "orders_failed x order.value",
	  { "orders_failed", ":order.value" } },
	{ "inquiries", "inquiries", "users_unserved x inquiries.share",
	  { "users_unserved", ":inquiries.share" } },
	{ "user_minutes_affected", NULL,
	  "users, summed over the bad seconds of the window, / 60",
	  { "bad_seconds", "users_max" } },
};

static const json_t *measure(const json_t *measures, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(measures, i, m)
		if (strcmp(json_str(m, "name", ""), name) == 0)
			return m;
	return NULL;
}

static void add_input(const struct facts *f, const json_t *measures,
		      const char *name, json_t *inputs, struct buf *text)
{
	const json_t *m = measure(measures, name);

	if (text->len)
		buf_addf(text, ", ");
	if (name[0] == ':') {
		const char *v = report_key(f, "impact", name + 1);

		json_object_set_new(inputs, name + 1,
				    v ? json_string(v) : json_null());
		buf_addf(text, "%s = %s", name + 1, v ? v : "-");
		return;
	}
	json_object_set_new(inputs, name,
			    m ? json_real(json_num(m, "value", 0))
			      : json_null());
	if (m)
		buf_addf(text, "%s = %.10g", name, json_num(m, "value", 0));
	else
		buf_addf(text, "%s = -", name);
}

static json_t *row_json(const struct facts *f, const json_t *measures,
			const struct row *row, const json_t *m, const char *rec)
{
	json_t *inputs = json_object(), *o;
	struct buf text;

	buf_init(&text, 4096);
	for (size_t i = 0; i < 4 && row->inputs[i]; i++)
		add_input(f, measures, row->inputs[i], inputs, &text);
	o = json_pack("{s:s,s:o,s:s,s:o,s:s,s:o,s:s}", "name", row->name,
		      "value",
		      m ? json_real(json_num(m, "value", 0)) : json_null(),
		      "unit", m ? json_str(m, "unit", "") : "count",
		      "recorded", rec ? json_string(rec) : json_null(),
		      "formula", row->formula, "inputs", inputs, "inputs_text",
		      text.data ? text.data : "");
	buf_done(&text);
	return o;
}

json_t *report_impact(const struct facts *f, const json_t *measures)
{
	json_t *array = json_array();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *rec = rows[i].recorded
					  ? report_key(f, "recorded",
						       rows[i].recorded)
					  : NULL;
		const json_t *m = measure(measures, rows[i].name);

		if (m || rec)
			json_array_append_new(array, row_json(f, measures,
							      &rows[i], m,
							      rec));
	}
	return array;
}
