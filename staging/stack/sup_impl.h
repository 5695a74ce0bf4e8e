/* SPDX-License-Identifier: Apache-2.0 */
/* Between the supervisor and its control socket. */
#ifndef GD_STAGING_SUP_IMPL_H
#define GD_STAGING_SUP_IMPL_H

#include "staging/stack/impl.h"

/* control.c: DIR/control, GET /status and POST /down. */
int sup_listen(struct sup *sup, struct err *err) MUST_CHECK;
void sup_unlisten(struct sup *sup);

/* supervisor.c: begins to stop every part; the loop ends with the last. */
void sup_stop(struct sup *sup, const char *why);

#endif
