// links: gd_load
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of a user's connection: exchanges with a peer that sends what the
 * input says in pieces, early or late, closes, resets, or answers twice.  Each
 * exchange ends once, with a status or a cause, and nothing is left open.
 *
 * The first byte says what is asked for; then a byte is a step, and a step that
 * sends takes its bytes from behind it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/loop.h"
#include "chaos/base/mem.h"
#include "chaos/load/conn.h"
#include "tests/fuzz/fuzz.h"

enum { STEPS_MAX = 64, BODY_MAX = 16, LARGE = 4 << 20 };
/* The lowest bits are enum request_keep. */
enum { ASK_KEEP = 3, ASK_HEAD = 4, ASK_LARGE = 0x78 };
enum step {
	STEP_SEND, STEP_SEND_MORE, STEP_SEND_ALL, STEP_FIN, STEP_RESET,
	STEP_NEXT, STEP_TURN, STEP_GIVE_UP, STEPS
};

#define CHECK(x) do { if (!(x)) __builtin_trap(); } while (0)

static struct world {
	struct loop *loop;
	struct endpoint endpoint;
	int listen;
	struct conn_host host;
	struct conn conn;
	struct request request;
	int peer;		/* the other end, -1: none */
	bool out;		/* an exchange is out */
	bool large;		/* it is more than the kernel takes */
} w;

static void on_done(struct conn *c, const struct answer *a)
{
	CHECK(c == &w.conn && w.out);
	CHECK(c->state == CONN_IDLE || c->state == CONN_CLOSED);
	CHECK(a->status ? a->status >= 100 && a->status <= 999
			: a->cause < LOAD_CAUSES);
	CHECK(!a->body || a->body_len <= BODY_MAX);
	CHECK(!a->body || strlen(a->body) <= a->body_len);
	for (size_t i = 0; i < a->n_fields; i++)
		CHECK(a->fields[i].value.off + a->fields[i].value.len <=
		      HTTP1_HEAD_MAX);
	w.out = false;
}

static void world_init(void)
{
	struct err err;
	struct addr any;

	CHECK(loop_new(LOOP_EPOLL, &w.loop, &err) == 0);
	CHECK(addr_parse("127.0.0.1:0", &any, &err) == 0);
	CHECK(addr_listen(&any, 64, &w.listen, &err) == 0);
	CHECK(addr_local(w.listen, &w.endpoint.addr) == 0);
	w.peer = -1;
}

static void peer_close(bool reset)
{
	if (w.peer >= 0 && reset)
		addr_close_rst(w.peer);
	else if (w.peer >= 0)
		close(w.peer);
	w.peer = -1;
}

/* The newest connection is the one that is used. */
static void peer_accept(void)
{
	int fd;

	while ((fd = accept4(w.listen, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		peer_close(true);
		w.peer = fd;
	}
}

static void ask(void)
{
	static char large[LARGE];
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	enum load_cause cause = LOAD_CAUSES;

	if (w.out)
		return;
	w.out = true;
	if (!conn_request(&w.conn, &w.request, w.large ? large : get,
			  w.large ? LARGE : sizeof(get) - 1, &cause)) {
		CHECK(cause < LOAD_CAUSES);
		w.out = false;
	}
	peer_accept();
}

static void turns(int n)
{
	while (n--) {
		loop_turn(w.loop, 0);
		peer_accept();
	}
}

static size_t step_size(enum step step, uint8_t arg, size_t left)
{
	size_t n = step == STEP_SEND ? arg : step == STEP_SEND_MORE ? arg * 16u
								     : left;

	return n < left ? n : left;
}

/* Returns how many bytes of the input it used up. */
static size_t run_step(uint8_t byte, const uint8_t *data, size_t left)
{
	enum step step = byte % STEPS;
	size_t n = 0;

	switch (step) {
	case STEP_SEND:
	case STEP_SEND_MORE:
	case STEP_SEND_ALL:
		n = step_size(step, byte / STEPS + 1, left);
		if (w.peer >= 0)
			(void)!send(w.peer, data, n, MSG_NOSIGNAL);
		break;
	case STEP_FIN:
		if (w.peer >= 0)
			shutdown(w.peer, SHUT_WR);
		break;
	case STEP_RESET:
		peer_close(true);
		break;
	case STEP_NEXT:
		ask();
		break;
	case STEP_TURN:
		break;
	case STEP_GIVE_UP:
		conn_abort(&w.conn);
		w.out = false;
		break;
	case STEPS:
		break;
	}
	turns(1 + byte / 128);
	return n;
}

/* The peer is gone: whatever was out has ended. */
static void finish(void)
{
	peer_close(true);
	for (int i = 0; i < 100 && w.out; i++) {
		loop_turn(w.loop, NSEC_MS);
		peer_accept();
		peer_close(true);
	}
	CHECK(!w.out);
	conn_close(&w.conn);
	CHECK(w.host.open == 0);
	conn_host_done(&w.host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	if (!w.loop)
		world_init();
	conn_host_init(&w.host, w.loop, &w.endpoint, on_done);
	conn_init(&w.conn, &w.host);
	w.large = (data[0] & ASK_LARGE) == ASK_LARGE;
	w.request = (struct request){
		.keep = data[0] & ASK_KEEP,
		.keep_body = BODY_MAX,
		.head = data[0] & ASK_HEAD,
	};
	ask();
	turns(1);
	for (size_t i = 1, n = 0; i < size && n < STEPS_MAX; n++) {
		uint8_t byte = data[i++];

		i += run_step(byte, data + i, size - i);
	}
	finish();
	return 0;
}
