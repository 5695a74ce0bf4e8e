/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and times as the pages show them. */
#include <math.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/units.h"
#include "chaos/report/text.h"

const char *text_at(const json_t *root, double t_s, char *dst)
{
	const char *label = json_str(root, "run/clock", "");
	nsec_t t, base;

	if (isnan(t_s))
		return "-";
	t = (nsec_t)llround(t_s) * NSEC_SEC;
	if (!label[0] || units_clock(label, &base, NULL) < 0)
		return units_fmt_mmss(dst, t);
	return units_fmt_clock(dst, base + t);
}

const char *text_ms(double ms, char *dst)
{
	return isnan(ms) ? "-" : units_fmt_ms(dst, (nsec_t)(ms * 1e6));
}

/* As many digits as tell it from none and from all. */
const char *text_percent(double share, char *dst)
{
	double v = share * 100, far = fmin(fabs(v), fabs(100 - v));

	if (isnan(share))
		return "-";
	snprintf(dst, UNITS_TEXT, "%.*f %%",
		 far == 0 || far >= 1 ? 1 : far >= 0.01 ? 2 : 4, v);
	return dst;
}

const char *text_count(double n, char *dst)
{
	char digits[24];
	size_t len, to = 0;

	if (isnan(n))
		return "-";
	len = (size_t)snprintf(digits, sizeof(digits), "%.0f", n);
	for (size_t i = 0; i < len && to + 2 < UNITS_TEXT; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			dst[to++] = ' ';
		dst[to++] = digits[i];
	}
	dst[to] = '\0';
	return dst;
}
