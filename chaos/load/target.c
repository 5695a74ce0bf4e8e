/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks a [target]. */
#include "chaos/load/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/base/opt.h"
#include "chaos/load/load.h"
#include "chaos/load/tls.h"

struct target_conf {
	char *url, *ca, *cert, *key, *sni;
	int http;
	int64_t streams;
	bool verify;
};

static const char *const https[] = {
	[TARGET_HTTP1] = "1.1", [TARGET_HTTP2] = "2",
	[TARGET_HTTP2_PRIOR] = "2-prior-knowledge", NULL
};

#define AT(field) offsetof(struct target_conf, field)

static const struct opt target_opts[] = {
	{ .name = "url", .type = OPT_STR, .off = AT(url),
	  .flags = OPT_REQUIRED,
	  .help = "http[s]://HOST:PORT[/PREFIX], or a symbol such as "
		  "staging:shop",
	  .example = "staging:shop" },
	{ .name = "http", .type = OPT_ENUM, .off = AT(http), .def = "1.1",
	  .choices = https,
	  .help = "version; 2 is agreed on in TLS, 2-prior-knowledge is for "
		  "http:// and spoken from the first byte" },
	{ .name = "streams", .type = OPT_INT, .off = AT(streams),
	  .flags = OPT_POSITIVE, .def = "1",
	  .help = "HTTP/2: users who share a connection, up to 64 (1: each "
		  "has its own)" },
	{ .name = "ca", .type = OPT_STR, .off = AT(ca),
	  .help = "https: file (PEM) of the authorities that are trusted, "
		  "from the scenario's directory (default: the system's)",
	  .example = "ca.pem" },
	{ .name = "cert", .type = OPT_STR, .off = AT(cert),
	  .help = "https: file (PEM) of the client's certificate and its "
		  "chain",
	  .example = "client.pem" },
	{ .name = "key", .type = OPT_STR, .off = AT(key),
	  .help = "https: file (PEM) of the client's key (default: cert's)",
	  .example = "client.key" },
	{ .name = "sni", .type = OPT_STR, .off = AT(sni),
	  .help = "https: the server's name, sent in the handshake and looked "
		  "for in its certificate (default: the url's host)",
	  .example = "shop.example.com" },
	{ .name = "verify", .type = OPT_BOOL, .off = AT(verify), .def = "yes",
	  .help = "https: the server's certificate must be trusted and bear "
		  "its name" },
	OPT_END
};

const struct section_spec load_target_section = {
	.name = "target", .arg = "NAME", .many = true, .opts = target_opts,
	.size = sizeof(struct target_conf),
	.summary = "a service that journeys send requests to",
};

/* A file is looked for beside the one that names it. */
static char *file_path(const struct scenario_section *s, const char *key,
		       const char *value)
{
	const char *file = "", *slash;
	struct buf path;

	if (!value || !*value)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].key, key) == 0)
			file = s->v[i].file;
	slash = strrchr(file, '/');
	if (value[0] == '/' || !slash)
		return mem_strdup(value);
	buf_init(&path, 0);
	buf_add(&path, file, (size_t)(slash - file) + 1);
	buf_adds(&path, value);
	return buf_take(&path);
}

int target_check_url(const struct load_target *t, const struct http1_url *url,
		     struct err *err)
{
	bool tls_keys = t->ca || t->cert || t->key || t->sni || !t->verify;

	if (url->tls && t->http == TARGET_HTTP2_PRIOR)
		return err_set(err, -EINVAL, "'%s': TLS agrees on the version: "
			       "write http = 2", t->url);
	if (!url->tls && t->http == TARGET_HTTP2)
		return err_set(err, -EINVAL, "'%s': HTTP/2 without TLS is "
			       "http = 2-prior-knowledge", t->url);
	if (t->streams > 1 && t->http == TARGET_HTTP1)
		return err_set(err, -EINVAL, "'%s': streams are HTTP/2's: "
			       "write http = 2", t->url);
	if (!url->tls && tls_keys)
		return err_set(err, -EINVAL, "'%s': ca, cert, key, sni and "
			       "verify are for https://", t->url);
	if (url->port == 0 && t->http == TARGET_HTTP2_PRIOR)
		return err_set(err, -EINVAL, "'%s': over a Unix socket only "
			       "http = 1.1", t->url);
	return 0;
}

enum engine_id target_engine(const struct load_target *t,
			     const struct http1_url *url)
{
	return url->tls || t->http != TARGET_HTTP1 ? ENGINE_CURL
						   : ENGINE_EPOLL;
}

static void url_check(const struct load_target *t, struct errs *errs)
{
	struct http1_url url;
	struct err err;

	if (strncmp(t->url, "link:", 5) == 0)
		scenario_error(t->section, "url", errs,
			       "a link is an address and no URL: write "
			       "http://%s",
			       t->url);
	if (!*t->url || symbols_is(t->url))
		return;
	if (http1_url_parse(t->url, &url, &err) < 0 ||
	    target_check_url(t, &url, &err) < 0)
		scenario_error(t->section, "url", errs, "%s", err.msg);
}

static void files_check(const struct load_target *t, struct errs *errs)
{
	const char *at = "ca";
	struct tls *tls;
	struct err err;

	if (t->key && !t->cert)
		scenario_error(t->section, "key", errs,
			       "a key without its certificate: add cert");
	else if (tls_load(t->ca, t->cert, t->key, &tls, &at, &err) < 0)
		scenario_error(t->section, at, errs, "%s", err.msg);
	else
		tls_free(tls);
}

void target_read(const struct scenario_section *s, struct load_target *ret,
		 struct errs *errs)
{
	struct target_conf conf = { 0 };

	scenario_fill(s, target_opts, &conf, errs);
	*ret = (struct load_target){
		.name = mem_strdup(s->arg ? s->arg : ""),
		.url = mem_strdup(conf.url ? conf.url : ""),
		.http = (enum target_http)conf.http,
		.streams = (unsigned)conf.streams,
		.ca = file_path(s, "ca", conf.ca),
		.cert = file_path(s, "cert", conf.cert),
		.key = file_path(s, "key", conf.key),
		.sni = conf.sni && *conf.sni ? mem_strdup(conf.sni) : NULL,
		.verify = conf.verify,
		.section = s,
	};
	if (conf.streams > TARGET_STREAMS_MAX)
		scenario_error(s, "streams", errs, "more than %d users of one "
			       "connection", TARGET_STREAMS_MAX);
	opt_done(target_opts, &conf);
	url_check(ret, errs);
	if (ret->ca || ret->cert || ret->key)
		files_check(ret, errs);
}

void target_done(struct load_target *t)
{
	mem_free(t->name);
	mem_free(t->url);
	mem_free(t->ca);
	mem_free(t->cert);
	mem_free(t->key);
	mem_free(t->sni);
}
