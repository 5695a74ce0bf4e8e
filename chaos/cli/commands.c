/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subcommands: one row each, sorted. */
#include <stddef.h>

#include "chaos/cli/cli.h"

extern const struct cli_cmd cli_cmd_check, cli_cmd_compare, cli_cmd_ctl,
	cli_cmd_history, cli_cmd_inject, cli_cmd_list, cli_cmd_load,
	cli_cmd_mark, cli_cmd_proxy, cli_cmd_recover, cli_cmd_replay,
	cli_cmd_report, cli_cmd_run, cli_cmd_simulate, cli_cmd_staging,
	cli_cmd_status, cli_cmd_stop;

const struct cli_cmd *const cli_cmd_table[] = {
	&cli_cmd_check, &cli_cmd_compare, &cli_cmd_ctl,
	&cli_cmd_history, &cli_cmd_inject, &cli_cmd_list,
	&cli_cmd_load, &cli_cmd_mark, &cli_cmd_proxy,
	&cli_cmd_recover, &cli_cmd_replay, &cli_cmd_report,
	&cli_cmd_run, &cli_cmd_simulate, &cli_cmd_staging,
	&cli_cmd_status, &cli_cmd_stop, NULL,
};
