/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of gameday-proxy.  Opening blocks, with a bound on each call;
 * afterwards every call runs on the loop.  It knows no toxic and no fault.
 */
#include "chaos/fault/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/fault/link_impl.h"

#define CALL_WAIT (2 * NSEC_SEC)	/* real, each */

/* --- calls ------------------------------------------------------------- */

/* Every call names the instance: another proxy must not take it for its own. */
static void add_headers(const struct fault_link *l, struct buf *b)
{
	if (l->instance[0])
		buf_addf(b, "Gameday-Instance: %s\r\n", l->instance);
	buf_adds(b, "Content-Type: application/json\r\n");
}

int link_wait(const struct fault_link *l, const char *method, const char *path,
	      const char *body, json_t **ret, struct err *err)
{
	AUTO_FREE char *answer = mem_alloc(LINK_BODY);
	struct buf b;
	int rc;

	buf_init(&b, 0);
	buf_addf(&b, "%s %s HTTP/1.1\r\nHost: gameday\r\n"
		 "Connection: close\r\n", method, path);
	add_headers(l, &b);
	buf_addf(&b, "Content-Length: %zu\r\n\r\n%s",
		 body ? strlen(body) : 0, body ? body : "");
	rc = http1_call_wait(&l->to, b.data, b.len, CALL_WAIT, answer,
			     LINK_BODY, err);
	buf_done(&b);
	if (rc > 0 && ret)
		*ret = json_loads(answer, 0, NULL);
	return rc;
}

/* As link_wait, where only 2xx will do. */
static int link_want(const struct fault_link *l, const char *method,
		     const char *path, const char *body, json_t **ret,
		     struct err *err)
{
	json_t *answer = NULL;
	int rc = link_wait(l, method, path, body, &answer, err);

	if (rc >= 200 && rc < 300 && (answer || !ret)) {
		if (ret)
			*ret = answer;
		else
			json_decref(answer);
		return 0;
	}
	if (rc >= 0)
		rc = err_set(err, -EPROTO, "proxy: %s %s: %d %s", method, path,
			     rc, json_str(answer, "error", ""));
	json_decref(answer);
	return rc;
}

int fault_link_call(struct fault_link *l, const char *method, const char *path,
		    const char *body, http1_done_fn *done, void *arg,
		    struct http1_call **ret, struct err *err)
{
	struct buf headers;
	int rc;

	buf_init(&headers, 0);
	add_headers(l, &headers);
	rc = http1_call_start(l->loop, &(struct http1_args){
		.to = l->to,
		.method = method,
		.path = path,
		.host = "gameday",
		.headers = headers.data,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.timeout_real = CALL_WAIT,
		.done = done,
		.arg = arg,
	}, ret, err);
	buf_done(&headers);
	return rc;
}

/* --- links ------------------------------------------------------------- */

static struct link_known *find_link(const struct fault_link *l,
				    const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].name, name))
			return &l->v[i];
	return NULL;
}

static void add_symbols(const struct fault_link *l, struct symbols *symbols,
			const struct link_known *k)
{
	AUTO_FREE char *name = mem_printf("link:%s", k->name);
	AUTO_FREE char *pool = mem_printf("link:%s/pool", k->name);
	const char *scheme = strncmp(l->api, "unix:", 5) ? "http://" : "";
	const char *colon = *scheme ? "" : ":";
	AUTO_FREE char *url = mem_printf("%s%s%s/gameday/links/%s/pool",
					 scheme, l->api, colon, k->name);

	symbols_set(symbols, name, k->listen);
	symbols_set(symbols, pool, url);
}

static void know_link(struct fault_link *l, struct symbols *symbols,
		      const char *name, const char *listen,
		      const char *protocol)
{
	struct link_known *k = find_link(l, name);

	if (!k) {
		(void)mem_grow(l->v, l->n, l->cap);
		k = &l->v[l->n++];
	}
	snprintf(k->name, sizeof(k->name), "%s", name);
	snprintf(k->listen, sizeof(k->listen), "%s", listen);
	snprintf(k->protocol, sizeof(k->protocol), "%s", protocol);
	if (symbols)
		add_symbols(l, symbols, k);
}

static void know_stack_links(struct fault_link *l,
			     const struct fault_link_args *args)
{
	const char *name;
	json_t *link;

	if (!args->stack_links)
		return;
	/* jansson's iterator wants it without const, and changes nothing. */
	json_object_foreach((json_t *)(uintptr_t)args->stack_links, name, link)
		know_link(l, args->symbols, name, json_str(link, "listen", ""),
			  json_str(link, "protocol", "tcp"));
}

/*
 * "upstream = staging:Y" takes the stack's own link to Y over: it leads there
 * already, and its clients are connected to it.
 */
static int take_over(const struct fault_link *l,
		     const struct fault_link_conf *c, const char *upstream,
		     const json_t *stack_links, struct err *err)
{
	const json_t *link = json_object_get(stack_links, c->name);
	const char *there = json_str(link, "upstream", "");

	if (!find_link(l, c->name))
		return -ENOENT;
	if (link && strcmp(there, upstream) != 0)
		return err_set(err, -EEXIST,
			       "[link %s] leads to '%s', the stack's link of "
			       "that name to '%s': give it another name",
			       c->name, upstream, there);
	return 0;
}

/*
 * Staging's own children are implied; all else is as [allow] says.  What was
 * allowed is the address, so that is what the proxy is told: it would resolve
 * a name once more, and to whatever it leads by then.
 */
static int check_upstream(const struct fault_link_args *args,
			  const struct fault_link_conf *c, char **upstream,
			  struct err *err)
{
	char text[ADDR_TEXT];
	struct addr to;
	int rc;

	if (!strncmp(c->upstream, "staging:", 8) || !args->allow)
		return 0;
	rc = symbols_addr(args->symbols, c->upstream, &to, err);
	if (!rc)
		rc = allow_connect(args->allow, &to, err);
	if (rc) {
		err_prefix(err, "[link %s]", c->name);
		return rc;
	}
	mem_free(*upstream);
	*upstream = mem_strdup(addr_fmt(&to, text));
	return 0;
}

/*
 * An earlier run on this stack may have left a link of the name.  One with a
 * toxic on it is another run's, and stays.
 */
static void free_name(struct fault_link *l, const char *name)
{
	AUTO_FREE char *path = mem_printf("/proxies/%s", name);
	json_t *found = NULL;

	if (link_want(l, "GET", path, NULL, &found, NULL))
		return;
	if (json_array_size(json_at(found, "toxics")) == 0)
		(void)!link_want(l, "DELETE", path, NULL, NULL, NULL);
	json_decref(found);
}

static int create_link(struct fault_link *l,
		       const struct fault_link_args *args,
		       const struct fault_link_conf *c, const char *upstream,
		       struct err *err)
{
	const char *listen = strcmp(c->listen, "auto") ? c->listen :
							 "127.0.0.1:0";
	json_t *ask = json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", c->name,
				"listen", listen, "upstream", upstream,
				"protocol", c->protocol, "enabled", 1);
	AUTO_FREE char *body = json_dumps(ask, JSON_COMPACT);
	json_t *made = NULL;
	int rc;

	json_decref(ask);
	free_name(l, c->name);
	rc = link_want(l, "POST", "/proxies", body, &made, err);
	if (rc)
		return err_prefix(err, "[link %s]", c->name);
	know_link(l, args->symbols, c->name, json_str(made, "listen", ""),
		  c->protocol);
	json_decref(made);
	return 0;
}

static int make_link(struct fault_link *l, const struct fault_link_args *args,
		     const struct fault_link_conf *c, struct err *err)
{
	AUTO_FREE char *upstream = NULL;
	int rc;

	rc = symbols_expand(args->symbols, c->upstream, &upstream, err);
	if (!rc)
		rc = take_over(l, c, upstream, args->stack_links, err);
	if (rc != -ENOENT || !upstream)
		return rc;
	rc = check_upstream(args, c, &upstream, err);
	return rc ? rc : create_link(l, args, c, upstream, err);
}

/* --- lease ------------------------------------------------------------- */

static int await(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc;

	do
		rc = poll(&p, 1, (int)(CALL_WAIT / NSEC_MS));
	while (rc < 0 && errno == EINTR);
	return rc == 1 ? 0 : -ETIMEDOUT;
}

/* Byte by byte: what follows the head is not ours to read. */
static int read_upgrade(int fd, struct err *err)
{
	char head[2048];
	size_t len = 0;

	while (len + 1 < sizeof(head)) {
		ssize_t n;

		if (await(fd, POLLIN))
			return err_set(err, -ETIMEDOUT, "no lease in 2 s");
		n = recv(fd, head + len, 1, 0);
		if (n <= 0)
			break;
		head[++len] = '\0';
		if (len >= 4 && !strcmp(head + len - 4, "\r\n\r\n"))
			return strncmp(head, "HTTP/1.1 101", 12) ?
				err_set(err, -EPROTO, "the proxy refuses a "
					"lease: %.40s", head) : 0;
	}
	return err_set(err, -ECONNRESET, "the proxy closed instead of a lease");
}

static int take_lease(struct fault_link *l, const char *run, struct err *err)
{
	AUTO_FREE char *ask = mem_printf(
		"GET /gameday/lease?id=%s HTTP/1.1\r\nHost: gameday\r\n"
		"Connection: Upgrade\r\nUpgrade: gameday-lease\r\n"
		"Gameday-Instance: %s\r\n\r\n", run, l->instance);
	AUTO_CLOSE int fd = -1;
	int rc = addr_connect(&l->to, &fd, err);

	if (rc == -EINPROGRESS)
		rc = await(fd, POLLOUT);
	if (rc)
		return err_set(err, rc, "no lease from %s: %s", l->api,
			       strerror(-rc));
	if (send(fd, ask, strlen(ask), MSG_NOSIGNAL) != (ssize_t)strlen(ask))
		return err_errno(err, "ask for a lease");
	rc = read_upgrade(fd, err);
	if (rc)
		return rc;
	l->lease_fd = fd;
	fd = -1;
	return 0;
}

/* --- open, close ------------------------------------------------------- */

static int open_api(struct fault_link *l, const struct fault_link_args *args,
		    struct err *err)
{
	json_t *instance = NULL;
	int rc = 0;

	l->ours = !args->api;
	if (l->ours)
		rc = link_start_proxy(l, args->run, err);
	else
		snprintf(l->api, sizeof(l->api), "%s", args->api);
	if (!rc)
		rc = addr_parse(l->api, &l->to, err);
	if (!rc)
		rc = link_want(l, "GET", "/gameday/instance", NULL, &instance,
			       err);
	if (rc)
		return rc;
	snprintf(l->instance, sizeof(l->instance), "%s",
		 json_str(instance, "instance", ""));
	json_decref(instance);
	return 0;
}

static int open_all(struct fault_link *l, const struct fault_link_args *args,
		    struct err *err)
{
	int rc = open_api(l, args, err);

	if (!rc)
		rc = take_lease(l, args->run, err);
	if (rc)
		return rc;
	know_stack_links(l, args);
	for (size_t i = 0; !rc && i < args->n; i++)
		rc = make_link(l, args, &args->confs[i], err);
	return rc;
}

int fault_link_open(const struct fault_link_args *args,
		    struct fault_link **ret, struct err *err)
{
	struct fault_link *l = mem_zalloc(sizeof(*l));
	int rc;

	l->loop = args->loop;
	l->lease_fd = -1;
	rc = open_all(l, args, err);
	if (rc) {
		/* Ours has nobody to serve: without a goodbye it ends now. */
		if (!l->ours)
			fault_link_goodbye(l);
		fault_link_close(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void fault_link_close(struct fault_link *l)
{
	if (!l)
		return;
	mem_close_fd(&l->lease_fd);
	mem_free(l->v);
	mem_free(l);
}

void fault_link_goodbye(struct fault_link *l)
{
	struct err err;
	int rc;

	if (l->said_goodbye)
		return;
	l->said_goodbye = true;
	if (l->lease_fd >= 0 &&
	    send(l->lease_fd, "bye\n", 4, MSG_NOSIGNAL) < 0)
		return;		/* the proxy has ended */
	if (!l->ours || !l->instance[0])
		return;
	rc = link_wait(l, "POST", "/gameday/goodbye", NULL, NULL, &err);
	(void)rc;		/* it ends by itself all the same */
}

int fault_link_lease_fd(const struct fault_link *l)
{
	return l->lease_fd;
}

const char *fault_link_socket(const struct fault_link *l)
{
	return l->api;
}

const char *fault_link_instance(const struct fault_link *l)
{
	return l->instance;
}

bool fault_link_has(const struct fault_link *l, const char *name)
{
	return find_link(l, name) != NULL;
}

const char *fault_link_protocol(const struct fault_link *l, const char *name)
{
	const struct link_known *k = find_link(l, name);

	return k ? k->protocol : NULL;
}
