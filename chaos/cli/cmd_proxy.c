/* SPDX-License-Identifier: Apache-2.0 */
/* proxy: gameday-proxy by itself, its own options passed on. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/cli/cli.h"

static int proxy_main(int argc, char **argv);
extern const struct cli_cmd cli_cmd_proxy;
const struct cli_cmd cli_cmd_proxy = {
	"proxy", "...", "the proxy stand-alone (gameday-proxy's options)",
	proxy_main
};

static int proxy_main(int argc, char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	char *slash;

	(void)argc;
	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		snprintf(slash, sizeof(path) - (size_t)(slash - path),
			 "/gameday-proxy");
		argv[0] = path;
		execv(path, argv);
	}
	perror("gameday: cannot run gameday-proxy, which belongs beside it");
	return CLI_CANNOT_RUN;
}
