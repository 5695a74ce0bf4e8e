/* SPDX-License-Identifier: Apache-2.0 */
/* A fault that is a toxic on a link of the proxy; see toxic.h. */
#include "faults/link/toxic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/fault/link.h"

enum { TOXIC_PATH = 192 };

static const struct toxic_driver *driver_of(const struct fault *f)
{
	return (const struct toxic_driver *)(const void *)fault_driver(f);
}

static const char *link_of(const struct fault *f)
{
	const struct toxic_opts *o = fault_opts(f);

	return o->link;
}

static const char *stream_of(const struct toxic_driver *d, const void *opts)
{
	if (d->attrs)
		return link_streams[((const struct link_opts *)opts)->stream];
	return d->stream_of ? d->stream_of(opts) : d->stream;
}

double toxic_real_ms(nsec_t span, double speed)
{
	return (double)span / (double)NSEC_MS / speed;
}

double toxic_drill_ms(const json_t *from, const char *key, double speed)
{
	return json_num(from, key, 0) * speed;
}

static void toxics_path(const struct fault *f, char dst[TOXIC_PATH])
{
	snprintf(dst, TOXIC_PATH, "/proxies/%s/toxics", link_of(f));
}

static void toxic_path(const struct fault *f, char dst[TOXIC_PATH])
{
	snprintf(dst, TOXIC_PATH, "/proxies/%s/toxics/%s", link_of(f),
		 fault_mark(f));
}

/* --- before ------------------------------------------------------------ */

/* The link's upstream was allowed when the link was made. */
int toxic_targets(const struct fault *f,
		  int (*fn)(void *arg, enum allow_type, const char *),
		  void *arg)
{
	(void)f;
	(void)fn;
	(void)arg;
	return 0;
}

/* Two toxics share a link; two of one type and direction do not. */
int toxic_claims(const struct fault *f, char *dst, size_t size)
{
	const struct toxic_driver *d = driver_of(f);

	snprintf(dst, size, "link:%s/%s/%s", link_of(f), d->type,
		 stream_of(d, fault_opts(f)));
	return 0;
}

int toxic_check(struct fault *f, const struct fault_env *env, struct err *err)
{
	const struct toxic_driver *d = driver_of(f);
	const char *protocol;

	if (!env->link)
		return 0;
	protocol = fault_link_protocol(env->link, link_of(f));
	if (!protocol)
		return err_set(err, -ENOENT, "there is no link '%s': add "
			       "[link %s] with its upstream", link_of(f),
			       link_of(f));
	if (d->protocol && strcmp(protocol, d->protocol) != 0)
		return err_set(err, -EINVAL, "%s needs a link of protocol %s, "
			       "and link '%s' is %s", d->ops.name, d->protocol,
			       link_of(f), protocol);
	return 0;
}

static int render(char *dst, uint32_t *ret_len, const char *method,
		  const char *path, const char *instance)
{
	int n = snprintf(dst, UNDO_BYTES,
			 "%s %s HTTP/1.1\r\nHost: gameday\r\n"
			 "Gameday-Instance: %s\r\nConnection: close\r\n"
			 "Content-Length: 0\r\n\r\n", method, path, instance);

	if (n < 0 || n >= UNDO_BYTES)
		return -EMSGSIZE;
	*ret_len = (uint32_t)n;
	return 0;
}

static void render_command(struct undo_record *undo, const char *path)
{
	const char *socket = undo->where;

	if (!strncmp(socket, "unix:", 5))
		snprintf(undo->command, sizeof(undo->command),
			 "curl -X DELETE --unix-socket %s http://gameday%s",
			 socket + 5, path);
	else
		snprintf(undo->command, sizeof(undo->command),
			 "curl -X DELETE http://%s%s", socket, path);
}

int toxic_prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	const struct fault_env *env = fault_env(f);
	char path[TOXIC_PATH];
	int rc;

	if (!env->link)
		return err_set(err, -ENOTCONN, "no proxy: %s needs a [link]",
			       fault_driver(f)->name);
	rc = toxic_check(f, env, err);
	if (rc)
		return rc;
	toxic_path(f, path);
	undo->via = UNDO_HTTP;
	snprintf(undo->target, sizeof(undo->target), "link %s", link_of(f));
	snprintf(undo->where, sizeof(undo->where), "%s",
		 fault_link_socket(env->link));
	snprintf(undo->instance, sizeof(undo->instance), "%s",
		 fault_link_instance(env->link));
	render_command(undo, path);
	rc = render((char *)undo->bytes, &undo->len, "DELETE", path,
		    undo->instance);
	if (!rc)
		rc = render((char *)undo->verify, &undo->verify_len, "GET",
			    path, undo->instance);
	return rc ? err_set(err, rc, "the undo request is too long") : 0;
}

/* --- the calls --------------------------------------------------------- */

static double toxicity_of(const struct toxic_driver *d, const void *opts)
{
	return d->attrs ? ((const struct link_opts *)opts)->toxicity : 1;
}

static json_t *attributes_of(const struct toxic_driver *d, const void *opts,
			     double speed)
{
	return d->attrs ? link_attributes(d, opts, speed) :
			  d->attributes(opts, speed);
}

static char *put_body(const struct fault *f)
{
	const struct toxic_driver *d = driver_of(f);
	const struct fault_env *env = fault_env(f);
	const void *opts = fault_opts(f);
	json_t *body = json_pack("{s:s, s:s, s:s, s:f, s:o, s:s}", "name",
				 fault_mark(f), "type", d->type, "stream",
				 stream_of(d, opts), "toxicity",
				 toxicity_of(d, opts), "attributes",
				 attributes_of(d, opts, env->speed), "lease",
				 env->run);
	json_t *ramp = d->attrs ? link_ramp(d, opts, env->speed) : NULL;
	char *text;

	if (d->attrs && ((const struct link_opts *)opts)->per)
		json_object_set_new(body, "per", json_string("chunk"));
	if (ramp)
		json_object_set_new(body, "ramp", ramp);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

void toxic_describe(const struct fault *f, struct buf *calls, struct buf *undo)
{
	AUTO_FREE char *body = put_body(f);
	char path[TOXIC_PATH];

	toxics_path(f, path);
	buf_addf(calls, "POST %s %s\n", path, body);
	toxic_path(f, path);
	buf_addf(undo, "DELETE %s\n", path);
}

/* Code and words of an answer that is not 2xx. */
static int failure(const struct http1_reply *reply, char *dst, size_t size)
{
	json_t *body;

	if (reply->error) {
		snprintf(dst, size, "%s", reply->why);
		return reply->error;
	}
	if (reply->status >= 200 && reply->status < 300)
		return 0;
	body = json_loadb(reply->body, reply->body_len, 0, NULL);
	snprintf(dst, size, "the proxy answered %d %s", reply->status,
		 json_str(body, "error", ""));
	json_decref(body);
	return -EPROTO;
}

static void on_changed(void *arg, const struct http1_reply *reply)
{
	struct fault *f = arg;
	struct toxic_state *s = fault_state(f);
	char why[256] = "";
	int rc = failure(reply, why, sizeof(why));

	s->change = NULL;
	fault_completed(f, rc, rc ? why : NULL);
}

/* Waits for no earlier change: an adjust may follow an adjust. */
static int post(struct fault *f, const char *path, const char *body,
		struct err *err)
{
	struct toxic_state *s = fault_state(f);
	int rc;

	if (s->change)
		return err_set(err, -EBUSY, "an earlier change is under way");
	rc = fault_link_call(fault_env(f)->link, "POST", path, body,
			     on_changed, f, &s->change, err);
	return rc ? rc : -EINPROGRESS;
}

int toxic_inject(struct fault *f, struct err *err)
{
	AUTO_FREE char *body = put_body(f);
	char path[TOXIC_PATH];

	toxics_path(f, path);
	return post(f, path, body, err);
}

int toxic_adjust(struct fault *f, const void *opts, struct err *err)
{
	const struct toxic_driver *d = driver_of(f);
	json_t *o = json_pack("{s:o, s:f}", "attributes",
			      attributes_of(d, opts, fault_env(f)->speed),
			      "toxicity", toxicity_of(d, opts));
	AUTO_FREE char *body = json_dumps(o, JSON_COMPACT);
	char path[TOXIC_PATH];

	json_decref(o);
	toxic_path(f, path);
	return post(f, path, body, err);
}

static void on_looked(void *arg, const struct http1_reply *reply)
{
	struct fault *f = arg;
	struct toxic_state *s = fault_state(f);
	const struct toxic_driver *d = driver_of(f);
	json_t *body = NULL, *achieved = NULL;
	char why[256];

	s->look = NULL;
	if (!failure(reply, why, sizeof(why)))
		body = json_loadb(reply->body, reply->body_len, 0, NULL);
	if (json_object_get(body, "achieved"))
		achieved = (d->attrs ? link_achieved : d->achieved)(
			json_object_get(body, "achieved"), fault_env(f));
	json_decref(body);
	fault_measured(f, d->attrs ? link_asked(d, fault_opts(f)) :
				     d->asked(fault_opts(f)), achieved);
}

int toxic_measure(struct fault *f, struct err *err)
{
	struct toxic_state *s = fault_state(f);
	char path[TOXIC_PATH];
	int rc;

	if (s->look)
		return -EINPROGRESS;
	toxic_path(f, path);
	rc = fault_link_call(fault_env(f)->link, "GET", path, NULL, on_looked,
			     f, &s->look, err);
	return rc ? rc : -EINPROGRESS;
}

void toxic_release(struct fault *f)
{
	struct toxic_state *s = fault_state(f);

	http1_call_cancel(s->change);
	http1_call_cancel(s->look);
	s->change = s->look = NULL;
}
