/* SPDX-License-Identifier: Apache-2.0 */
/* The error log: a line per failed request. */
#ifndef GD_SHOP_ERRLOG_H
#define GD_SHOP_ERRLOG_H

#include <stdint.h>

#include "chaos/base/err.h"

/* path NULL: nothing is written. Appends. */
int errlog_open(const char *path, int *ret_fd, struct err *err) MUST_CHECK;
/* Any thread; one write, so lines never mix. fd -1: nothing. user -1: none. */
void errlog_write(int fd, const char *api, int64_t user, int status,
		  const char *cause, const char *message);

#endif
