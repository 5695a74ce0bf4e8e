/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec's two files share. */
#ifndef GD_PROXY_KAFKA_IMPL_H
#define GD_PROXY_KAFKA_IMPL_H

#include "faults/proxy/filter/kafka_codec.h"

bool kafka_is_flexible(const struct kafka_request *req);
void kafka_skip_request_head(struct kreader *r,
			     const struct kafka_request *req);
void kafka_keep(struct buf *out, const char **mark, const char *upto);

#endif
