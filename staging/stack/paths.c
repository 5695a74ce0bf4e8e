/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stack lives on disk, its lock, its port numbers, its neighbours. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "staging/stack/impl.h"

static bool name_is_good(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)name[i]) &&
		    !isdigit((unsigned char)name[i]) &&
		    (i == 0 || name[i] != '-'))
			return false;
	return len > 0 && len <= 32;
}

static void find_parent(char dst[STACK_PATH])
{
	const char *run = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		snprintf(dst, STACK_PATH, "/run/gameday/staging");
	else if (run && run[0] == '/' && strlen(run) < 40)
		snprintf(dst, STACK_PATH, "%s/gameday/staging", run);
	else
		snprintf(dst, STACK_PATH, "/tmp/gameday-%u/staging",
			 (unsigned)geteuid());
}

static void join(char dst[STACK_PATH], const char *dir, const char *name,
		 const char *suffix)
{
	/* Both are bounded by find_parent() and name_is_good(). */
	if (snprintf(dst, STACK_PATH, "%s/%s%s", dir, name, suffix) >=
	    STACK_PATH)
		dst[0] = '\0';
}

int stack_paths_init(struct stack_paths *paths, const char *name,
		     struct err *err)
{
	struct stat st;

	if (!name_is_good(name))
		return err_set(err, -EINVAL, "'%s' is no name for a stack "
			       "(a-z, 0-9 and '-', at most 32)", name);
	find_parent(paths->parent);
	join(paths->dir, paths->parent, name, "");
	join(paths->data, paths->dir, "data", "");
	join(paths->logs, paths->dir, "logs", "");
	join(paths->control, paths->dir, "control", "");
	join(paths->lock, paths->parent, name, ".lock");
	if (!lstat(paths->parent, &st) &&
	    (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()))
		return err_set(err, -EPERM, "'%s' is not ours: remove it",
			       paths->parent);
	return 0;
}

static void data_elsewhere(const struct stack_paths *paths,
			   char dst[STACK_PATH])
{
	snprintf(dst, STACK_PATH, "/var/tmp/gameday-staging-%u-%s",
		 (unsigned)geteuid(), strrchr(paths->dir, '/') + 1);
}

/*
 * /run is memory, and often a tenth of it: databases and logs of one drill
 * take up to some 500 MiB.
 */
void stack_paths_place_data(struct stack_paths *paths)
{
	static const uint64_t enough = (uint64_t)1 << 30;
	struct statvfs fs;

	if (statvfs(paths->dir, &fs) ||
	    (uint64_t)fs.f_bavail * fs.f_frsize < enough)
		data_elsewhere(paths, paths->data);
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void stack_remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A directory that another user put there is left alone. */
static void remove_if_ours(const char *path)
{
	struct stat st;

	if (!lstat(path, &st) && st.st_uid == geteuid())
		stack_remove_tree(path);
}

void stack_paths_remove(const struct stack_paths *paths)
{
	char elsewhere[STACK_PATH];

	data_elsewhere(paths, elsewhere);
	remove_if_ours(elsewhere);
	remove_if_ours(paths->dir);
}

/* The file that was locked is still the one of that name. */
static bool lock_is_named(const char *path, int fd)
{
	struct stat a, b;

	return !fstat(fd, &a) && !stat(path, &b) && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int stack_lock(const struct stack_paths *paths, int *ret_fd, struct err *err)
{
	for (;;) {
		int fd = open(paths->lock, O_RDWR | O_CREAT | O_CLOEXEC |
				      O_NOFOLLOW, 0600);

		if (fd < 0)
			return err_errno(err, "cannot open '%s'", paths->lock);
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			close(fd);
			return err_set(err, -EEXIST,
				       "a stack of this name is up already "
				       "(gameday staging down takes it down)");
		}
		if (lock_is_named(paths->lock, fd)) {
			*ret_fd = fd;
			return 0;
		}
		close(fd);	/* its holder removed it; once more */
	}
}

void stack_unlock(const struct stack_paths *paths, int *fd)
{
	if (*fd < 0)
		return;
	unlink(paths->lock);
	close(*fd);
	*fd = -1;
}

int stack_sibling(const char *name, char dst[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dst, PATH_MAX - 64);
	char *slash;

	if (n < 0)
		return -errno;
	dst[n] = '\0';
	slash = strrchr(dst, '/');
	if (!slash || strlen(name) >= 64)
		return -ENOENT;
	strcpy(slash + 1, name);
	return 0;
}

json_t *stack_build_id(void)
{
	static const char *const names[] = { "gameday-proxy", "gameday-shop" };
	json_t *id = json_object();
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (stack_sibling(names[i], path) || stat(path, &st))
			continue;
		json_object_set_new(id, names[i],
			json_sprintf("%llu-%llu-%lld.%09ld",
				     (unsigned long long)st.st_ino,
				     (unsigned long long)st.st_size,
				     (long long)st.st_mtim.tv_sec,
				     st.st_mtim.tv_nsec));
	}
	return id;
}

/* The lowest port the kernel gives to outgoing connections. */
static int ephemeral_low(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int low = 32768;

	if (f) {
		if (fscanf(f, "%d", &low) != 1)
			low = 32768;
		fclose(f);
	}
	return low;
}

static bool port_is_free(int port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && !bind(fd, (struct sockaddr *)&in, sizeof(in)) &&
	       !listen(fd, 1);
}

/*
 * From below that range: thousands of a drill's own connections come and go in
 * it between the choice and the server's bind.
 */
int stack_free_port(int *ret, struct err *err)
{
	int low = 15000, high = ephemeral_low();
	unsigned seed;

	if (getentropy(&seed, sizeof(seed)))
		seed = (unsigned)getpid();
	if (high - low < 1000) {
		low = high;
		high = 65000;
	}
	for (int i = 0; i < 200; i++) {
		int port = low + (int)((seed + 7919u * (unsigned)i) %
				       (unsigned)(high - low));

		if (port_is_free(port)) {
			*ret = port;
			return 0;
		}
	}
	return err_set(err, -EADDRINUSE, "no free port on 127.0.0.1");
}

void args_add(struct args *args, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, 0);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	if (args->n + 2 > args->cap) {
		args->cap = args->cap ? args->cap * 2 : 32;
		args->v = mem_realloc(args->v, args->cap * sizeof(*args->v));
	}
	args->v[args->n++] = text.len ? buf_take(&text) : mem_strdup("");
	args->v[args->n] = NULL;
	buf_done(&text);
}

void args_done(struct args *args)
{
	for (size_t i = 0; i < args->n; i++)
		mem_free(args->v[i]);
	mem_free(args->v);
	*args = (struct args){ 0 };
}
