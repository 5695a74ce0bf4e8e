/* SPDX-License-Identifier: Apache-2.0 */
/* noop: nothing is wrong, as Toxiproxy has it for tests. */
#include "faults/proxy/toxic.h"

struct noop_attrs {
	int64_t unused;
};

static const struct opt attrs[] = {OPT_END};

const struct toxic_ops toxic_noop = {
	.type = "noop",
	.summary = "nothing at all",
	.attrs = attrs,
	.attrs_size = sizeof(struct noop_attrs),
};
