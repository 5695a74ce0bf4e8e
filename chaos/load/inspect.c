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
	mem_free(in->captures);
	mem_free(in);
}

unsigned inspect_keep(const struct inspect *in)
{
	unsigned keep = 0;

	for (size_t i = 0; in && i < in->n_captures; i++)
		keep |= extract_keep(&in->captures[i].what);
	return keep;
}

bool inspect_run(const struct inspect *in, const struct answer *a,
		 nsec_t response, struct captured *captured, size_t slots)
{
	struct seen seen;
	bool ok = true;

	seen_init(&seen, a, response);
	for (size_t i = 0; i < in->n_captures; i++)
		if (!capture_take(&in->captures[i], &seen, captured, slots))
			ok = false;
	seen_done(&seen);
	return ok;
}
