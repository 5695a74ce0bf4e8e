/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management API: actuator, knobs, status, reset.  It runs on the HTTP
 * server's own thread.
 */
#ifndef GD_SHOP_ADMIN_H
#define GD_SHOP_ADMIN_H

#include "chaos/base/err.h"
#include "chaos/base/httpd.h"

struct admin;
struct session;
struct shop;

/* Takes listen_fd and session (the admin's own) over. */
int admin_new(struct shop *shop, int listen_fd, struct session *session,
	      struct admin **ret, struct err *err) MUST_CHECK;
void admin_free(struct admin *a);

/* What /actuator/prometheus and /actuator/health say. */
void prom_render(struct shop *shop, struct buf *out);
int health_render(struct shop *shop, struct buf *out);	/* the status */

#endif
