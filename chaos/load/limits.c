/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and ports, before a run begins. */
#include "chaos/load/limits.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

/* As in DESIGN's audit: past this share the generator is the limit. */
#define FULL 0.8

static uint64_t fds_used(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (!dir)
		return 64;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static uint64_t fds_limit(uint64_t wanted)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return 1024;
	if (lim.rlim_cur < wanted && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = wanted < lim.rlim_max ? wanted : lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
		(void)getrlimit(RLIMIT_NOFILE, &lim);
	}
	return lim.rlim_cur;
}

static uint64_t ports_there(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned lo = 32768, hi = 60999;	/* the kernel's default */

	if (f) {
		if (fscanf(f, "%u %u", &lo, &hi) != 2 || hi < lo) {
			lo = 32768;
			hi = 60999;
		}
		fclose(f);
	}
	return hi - lo + 1;
}

static int too_few_fds(uint64_t connections, uint64_t wanted, uint64_t there,
		       struct err *err)
{
	struct rlimit lim = { .rlim_max = RLIM_INFINITY };
	const char *more = "";

	(void)getrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_max < wanted)
		more = ", as root, or by 'nofile' in /etc/security/limits.conf";
	return err_set(err, -EMFILE,
		       "%" PRIu64 " users need %" PRIu64
		       " descriptors and the limit is %" PRIu64
		       ": raise it with 'ulimit -n %" PRIu64 "'%s",
		       connections, wanted, there, wanted, more);
}

static int too_few_ports(uint64_t ports, uint64_t there, struct err *err)
{
	uint64_t wanted = (uint64_t)((double)ports / FULL) + 1;
	uint64_t first = wanted < 64000 ? 65000 - wanted : 1024;

	if (ports > (uint64_t)(FULL * 64000))
		return err_set(err, -EADDRNOTAVAIL,
			       "%" PRIu64 " users of one target and %" PRIu64
			       " local ports: one address has no more than "
			       "64000, give the target several or use fewer "
			       "users", ports, there);
	return err_set(err, -EADDRNOTAVAIL,
		       "%" PRIu64 " users of one target and only %" PRIu64
		       " local ports: widen them with 'sysctl -w "
		       "net.ipv4.ip_local_port_range=\"%" PRIu64 " 65000\"'",
		       ports, there, first);
}

int limits_read(struct limits *ret, uint64_t users, uint64_t fds,
		uint64_t ports, struct err *err)
{
	struct limits l = { .fds_used = fds_used(), .ports = ports_there() };
	uint64_t wanted = (uint64_t)((double)(l.fds_used + fds) /
				     FULL) + 2;

	l.fds = fds_limit(wanted);
	if (l.fds < wanted)
		return too_few_fds(users, wanted, l.fds, err);
	if ((double)ports > FULL * (double)l.ports)
		return too_few_ports(ports, l.ports, err);
	*ret = l;
	return 0;
}

bool limits_fit(const struct limits *l, uint64_t fds, uint64_t ports)
{
	return (double)(l->fds_used + fds) <= FULL * (double)l->fds &&
	       (double)ports <= FULL * (double)l->ports;
}
