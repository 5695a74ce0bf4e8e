/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of options that every command with a run takes; o: cli_run_opts. */
#ifndef GD_CLI_RUN_OPTS_H
#define GD_CLI_RUN_OPTS_H

#include "chaos/cli/cli.h"

#define CLI_RUN_OPTS(o)                                                      \
	{ "speed", 's', CLI_NUMBER, &(o).speed, "N",                         \
	  "drill seconds per real second (1)" },                             \
	{ "out", 'o', CLI_STRING, &(o).out, "DIR",                           \
	  "run directory (runs/TIME-NAME)" },                                \
	{ "seed", 0, CLI_STRING, &(o).seed, "N", "instead of the scenario's" },\
	{ "set", 0, CLI_LIST, &(o).sets, "S.K=V",                            \
	  "change a key: section.key=v, section:NAME.key=v" },               \
	{ "no-faults", 0, CLI_FLAG, &(o).no_faults, NULL,                    \
	  "control: inject nothing" },                                       \
	{ "without", 0, CLI_LIST, &(o).without, "FAULT",                     \
	  "control: leave this fault out" },                                 \
	{ "dry-run", 'n', CLI_FLAG, &(o).dry_run, NULL,                      \
	  "timeline, calls and undo plan; touches nothing" },                \
	{ "blind", 0, CLI_FLAG, &(o).blind, NULL,                            \
	  "hide the faults from the live view" },                            \
	{ "metrics", 0, CLI_STRING, &(o).metrics, "[HOST:]PORT",             \
	  "OpenMetrics while it runs; loopback without a host" },            \
	{ "json", 0, CLI_FLAG, &(o).json, NULL, "report.json on stdout" },   \
	{ "quiet", 'q', CLI_FLAG, &(o).quiet, NULL, "no live view" }

/* Of drills only. */
#define CLI_REPEAT_OPT(o)                                                    \
	{ "repeat", 0, CLI_NUMBER, &(o).repeat, "N",                         \
	  "as many runs, each with the next seed; then MTTD and MTTR" }

/* load and simulate only; each is a key of [search], too. */
#define CLI_FIND_OPTS(o)                                                     \
	{ "find", 0, CLI_STRING, &(o).find, "users|rate",                    \
	  "search the breaking point" },                                     \
	{ "while", 0, CLI_STRING, &(o).while_, "EXPR",                       \
	  "--find: what holds at a good level" },                            \
	{ "drain", 0, CLI_STRING, &(o).drain, "EXPR",                        \
	  "--find: what must hold before the next level" },                  \
	{ "hold", 0, CLI_STRING, &(o).hold, "TIME",                          \
	  "--find: how long a level is held (2m)" },                         \
	{ "from", 0, CLI_STRING, &(o).from, "N", "--find: first level (10)" },\
	{ "to", 0, CLI_STRING, &(o).to, "N", "--find: highest level" },      \
	{ "apart", 0, CLI_STRING, &(o).apart, "SHARE",                       \
	  "--find: neighbours that differ by no more end it (5%)" },         \
	{ "with", 0, CLI_STRING, &(o).with, "fault:NAME,…",                  \
	  "--find: with these faults on, and no other" }

#endif
