/* SPDX-License-Identifier: Apache-2.0 */
/* A user's cookies. */
#include "chaos/load/cookie.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "chaos/base/mem.h"

static void cookie_done(struct cookie *c)
{
	mem_free(c->name);
	mem_free(c->value);
	mem_free(c->domain);
	mem_free(c->path);
}

static void drop(struct cookies *c, size_t i)
{
	cookie_done(&c->v[i]);
	c->n--;
	memmove(&c->v[i], &c->v[i + 1], (c->n - i) * sizeof(*c->v));
}

void cookies_forget(struct cookies *c)
{
	for (size_t i = 0; i < c->n; i++)
		cookie_done(&c->v[i]);
	mem_free(c->v);
	*c = (struct cookies){ 0 };
}

/* text[0 .. len) without blanks at its ends. */
struct span {
	const char *s;
	size_t len;
};

static struct span trimmed(const char *s, size_t len)
{
	while (len && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return (struct span){ s, len };
}

/* "name=value" before the next ';'; moves *text behind it. */
static bool pair_take(const char **text, size_t *len, struct span *name,
		      struct span *value)
{
	const char *semi = memchr(*text, ';', *len), *equals;
	size_t n = semi ? (size_t)(semi - *text) : *len;

	equals = memchr(*text, '=', n);
	*name = trimmed(*text, equals ? (size_t)(equals - *text) : n);
	*value = equals ? trimmed(equals + 1,
				  n - (size_t)(equals - *text) - 1)
			: (struct span){ "", 0 };
	*text += n + (semi != NULL);
	*len -= n + (semi != NULL);
	return equals != NULL;
}

static bool is(struct span a, const char *word)
{
	return a.len == strlen(word) && strncasecmp(a.s, word, a.len) == 0;
}

static bool is_address(const char *host)
{
	return strchr(host, ':') ||
	       strspn(host, "0123456789.") == strlen(host);
}

/* RFC 6265, 5.1.3. */
static bool domain_matches(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	if (strcasecmp(host, domain) == 0)
		return true;
	return h > d && !is_address(host) && host[h - d - 1] == '.' &&
	       strcasecmp(host + h - d, domain) == 0;
}

/* 5.1.4; path may have a query. */
static bool path_matches(const char *path, const char *of)
{
	size_t len = strlen(of);

	if (strncmp(path, of, len) != 0)
		return false;
	return of[len - 1] == '/' || path[len] == '\0' || path[len] == '/' ||
	       path[len] == '?';
}

static char *default_path(const char *path)
{
	size_t len = strcspn(path, "?");

	while (len > 1 && path[len - 1] != '/')
		len--;
	return mem_strndup(len > 1 ? path : "/", len > 1 ? len - 1 : 1);
}

static void domain_set(struct cookie *c, struct span v, bool *ok,
		       const char *host)
{
	if (v.len && v.s[0] == '.') {
		v.s++;
		v.len--;
	}
	if (v.len == 0)
		return;
	mem_free(c->domain);
	c->domain = mem_strndup(v.s, v.len);
	c->host_only = strcasecmp(c->domain, host) == 0 && is_address(host);
	*ok = domain_matches(host, c->domain) &&
	      (strchr(c->domain, '.') || strcasecmp(c->domain, host) == 0);
}

static void max_age_set(struct cookie *c, struct span v, nsec_t now)
{
	char text[24];
	long long s;

	if (v.len == 0 || v.len >= sizeof(text) ||
	    (!isdigit((unsigned char)v.s[0]) && v.s[0] != '-'))
		return;
	memcpy(text, v.s, v.len);
	text[v.len] = '\0';
	s = strtoll(text, NULL, 10);
	if (s > 400LL * 24 * 3600)	/* as browsers cap it */
		s = 400LL * 24 * 3600;
	c->until = s <= 0 ? INT64_MIN : now + s * NSEC_SEC;
}

/* "Wed, 21 Oct 2015 07:28:00 GMT", and with dashes. */
static void expires_set(struct cookie *c, struct span v,
			const struct cookie_site *from)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
					     "%a, %d-%b-%Y %H:%M:%S GMT",
					     "%a, %d-%b-%y %H:%M:%S GMT" };
	char text[64];

	if (v.len >= sizeof(text))
		return;
	memcpy(text, v.s, v.len);
	text[v.len] = '\0';
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, forms[i], &tm);

		if (!end || *end)
			continue;
		time_t left = timegm(&tm) - from->real;

		if (left > 400L * 24 * 3600)
			left = 400L * 24 * 3600;
		c->until = left <= 0 ? INT64_MIN
				     : from->now + (nsec_t)left * NSEC_SEC;
		return;
	}
}

/* What stands behind the name and value. */
static bool attributes(struct cookie *c, const char *text, size_t len,
		       const struct cookie_site *from)
{
	bool ok = true, aged = false;
	struct span name, v;

	while (len > 0) {
		(void)pair_take(&text, &len, &name, &v);
		if (is(name, "secure")) {
			c->secure = true;
		} else if (is(name, "domain")) {
			c->host_only = false;
			domain_set(c, v, &ok, from->host);
		} else if (is(name, "path") && v.len && v.s[0] == '/') {
			mem_free(c->path);
			c->path = mem_strndup(v.s, v.len);
		} else if (is(name, "max-age")) {
			max_age_set(c, v, from->now);
			aged = true;	/* wins over Expires */
		} else if (is(name, "expires") && !aged) {
			expires_set(c, v, from);
		}
	}
	return ok && (!c->secure || from->secure);
}

static bool same(const struct cookie *a, const struct cookie *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       strcasecmp(a->domain, b->domain) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

/* What would not be one header line when it is sent back (RFC 6265bis, 5.6). */
static bool has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)s[i] < ' ' && s[i] != '\t') ||
		    s[i] == 0x7f)
			return true;
	return false;
}

void cookies_set(struct cookies *c, const char *text, size_t len,
		 const struct cookie_site *from)
{
	struct cookie one = { .host_only = true, .until = NSEC_NEVER };
	struct span name, value;

	if (len > COOKIE_MAX || has_control(text, len) ||
	    !pair_take(&text, &len, &name, &value) || name.len == 0)
		return;
	one.name = mem_strndup(name.s, name.len);
	one.value = mem_strndup(value.s, value.len);
	one.domain = mem_strdup(from->host);
	one.path = default_path(from->path);
	if (!attributes(&one, text, len, from)) {
		cookie_done(&one);
		return;
	}
	for (size_t i = c->n; i-- > 0;)
		if (same(&c->v[i], &one))
			drop(c, i);
	if (one.until <= from->now) {	/* that is how one is deleted */
		cookie_done(&one);
		return;
	}
	if (c->n == COOKIES_MAX)
		drop(c, 0);
	c->v = mem_realloc(c->v, (c->n + 1) * sizeof(*c->v));
	c->v[c->n++] = one;
}

static bool goes_to(const struct cookie *c, const struct cookie_site *to)
{
	if (c->until <= to->now || (c->secure && !to->secure))
		return false;
	if (c->host_only ? strcasecmp(c->domain, to->host) != 0
			 : !domain_matches(to->host, c->domain))
		return false;
	return path_matches(to->path, c->path);
}

void cookies_add(const struct cookies *c, const struct cookie_site *to,
		 struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		if (!goes_to(&c->v[i], to))
			continue;
		buf_addf(out, "%s%s=%s", any ? "; " : "Cookie: ", c->v[i].name,
			 c->v[i].value);
		any = true;
	}
	if (any)
		buf_add(out, "\r\n", 2);
}
