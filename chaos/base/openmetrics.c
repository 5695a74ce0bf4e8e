/* SPDX-License-Identifier: Apache-2.0 */
/* Writes OpenMetrics text; what it is told of it does not check. */
#include "chaos/base/openmetrics.h"

#include <math.h>
#include <stdlib.h>

#include "chaos/base/hist.h"

enum { MAX_LABELS = 6 };

void om_family(struct buf *b, const char *name, const char *type,
	       const char *unit, const char *help)
{
	buf_addf(b, "# TYPE %s %s\n", name, type);
	if (unit)
		buf_addf(b, "# UNIT %s %s\n", name, unit);
	buf_addf(b, "# HELP %s %s\n", name, help);
}

static void add_escaped(struct buf *b, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '\\':
			buf_adds(b, "\\\\");
			break;
		case '"':
			buf_adds(b, "\\\"");
			break;
		case '\n':
			buf_adds(b, "\\n");
			break;
		default:
			buf_add(b, s, 1);
		}
}

static void add_number(struct buf *b, double v)
{
	if (isnan(v))
		buf_adds(b, "NaN");
	else if (isinf(v))
		buf_adds(b, v > 0 ? "+Inf" : "-Inf");
	else
		buf_addf(b, "%.12g", v);
}

void om_sample(struct buf *b, const char *name, const char *suffix,
	       const char *const *labels, double value)
{
	bool any = false;

	buf_addf(b, "%s%s", name, suffix);
	for (; labels && labels[0]; labels += 2) {
		if (!labels[1])
			continue;
		buf_addf(b, "%s%s=\"", any ? "," : "{", labels[0]);
		add_escaped(b, labels[1]);
		buf_adds(b, "\"");
		any = true;
	}
	buf_adds(b, any ? "} " : " ");
	add_number(b, value);
	buf_adds(b, "\n");
}

void om_hist(struct buf *b, const char *name, const char *const *labels,
	     const struct hist *h)
{
	/* As canonical numbers, so that a series is the same everywhere. */
	static const char *const upto[] = {
		"0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
		"0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0",
	};
	const char *with[2 * MAX_LABELS + 3];
	size_t n = 0;

	for (; labels[n] && n < 2 * MAX_LABELS; n++)
		with[n] = labels[n];
	with[n] = "le";
	with[n + 2] = NULL;
	for (size_t i = 0; i < sizeof(upto) / sizeof(upto[0]); i++) {
		with[n + 1] = upto[i];
		om_sample(b, name, "_bucket", with,
			  (double)hist_count_upto(
				  h, (nsec_t)(strtod(upto[i], NULL) *
					      NSEC_SEC)));
	}
	with[n + 1] = "+Inf";
	om_sample(b, name, "_bucket", with, (double)hist_count(h));
	om_sample(b, name, "_count", labels, (double)hist_count(h));
	om_sample(b, name, "_sum", labels,
		  hist_count(h) ? hist_mean(h) / NSEC_SEC *
					  (double)hist_count(h)
				: 0);
}

void om_end(struct buf *b)
{
	buf_adds(b, "# EOF\n");
}
