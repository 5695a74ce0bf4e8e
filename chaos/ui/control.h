/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of a running drill: GET /status, POST /mark, /ctl, /stop,
 * JSON each, on the drill's loop.  Local and 0700: there is no other gate.
 */
#ifndef GD_UI_CONTROL_H
#define GD_UI_CONTROL_H

#include "chaos/drill/drill.h"

struct control;

/* Makes the run's socket "control" in its directory of live sockets. */
int control_open(struct drill *d, struct loop *loop, const char *run,
		 struct control **ret, struct err *err) MUST_CHECK;
void control_close(struct control *c);	/* removes the socket; NULL is fine */

#endif
