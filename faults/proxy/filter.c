/* SPDX-License-Identifier: Apache-2.0 */
/* The table of protocols, and those that let all bytes pass. */
#include "faults/proxy/filter.h"

#include <string.h>

const struct filter_ops filter_tcp = {
	.protocol = "tcp",
	.summary = "bytes as they are; the pool counts connections",
	.gate_connections = true,
};

const struct filter_ops filter_redis = {
	.protocol = "redis",
	.summary = "bytes as they are; the pool counts connections",
	.gate_connections = true,
};

const struct filter_ops filter_udp = {
	.protocol = "udp",
	.summary = "datagrams as they are; a session per client",
	.datagrams = true,
};

static const struct filter_ops *const table[] = {
	&filter_kafka, &filter_postgres, &filter_redis,
	&filter_tcp,   &filter_udp,	 NULL,
};

const struct filter_ops *const *filter_table(void)
{
	return table;
}

const struct filter_ops *filter_find(const char *protocol)
{
	for (size_t i = 0; table[i]; i++)
		if (!strcmp(table[i]->protocol, protocol))
			return table[i];
	return NULL;
}
