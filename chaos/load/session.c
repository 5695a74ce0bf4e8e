/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies and redirects of a user. */
#include "chaos/load/session.h"

#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/curl.h"
#include "chaos/load/worker.h"

/* Who is asked, for cookies; bytes: of the request. */
struct place {
	struct cookie_site site;
	char host[300], path[2048];
};

static void place_init(struct place *p, const struct worker *w,
		       const struct request *r, const char *bytes, size_t len)
{
	const struct endpoint *ep = &w->endpoints.v[r->target];
	const char *path = memchr(bytes, ' ', len), *end;
	const char *colon = strrchr(ep->host, ':');
	size_t n = colon && !strchr(colon, ']') ? (size_t)(colon - ep->host)
						: strlen(ep->host);

	memcpy(p->host, ep->host, n);
	p->host[n] = '\0';
	path = path ? path + 1 : bytes;
	end = memchr(path, ' ', len - (size_t)(path - bytes));
	n = end ? (size_t)(end - path) : 0;
	if (n >= sizeof(p->path))
		n = sizeof(p->path) - 1;
	memcpy(p->path, path, n);
	p->path[n] = '\0';
	p->site = (struct cookie_site){
		.host = p->host, .path = p->path,
		.secure = ep->curl && ep->curl->tls,
		.now = loop_now(w->loop), .real = time(NULL),
	};
}

const char *session_cookies(struct user *u, const struct request *r,
			    const char *bytes, size_t *len)
{
	struct worker *w = u->group->worker;
	const char *line = memchr(bytes, '\n', *len);
	struct place place;

	if (!r->cookies || !u->cookies.n || !line)
		return bytes;
	place_init(&place, w, r, bytes, *len);
	line++;
	buf_reset(&w->session);
	buf_add(&w->session, bytes, (size_t)(line - bytes));
	cookies_add(&u->cookies, &place.site, &w->session);
	buf_add(&w->session, line, *len - (size_t)(line - bytes));
	*len = w->session.len;
	return w->session.data;
}

const char *session_begin(struct user *u, const struct request *r,
			  const char *bytes, size_t *len)
{
	if (!u->redirect)
		u->redirect = mem_zalloc(sizeof(*u->redirect));
	redirect_begin(u->redirect, r, bytes, *len);
	return session_cookies(u, r, bytes, len);
}

static void cookies_take(struct user *u, const struct answer *a)
{
	const struct redirect *r = u->redirect;
	struct place place;
	const char *text;
	size_t len = 0;

	place_init(&place, u->group->worker, &r->request, r->bytes.data,
		   r->bytes.len);
	for (size_t i = 0; (text = answer_header(a, "Set-Cookie", i, &len));
	     i++)
		cookies_set(&u->cookies, text, len, &place.site);
}

enum session_next session_answered(struct user *u, const struct answer *a,
				   const struct request **ret_r,
				   const char **ret_bytes, size_t *ret_len)
{
	struct worker *w = u->group->worker;
	struct redirect *r = u->redirect;

	if (u->request->cookies)
		cookies_take(u, a);
	if (u->request->redirects == 0 || !redirect_is(a))
		return SESSION_DONE;
	if (r->hops == u->request->redirects ||
	    !redirect_next(r, a, &w->endpoints))
		return SESSION_LOST;
	w->redirects++;
	*ret_r = &r->request;
	*ret_len = r->bytes.len;
	*ret_bytes = session_cookies(u, &r->request, r->bytes.data, ret_len);
	return SESSION_NEXT;
}

void session_done(struct user *u)
{
	cookies_forget(&u->cookies);
	if (u->redirect)
		redirect_done(u->redirect);
	mem_free(u->redirect);
	u->redirect = NULL;
}
