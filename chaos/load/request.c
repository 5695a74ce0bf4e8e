/* SPDX-License-Identifier: Apache-2.0 */
/* Targets resolved, and requests made ready to send. */
#include "chaos/load/request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/http1.h"
#include "chaos/base/mem.h"
#include "chaos/load/engine.h"

static const nsec_t REACH_REAL = 3 * NSEC_SEC;

static int url_resolve(const struct http1_url *url, struct endpoint *ep,
		       struct err *err)
{
	char text[sizeof(url->host) + 8];

	if (url->port == 0) {
		snprintf(text, sizeof(text), "unix:%s", url->host);
		snprintf(ep->host, sizeof(ep->host), "localhost");
		return addr_parse(text, &ep->addr, err);
	}
	if (strchr(url->host, ':') && url->host[0] != '[')
		snprintf(ep->host, sizeof(ep->host), "[%s]:%d", url->host,
			 url->port);
	else
		snprintf(ep->host, sizeof(ep->host), "%s:%d", url->host,
			 url->port);
	return addr_resolve(url->host, url->port, &ep->addr, err);
}

static void prefix_set(struct endpoint *ep, const char *path)
{
	size_t len = strcspn(path, "?#");

	while (len > 0 && path[len - 1] == '/')
		len--;
	memcpy(ep->prefix, path, len);
	ep->prefix[len] = '\0';
}

int endpoint_resolve(const struct load_target *target,
		     const struct symbols *symbols, const struct allow *allow,
		     struct endpoint *ret, struct err *err)
{
	struct endpoint ep = { 0 };
	AUTO_FREE char *text = NULL;
	struct http1_url url;
	int rc = 0;

	if (symbols)
		rc = symbols_expand(symbols, target->url, &text, err);
	else
		text = mem_strdup(target->url);
	if (rc == 0)
		rc = http1_url_parse(text, &url, err);
	if (rc == 0)
		rc = target_check_url(target, &url, err);
	if (rc == 0)
		rc = url_resolve(&url, &ep, err);
	if (rc == 0)
		rc = allow_connect(allow, &ep.addr, err);
	if (rc == 0) {
		ep.engine = target_engine(target, &url);
		prefix_set(&ep, url.path);
	}
	if (rc == 0 && engine_table[ep.engine]->prepare)
		rc = engine_table[ep.engine]->prepare(&ep, target, &url, err);
	if (rc < 0)
		return err_prefix(err, "[target %s]", target->name);
	*ret = ep;
	return 0;
}

int endpoint_reach(const struct endpoint *ep, const struct load_target *target,
		   struct err *err)
{
	nsec_t deadline = clock_mono() + REACH_REAL, left;
	AUTO_CLOSE int fd = -1;
	struct pollfd poll_fd = { .events = POLLOUT };
	char text[ADDR_TEXT];
	int rc = addr_connect(&ep->addr, &fd, err), n = 0;

	poll_fd.fd = fd;
	while (rc == -EINPROGRESS && n <= 0) {
		left = deadline - clock_mono();
		n = left > 0 ? poll(&poll_fd, 1, (int)(left / NSEC_MS) + 1) : 1;
		if (n > 0)
			rc = left > 0 ? addr_connected(fd) : -ETIMEDOUT;
	}
	if (rc < 0)
		return err_set(err, rc, "[target %s]: nothing answers at %s: "
			       "%s", target->name, addr_fmt(&ep->addr, text),
			       strerror(-rc));
	return 0;
}

static void add_text(struct template *t, const char *text)
{
	template_add(t, text, strlen(text));
}

/* What a client sends with a body even when it is empty (RFC 9110, 8.6). */
static bool sends_length(const struct load_step *step)
{
	return step->has_body || strcmp(step->method, "POST") == 0 ||
	       strcmp(step->method, "PUT") == 0 ||
	       strcmp(step->method, "PATCH") == 0;
}

static bool looks_like_json(const struct template *body)
{
	return body->n && body->v[0].kind == TEMPLATE_TEXT &&
	       (body->v[0].text[0] == '{' || body->v[0].text[0] == '[');
}

static void request_init(struct request *r, const struct load_step *step,
			 const struct load_journey *j,
			 const struct endpoint *ep)
{
	struct template *t = &r->start;

	r->step = step;
	r->target = j->target;
	r->connect_timeout = j->connect_timeout;
	r->first_byte_timeout = j->first_byte_timeout;
	r->engine = ep->engine;
	r->head = strcmp(step->method, "HEAD") == 0;
	r->sends_length = sends_length(step);
	r->keep = inspect_keep(step->inspect);
	if (step->follow)
		r->keep |= cond_keep(&step->follow->until);
	r->keep_body = REQUEST_KEEP_BODY_MAX;
	r->cookies = j->cookies != COOKIES_NO;
	r->redirects = (uint8_t)j->redirects;
	if (r->cookies || r->redirects)
		r->keep |= REQUEST_KEEP_HEADERS;
	add_text(t, step->method);
	add_text(t, " ");
	add_text(t, ep->prefix);
	template_append(t, &step->path_t);
	add_text(t, " HTTP/1.1\r\n");
	if (!step->has_host) {
		add_text(t, "Host: ");
		add_text(t, ep->host);
		add_text(t, "\r\n");
	}
	add_text(t, "User-Agent: gameday/" GAMEDAY_VERSION "\r\n");
	if (!step->has_type && looks_like_json(&step->body))
		add_text(t, "Content-Type: application/json\r\n");
	if (r->keep & REQUEST_KEEP_BODY && !step->has_encoding)
		add_text(t, "Accept-Encoding: gzip, deflate\r\n");
	template_append(t, &step->headers);
}

static void render(const struct request *r, struct template_values *values,
		   struct buf *out, struct buf *scratch)
{
	buf_reset(out);
	buf_reset(scratch);
	template_render(&r->start, values, out);
	template_render(&r->step->body, values, scratch);
	if (r->sends_length)
		buf_addf(out, "Content-Length: %zu\r\n", scratch->len);
	buf_add(out, "\r\n", 2);
	buf_add(out, scratch->data, scratch->len);
}

struct request *requests_new(const struct load_conf *c,
			     const struct endpoint *endpoints)
{
	struct request *v = mem_calloc(c->n_requests + 1, sizeof(*v));
	struct buf scratch;

	buf_init(&scratch, 0);
	for (size_t i = 0; i < c->n_journeys; i++) {
		const struct load_journey *j = &c->journeys[i];

		for (size_t k = 0; k < j->n; k++) {
			const struct load_step *step = &j->steps[k];
			struct request *r = &v[step->request];

			if (step->think || step->mark)
				continue;
			request_init(r, step, j, &endpoints[j->target]);
			if (template_is_static(&r->start) &&
			    template_is_static(&step->body))
				render(r, NULL, &r->fixed, &scratch);
		}
	}
	buf_done(&scratch);
	return v;
}

void requests_free(struct request *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		template_done(&v[i].start);
		buf_done(&v[i].fixed);
	}
	mem_free(v);
}

const char *request_render(const struct request *r,
			   struct template_values *values, struct buf *out,
			   struct buf *scratch, size_t *ret_len)
{
	if (r->fixed.len) {
		*ret_len = r->fixed.len;
		return r->fixed.data;
	}
	render(r, values, out, scratch);
	*ret_len = out->len;
	return out->data;
}
