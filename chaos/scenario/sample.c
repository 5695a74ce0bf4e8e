/* SPDX-License-Identifier: Apache-2.0 */
/* The words for causes and phases. */
#include "chaos/scenario/sample.h"

static const char *const cause_names[LOAD_CAUSES] = {
	[LOAD_CONNECT] = "connect",
	[LOAD_TIMEOUT] = "timeout",
	[LOAD_RESET] = "reset",
	[LOAD_5XX] = "5xx",
	[LOAD_429] = "429",
	[LOAD_PROTOCOL] = "protocol",
	[LOAD_CHECK] = "check",
};

static const char *const phase_names[LOAD_PHASES] = {
	[LOAD_BASELINE] = "baseline",
	[LOAD_FAULT] = "fault",
	[LOAD_RECOVERY] = "recovery",
};

const char *load_cause_name(enum load_cause c)
{
	return cause_names[c];
}

const char *load_phase_name(enum load_phase p)
{
	return phase_names[p];
}
