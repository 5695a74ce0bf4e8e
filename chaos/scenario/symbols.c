/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic addresses, known once the stack and the links are up. */
#include "chaos/scenario/symbols.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/http1.h"
#include "chaos/base/mem.h"

struct symbol {
	char *name, *value;
};

struct symbols {
	struct symbol *v;
	size_t n;
};

struct symbols *symbols_new(void)
{
	return mem_zalloc(sizeof(struct symbols));
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		mem_free(s->v[i].name);
		mem_free(s->v[i].value);
	}
	mem_free(s->v);
	mem_free(s);
}

static struct symbol *find(const struct symbols *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].name, name))
			return &s->v[i];
	return NULL;
}

void symbols_set(struct symbols *s, const char *name, const char *value)
{
	struct symbol *old = find(s, name);

	if (old) {
		mem_free(old->value);
		old->value = mem_strdup(value);
		return;
	}
	s->v = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n++] = (struct symbol){
		.name = mem_strdup(name), .value = mem_strdup(value),
	};
}

const char *symbols_get(const struct symbols *s, const char *name)
{
	const struct symbol *symbol = find(s, name);

	return symbol ? symbol->value : NULL;
}

/*
 * Past "http://" before a symbol, for a link is no URL by itself; but
 * "http://staging:8080" is a host with a port.
 */
static const char *symbol_in(const char *text)
{
	const char *name = strncmp(text, "http://", 7) ? text : text + 7;
	const char *colon = strchr(name, ':');

	if (name != text && colon && isdigit((unsigned char)colon[1]))
		return text;
	return name;
}

int symbols_is(const char *text)
{
	const char *name = symbol_in(text);

	return !strncmp(name, "staging:", 8) || !strncmp(name, "link:", 5);
}

/* "link:db" leads "link:db/pool", and not "link:db2". */
static bool leads(const char *name, const char *text)
{
	size_t len = strlen(name);

	if (strncmp(name, text, len))
		return false;
	return !isalnum((unsigned char)text[len]) && text[len] != '-' &&
	       text[len] != '_';
}

static const struct symbol *longest(const struct symbols *s, const char *text)
{
	const struct symbol *best = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (leads(s->v[i].name, text) &&
		    (!best || strlen(s->v[i].name) > strlen(best->name)))
			best = &s->v[i];
	return best;
}

static int unknown(const struct symbols *s, const char *text, struct err *err)
{
	struct buf known;
	int rc;

	buf_init(&known, 300);
	for (size_t i = 0; i < s->n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", s->v[i].name);
	rc = err_set(err, -ENOENT, "unknown address '%s' (there %s%s)", text,
		     s->n ? "are: " : "is none: no staging and no link is up",
		     known.data ? known.data : "");
	buf_done(&known);
	return rc;
}

int symbols_expand(const struct symbols *s, const char *text, char **ret,
		   struct err *err)
{
	const char *name = symbol_in(text);
	const struct symbol *symbol = longest(s, name);
	int scheme = (int)(name - text);

	if (symbol && strstr(symbol->value, "://"))
		scheme = 0;
	if (symbol)
		*ret = mem_printf("%.*s%s%s", scheme, text, symbol->value,
				  name + strlen(symbol->name));
	else if (symbols_is(text))
		return unknown(s, text, err);
	else
		*ret = mem_strdup(text);
	return 0;
}

/* "host:port", the host a name, an address or one in brackets. */
static int resolve_pair(const char *text, struct addr *ret, struct err *err)
{
	const char *colon = strrchr(text, ':');
	AUTO_FREE char *host = NULL;
	char *end;
	long port;

	port = colon ? strtol(colon + 1, &end, 10) : 0;
	if (!colon || colon == text || *end || port < 1 || port > 65535)
		return err_set(err, -EINVAL,
			       "'%s' is no address (want HOST:PORT or a URL)",
			       text);
	if (text[0] == '[' && colon[-1] == ']')
		host = mem_strndup(text + 1, (size_t)(colon - text) - 2);
	else
		host = mem_strndup(text, (size_t)(colon - text));
	return addr_resolve(host, (int)port, ret, err);
}

static int resolve_url(const char *text, struct addr *ret, struct err *err)
{
	AUTO_FREE char *path = NULL;
	struct http1_url url;
	int rc = http1_url_parse(text, &url, err);

	if (rc)
		return rc;
	if (url.port)
		return addr_resolve(url.host, url.port, ret, err);
	path = mem_printf("unix:%s", url.host);
	return addr_parse(path, ret, err);
}

int symbols_addr(const struct symbols *s, const char *text, struct addr *ret,
		 struct err *err)
{
	AUTO_FREE char *plain = NULL;
	int rc = symbols_expand(s, text, &plain, err);

	if (rc)
		return rc;
	if (strstr(plain, "://"))
		return resolve_url(plain, ret, err);
	/* "unix:/socket" or "unix:/socket:/path", as a URL says it */
	if (!strncmp(plain, "unix:", 5))
		return strchr(plain + 5, ':') ? resolve_url(plain, ret, err)
					      : addr_parse(plain, ret, err);
	return resolve_pair(plain, ret, err);
}
