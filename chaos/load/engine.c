/* SPDX-License-Identifier: Apache-2.0 */
/* The table of engines, and the plain one's row. */
#include "chaos/load/engine.h"

#include <stdio.h>

static int epoll_probe(char *ret, size_t size, struct err *err)
{
	(void)err;
	snprintf(ret, size, "built in");
	return 0;
}

static const struct engine engine_epoll = {
	.name = "epoll",
	.summary = "http:// and unix: targets: HTTP/1.1, a connection a user",
	.probe = epoll_probe,
	.request = conn_request,
	.close = conn_close,
	.abort = conn_abort,
};

const struct engine *const engine_table[] = {
	[ENGINE_EPOLL] = &engine_epoll,
	[ENGINES] = NULL,
};
