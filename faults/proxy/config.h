/* SPDX-License-Identifier: Apache-2.0 */
/* --config: Toxiproxy's file of proxies; ours holds toxics too. */
#ifndef GD_PROXY_CONFIG_H
#define GD_PROXY_CONFIG_H

#include "chaos/base/err.h"

struct proxy;

/*
 * [{"name", "listen", "upstream", "enabled", "protocol", "toxics": [{… ,
 * "after": ms, "for": ms}]}], or that as "proxies" of an object.
 */
int config_load(struct proxy *proxy, const char *path,
		struct err *err) MUST_CHECK;

#endif
