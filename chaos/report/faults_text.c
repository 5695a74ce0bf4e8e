/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of a run and nothing else: what `gameday inject` prints. */
#include <stdio.h>

#include "chaos/base/json.h"
#include "chaos/report/writers.h"

static void write_object(const json_t *o, const char *what, FILE *f)
{
	const char *key;
	json_t *value;
	bool any = false;

	json_object_foreach(json_object_get(o, what), key, value) {
		fprintf(f, "%s%s ", any ? ", " : "  ", key);
		any = true;
		if (json_is_string(value))
			fprintf(f, "%s", json_string_value(value));
		else if (json_is_boolean(value))
			fprintf(f, "%s", json_is_true(value) ? "yes" : "no");
		else if (json_is_number(value))
			fprintf(f, "%.6g", json_number_value(value));
		else
			json_dumpf(value, f, JSON_COMPACT | JSON_ENCODE_ANY);
	}
	if (any)
		fprintf(f, "  (%s)\n", what);
}

static void write_fault(const json_t *o, FILE *f)
{
	fprintf(f, "%s%s%s: injected in %.3f ms, reverted in %.3f ms, "
		"verified gone: %s\n", json_str(o, "kind", "?"),
		*json_str(o, "target", "") ? " on " : "",
		json_str(o, "target", ""), json_num(o, "inject_real_ms", 0),
		json_num(o, "revert_real_ms", 0),
		json_str(o, "verified_gone", "unknown"));
	write_object(o, "asked", f);
	write_object(o, "achieved", f);
	if (*json_str(o, "error", ""))
		fprintf(f, "  error: %s\n", json_str(o, "error", ""));
}

static void write_faults(const struct report *r, FILE *f)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(report_json(r), "faults"), i, o)
		write_fault(o, f);
}

const struct report_writer report_writer_faults = {
	.name = "faults",
	.summary = "its faults alone: asked, achieved, reverted, gone",
	.write = write_faults,
};
