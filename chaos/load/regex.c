/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions over answers. */
#include "chaos/load/regex.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "chaos/base/mem.h"

/* Some ms at worst: a pattern that backtracks for ever must not stall a load
 * thread. */
enum { MATCH_LIMIT = 1000000, DEPTH_LIMIT = 10000 };

struct regex {
	pcre2_code *code;
	pcre2_match_context *context;	/* only read once it is set */
};

int regex_new(const char *pattern, struct regex **ret, struct err *err)
{
	int number;
	PCRE2_SIZE at;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern,
					 PCRE2_ZERO_TERMINATED, 0, &number,
					 &at, NULL);
	struct regex *re;

	if (!code) {
		PCRE2_UCHAR why[120];

		pcre2_get_error_message(number, why, sizeof(why));
		return err_set(err, -EINVAL,
			       "regular expression '%s': %s at character %zu",
			       pattern, (const char *)why, (size_t)at + 1);
	}
	/* Where it cannot, matching goes on without. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	re = mem_zalloc(sizeof(*re));
	re->code = code;
	re->context = pcre2_match_context_create(NULL);
	if (re->context) {
		pcre2_set_match_limit(re->context, MATCH_LIMIT);
		pcre2_set_depth_limit(re->context, DEPTH_LIMIT);
	}
	*ret = re;
	return 0;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	pcre2_match_context_free(re->context);
	pcre2_code_free(re->code);
	mem_free(re);
}

bool regex_find(const struct regex *re, const char *text, size_t len,
		const char **ret, size_t *ret_len)
{
	pcre2_match_data *data =
		pcre2_match_data_create_from_pattern(re->code, NULL);
	int n = data ? pcre2_match(re->code, (PCRE2_SPTR)text, len, 0, 0, data,
				   re->context)
		     : -1;
	const PCRE2_SIZE *at = data ? pcre2_get_ovector_pointer(data) : NULL;
	size_t group = n > 1 && at[2] != PCRE2_UNSET ? 1 : 0;

	if (n > 0) {
		/* \K in a lookahead may put the end before the start. */
		*ret = text + at[2 * group];
		*ret_len = at[2 * group + 1] >= at[2 * group]
				   ? at[2 * group + 1] - at[2 * group]
				   : 0;
	}
	pcre2_match_data_free(data);
	return n > 0;
}
