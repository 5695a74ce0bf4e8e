/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines to the program's sink. Set the sink before threads are started. */
#include "chaos/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static log_sink_fn *log_sink;
static void *log_sink_arg;
static _Atomic int log_limit = LOG_INFO;

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

void log_set_sink(log_sink_fn *sink, void *arg)
{
	log_sink = sink;
	log_sink_arg = arg;
}

void log_set_level(enum log_level level)
{
	log_limit = (int)level;
}

static void PRINTF(2, 0)
log_line(enum log_level level, const char *fmt, va_list ap)
{
	char text[1024];

	if (!log_sink || (int)level > log_limit)
		return;
	vsnprintf(text, sizeof(text), fmt, ap);
	log_sink(log_sink_arg, level, text);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_ERROR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_WARN, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void log_to_stream(void *arg, enum log_level level, const char *text)
{
	FILE *f = arg;

	/* One call, so that lines of two threads do not mix. */
	fprintf(f, "%s: %s: %s\n", program_invocation_short_name,
		level_names[level], text);
	fflush(f);
}
