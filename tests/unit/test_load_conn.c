// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/* One connection and its answers, against a server that does as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "chaos/load/conn.h"
#include "tests/unit/load_server.h"

struct world {
	struct server server;
	struct loop *loop;
	struct conn_host host;
	struct endpoint endpoint;
	struct conn conn;
	/* the answer, copied */
	struct answer answer;
	char body[64], type[64], length[64];
	int answers;
};

static void header_copy(const struct answer *a, const char *name, char *ret)
{
	size_t len = 0;
	const char *value = answer_header(a, name, 0, &len);

	snprintf(ret, 64, "%.*s", (int)len, value ? value : "");
}

static void on_done(struct conn *c, const struct answer *a)
{
	struct world *w = LIST_ENTRY(c, struct world, conn);

	w->answer = *a;
	w->answers++;
	snprintf(w->body, sizeof(w->body), "%s", a->body ? a->body : "-");
	header_copy(a, "content-LENGTH", w->length);
	header_copy(a, "X-None", w->type);
}

static void world_init(struct world *w)
{
	struct err err;
	char text[64];

	memset(w, 0, sizeof(*w));
	server_start(&w->server);
	assert_int_equal(loop_new(LOOP_EPOLL, &w->loop, &err), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", w->server.port);
	assert_int_equal(addr_parse(text, &w->endpoint.addr, &err), 0);
	conn_host_init(&w->host, w->loop, &w->endpoint, on_done);
	conn_init(&w->conn, &w->host);
}

static void world_done(struct world *w)
{
	conn_close(&w->conn);
	assert_int_equal(w->host.open, 0);
	conn_host_done(&w->host);
	loop_free(w->loop);
	server_stop(&w->server);
}

static void get(struct world *w, const struct request *r, const char *path)
{
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;
	int before = w->answers;
	enum load_cause cause;
	char text[128];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
		 path);
	assert_true(conn_request(&w->conn, r, text, strlen(text), &cause));
	while (w->answers == before && clock_mono() < deadline)
		loop_turn(w->loop, 10 * NSEC_MS);
	assert_int_equal(w->answers, before + 1);
}

static void keeps_nothing_unasked(void **state)
{
	const struct request r = { 0 };
	struct world w;

	(void)state;
	world_init(&w);
	get(&w, &r, "/ok");
	assert_int_equal(w.answer.status, 200);
	assert_null(w.answer.body);
	assert_int_equal(w.answer.n_fields, 0);
	assert_string_equal(w.length, "");
	assert_int_equal(w.answer.body_seen, 5);
	world_done(&w);
}

static void keeps_headers_and_body(void **state)
{
	const struct request r = {
		.keep = REQUEST_KEEP_HEADERS | REQUEST_KEEP_BODY
	};
	struct world w;

	(void)state;
	world_init(&w);
	get(&w, &r, "/ok");
	assert_string_equal(w.body, "hello");
	assert_string_equal(w.length, "5");
	assert_string_equal(w.type, "");
	assert_false(w.answer.body_cut);
	/* The next one begins anew, whatever its framing. */
	get(&w, &r, "/chunked");
	assert_string_equal(w.body, "hello");
	get(&w, &r, "/status/204");
	assert_string_equal(w.body, "");
	assert_int_equal(w.answer.body_len, 0);
	assert_int_equal(w.host.connects, 1);
	world_done(&w);
}

static void says_where_a_body_was_cut(void **state)
{
	const struct request r = { .keep = REQUEST_KEEP_BODY, .keep_body = 3 };
	struct world w;

	(void)state;
	world_init(&w);
	get(&w, &r, "/ok");
	assert_string_equal(w.body, "hel");
	assert_true(w.answer.body_cut);
	assert_int_equal(w.answer.body_seen, 5);
	get(&w, &r, "/ok");
	assert_string_equal(w.body, "hel");
	world_done(&w);
}

static void says_which_rule_was_broken(void **state)
{
	const struct request r = { .keep = REQUEST_KEEP_BODY };
	struct world w;

	(void)state;
	world_init(&w);
	get(&w, &r, "/garbage");
	assert_int_equal(w.answer.status, 0);
	assert_int_equal(w.answer.cause, LOAD_PROTOCOL);
	assert_string_equal(w.answer.why, "not an HTTP/1 message");
	assert_null(w.answer.body);
	world_done(&w);
}

static void times_out_by_itself(void **state)
{
	const struct request slow = { .first_byte_timeout = 50 * NSEC_MS };
	const struct request patient = { .first_byte_timeout = 10 * NSEC_SEC };
	struct world w;
	nsec_t from;

	(void)state;
	world_init(&w);
	get(&w, &patient, "/slow/80");
	assert_int_equal(w.answer.status, 200);
	assert_false(loop_timer_is_set(&w.conn.timer));
	from = clock_mono();
	get(&w, &slow, "/hang");
	assert_int_equal(w.answer.status, 0);
	assert_int_equal(w.answer.cause, LOAD_TIMEOUT);
	assert_string_equal(w.answer.why, "no answer's first byte in time");
	assert_true(clock_mono() - from >= 50 * NSEC_MS);
	assert_int_equal(w.conn.state, CONN_CLOSED);
	world_done(&w);
}

/* A listener whose queue is full answers no SYN. */
static void connects_in_time_or_not_at_all(void **state)
{
	const struct request r = { .connect_timeout = 50 * NSEC_MS };
	struct world w;
	struct addr any;
	struct err err;
	int listen_fd = -1, fds[8];

	(void)state;
	world_init(&w);
	assert_int_equal(addr_parse("127.0.0.1:0", &any, &err), 0);
	assert_int_equal(addr_listen(&any, 0, &listen_fd, &err), 0);
	assert_int_equal(addr_local(listen_fd, &w.endpoint.addr), 0);
	for (size_t i = 0; i < 8; i++)
		(void)!addr_connect(&w.endpoint.addr, &fds[i], &err);
	get(&w, &r, "/ok");
	assert_int_equal(w.answer.cause, LOAD_TIMEOUT);
	assert_string_equal(w.answer.why, "no connection in time");
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
	close(listen_fd);
	world_done(&w);
}

static void early_answer_to_a_large_request(void **state)
{
	enum { LARGE = 32 << 20 };
	const struct request r = { 0 };
	char *bytes = mem_zalloc(LARGE);
	nsec_t deadline = clock_mono() + 10 * NSEC_SEC;
	enum load_cause cause;
	struct addr any;
	struct err err;
	struct world w;
	int listen_fd = -1, fd;

	(void)state;
	world_init(&w);
	assert_int_equal(addr_parse("127.0.0.1:0", &any, &err), 0);
	assert_int_equal(addr_listen(&any, 8, &listen_fd, &err), 0);
	assert_int_equal(addr_local(listen_fd, &w.endpoint.addr), 0);
	assert_true(conn_request(&w.conn, &r, bytes, LARGE, &cause));
	loop_turn(w.loop, NSEC_SEC);
	assert_int_equal(w.conn.state, CONN_SENDING);
	fd = accept(listen_fd, NULL, NULL);
	assert_true(fd >= 0);
	(void)!send(fd, "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n", 37, 0);
	while (!w.answers && clock_mono() < deadline)
		loop_turn(w.loop, 10 * NSEC_MS);
	assert_int_equal(w.answer.status, 413);
	assert_int_equal(w.conn.state, CONN_CLOSED);
	close(fd);
	close(listen_fd);
	mem_free(bytes);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_nothing_unasked),
		cmocka_unit_test(keeps_headers_and_body),
		cmocka_unit_test(says_where_a_body_was_cut),
		cmocka_unit_test(says_which_rule_was_broken),
		cmocka_unit_test(times_out_by_itself),
		cmocka_unit_test(connects_in_time_or_not_at_all),
		cmocka_unit_test(early_answer_to_a_large_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
