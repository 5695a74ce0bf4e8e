/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gameday-proxy: the data plane of a drill's links, a process of its own so
 * that whoever is connected through it outlives the drill.  Options, signals,
 * and the line that says it is ready.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/allow.h"
#include "chaos/base/buf.h"
#include "chaos/base/clock.h"
#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "faults/proxy/config.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/link.h"
#include "faults/proxy/proxy.h"
#include "faults/proxy/resolve.h"

enum { LINKS_MAX = 64 };

struct settings {
	const char *apis[PROXY_APIS_MAX];
	unsigned n_apis;
	const char *links[LINKS_MAX];
	unsigned n_links;
	const char *config; /* NULL: none */
	bool allow_given;
	int ready_fd; /* -1: somebody started it by hand, and it stays */
	struct proxy_args proxy;
};

struct option_row {
	const char *name, *arg, *help;
	int (*set)(struct settings *s, const char *value, struct err *err);
};

static int set_api(struct settings *s, const char *value, struct err *err)
{
	if (s->n_apis == PROXY_APIS_MAX)
		return err_set(err, -EINVAL, "more than %d", PROXY_APIS_MAX);
	s->apis[s->n_apis++] = value;
	return 0;
}

static int set_link(struct settings *s, const char *value, struct err *err)
{
	if (s->n_links == LINKS_MAX)
		return err_set(err, -EINVAL, "more than %d", LINKS_MAX);
	s->links[s->n_links++] = value;
	return 0;
}

static int set_allow(struct settings *s, const char *value, struct err *err)
{
	s->allow_given = true;
	return allow_add(s->proxy.allow,
			 *value == '/' ? ALLOW_PATH : ALLOW_HOST, value, err);
}

static int set_config(struct settings *s, const char *value, struct err *err)
{
	(void)err;
	s->config = value;
	return 0;
}

/* The first line of a file, which is nobody else's to read. */
static int set_token_file(struct settings *s, const char *value,
			  struct err *err)
{
	struct buf text;
	struct stat st;

	if (stat(value, &st) == 0 && st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, -EINVAL,
			       "'%s' is readable by others: chmod 600 it",
			       value);
	buf_init(&text, 4096);
	int rc = buf_read_file(&text, value, err);
	size_t len = rc || !text.data ? 0 : strcspn(text.data, "\r\n");

	if (!rc && !len)
		rc = err_set(err, -EINVAL, "'%s' has no token", value);
	mem_free(s->proxy.token);
	s->proxy.token = rc ? NULL : mem_strndup(text.data, len);
	buf_done(&text);
	return rc;
}

static int set_threads(struct settings *s, const char *value, struct err *err)
{
	int64_t n;

	if (units_int(value, &n, err) < 0)
		return err->code;
	if (n < 1 || n > PROXY_THREADS_MAX)
		return err_set(err, -EINVAL, "not within 1 and %d",
			       PROXY_THREADS_MAX);
	s->proxy.threads = (unsigned)n;
	return 0;
}

static int set_seed(struct settings *s, const char *value, struct err *err)
{
	int64_t n;

	if (units_int(value, &n, err) < 0)
		return err->code;
	s->proxy.seed = (uint64_t)n;
	return 0;
}

static int set_ready_fd(struct settings *s, const char *value, struct err *err)
{
	int64_t n;

	if (units_int(value, &n, err) < 0)
		return err->code;
	s->ready_fd = (int)n;
	return 0;
}

static int set_linger(struct settings *s, const char *value, struct err *err)
{
	return units_duration(value, &s->proxy.linger, err);
}

static int set_stay(struct settings *s, const char *value, struct err *err)
{
	(void)value, (void)err;
	s->proxy.stay = true;
	return 0;
}

static int set_help(struct settings *s, const char *value, struct err *err)
{
	(void)s, (void)value, (void)err;
	return -ECANCELED;
}

static const struct option_row rows[] = {
	{"allow", "PREFIX",
	 "upstreams that may be connected; repeatable "
	 "(loopback)",
	 set_allow},
	{"api", "ADDR",
	 "where the API listens: unix:/path or 127.0.0.1:0; "
	 "repeatable",
	 set_api},
	{"config", "FILE",
	 "proxies, as Toxiproxy's file has them, and their toxics", set_config},
	{"help", NULL, "this text", set_help},
	{"linger", "TIME", "how long it stays after a goodbye (60s)",
	 set_linger},
	{"link", "NAME=LISTEN,UPSTREAM[,PROTOCOL]", "a link; repeatable",
	 set_link},
	{"ready-fd", "N", "where one line of JSON says that all is open",
	 set_ready_fd},
	{"seed", "N", "of every random choice", set_seed},
	{"stay", NULL,
	 "never end by itself; so it is without --ready-fd", set_stay},
	{"threads", "N", "of the data plane (half of the processors)",
	 set_threads},
	{"token-file", "FILE",
	 "what it holds is asked for at TCP ports: Authorization: Bearer …",
	 set_token_file},
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

static void print_help(void)
{
	printf("usage: gameday-proxy [options]\n");
	for (int i = 0; i < ROWS; i++) {
		char left[80];

		(void)snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			       rows[i].arg ? rows[i].arg : "");
		printf("  %-38s %s\n", left, rows[i].help);
	}
	printf("protocols:\n");
	for (const struct filter_ops *const *f = filter_table(); *f; f++)
		printf("  %-38s %s\n", (*f)->protocol, (*f)->summary);
	printf("toxics:\n");
	for (const struct toxic_ops *const *t = toxic_table(); *t; t++)
		printf("  %-38s %s\n", (*t)->type, (*t)->summary);
}

static int parse_options(struct settings *s, int argc, char **argv,
			 struct err *err)
{
	struct option longs[ROWS + 1] = {0};
	int i, c;

	for (i = 0; i < ROWS; i++)
		longs[i] = (struct option){
			.name = rows[i].name,
			.has_arg =
				rows[i].arg ? required_argument : no_argument,
		};
	while ((c = getopt_long(argc, argv, "", longs, &i)) != -1) {
		if (c)
			return err_set(err, -EINVAL, "try --help");
		int rc = rows[i].set(s, optarg, err);

		if (rc == -ECANCELED)
			return rc;
		if (rc < 0)
			return err_prefix(err, "--%s", rows[i].name);
	}
	if (optind < argc)
		return err_set(err, -EINVAL, "unexpected '%s' (try --help)",
			       argv[optind]);
	return 0;
}

static int allow_defaults(struct settings *s, struct err *err)
{
	static const char *const hosts[] = {"127.0.0.0/8", "::1"};
	struct allow *allow = s->proxy.allow;

	for (size_t i = 0; !s->allow_given && i < 2; i++)
		if (allow_add(allow, ALLOW_HOST, hosts[i], err) < 0)
			return err->code;
	return allow_load_deny(allow, "/etc/gameday/deny", err);
}

/* "db=127.0.0.1:0,127.0.0.1:5432,postgres" */
static int add_link(struct proxy *proxy, const char *spec, struct err *err)
{
	AUTO_FREE char *text = mem_strdup(spec);
	struct link_args args = {.name = text, .enabled = true};
	char *listen = strchr(text, '=');
	char *upstream = listen ? strchr(listen, ',') : NULL;
	char *protocol = upstream ? strchr(upstream + 1, ',') : NULL;
	struct link *l;

	if (!upstream || listen == text)
		return err_set(err, -EINVAL,
			       "--link '%s': not NAME=LISTEN,UPSTREAM"
			       "[,PROTOCOL]",
			       spec);
	*listen++ = '\0';
	*upstream++ = '\0';
	if (protocol)
		*protocol++ = '\0';
	args.filter = filter_find(protocol ? protocol : "tcp");
	if (!args.filter)
		return err_set(err, -EINVAL, "--link '%s': unknown protocol",
			       spec);
	if (proxy_link(proxy, args.name))
		return err_set(err, -EEXIST, "--link '%s': it exists", spec);
	if (proxy_addr(listen, &args.listen, err) < 0)
		return err_prefix(err, "--link '%s'", spec);
	args.upstream_text = upstream;
	if (proxy_addr(upstream, &args.upstream, err) < 0) {
		if (!resolve_is_name(upstream))
			return err_prefix(err, "--link '%s'", spec);
		args.upstream.len = 0;
	}
	return link_new(proxy, &args, &l, err);
}

static int open_all(struct proxy *proxy, const struct settings *s,
		    struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < s->n_links; i++)
		rc = add_link(proxy, s->links[i], err);
	if (!rc && s->config)
		rc = config_load(proxy, s->config, err);
	for (unsigned i = 0; !rc && i < s->n_apis; i++)
		rc = proxy_add_api(proxy, s->apis[i], err);
	return rc;
}

static json_t *ready_json(const struct proxy *proxy)
{
	json_t *apis = json_array(), *links = json_object();
	char text[ADDR_TEXT];
	struct list *pos;

	for (unsigned i = 0; i < proxy->n_apis; i++)
		json_array_append_new(
			apis,
			json_string(addr_fmt(&proxy->apis[i].addr, text)));
	LIST_FOR (pos, &proxy->links) {
		struct link *l = LIST_ENTRY(pos, struct link, in_proxy);

		json_object_set_new(
			links, l->name,
			json_string(
				addr_fmt(&l->conf->endpoints[0].listen, text)));
	}
	return json_pack("{s:s, s:i, s:o, s:o}", "instance", proxy->instance,
			 "pid", (int)getpid(), "api", apis, "links", links);
}

static int say_ready(const struct proxy *proxy, int fd, struct err *err)
{
	json_t *json = ready_json(proxy);
	char *text = json_dumps(json, JSON_COMPACT);
	int rc = 0;

	if (!text || dprintf(fd, "%s\n", text) < 0)
		rc = err_errno(err, "cannot write to --ready-fd %d", fd);
	free(text);
	json_decref(json);
	close(fd);
	return rc;
}

/* For a person, or a journal. */
static void say_addresses(const struct proxy *proxy)
{
	char from[ADDR_TEXT], to[ADDR_TEXT];
	struct list *pos;

	for (unsigned i = 0; i < proxy->n_apis; i++)
		log_info("api at %s%s", addr_fmt(&proxy->apis[i].addr, from),
			 proxy->token ? ", with a token" : "");
	LIST_FOR (pos, &proxy->links) {
		struct link *l = LIST_ENTRY(pos, struct link, in_proxy);

		log_info("link %s: %s to %s, %s", l->name,
			 link_listen_text(l, from),
			 link_upstream_text(l, to), l->filter->protocol);
	}
}

static void on_signal(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	struct signalfd_siginfo info;

	const bool *by_hand = arg;

	(void)events;
	if (read(io->fd, &info, sizeof(info)) != sizeof(info))
		return;
	/* Of a drill's proxy a terminal's Ctrl-C is not the end */
	if (info.ssi_signo == SIGTERM || *by_hand)
		loop_quit(loop);
	else
		log_info("signal %u is ignored: SIGTERM ends the proxy",
			 info.ssi_signo);
}

/* Before any thread: SIGTERM alone ends it, whoever else's Ctrl-C it was. */
static int block_signals(struct loop_io *io, bool *by_hand, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(err, "cannot block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return err_errno(err, "cannot make a signalfd");
	loop_io_init(io, fd, "proxy signals", on_signal, by_hand);
	return 0;
}

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Once they were ours: a socket's file stays when its listener closes. */
static void remove_sockets(const struct settings *s)
{
	for (unsigned i = 0; i < s->n_apis; i++)
		if (strncmp(s->apis[i], "unix:", 5) == 0)
			unlink(s->apis[i] + 5);
}

static int serve(struct settings *s, struct err *err)
{
	bool by_hand = s->ready_fd < 0;
	struct loop_io signals;
	struct proxy *proxy;
	int rc = block_signals(&signals, &by_hand, err);

	if (!rc)
		rc = proxy_new(&s->proxy, &proxy, err);
	if (rc < 0)
		return rc;
	rc = open_all(proxy, s, err);
	if (!rc)
		rc = loop_io_set(proxy->loop, &signals, LOOP_IN, err);
	if (!rc && s->ready_fd >= 0)
		rc = say_ready(proxy, s->ready_fd, err);
	if (!rc && by_hand)
		say_addresses(proxy);
	if (!rc) {
		loop_run(proxy->loop);
		remove_sockets(s);
	}
	proxy_free(proxy);
	close(signals.fd);
	return rc;
}

/* Nobody waits until it is ready: a service, its API where Toxiproxy's is. */
static void by_hand_defaults(struct settings *s)
{
	s->proxy.stay = true;
	if (!s->n_apis)
		s->apis[s->n_apis++] = "127.0.0.1:8474";
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct settings s = {
		.ready_fd = -1,
		.proxy =
			{
				.threads =
					cpus > 3 ? (unsigned)(cpus + 1) / 2 : 1,
				.seed = 1,
				.linger = NSEC_MIN,
				.allow = allow_new(),
			},
	};
	struct err err = {0};

	log_set_sink(log_to_stream, stderr);
	if (s.proxy.threads > PROXY_THREADS_MAX)
		s.proxy.threads = PROXY_THREADS_MAX;
	raise_limits();
	int rc = parse_options(&s, argc, argv, &err);

	if (rc == -ECANCELED) {
		print_help();
		allow_free(s.proxy.allow);
		return 0;
	}
	if (s.ready_fd < 0)
		by_hand_defaults(&s);
	if (!rc)
		rc = allow_defaults(&s, &err);
	if (!rc)
		rc = serve(&s, &err);
	if (rc < 0)
		fprintf(stderr, "gameday-proxy: %s\n", err.msg);
	return rc < 0 ? (rc == -EINVAL ? 2 : 3) : 0;
}
