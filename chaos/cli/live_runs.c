/* SPDX-License-Identifier: Apache-2.0 */
/* Finds live runs and finished ones, and talks to the live. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/cli/cli.h"
#include "chaos/fault/rundir.h"

/* One that takes the call and does not answer is hung, and all the more live. */
static bool is_alive(const char *path)
{
	static const char request[] = "GET /status HTTP/1.1\r\nHost: run\r\n"
				      "Connection: close\r\n\r\n";
	AUTO_FREE char *text = mem_printf("unix:%s", path);
	struct addr addr;
	char body[4096];
	int rc = addr_parse(text, &addr, NULL);

	if (rc == 0)
		rc = http1_call_wait(&addr, request, sizeof(request) - 1,
				     2 * NSEC_SEC, body, sizeof(body), NULL);
	return rc > 0 || rc == -ETIMEDOUT;
}

static void add_name(char *names, size_t size, const char *name)
{
	size_t used = strlen(names);

	snprintf(names + used, size - used, "%s%s", used ? ", " : "", name);
}

int cli_live_socket(const char *run, char *dst, size_t size, char *ret_id,
		    size_t id_size, struct err *err)
{
	char base[RUNDIR_PATH], names[512] = "";
	size_t found = 0;
	struct dirent *e;
	DIR *d;

	fault_run_base(base);
	d = opendir(base);
	while (d && (e = readdir(d))) {
		AUTO_FREE char *path =
			mem_printf("%s/%s/control", base, e->d_name);

		if (e->d_name[0] == '.' || access(path, F_OK) < 0)
			continue;
		if (run ? strcmp(run, e->d_name) != 0 : !is_alive(path))
			continue;
		found++;
		add_name(names, sizeof(names), e->d_name);
		snprintf(dst, size, "%s", path);
		snprintf(ret_id, id_size, "%s", e->d_name);
	}
	if (d)
		closedir(d);
	if (found == 1)
		return 0;
	if (found > 1)
		return err_set(err, -ENOTUNIQ,
			       "several runs are live (%s): name one", names);
	return run ? err_set(err, -ENOENT, "no live run '%s'", run)
		   : err_set(err, -ENOENT, "no run is live");
}

int cli_live_call(const char *run, const char *method, const char *path,
		  const char *body)
{
	char socket_path[256], id[128], answer[16384];
	AUTO_FREE char *request = NULL, *text = NULL;
	struct err err = { 0 };
	struct addr addr;
	int rc = cli_live_socket(run, socket_path, sizeof(socket_path), id,
				 sizeof(id), &err);

	if (rc == 0) {
		text = mem_printf("unix:%s", socket_path);
		rc = addr_parse(text, &addr, &err);
	}
	if (rc == 0) {
		request = mem_printf("%s %s HTTP/1.1\r\nHost: run\r\n"
				     "Connection: close\r\n"
				     "Content-Length: %zu\r\n\r\n%s",
				     method, path, body ? strlen(body) : 0,
				     body ? body : "");
		rc = http1_call_wait(&addr, request, strlen(request),
				     2 * NSEC_SEC, answer, sizeof(answer),
				     &err);
	}
	if (rc < 0) {
		cli_error(&err);
		return CLI_CANNOT_RUN;
	}
	printf("%s\n", answer);
	return rc == 200 ? CLI_HELD : CLI_USAGE;
}

char *cli_run_dir(const char *run)
{
	struct stat st;
	char *dir;

	if (!run)
		run = "runs/latest";
	if (stat(run, &st) == 0 && S_ISDIR(st.st_mode))
		return mem_strdup(run);
	dir = mem_printf("runs/%s", run);
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return dir;
	mem_free(dir);
	return NULL;
}
