/* SPDX-License-Identifier: Apache-2.0 */
/* Finds live runs and finished ones, and talks to the live. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/http1.h"
#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/cli/cli.h"
#include "chaos/fault/rundir.h"
#include "chaos/report/events.h"

/* One that takes the call and does not answer is hung: all the more live. */
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

void cli_live_names(struct cli_names *ret)
{
	char base[RUNDIR_PATH];
	struct dirent *e;
	DIR *d;

	*ret = (struct cli_names){ 0 };
	fault_run_base(base);
	d = opendir(base);
	while (d && (e = readdir(d))) {
		AUTO_FREE char *path =
			mem_printf("%s/%s/control", base, e->d_name);

		if (e->d_name[0] == '.' || access(path, F_OK) < 0 ||
		    !is_alive(path))
			continue;
		(void)mem_grow(ret->v, ret->n, ret->cap);
		ret->v[ret->n++] = mem_strdup(e->d_name);
	}
	if (d)
		closedir(d);
}

void cli_names_done(struct cli_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->v[i]);
	mem_free(names->v);
}

/* A run's id, also where its directory is named. */
static char *id_of(const char *run)
{
	AUTO_FREE char *path = mem_printf("%s/" EVENTS_FILE, run);
	FILE *f = fopen(path, "re");
	char line[16384] = "";
	json_t *event = NULL;
	char *id;

	if (!f)
		return mem_strdup(run);
	if (fgets(line, sizeof(line), f))
		(void)!json_parse(line, strlen(line), &event, NULL);
	fclose(f);
	id = mem_strdup(json_str(event, "id", run));
	json_decref(event);
	return id;
}

/* The only live run, by name. */
static int only_live(char **ret, struct err *err)
{
	struct cli_names live;
	int rc = 0;

	cli_live_names(&live);
	if (live.n == 1)
		*ret = mem_strdup(live.v[0]);
	else if (live.n == 0)
		rc = err_set(err, -ENOENT, "no run is live");
	else
		rc = err_set(err, -ENOTUNIQ,
			     "%zu runs are live: name one (%s, %s%s)", live.n,
			     live.v[0], live.v[1], live.n > 2 ? ", ..." : "");
	cli_names_done(&live);
	return rc;
}

int cli_live_socket(const char *run, char *dst, size_t size, char *ret_id,
		    size_t id_size, struct err *err)
{
	AUTO_FREE char *id = run ? id_of(run) : NULL;
	char base[RUNDIR_PATH];
	int rc = id ? 0 : only_live(&id, err);

	if (rc < 0)
		return rc;
	fault_run_base(base);
	snprintf(dst, size, "%s/%s/control", base, id);
	snprintf(ret_id, id_size, "%s", id);
	if (access(dst, F_OK) < 0)
		return err_set(err, -ENOENT, "no live run '%s'", run);
	return 0;
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
