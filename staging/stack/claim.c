/* SPDX-License-Identifier: Apache-2.0 */
/* One run at a time on a stack: a lock that ends with whoever holds it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "staging/stack/stack.h"

static int is_used(int fd, const char *name, struct err *err)
{
	char run[128] = "";
	ssize_t n = pread(fd, run, sizeof(run) - 1, 0);

	return err_set(err, -EBUSY,
		       "the stack '%s' is in use by run '%s': wait for it, or "
		       "name another with --set staging.name=NAME",
		       name, n > 0 ? run : "?");
}

int stack_claim(const json_t *info, const char *run, int *ret_fd,
		struct err *err)
{
	const char *name = json_str(info, "name", "?");
	AUTO_FREE char *path =
		mem_printf("%s/run.lock", json_str(info, "logs", "."));
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(err, "cannot claim the stack: '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? is_used(fd, name, err)
			       : err_errno(err, "cannot lock '%s'", path);
	if (ftruncate(fd, 0) < 0 ||
	    pwrite(fd, run, strlen(run), 0) != (ssize_t)strlen(run))
		return err_errno(err, "cannot write '%s'", path);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
