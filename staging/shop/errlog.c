/* SPDX-License-Identifier: Apache-2.0 */
/* The error log. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/clock.h"
#include "staging/shop/errlog.h"

int errlog_open(const char *path, int *ret_fd, struct err *err)
{
	int fd = -1;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0644);
		if (fd < 0)
			return err_errno(err, "cannot open the error log '%s'",
					 path);
	}
	*ret_fd = fd;
	return 0;
}

void errlog_write(int fd, const char *api, int64_t user, int status,
		  const char *cause, const char *message)
{
	nsec_t now = clock_real();
	time_t s = now / NSEC_SEC;
	char line[512], when[32], who[24] = "-";
	struct tm tm;
	int len;

	if (fd < 0)
		return;
	gmtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	if (user >= 0)
		snprintf(who, sizeof(who), "%lld", (long long)user);
	len = snprintf(line, sizeof(line),
		       "%s.%03dZ ERROR api=%s user=%s status=%d cause=%s %s\n",
		       when, (int)(now % NSEC_SEC / NSEC_MS), api, who, status,
		       cause, message);
	/* A full disk must not fail the request that is being served. */
	if (len > 0 && write(fd, line, (size_t)len) < 0)
		return;
}
