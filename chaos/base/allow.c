/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be touched: two lists, allowed and denied, each item with its type.
 * Hosts are kept as IPv6 prefixes, IPv4 as mapped ones.
 */
#include "chaos/base/allow.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"

struct prefix {
	struct in6_addr ip;	/* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;		/* of the 128 */
};

struct item {
	enum allow_type type;
	char *text;
	struct prefix prefix;	/* ALLOW_HOST */
};

struct items {
	struct item *v;
	size_t n, cap;
};

struct allow {
	struct items allowed, denied;
};

static const char *const type_names[ALLOW_TYPES] = {
	[ALLOW_HOST] = "hosts",
	[ALLOW_INTERFACE] = "interfaces",
	[ALLOW_PROCESS] = "processes",
	[ALLOW_UNIT] = "units",
	[ALLOW_CONTAINER] = "containers",
	[ALLOW_CGROUP] = "cgroups",
	[ALLOW_PATH] = "paths",
};

/* By comm, of which the kernel keeps 15 bytes: the last is the guardian. */
static const char *const own_programs[] = {
	"gameday", "gameday-proxy", "sshd", "sshd-session", "gameday-guardia",
};

/* Sockets of a run that only its owner speaks to. */
static const char *const control_sockets[] = { "control", "guardian" };

const char *allow_type_name(enum allow_type type)
{
	return type_names[type];
}

struct allow *allow_new(void)
{
	return mem_zalloc(sizeof(struct allow));
}

static void items_done(struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		mem_free(items->v[i].text);
	mem_free(items->v);
}

void allow_free(struct allow *a)
{
	if (!a)
		return;
	items_done(&a->allowed);
	items_done(&a->denied);
	mem_free(a);
}

static void map_v4(struct in_addr ip, struct in6_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(ret->s6_addr + 12, &ip, sizeof(ip));
}

/* "10.0.0.0/8", "::1" */
static int parse_prefix(const char *text, struct prefix *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct in_addr ip;
	int64_t bits, most = 128;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, &ip) == 1) {
		map_v4(ip, &ret->ip);
		most = 32;
	} else if (inet_pton(AF_INET6, host, &ret->ip) != 1) {
		return -EINVAL;
	}
	bits = most;
	if (slash && (units_int(slash + 1, &bits, NULL) || bits < 0 ||
		      bits > most))
		return -EINVAL;
	ret->bits = (unsigned)(bits + 128 - most);
	return 0;
}

static bool is_mapped(const struct in6_addr *ip)
{
	return IN6_IS_ADDR_V4MAPPED(ip);
}

static bool is_unspecified(const struct in6_addr *ip)
{
	struct in6_addr v4;

	map_v4((struct in_addr){ .s_addr = htonl(INADDR_ANY) }, &v4);
	return IN6_IS_ADDR_UNSPECIFIED(ip) || !memcmp(ip, &v4, sizeof(v4));
}

static bool prefix_holds(const struct prefix *prefix, const struct in6_addr *ip)
{
	unsigned bytes = prefix->bits / 8, rest = prefix->bits % 8;
	unsigned char mask = (unsigned char)(0xff00 >> rest);

	/* ::/0 is IPv6, and 0.0.0.0 is "this host", only as written */
	if (is_mapped(&prefix->ip) != is_mapped(ip) ||
	    (is_unspecified(ip) && prefix->bits != 128))
		return false;
	if (memcmp(prefix->ip.s6_addr, ip->s6_addr, bytes))
		return false;
	return !rest || !((prefix->ip.s6_addr[bytes] ^ ip->s6_addr[bytes]) &
			  mask);
}

static int items_add(struct items *items, enum allow_type type,
		     const char *text, struct err *err)
{
	struct item item = { .type = type };

	if (!*text)
		return err_set(err, -EINVAL, "an empty item in %s",
			       type_names[type]);
	if (type == ALLOW_HOST && parse_prefix(text, &item.prefix))
		return err_set(err, -EINVAL, "'%s' is no address or prefix "
			       "(127.0.0.0/8, ::1)", text);
	if ((type == ALLOW_PATH || type == ALLOW_CGROUP) && text[0] != '/')
		return err_set(err, -EINVAL, "'%s' in %s is not absolute",
			       text, type_names[type]);
	item.text = mem_strdup(text);
	(void)mem_grow(items->v, items->n, items->cap);
	items->v[items->n++] = item;
	return 0;
}

static int items_add_any(struct items *items, enum allow_type type,
			 const char *text, struct err *err)
{
	int rc;

	if (type != ALLOW_HOST || strcmp(text, "localhost"))
		return items_add(items, type, text, err);
	rc = items_add(items, type, "127.0.0.0/8", err);
	return rc ? rc : items_add(items, type, "::1", err);
}

int allow_add(struct allow *a, enum allow_type type, const char *item,
	      struct err *err)
{
	return items_add_any(&a->allowed, type, item, err);
}

int allow_deny(struct allow *a, enum allow_type type, const char *item,
	       struct err *err)
{
	return items_add_any(&a->denied, type, item, err);
}

static int type_find(const char *name)
{
	for (int i = 0; i < ALLOW_TYPES; i++)
		if (!strcmp(name, type_names[i]))
			return i;
	return -1;
}

/* "hosts 10.0.0.1, 10.0.0.2  # why"; changes the line. */
static int deny_line(struct allow *a, char *line, struct err *err)
{
	static const char between[] = " \t\r,";
	char *word, *save = NULL;
	int type, rc = 0;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, between, &save);
	if (!word)
		return 0;
	type = type_find(word);
	if (type < 0)
		return err_set(err, -EINVAL, "unknown word '%s' (hosts, "
			       "interfaces, processes, units, containers, "
			       "cgroups, paths)", word);
	while (!rc && (word = strtok_r(NULL, between, &save)))
		rc = allow_deny(a, (enum allow_type)type, word, err);
	return rc;
}

static int deny_text(struct allow *a, char *text, const char *path,
		     struct err *err)
{
	char *line = text, *next;
	int rc, number = 1;

	for (; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		rc = deny_line(a, line, err);
		if (rc)
			return err ? err_prefix(err, "%s:%d", path, number)
				   : rc;
	}
	return 0;
}

int allow_load_deny(struct allow *a, const char *path, struct err *err)
{
	struct buf text;
	int rc;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	buf_init(&text, 1 << 20);
	rc = buf_read_file(&text, path, err);
	if (!rc)
		rc = deny_text(a, text.data, path, err);
	buf_done(&text);
	return rc;
}

/* Processes. */

static bool read_proc(pid_t pid, const char *name, char *dst, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(dst, 1, size - 1, f);
	fclose(f);
	dst[n] = '\0';
	return n > 0;
}

static bool read_comm(pid_t pid, char dst[64])
{
	if (!read_proc(pid, "comm", dst, 64))
		return false;
	dst[strcspn(dst, "\n")] = '\0';
	return true;
}

static pid_t parent_of(pid_t pid)
{
	char stat[1024], *rest;
	int parent;

	if (!read_proc(pid, "stat", stat, sizeof(stat)))
		return 0;
	rest = strrchr(stat, ')');
	if (!rest || sscanf(rest + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static bool is_self_or_above(pid_t pid)
{
	pid_t at = getpid();

	for (int i = 0; at > 0 && i < 1000; i++) {
		if (at == pid)
			return true;
		at = parent_of(at);
	}
	return false;
}

static bool is_word_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(text, words[i]))
			return true;
	return false;
}

static bool is_own_program(const char *comm)
{
	return is_word_of(comm, own_programs,
			  sizeof(own_programs) / sizeof(*own_programs));
}

/* The pid that the text is, or 0. */
static pid_t text_pid(const char *text)
{
	int64_t pid;

	if (units_int(text, &pid, NULL) || pid <= 0 || pid > INT_MAX)
		return 0;
	return (pid_t)pid;
}

static const char *process_refused(const char *item)
{
	pid_t pid = text_pid(item);
	char comm[64];

	if (pid == 1)
		return "it is pid 1";
	if (pid && is_self_or_above(pid))
		return "it is gameday itself or a process above it";
	if (pid && read_comm(pid, comm) && is_own_program(comm))
		return "it is sshd or one of gameday's";
	if (!pid && is_own_program(item))
		return "it is sshd or one of gameday's";
	if (!pid && read_comm(1, comm) && !strcmp(comm, item))
		return "pid 1 has that name";
	return NULL;
}

/* Cgroups. */

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	while (len && top[len - 1] == '/')
		len--;
	return !strncmp(path, top, len) && (!path[len] || path[len] == '/');
}

/*
 * Is it the cgroup of this process, or above it, in the hierarchy whose v1
 * directory is name (len bytes; 0: in any, by the path within it)?
 */
static bool is_cgroup_above(const char *cgroup, const char *name, size_t len)
{
	char unified[] = "unified", text[4096];
	char *line, *kind, *path, *save = NULL;

	if (!read_proc(getpid(), "cgroup", text, sizeof(text)))
		return false;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		/* number:controllers:path; "name=systemd" is no controller */
		kind = strchr(line, ':');
		path = kind ? strchr(kind + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		kind += strncmp(kind, ":name=", 6) ? 1 : 6;
		if (!*kind)	/* version 2, where it lies beside version 1 */
			kind = unified;
		/* "cpu,cpuacct" is also linked as "cpu" */
		if (len && !memmem(kind, strlen(kind), name, len))
			continue;
		if (is_below(path, cgroup))
			return true;
	}
	return false;
}

/* As written, without the mount point, and (v1) without the controller. */
static const char *cgroup_refused(const char *item)
{
	static const char mount[] = "/sys/fs/cgroup";
	static const char why[] = "this process is in or below it";
	const char *name, *rest;
	size_t len;

	if (!is_below(item, mount))
		return is_cgroup_above(item, NULL, 0) ? why : NULL;
	name = item + sizeof(mount) - 1;
	if (is_cgroup_above(name, NULL, 0))
		return why;
	name += *name == '/';
	len = strcspn(name, "/");
	rest = name[len] ? name + len : "/";
	return len && is_cgroup_above(rest, name, len) ? why : NULL;
}

/* Paths. */

/* Without symbolic links as far as it exists; false: not to be trusted. */
static bool resolve_path(const char *path, char dst[PATH_MAX])
{
	char parent[PATH_MAX];
	const char *name = strrchr(path, '/');
	size_t len;

	if (!name || strlen(path) >= PATH_MAX)
		return false;
	if (realpath(path, dst))
		return true;
	name++;
	if (!*name || !strcmp(name, "..") || !strcmp(name, "."))
		return false;
	snprintf(parent, sizeof(parent), "%.*s", (int)(name - path), path);
	if (!realpath(parent, dst))
		return !strstr(path, "/../") && snprintf(dst, PATH_MAX, "%s",
							 path) > 0;
	len = strlen(dst);
	return snprintf(dst + len, PATH_MAX - len, "%s%s",
			len > 1 ? "/" : "", name) < (int)(PATH_MAX - len);
}

static bool path_holds(const char *top, const char *resolved)
{
	char real[PATH_MAX];

	return resolve_path(top, real) && is_below(resolved, real);
}

/* .../gameday/RUN/control, wherever the run directories of sockets are. */
static const char *path_refused(const char *item)
{
	char path[PATH_MAX], *name;
	struct stat st;

	if (!resolve_path(item, path))
		return "its path cannot be resolved";
	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return NULL;
	name = strrchr(path, '/');
	*name++ = '\0';
	if (strstr(path, "/gameday") &&
	    is_word_of(name, control_sockets,
		       sizeof(control_sockets) / sizeof(*control_sockets)))
		return "it is a control socket of gameday";
	return NULL;
}

/* Matching. */

static bool process_holds(const char *allowed, const char *item)
{
	pid_t pid = text_pid(item);
	char comm[64];

	return !strcmp(allowed, item) ||
	       (pid && !text_pid(allowed) && read_comm(pid, comm) &&
		!strcmp(comm, allowed));
}

static bool item_holds(const struct item *item, const char *text)
{
	struct prefix prefix;
	char path[PATH_MAX];

	switch (item->type) {
	case ALLOW_HOST:
		return !parse_prefix(text, &prefix) &&
		       prefix.bits >= item->prefix.bits &&
		       prefix_holds(&item->prefix, &prefix.ip);
	case ALLOW_PROCESS:
		return process_holds(item->text, text);
	case ALLOW_PATH:
		return resolve_path(text, path) && path_holds(item->text, path);
	case ALLOW_CGROUP:
		return is_below(text, item->text) && !strstr(text, "/..");
	case ALLOW_INTERFACE:
	case ALLOW_UNIT:
	case ALLOW_CONTAINER:
		return !strcmp(item->text, text);
	case ALLOW_TYPES:
		break;
	}
	return false;
}

static bool items_hold(const struct items *items, enum allow_type type,
		       const char *text)
{
	for (size_t i = 0; i < items->n; i++)
		if (items->v[i].type == type && item_holds(&items->v[i], text))
			return true;
	return false;
}

/* A prefix that has a denied address in it is denied too. */
static bool is_denied(const struct items *denied, enum allow_type type,
		      const char *text)
{
	struct prefix prefix;

	if (items_hold(denied, type, text))
		return true;
	if (type != ALLOW_HOST || parse_prefix(text, &prefix))
		return false;
	for (size_t i = 0; i < denied->n; i++)
		if (denied->v[i].type == ALLOW_HOST &&
		    prefix_holds(&prefix, &denied->v[i].prefix.ip))
			return true;
	return false;
}

/* Why it is refused whatever is allowed, or NULL. */
static const char *refused(const struct allow *a, enum allow_type type,
			   const char *item)
{
	static const char *(*const fn[ALLOW_TYPES])(const char *) = {
		[ALLOW_PROCESS] = process_refused,
		[ALLOW_CGROUP] = cgroup_refused,
		[ALLOW_PATH] = path_refused,
	};

	if (is_denied(&a->denied, type, item))
		return "it is denied";
	return fn[type] ? fn[type](item) : NULL;
}

int allow_check(const struct allow *a, enum allow_type type, const char *item,
		struct err *err)
{
	const char *why = refused(a, type, item);

	if (why)
		return err_set(err, -EPERM, "'%s' of %s is refused: %s", item,
			       type_names[type], why);
	if (!items_hold(&a->allowed, type, item))
		return err_set(err, -EPERM, "'%s' is not allowed: add "
			       "'%s = %s' to [allow]", item, type_names[type],
			       item);
	return 0;
}

int allow_connect(const struct allow *a, const struct addr *to, struct err *err)
{
	char host[INET6_ADDRSTRLEN] = "";
	const struct sockaddr_in6 *in6 = (const void *)&to->u;
	const struct sockaddr_in *in = (const void *)&to->u;

	switch (to->len ? to->u.sa.sa_family : AF_UNSPEC) {
	case AF_UNIX:
		return allow_check(a, ALLOW_PATH, to->u.un.sun_path, err);
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		break;
	default:
		return err_set(err, -EPERM, "an address of an unknown family "
			       "is not allowed");
	}
	return allow_check(a, ALLOW_HOST, host, err);
}
