/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that a condition may call: one row each. */
#include <ctype.h>
#include <string.h>

#include "chaos/base/expr_impl.h"

const struct expr_func expr_funcs[] = {
	{ "absent", 1, 2, false, true, "absent(GAUGE, WINDOW)" },
	{ "baseline", 1, 1, false, false, "baseline(GAUGE or FUNCTION)" },
	{ "burn", 1, 2, false, false, "burn(SCOPE, WINDOW)" },
	{ "checks", 1, 2, true, false, "checks(SCOPE, WINDOW)" },
	{ "client", 1, 2, true, false, "client(SCOPE, WINDOW)" },
	{ "delta", 1, 2, false, false, "delta(GAUGE, WINDOW)" },
	{ "deriv", 1, 2, false, false, "deriv(GAUGE, WINDOW)" },
	{ "errors", 1, 2, true, false, "errors(SCOPE, WINDOW)" },
	{ "failed", 1, 3, true, false, "failed(SCOPE, WINDOW, CAUSE)" },
	{ "latency.p*", 1, 2, true, false, "latency.pNN(SCOPE, WINDOW)" },
	{ "offered", 1, 2, true, false, "offered(SCOPE, WINDOW)" },
	{ "rate", 1, 2, false, false, "rate(GAUGE, WINDOW)" },
	{ "throughput", 1, 2, true, false, "throughput(SCOPE, WINDOW)" },
	{ NULL, 0, 0, false, false, NULL },
};

/* "latency.p95": the prefix and 1 to 4 digits, not all zero. */
static bool func_matches(const struct expr_func *f, const char *s, int n)
{
	int len = (int)strlen(f->name), digits, sum = 0;

	if (f->name[len - 1] != '*')
		return n == len && !memcmp(s, f->name, (size_t)n);
	digits = n - (len - 1);
	if (digits < 1 || digits > 4 || memcmp(s, f->name, (size_t)len - 1))
		return false;
	for (int i = n - digits; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		sum += s[i] - '0';
	}
	return sum > 0;
}

const struct expr_func *expr_func_find(const char *s, int n)
{
	for (const struct expr_func *f = expr_funcs; f->name; f++)
		if (func_matches(f, s, n))
			return f;
	return NULL;
}
