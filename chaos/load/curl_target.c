/* SPDX-License-Identifier: Apache-2.0 */
/* A [target] for libcurl: its options, and one handshake before a run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/load/curl.h"

static const long REACH_MS = 3000;	/* real */
static const long UPLOAD_BUFFER = 16384;	/* libcurl's least */

static const long versions[] = {
	[TARGET_HTTP1] = CURL_HTTP_VERSION_1_1,
	[TARGET_HTTP2] = CURL_HTTP_VERSION_2TLS,
	[TARGET_HTTP2_PRIOR] = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
};

/* libcurl must connect to the address that was checked, and to no other. */
static struct curl_slist *connect_to(const struct endpoint *ep)
{
	char address[ADDR_TEXT], text[ADDR_TEXT + 8];

	snprintf(text, sizeof(text), "::%s", addr_fmt(&ep->addr, address));
	return curl_slist_append(NULL, text);
}

static char *url_make(const struct load_target *t, const struct http1_url *url)
{
	const char *host = t->sni ? t->sni : url->host;
	bool v6 = strchr(host, ':') && host[0] != '[';
	struct buf text;

	buf_init(&text, 0);
	buf_addf(&text, "%s://%s%s%s:%d/", url->tls ? "https" : "http",
		 v6 ? "[" : "", host, v6 ? "]" : "", url->port);
	return buf_take(&text);
}

int curl_target_prepare(struct endpoint *ep, const struct load_target *t,
			const struct http1_url *url, struct err *err)
{
	struct curl_target *ct = mem_zalloc(sizeof(*ct));
	const char *at;
	int rc = 0;

	*ct = (struct curl_target){
		.name = t->name,
		.url = url_make(t, url),
		.connect_to = connect_to(ep),
		.http_version = versions[t->http],
		.verify = t->verify,
		.streams = t->http == TARGET_HTTP1 ? 1 : t->streams,
	};
	ep->curl = ct;
	if (url->tls)
		rc = tls_load(t->ca, t->cert, t->key, &ct->tls, &at, err);
	if (rc < 0)
		curl_target_release(ep);
	return rc;
}

void curl_target_release(struct endpoint *ep)
{
	if (!ep->curl)
		return;
	curl_slist_free_all(ep->curl->connect_to);
	tls_free(ep->curl->tls);
	mem_free(ep->curl->url);
	mem_free(ep->curl);
	ep->curl = NULL;
}

static CURLcode ssl_ctx_ready(CURL *easy, void *ssl_ctx, void *arg)
{
	const struct curl_target *t = arg;

	(void)easy;
	if (tls_apply(t->tls, ssl_ctx,
		      t->http_version == CURL_HTTP_VERSION_2TLS, t->verify))
		return CURLE_OK;
	return CURLE_SSL_CERTPROBLEM;
}

static CURLcode tls_set(const struct curl_target *t, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, (long)t->verify);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, t->verify ? 2L : 0L);
	/* The store is ours: libcurl would read it anew for each handshake. */
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
	return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, ssl_ctx_ready);
}

bool curl_target_apply(const struct curl_target *t, CURL *easy)
{
	CURLcode rc = CURLE_OK;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");	/* no environment's */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_URL, t->url);
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, t->connect_to);
	/* Allocated anew for each request, whatever its size. */
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, (long)(t->streams > 1));
	if (t->tls)
		rc = tls_set(t, easy);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
				      t->http_version);
	return rc == CURLE_OK;
}

struct reach {
	const struct curl_target *target;
	bool http2;		/* what the handshake chose */
};

static CURLcode reach_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
	struct reach *r = arg;

	tls_watch_http2(ssl_ctx, &r->http2);
	return ssl_ctx_ready(easy, ssl_ctx, (void *)(uintptr_t)r->target);
}

static int reach(CURL *easy, const struct endpoint *ep,
		 const struct load_target *t, struct err *err)
{
	char why[CURL_ERROR_SIZE] = "", text[ADDR_TEXT];
	struct reach r = { .target = ep->curl };
	CURLcode rc;

	curl_target_apply(ep->curl, easy);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, &r);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, reach_ssl_ctx);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, REACH_MS);
	rc = curl_easy_perform(easy);
	addr_fmt(&ep->addr, text);
	if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, -ECONNREFUSED,
			       "[target %s]: nothing answers at %s: %s",
			       t->name, text, why);
	if (rc != CURLE_OK)
		return err_set(err, -EPROTO,
			       "[target %s]: no TLS with %s: %s (trusted: %s)",
			       t->name, text,
			       *why ? why : curl_easy_strerror(rc),
			       t->ca ? t->ca : "the system's authorities");
	if (t->http == TARGET_HTTP2 && !r.http2)
		return err_set(err, -EPROTO, "[target %s]: %s speaks no "
			       "HTTP/2: write http = 1.1", t->name, text);
	return 0;
}

int curl_target_reach(const struct endpoint *ep, const struct load_target *t,
		      struct err *err)
{
	CURL *easy = curl_easy_init();
	int rc;

	if (!easy)
		return err_set(err, -ENOMEM, "[target %s]: libcurl gives no "
			       "handle", t->name);
	rc = reach(easy, ep, t, err);
	curl_easy_cleanup(easy);
	return rc;
}
