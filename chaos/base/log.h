/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines go to the sink that the program sets; nothing here prints. */
#ifndef GD_BASE_LOG_H
#define GD_BASE_LOG_H

#include "chaos/base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Called from any thread; text has no newline. */
typedef void log_sink_fn(void *arg, enum log_level level, const char *text);

/* Before threads are started. NULL: lines are dropped. */
void log_set_sink(log_sink_fn *sink, void *arg);
void log_set_level(enum log_level level);		/* default LOG_INFO */
void log_error(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_debug(const char *fmt, ...) PRINTF(1, 2);
/* A ready sink: "program: level: text" to a stdio stream given as arg. */
void log_to_stream(void *arg, enum log_level level, const char *text);

#endif
