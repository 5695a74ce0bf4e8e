/* SPDX-License-Identifier: Apache-2.0 */
/* The table of engines, and the plain one's row. */
#include "chaos/load/engine.h"

#include <stdio.h>

extern const struct engine engine_curl;

static int epoll_probe(char *ret, size_t size, struct err *err)
{
	(void)err;
	snprintf(ret, size, "built in");
	return 0;
}

static const struct engine engine_epoll = {
	.name = "epoll",
	.summary = "http:// and unix: targets: HTTP/1.1, a connection a user",
	.fds = 1,
	.probe = epoll_probe,
	.reach = endpoint_reach,
	.request = conn_request,
	.close = conn_close,
	.abort = conn_abort,
};

const struct engine *const engine_table[] = {
	[ENGINE_EPOLL] = &engine_epoll,
	[ENGINE_CURL] = &engine_curl,
	[ENGINES] = NULL,
};

void engine_free(struct conn *c)
{
	engine_close(c);
	for (size_t i = 0; i < ENGINES; i++)
		if (engine_table[i]->free)
			engine_table[i]->free(c);
}

void engine_host_done(struct conn_host *h)
{
	for (size_t i = 0; i < ENGINES; i++)
		if (engine_table[i]->host_done)
			engine_table[i]->host_done(h);
}

void engine_release(struct endpoint *endpoints, size_t n)
{
	for (size_t i = 0; endpoints && i < n; i++)
		if (engine_table[endpoints[i].engine]->release)
			engine_table[endpoints[i].engine]->release(
				&endpoints[i]);
}
