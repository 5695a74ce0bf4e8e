/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proxy's API with three toxics, whose state is shared with every process
 * that a test forks. After cmocka.h.
 */
#ifndef GD_TESTS_FAULT_WORLD_H
#define GD_TESTS_FAULT_WORLD_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "chaos/base/addr.h"
#include "chaos/base/httpd.h"
#include "chaos/base/proc.h"
#include "tests/unit/fault_await.h"

enum { TOXICS = 3 };

/* Shared with every child. */
struct world {
	_Atomic bool present[TOXICS];
	_Atomic int deletes;
	_Atomic int order[16];		/* of the deletes, by toxic */
	_Atomic int controller;		/* pid, watched at each delete */
	_Atomic bool controller_lived;	/* at some delete */
	_Atomic int refuse;		/* so many deletes are answered 500 */
	_Atomic bool injected_late;
	struct proc_id guardian;
	_Atomic bool armed;
};

static struct world *world;
static char base[64], socket_path[96], run_dir[96];
static struct httpd *server;
static int run_no;

/* --- the server -------------------------------------------------------- */

static void serve(void *arg, const struct httpd_request *req,
		  struct httpd_response *resp)
{
	int i = req->path[strlen(req->path) - 1] - '0';
	const char *instance = httpd_header(req, "Gameday-Instance");

	(void)arg;
	resp->status = 404;
	if (i < 0 || i >= TOXICS)
		return;
	if (instance && strcmp(instance, "this-one") != 0) {
		resp->status = 410;
		return;
	}
	if (!strcmp(req->method, "DELETE")) {
		char s = state_of(world->controller);

		if (world->controller && s != 'Z' && s != '-')
			world->controller_lived = true;
		if (world->refuse > 0) {
			world->refuse--;
			resp->status = 500;
			return;
		}
		resp->status = world->present[i] ? 204 : 404;
		world->present[i] = false;
		world->order[world->deletes++ % 16] = i;
	} else if (world->present[i]) {
		resp->status = 200;
		buf_adds(&resp->body, "{}");
	}
}

static int set_up(void **state)
{
	struct addr addr;
	struct err err;
	int fd;

	(void)state;
	strcpy(base, "/tmp/gd-guardian-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(socket_path, sizeof(socket_path), "unix:%s/api", base);
	snprintf(run_dir, sizeof(run_dir), "%s/run", base);
	assert_int_equal(mkdir(run_dir, 0755), 0);
	setenv("GAMEDAY_UNDO_DIR", base, 1);
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(world != MAP_FAILED);
	for (int i = 0; i < TOXICS; i++)
		world->present[i] = true;
	assert_int_equal(addr_parse(socket_path, &addr, &err), 0);
	assert_int_equal(addr_listen(&addr, 16, &fd, &err), 0);
	assert_int_equal(httpd_new(NULL, fd, 4096, serve, NULL, &server, &err),
			 0);
	run_no++;
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	httpd_free(server);
	munmap(world, sizeof(*world));
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

#endif
