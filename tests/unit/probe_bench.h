/* SPDX-License-Identifier: Apache-2.0 */
/* A watch with probes on a loop, and an HTTP server for them to ask. */
#ifndef GD_TEST_PROBE_BENCH_H
#define GD_TEST_PROBE_BENCH_H

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/httpd.h"
#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"
#include "chaos/watch/watch.h"

static const struct section_spec *const specs[] = {
	&watch_probe_section, NULL
};

struct bench {
	struct loop *loop;
	struct allow *allow;
	struct symbols *symbols;
	struct scenario *sc;
	struct watch_conf *conf;
	struct watch *watch;
	struct buf told;	/* "A=firing " and "am:unobserved " in turn */
	int listen_fd;
	struct addr addr;
	char at[ADDR_TEXT];
};

static void listen_somewhere(struct bench *b)
{
	struct err err;

	assert_int_equal(addr_parse("127.0.0.1:0", &b->addr, &err), 0);
	assert_int_equal(addr_listen(&b->addr, 16, &b->listen_fd, &err), 0);
	assert_int_equal(addr_local(b->listen_fd, &b->addr), 0);
	addr_fmt(&b->addr, b->at);
}

static void bench_init(struct bench *b)
{
	struct drill_clock clock = { .mono0 = clock_mono(), .speed = 1,
				     .real0 = clock_real() };
	struct err err;

	memset(b, 0, sizeof(*b));
	assert_int_equal(loop_new(LOOP_EPOLL, &b->loop, &err), 0);
	loop_set_clock(b->loop, &clock);
	b->allow = allow_new();
	assert_int_equal(allow_add(b->allow, ALLOW_HOST, "127.0.0.1", &err),
			 0);
	b->symbols = symbols_new();
	buf_init(&b->told, 0);
	listen_somewhere(b);
	symbols_set(b->symbols, "staging:x", b->at);
}

static void on_alert(void *arg, const struct watch_alert *a)
{
	static const char *const states[] = { "over", "pending", "firing" };
	struct bench *b = arg;

	buf_addf(&b->told, "%s=%s ", a->name, states[a->to]);
}

static void on_source(void *arg, const struct watch_source_state *s)
{
	struct bench *b = arg;

	buf_addf(&b->told, "%s:%s ", s->name,
		 s->observed ? "observed" : "unobserved");
}

static int begin(struct bench *b, const char *text, struct err *err)
{
	struct watch_args args = {
		.loop = b->loop, .allow = b->allow, .symbols = b->symbols,
		.alert = on_alert, .source = on_source, .arg = b,
	};
	struct errs errs;

	errs_init(&errs);
	scenario_parse("a.ini", text, specs, NULL, NULL, &b->sc, &errs);
	if (b->sc)
		watch_conf_read(b->sc, &b->conf, &errs);
	if (errs.n)
		fail_msg("%s", errs.v[0].msg);
	errs_done(&errs);
	args.conf = b->conf;
	assert_int_equal(watch_new(&args, &b->watch, err), 0);
	return watch_start(b->watch, true, err);
}

static void must_begin(struct bench *b, const char *text)
{
	struct err err;

	if (begin(b, text, &err))
		fail_msg("%s", err.msg);
	watch_sample_fast(b->watch, true);
}

static void bench_done(struct bench *b)
{
	watch_free(b->watch);
	watch_conf_free(b->conf);
	scenario_free(b->sc);
	symbols_free(b->symbols);
	allow_free(b->allow);
	if (b->listen_fd >= 0)
		close(b->listen_fd);
	loop_free(b->loop);
	buf_done(&b->told);
}

/* Until the condition holds; 10 s at most. */
static void await(struct bench *b, const char *text)
{
	nsec_t until = clock_mono() + 10 * NSEC_SEC;
	struct expr *e;
	struct err err;

	if (expr_parse(text, &e, &err))
		fail_msg("%s", err.msg);
	while (expr_eval(e, watch_env(b->watch)) != EXPR_TRUE) {
		if (clock_mono() > until)
			fail_msg("it never came: %s", text);
		loop_turn(b->loop, 50 * NSEC_MS);
	}
	expr_free(e);
}

struct web {
	struct httpd *httpd;
	const char *body;
	int status, asked;
};

static void answer(void *arg, const struct httpd_request *req,
		   struct httpd_response *resp)
{
	struct web *web = arg;

	(void)req;
	web->asked++;
	resp->status = web->status;
	buf_adds(&resp->body, web->body);
}

static void web_init(struct web *web, struct bench *b, const char *body)
{
	struct err err;

	*web = (struct web){ .body = body, .status = 200 };
	assert_int_equal(httpd_new(b->loop, b->listen_fd, 1000, answer, web,
				   &web->httpd, &err), 0);
	b->listen_fd = -1;
}

#endif
