/* SPDX-License-Identifier: Apache-2.0 */
/* What this host has left; see room.h. */
#include "faults/host/room.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

static uint64_t available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long long kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return (uint64_t)kib << 10;
}

/* proc_stat(5): user nice system idle iowait irq softirq. */
static double busy_s(void)
{
	FILE *f = fopen("/proc/stat", "re");
	unsigned long long u = 0, n = 0, s = 0, i = 0, w = 0, q = 0, o = 0;

	if (f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &u, &n,
			&s, &i, &w, &q, &o) != 7)
		u = n = s = q = o = 0;
	if (f)
		fclose(f);
	return (double)(u + n + s + q + o) / (double)sysconf(_SC_CLK_TCK);
}

void room_look(struct room *ret)
{
	*ret = (struct room){ .available = available(), .busy_s = busy_s() };
}

int room_on_disk(const char *dir, uint64_t *ret, struct err *err)
{
	struct statvfs v;

	if (statvfs(dir, &v))
		return err_errno(err, "'%s'", dir);
	*ret = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}
