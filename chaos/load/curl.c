/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl as a load engine: a user's exchanges, and what became of them. */
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/load/curl_lane.h"
#include "chaos/load/inflate.h"

enum {
	BODY_POOLED = 65536,	/* more is given back between exchanges */
	HEAP_KEPT = 16 << 20,
	HEAP_STEP = 1 << 20,
};

static int curl_probe(char *ret, size_t size, struct err *err)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

	if (!v->ssl_version || !strstr(v->ssl_version, "OpenSSL"))
		return err_set(err, -ENOTSUP, "libcurl %s was built with %s "
			       "and not with OpenSSL (package libcurl4)",
			       v->version, v->ssl_version ? v->ssl_version
							  : "no TLS");
	if (!(v->features & CURL_VERSION_HTTP2))
		return err_set(err, -ENOTSUP, "libcurl %s was built without "
			       "HTTP/2", v->version);
	snprintf(ret, size, "libcurl %s, TLS by %s, HTTP/2 by nghttp2 %s",
		 v->version, v->ssl_version, v->nghttp2_version);
	return 0;
}

/* Causes. Whatever is in no row came from an answer that made no sense. */
static const struct {
	CURLcode code;
	enum load_cause cause;
} causes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, LOAD_CONNECT },
	{ CURLE_COULDNT_CONNECT, LOAD_CONNECT },
	{ CURLE_OPERATION_TIMEDOUT, LOAD_TIMEOUT },
	{ CURLE_SSL_CONNECT_ERROR, LOAD_CONNECT },
	{ CURLE_PEER_FAILED_VERIFICATION, LOAD_CONNECT },
	{ CURLE_SSL_CERTPROBLEM, LOAD_CONNECT },
	{ CURLE_SSL_CIPHER, LOAD_CONNECT },
	{ CURLE_SSL_CACERT_BADFILE, LOAD_CONNECT },
	{ CURLE_SSL_ISSUER_ERROR, LOAD_CONNECT },
	{ CURLE_SSL_INVALIDCERTSTATUS, LOAD_CONNECT },
	{ CURLE_SSL_CLIENTCERT, LOAD_CONNECT },
	{ CURLE_SEND_ERROR, LOAD_RESET },
	{ CURLE_RECV_ERROR, LOAD_RESET },
	{ CURLE_GOT_NOTHING, LOAD_RESET },
	{ CURLE_PARTIAL_FILE, LOAD_RESET },
	{ CURLE_HTTP2, LOAD_RESET },	/* GOAWAY */
	{ CURLE_HTTP2_STREAM, LOAD_RESET },
	/* It had been sent once: see about_to_send(). */
	{ CURLE_ABORTED_BY_CALLBACK, LOAD_RESET },
};

enum load_cause curl_cause(CURLcode code, const char *why, bool reused)
{
	/*
	 * TLS 1.3: a server refuses the client's certificate after the client
	 * took the handshake for done and sent its request.
	 */
	if (code == CURLE_RECV_ERROR && !reused && strstr(why, "alert"))
		return LOAD_CONNECT;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].code == code)
			return causes[i].cause;
	return LOAD_PROTOCOL;
}

/* 0: no time but the user's patience. */
static void timer_set(struct curl_user *u, nsec_t span)
{
	struct loop *loop = u->conn->host->loop;

	if (span)
		loop_timer_at(loop, &u->timer, loop_now(loop) + span);
	else
		loop_timer_stop(loop, &u->timer);
}

/*
 * The exchange is over: how much of its request has libcurl sent?  It counts a
 * head as it goes out and a body's bytes; a head goes out at once.
 */
static void sent_count(struct curl_user *u, bool answered)
{
	struct conn_host *conns = u->conn->host;
	curl_off_t body = 0;
	long head = 0;

	if (!u->conn->has_sent)
		return;
	curl_easy_getinfo(u->easy, CURLINFO_REQUEST_SIZE, &head);
	curl_easy_getinfo(u->easy, CURLINFO_SIZE_UPLOAD_T, &body);
	if (answered ||
	    (head > 0 && (size_t)body >= u->request.body_len))
		conns->sent++;
	else
		conns->sent_partly += head > 0;
}

static void user_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct curl_user *u = arg;
	struct answer a = {
		.cause = LOAD_TIMEOUT,
		.why = u->conn->has_sent ? "no answer began in time"
					 : "no connection in time",
		.body_seen = u->body_seen,
	};

	(void)loop;
	(void)timer;
	curl_lane_remove(u->lane, u);
	sent_count(u, false);
	u->conn->host->done(u->conn, &a);
}

/* What libcurl calls while an exchange is on. */

static int about_to_send(void *arg, char *ip, char *local, int port,
			 int local_port)
{
	struct curl_user *u = arg;

	(void)ip;
	(void)local;
	(void)port;
	(void)local_port;
	/* Again: see curl_lane_socket(). */
	if (u->conn->has_sent)
		return CURL_PREREQFUNC_ABORT;
	u->conn->sent = loop_now_fresh(u->conn->host->loop);
	u->conn->has_sent = true;
	timer_set(u, u->conn->request->first_byte_timeout);
	return CURL_PREREQFUNC_OK;
}

static size_t head_came(char *data, size_t one, size_t n, void *arg)
{
	(void)data;
	timer_set(arg, 0);
	return one * n;
}

/* The beginning, as far as there is room. */
static void body_keep(struct buf *body, const char *data, size_t n)
{
	size_t room = body->max - body->len;

	buf_add(body, data, n < room ? n : room);
	body->overflow |= n > room;
}

static size_t body_came(char *data, size_t one, size_t n, void *arg)
{
	struct curl_user *u = arg;

	u->body_seen += one * n;
	if (u->conn->request->keep & REQUEST_KEEP_BODY)
		body_keep(&u->body, data, one * n);
	return one * n;
}

static bool easy_new(struct curl_user *u)
{
	CURL *easy = curl_easy_init();

	if (!easy)
		return false;
	u->easy = easy;
	loop_timer_init(&u->timer, "load exchange", user_timer, u);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, u);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, u->why);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, u);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, u);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, curl_lane_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, u);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
			 curl_lane_socket_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, u->conn->host->curl);
	return true;
}

static struct curl_user *user_get(struct conn *c)
{
	if (!c->host->curl)
		c->host->curl = curl_host_new(c->host);
	if (!c->curl) {
		c->curl = mem_zalloc(sizeof(*c->curl));
		c->curl->conn = c;
	}
	if (!c->curl->easy && !easy_new(c->curl))
		return NULL;
	return c->curl;
}

static void leave(struct curl_user *u)
{
	struct curl_lane *lane = u->lane;

	u->lane = NULL;
	if (lane)
		curl_lane_leave(lane);
}

static bool join(struct curl_user *u, const struct request *r)
{
	const struct curl_target *t =
		u->conn->host->endpoints[r->target].curl;

	if (u->lane && u->lane->target != r->target)
		leave(u);
	if (!u->lane)
		u->lane = curl_lane_join(u->conn->host->curl, r);
	if (!u->lane || !curl_lane_open(u->lane))
		return false;
	if (u->set != t && !curl_target_apply(t, u->easy))
		return false;
	u->set = t;
	return true;
}

/*
 * libcurl 7.88.1: HTTP/2 by prior knowledge is for a new connection only; on
 * one that is there the same handle fails (CURLE_HTTP2).  So an exchange that
 * finds one goes on it, or comes back to be sent on a new one.
 */
static void reuse_set(struct curl_user *u, bool reuse)
{
	if (u->set->http_version != CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE)
		return;
	u->reuse = reuse;
	curl_easy_setopt(u->easy, CURLOPT_HTTP_VERSION,
			 reuse ? CURL_HTTP_VERSION_2_0
			       : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
}

static void first_byte_set(struct curl_user *u, bool awaits)
{
	if (u->awaits_byte == awaits)
		return;
	u->awaits_byte = awaits;
	curl_easy_setopt(u->easy, CURLOPT_HEADERFUNCTION,
			 awaits ? head_came : NULL);
	curl_easy_setopt(u->easy, CURLOPT_HEADERDATA, awaits ? u : NULL);
}

static void body_ready(struct buf *body, size_t max)
{
	if (body->cap > BODY_POOLED)
		buf_done(body);
	buf_reset(body);
	body->max = max;
}

static void keep_begin(struct curl_user *u, const struct request *r)
{
	size_t max = r->keep_body ? r->keep_body : REQUEST_KEEP_BODY_MAX;

	u->body_seen = 0;
	if (!(r->keep & REQUEST_KEEP_BODY))
		return;
	body_ready(&u->body, max);
	body_ready(&u->decoded, max);
}

static bool curl_user_request(struct conn *c, const struct request *r,
			 const char *bytes, size_t len,
			 enum load_cause *ret_cause)
{
	struct curl_user *u = user_get(c);

	c->has_sent = false;
	c->request = r;
	*ret_cause = LOAD_CONNECT;
	if (!u || !join(u, r))
		return false;
	*ret_cause = LOAD_PROTOCOL;
	if (!curl_request_set(&u->request, u->easy, bytes, len,
			      r->fixed.len && bytes == r->fixed.data))
		return false;
	keep_begin(u, r);
	first_byte_set(u, r->first_byte_timeout > 0);
	if (r->connect_timeout)
		timer_set(u, r->connect_timeout);
	u->why[0] = '\0';
	reuse_set(u, u->lane->socks > 0);
	if (curl_lane_add(u->lane, u))
		return true;
	timer_set(u, 0);
	return false;
}

static void header_keep(struct curl_user *u, const struct curl_header *h)
{
	struct http1_field f;
	size_t name = strlen(h->name), value = strlen(h->value);

	f.name = (struct http1_slice){ (uint32_t)u->head.len, (uint32_t)name };
	f.value = (struct http1_slice){ (uint32_t)(u->head.len + name),
					(uint32_t)value };
	if (!buf_add(&u->head, h->name, name) ||
	    !buf_add(&u->head, h->value, value))
		return;
	(void)mem_grow(u->fields, u->n_fields, u->cap_fields);
	u->fields[u->n_fields++] = f;
}

/*
 * The body as the server meant it; libcurl would decode it without a maximum.
 * False: it is broken.
 */
static bool body_take(struct curl_user *u, struct answer *a)
{
	struct curl_header *h = NULL;
	const struct buf *body;

	(void)curl_easy_header(u->easy, "Content-Encoding", 0, CURLH_HEADER, -1,
			       &h);
	body = inflate_kept(&u->body, h ? h->value : NULL,
			    h ? strlen(h->value) : 0, &u->decoded);
	if (!body)
		return false;
	a->body = body->data ? body->data : "";
	a->body_len = body->len;
	a->body_cut = body->overflow;
	return true;
}

static void answer_take(struct curl_user *u, int status, struct answer *a)
{
	unsigned keep = u->conn->request->keep;
	struct curl_header *h = NULL;

	a->status = status;
	if (keep & REQUEST_KEEP_HEADERS) {
		buf_reset(&u->head);
		u->n_fields = 0;
		while ((h = curl_easy_nextheader(u->easy, CURLH_HEADER, -1,
						 h)))
			header_keep(u, h);
		a->head = u->head.data;
		a->fields = u->fields;
		a->n_fields = u->n_fields;
	}
	if (keep & REQUEST_KEEP_BODY && !body_take(u, a))
		*a = (struct answer){ .cause = LOAD_PROTOCOL,
				      .why = "a broken gzip or deflate body",
				      .body_seen = u->body_seen };
}

static bool was_reused(const struct curl_user *u)
{
	long connects = 0;

	curl_easy_getinfo(u->easy, CURLINFO_NUM_CONNECTS, &connects);
	return connects == 0;
}

static void failure_take(struct curl_user *u, CURLcode code, struct answer *a)
{
	struct conn_host *conns = u->conn->host;
	long os = 0;

	a->why = u->why[0] ? u->why : curl_easy_strerror(code);
	/* Where a second try was refused, the first had been sent. */
	if (code == CURLE_COULDNT_CONNECT && u->conn->has_sent)
		a->cause = LOAD_RESET;
	else
		a->cause = curl_cause(code, u->why, was_reused(u));
	curl_easy_getinfo(u->easy, CURLINFO_OS_ERRNO, &os);
	conns->eaddrnotavail += os == EADDRNOTAVAIL;
	if (a->cause != LOAD_CONNECT || code == CURLE_COULDNT_CONNECT ||
	    conns->curl->said)
		return;
	conns->curl->said = true;
	log_warn("[target %s]: a TLS handshake failed, and counts as 'connect'"
		 ": %s", u->set->name, a->why);
}

void curl_user_ended(struct curl_user *u, CURLcode code)
{
	struct answer a = { .body_seen = u->body_seen };
	long status = 0;

	if (code == CURLE_COULDNT_CONNECT && u->reuse && !u->conn->has_sent) {
		reuse_set(u, false);
		if (curl_lane_add(u->lane, u))
			return;
	}
	timer_set(u, 0);
	if (code == CURLE_OK)
		curl_easy_getinfo(u->easy, CURLINFO_RESPONSE_CODE, &status);
	sent_count(u, status);
	if (status)
		answer_take(u, (int)status, &a);
	else
		failure_take(u, code, &a);
	u->conn->host->done(u->conn, &a);
}

static void curl_user_abort(struct conn *c)
{
	struct curl_user *u = c->curl;

	if (!u || !u->out)
		return;
	timer_set(u, 0);
	curl_lane_remove(u->lane, u);
	sent_count(u, false);
}

static void curl_user_close(struct conn *c)
{
	curl_user_abort(c);
	if (c->curl)
		leave(c->curl);
}

static void curl_user_free(struct conn *c)
{
	struct curl_user *u = c->curl;

	curl_user_close(c);
	if (!u)
		return;
	curl_easy_cleanup(u->easy);
	curl_request_done(&u->request);
	buf_done(&u->body);
	buf_done(&u->decoded);
	buf_done(&u->head);
	mem_free(u->fields);
	mem_free(u);
	c->curl = NULL;
}

static void curl_host_done(struct conn_host *h)
{
	curl_host_free(h->curl);
	h->curl = NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * Each request has libcurl and OpenSSL take and give back buffers of 16 KiB,
 * mostly at the heap's end: it must not be cut off and grown again each time.
 */
static void heap_keep(void)
{
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_TOP_PAD, HEAP_STEP);
}

static void global_init(void)
{
	heap_keep();
	curl_global_init(CURL_GLOBAL_ALL);
}

static int curl_prepare(struct endpoint *ep, const struct load_target *t,
			const struct http1_url *url, struct err *err)
{
	char text[256];
	int rc;

	pthread_once(&once, global_init);
	rc = curl_probe(text, sizeof(text), err);
	return rc < 0 ? rc : curl_target_prepare(ep, t, url, err);
}

const struct engine engine_curl = {
	.name = "curl",
	.summary = "https:// targets and HTTP/2: libcurl, TLS, a connection a "
		   "user or shared streams",
	.fds = 3,	/* the connection, and libcurl's pair for wake-ups */
	.probe = curl_probe,
	.prepare = curl_prepare,
	.release = curl_target_release,
	.reach = curl_target_reach,
	.request = curl_user_request,
	.close = curl_user_close,
	.abort = curl_user_abort,
	.free = curl_user_free,
	.host_done = curl_host_done,
};
