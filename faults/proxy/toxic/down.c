/* SPDX-License-Identifier: Apache-2.0 */
/* down: nobody comes in, and who is in is cut. The link does it. */
#include <errno.h>

#include "faults/proxy/toxic.h"

struct down_attrs {
	int64_t unused;
};

static const struct opt attrs[] = {OPT_END};

static int down_check(const struct toxic *t, struct err *err)
{
	if (t->toxicity < 1)
		return err_set(err, -EINVAL,
			       "down is for all or none: for a share of the "
			       "connections take refuse");
	return 0;
}

const struct toxic_ops toxic_down = {
	.type = "down",
	.summary = "as if nobody listened: connections are refused and cut",
	.attrs = attrs,
	.attrs_size = sizeof(struct down_attrs),
	.shuts_link = true,
	.check = down_check,
	.achieved = toxic_achieved,
};
