/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: a scenario's traffic alone, or one URL with no file.  Of a URL it makes
 * the scenario that a file would have been, so that all checks, and what lies
 * in the run directory, are the same.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/cli/run_opts.h"

/* What a URL is loaded with. Text as given; NULL: not given. */
struct url_opts {
	const char *url, *rate, *duration, *ramp, *timeout, *method, *body;
	struct cli_list headers;
	double users;			/* NAN: not given */
};

static int load_main(int argc, char **argv);

extern const struct cli_cmd cli_cmd_load;
const struct cli_cmd cli_cmd_load = {
	"load", "SCENARIO | -u URL", "its traffic only, or a URL's", load_main
};

/* 'key = "value"', as the reader takes it apart again. */
static void add_quoted(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "%s = \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_adds(out, "\\");
		buf_add(out, value, 1);
	}
	buf_adds(out, "\"\n");
}

/* Every address that the name has now: a later look may give another one. */
static int add_addresses(struct buf *out, const char *host, struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	int rc = getaddrinfo(host, NULL, &hints, &all);
	char text[128];

	if (rc != 0)
		return err_set(err, -EHOSTUNREACH, "host '%s': %s", host,
			       gai_strerror(rc));
	for (struct addrinfo *a = all; a; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text),
				NULL, 0, NI_NUMERICHOST) == 0)
			buf_addf(out, "%s%s", a == all ? "" : ", ", text);
	freeaddrinfo(all);
	return 0;
}

/* A URL on the command line allows itself. */
static int add_allow(struct buf *out, const struct http1_url *url,
		     struct err *err)
{
	int rc = 0;

	buf_addf(out, "\n[allow]\n%s = ", url->port ? "hosts" : "paths");
	if (!url->port || strcmp(url->host, "localhost") == 0)
		buf_adds(out, url->host);
	else
		rc = add_addresses(out, url->host, err);
	buf_adds(out, "\n");
	return rc;
}

static const char *method_of(const struct url_opts *o)
{
	return o->method ? o->method : o->body ? "POST" : "GET";
}

/* "load-127.0.0.1-8080": it becomes part of the run's id. */
static void add_name(struct buf *out, const struct http1_url *url,
		     const struct url_opts *o)
{
	AUTO_FREE char *title = mem_printf("%s %s", method_of(o), o->url);
	const char *host = url->host;

	if (!url->port && strrchr(host, '/'))
		host = strrchr(host, '/') + 1;
	buf_adds(out, "[scenario]\nname = load-");
	for (; *host; host++)
		buf_add(out, isalnum((unsigned char)*host) || *host == '.' ||
				     *host == '-' ? host : "_", 1);
	if (url->port)
		buf_addf(out, "-%d", url->port);
	buf_adds(out, "\nlead_in = 0s\n");
	/* A step's ${…} is nothing that a title knows. */
	if (!strstr(title, "${"))
		add_quoted(out, "title", title);
}

static void add_target(struct buf *out, const struct http1_url *url)
{
	bool v6 = strchr(url->host, ':') != NULL;

	buf_adds(out, "\n[target url]\n");
	if (url->port)
		buf_addf(out, "url = %s://%s%s%s:%d\n",
			 url->tls ? "https" : "http", v6 ? "[" : "", url->host,
			 v6 ? "]" : "", url->port);
	else
		buf_addf(out, "url = unix:%s\n", url->host);
}

static void add_journey(struct buf *out, const struct http1_url *url,
			const struct url_opts *o)
{
	AUTO_FREE char *step = mem_printf("%s %s as url", method_of(o),
					  url->path);

	buf_adds(out, "\n[journey url]\n");
	add_quoted(out, "step", step);
	for (size_t i = 0; i < o->headers.n; i++)
		add_quoted(out, "header", o->headers.v[i]);
	if (o->body)
		add_quoted(out, "body", o->body);
}

static void add_load(struct buf *out, const struct url_opts *o)
{
	AUTO_FREE char *users = mem_printf("%.0f", o->users);
	const char *top = o->rate ? o->rate : users;

	buf_addf(out, "\n[load url]\nmodel = %s\n",
		 o->rate ? "arrivals" : "users");
	if (o->rate && !isnan(o->users))
		buf_addf(out, "max_users = %s\n", users);
	if (o->timeout)
		buf_addf(out, "timeout = %s\n", o->timeout);
	if (o->ramp)
		buf_addf(out, "stages = 0s 0, %s %s, %s %s\n", o->ramp, top,
			 o->duration, top);
	else
		buf_addf(out, "stages = 0s %s, %s %s\n", top, o->duration, top);
}

static nsec_t option_time(const char *name, const char *text, struct errs *errs)
{
	struct err err = { 0 };
	nsec_t t = 0;

	if (text && units_duration(text, &t, &err) < 0)
		errs_add(errs, NULL, 0, "--%s: %s", name, err.msg);
	else if (text && t <= 0)
		errs_add(errs, NULL, 0, "--%s: '%s' is not above 0", name,
			 text);
	return t;
}

/* What the reader would blame on a line that nobody has written. */
static void check_options(const struct url_opts *o, struct http1_url *url,
			  struct errs *errs)
{
	nsec_t t = option_time("duration", o->duration, errs);
	nsec_t ramp = option_time("ramp", o->ramp, errs);
	struct err err = { 0 };
	double rate = 1;

	option_time("timeout", o->timeout, errs);
	if (http1_url_parse(o->url, url, &err) < 0)
		errs_add(errs, NULL, 0, "%s", err.msg);
	if (o->rate && units_rate(o->rate, &rate, &err) < 0)
		errs_add(errs, NULL, 0, "--rate: %s", err.msg);
	else if (!(rate > 0))
		errs_add(errs, NULL, 0, "--rate: '%s' is not above 0", o->rate);
	if (ramp > t && t > 0)
		errs_add(errs, NULL, 0, "--ramp is longer than --duration");
	if (!isnan(o->users) && !(o->users >= 1 && o->users <= 1e6 &&
				  o->users == floor(o->users)))
		errs_add(errs, NULL, 0, "--connections is a whole number from "
			 "1 to 1000000");
}

/* The scenario, or NULL: what is wrong is printed, *ret_exit says how. */
static char *url_scenario(struct url_opts *o, int *ret_exit)
{
	struct http1_url url;
	struct err err = { 0 };
	struct errs errs;
	struct buf out;
	bool ok;

	errs_init(&errs);
	check_options(o, &url, &errs);
	cli_errors(&errs);
	ok = errs.n == 0;
	errs_done(&errs);
	*ret_exit = CLI_USAGE;
	if (!ok)
		return NULL;
	if (isnan(o->users) && !o->rate)
		o->users = 1;
	buf_init(&out, 0);
	add_name(&out, &url, o);
	if (add_allow(&out, &url, &err) < 0) {
		*ret_exit = CLI_CANNOT_RUN;
		cli_error(&err);
		buf_done(&out);
		return NULL;
	}
	add_target(&out, &url);
	add_journey(&out, &url, o);
	add_load(&out, o);
	return buf_take(&out);
}

static int run_it(const char *path, const struct cli_run_opts *o)
{
	struct plan *p = cli_plan(path, o);
	int rc;

	if (!p)
		return CLI_USAGE;
	rc = o->dry_run ? cli_dry_run(p) : cli_run(p, o);
	plan_free(p);
	return rc;
}

static int load_url(struct url_opts *u, struct cli_run_opts *o)
{
	int rc;
	AUTO_FREE char *text = url_scenario(u, &rc);

	if (!text)
		return rc;
	o->text = text;
	return run_it("the command line", o);
}

static bool needs_url(const struct url_opts *u)
{
	return u->rate || u->ramp || u->timeout || u->method || u->body ||
	       u->headers.n > 0 || !isnan(u->users);
}

#define URL_OPTS(u)                                                          \
	{ "url", 'u', CLI_STRING, &(u).url, "URL",                           \
	  "load this instead of a scenario; it allows itself" },             \
	{ "connections", 'c', CLI_NUMBER, &(u).users, "N",                   \
	  "users at once, one connection each (1; with -r: at most)" },      \
	{ "rate", 'r', CLI_STRING, &(u).rate, "N/s",                         \
	  "arrivals, whatever the answers do" },                             \
	{ "duration", 'd', CLI_STRING, &(u).duration, "TIME",                \
	  "for how long (30s)" },                                            \
	{ "ramp", 0, CLI_STRING, &(u).ramp, "TIME",                          \
	  "from 0 to all of them, within the duration" },                    \
	{ "method", 'm', CLI_STRING, &(u).method, "METHOD",                  \
	  "GET; POST with a body" },                                         \
	{ "header", 'H', CLI_LIST, &(u).headers, "'NAME: V'",                \
	  "one more request header" },                                       \
	{ "body", 'b', CLI_STRING, &(u).body, "TEXT", "request body" },      \
	{ "timeout", 't', CLI_STRING, &(u).timeout, "TIME",                  \
	  "patience with a request (10s)" }

static int load_main(int argc, char **argv)
{
	struct cli_run_opts o = { .speed = 1, .kind = "load",
				  .no_faults = true };
	struct url_opts u = { .users = NAN };
	struct cli_opt opts[] = {
		URL_OPTS(u),
		{ "threads", 0, CLI_NUMBER, &o.threads, "N",
		  "load threads (half the cores)" },
		CLI_RUN_OPTS(o),
		CLI_FIND_OPTS(o),
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	int left = cli_options(&cli_cmd_load, opts, argc, argv);

	if (left < 0)
		return cli_options_exit(left);
	if (!(o.threads >= 0 && o.threads <= 64)) {
		fprintf(stderr, "gameday: --threads is 1 to 64\n");
		return CLI_USAGE;
	}
	if (left != (u.url ? 0 : 1)) {
		fprintf(stderr, "gameday: load takes one scenario file or -u "
				"URL\n");
		return CLI_USAGE;
	}
	if (!u.url && (needs_url(&u) || u.duration)) {
		fprintf(stderr, "gameday: -c, -r, -d, -m, -H, -b, -t and "
				"--ramp go with -u URL: a scenario says it in "
				"its [load]\n");
		return CLI_USAGE;
	}
	if (!u.duration)
		u.duration = "30s";
	return u.url ? load_url(&u, &o) : run_it(argv[1], &o);
}
