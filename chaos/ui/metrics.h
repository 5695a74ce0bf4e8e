/* SPDX-License-Identifier: Apache-2.0 */
/* A running drill's metrics on a port, for Prometheus: GET /metrics. */
#ifndef GD_UI_METRICS_H
#define GD_UI_METRICS_H

#include "chaos/drill/drill.h"

struct metrics;

enum { METRICS_URL = 192 };

/*
 * Until metrics_drill() it answers 503.  where: "PORT" or ":PORT" (loopback),
 * "HOST:PORT"; port 0: any.  On the loop's thread.  ret_url[METRICS_URL]:
 * where it is.
 */
int metrics_open(struct loop *loop, const char *where, struct metrics **ret,
		 char *ret_url, struct err *err) MUST_CHECK;
void metrics_drill(struct metrics *m, const struct drill *d); /* m: or NULL */
void metrics_close(struct metrics *m);	/* NULL is fine */

#endif
