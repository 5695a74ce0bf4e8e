/* SPDX-License-Identifier: Apache-2.0 */
/* What a step looks at in its answer. */
#include "chaos/load/inspect.h"

#include "chaos/base/mem.h"

void inspect_free(struct inspect *in)
{
	if (!in)
		return;
	for (size_t i = 0; i < in->n_captures; i++)
		capture_done(&in->captures[i]);
	for (size_t i = 0; i < in->n_checks; i++)
		check_done(&in->checks[i]);
	mem_free(in->captures);
	mem_free(in->checks);
	mem_free(in);
}

unsigned inspect_keep(const struct inspect *in)
{
	unsigned keep = 0;

	for (size_t i = 0; in && i < in->n_captures; i++)
		keep |= extract_keep(&in->captures[i].what);
	for (size_t i = 0; in && i < in->n_checks; i++)
		keep |= cond_keep(&in->checks[i].cond);
	return keep;
}

static void check_count(const struct check *c, bool ok, struct inspect_to *to)
{
	struct check_count *count = &to->counts[c->index];

	count->ok += ok;
	count->failed += !ok;
	to->checks_ok += ok;
	to->checks_failed += !ok;
	if (!ok && !c->soft)
		to->failed = true;
}

void inspect_run(const struct inspect *in, const struct answer *a,
		 nsec_t response, bool ok, struct inspect_to *to)
{
	struct seen seen;

	seen_init(&seen, a, response);
	for (size_t i = 0; i < in->n_checks; i++)
		check_count(&in->checks[i],
			    a && cond_holds(&in->checks[i].cond, &seen), to);
	for (size_t i = 0; ok && to->captured && i < in->n_captures; i++)
		if (!capture_take(&in->captures[i], &seen, to->captured,
				  to->slots))
			to->failed = true;
	seen_done(&seen);
}
