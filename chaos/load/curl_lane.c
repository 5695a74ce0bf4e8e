/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi interface on the loop. */
#include "chaos/load/curl_lane.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"

/* A descriptor that libcurl has; it stays in the loop while it is idle. */
struct curl_sock {
	struct loop_io io;
	struct curl_lane *lane;
	unsigned want;		/* LOOP_IN, LOOP_OUT; 0: idle */
	ino_t inode;		/* is the descriptor still this socket? */
	bool up;		/* connected */
};

static loop_io_fn sock_ready;
static loop_timer_fn lane_timer, lane_late;

struct curl_host *curl_host_new(struct conn_host *conns)
{
	struct curl_host *h = mem_zalloc(sizeof(*h));

	h->conns = conns;
	return h;
}

void curl_host_free(struct curl_host *h)
{
	if (!h)
		return;
	mem_free(h->socks);
	mem_free(h);
}

/* Descriptors. */

static struct curl_sock **sock_at(struct curl_host *h, int fd)
{
	size_t n = h->n_socks;

	if ((size_t)fd >= n) {
		n = n * 2 > (size_t)fd ? n * 2 : (size_t)fd + 16;
		h->socks = mem_realloc(h->socks, n * sizeof(*h->socks));
		memset(h->socks + h->n_socks, 0,
		       (n - h->n_socks) * sizeof(*h->socks));
		h->n_socks = n;
	}
	return &h->socks[fd];
}

static void sock_watch(struct curl_sock *s, unsigned events)
{
	struct err err;

	if (loop_io_set(s->lane->host->conns->loop, &s->io, events, &err) < 0)
		log_error("%s", err.msg);
}

/* Its descriptor is closed, or about to be. */
static void sock_forget(struct curl_sock **at)
{
	struct curl_sock *s = *at;

	*at = NULL;
	sock_watch(s, 0);
	s->lane->socks--;
	s->lane->host->conns->open--;
	mem_free(s);
}

/* For one that is said to be gone while it connects: see socket_wanted(). */
static bool sock_is_closed(const struct curl_sock *s)
{
	struct stat st;

	return fstat(s->io.fd, &st) < 0 || st.st_ino != s->inode;
}

static void sock_add(struct curl_lane *lane, int fd)
{
	struct curl_sock **at = sock_at(lane->host, fd);
	struct curl_sock *s = mem_zalloc(sizeof(*s));
	struct stat st;

	if (*at)
		sock_forget(at);
	s->lane = lane;
	s->lane->socks++;
	if (fstat(fd, &st) == 0)
		s->inode = st.st_ino;
	loop_io_init(&s->io, fd, "load connection (libcurl)", sock_ready, s);
	*at = s;
}

static int socket_open(struct conn_host *conns, const struct curl_sockaddr *to)
{
	int fd = socket(to->family,
			to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			to->protocol);

	if (fd < 0)
		conns->emfile += errno == EMFILE || errno == ENFILE;
	else if (++conns->open > conns->open_max)
		conns->open_max = conns->open;
	return fd;
}

curl_socket_t curl_lane_socket(void *user, curlsocktype purpose,
			       struct curl_sockaddr *to)
{
	struct curl_user *u = user;
	struct curl_host *h = u->lane->host;
	struct addr addr = { .len = to->addrlen };
	int fd;

	(void)purpose;
	/*
	 * libcurl sends a request again when a kept connection breaks before
	 * an answer; the server may have acted on the first.
	 */
	if (u->conn->has_sent || u->reuse || to->addrlen > sizeof(addr.u))
		return CURL_SOCKET_BAD;
	h->conns->connects++;
	memcpy(&addr.u, &to->addr, to->addrlen);
	if (h->conns->allow && allow_connect(h->conns->allow, &addr, NULL) < 0)
		return CURL_SOCKET_BAD;
	fd = socket_open(h->conns, to);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	sock_add(u->lane, fd);
	return fd;
}

int curl_lane_socket_close(void *host, curl_socket_t fd)
{
	struct curl_host *h = host;
	struct curl_sock **at = sock_at(h, fd);

	if (!*at)	/* libcurl 7.88.1 closes some twice */
		return 0;
	sock_forget(at);
	if (h->reset)
		addr_close_rst(fd);
	else
		close(fd);
	return 0;
}

static unsigned wanted(int what)
{
	if (what == CURL_POLL_REMOVE)
		return 0;
	return (what & CURL_POLL_IN ? LOOP_IN : 0) |
	       (what & CURL_POLL_OUT ? LOOP_OUT : 0);
}

/* libcurl wants to hear of a descriptor, or no more. */
static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg,
			 void *sock)
{
	struct curl_lane *lane = arg;
	struct curl_sock **at = sock_at(lane->host, fd), *s = *at;

	(void)easy;
	(void)sock;
	if (!s)
		return 0;
	/* libcurl 7.88.1 closes one that still connects with no callback. */
	if (what == CURL_POLL_REMOVE && !s->up && sock_is_closed(s)) {
		sock_forget(at);
		return 0;
	}
	s->want = wanted(what);
	s->up |= s->want & LOOP_IN;
	/* The next exchange will read it too: two calls saved for each. */
	if (s->want == 0 && s->io.events)
		sock_watch(s, LOOP_IN);
	else if (s->want)
		sock_watch(s, s->want);
	return 0;
}

/* Lanes. */

static int timer_wanted(CURLM *multi, long ms, void *arg)
{
	struct curl_lane *lane = arg;
	struct loop *loop = lane->host->conns->loop;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(loop, &lane->timer);
	else if (!lane->adding)	/* else it is run at once */
		loop_timer_at_mono(loop, &lane->timer,
				   loop_mono_fresh(loop) + ms * NSEC_MS);
	return 0;
}

bool curl_lane_open(struct curl_lane *lane)
{
	struct conn_host *conns = lane->host->conns;

	if (lane->multi)
		return true;
	lane->multi = curl_multi_init();
	if (!lane->multi)
		return false;
	if (++conns->pairs > conns->pairs_max)
		conns->pairs_max = conns->pairs;
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	return true;
}

static void lane_close(struct curl_lane *lane)
{
	CURLM *multi = lane->multi;

	lane->multi = NULL;
	if (multi) {
		curl_multi_cleanup(multi);
		lane->host->conns->pairs--;
	}
	loop_timer_stop(lane->host->conns->loop, &lane->timer);
	loop_timer_stop(lane->host->conns->loop, &lane->late);
}

static struct curl_lane *lane_new(struct curl_host *h, const struct request *r)
{
	struct curl_lane *lane = mem_zalloc(sizeof(*lane));

	lane->host = h;
	lane->target = (uint16_t)r->target;
	loop_timer_init(&lane->timer, "load lane", lane_timer, lane);
	loop_timer_init(&lane->late, "load lane's end", lane_late, lane);
	return lane;
}

static void lane_free(struct curl_lane *lane)
{
	struct curl_lane **at = &lane->host->shared;

	while (*at && *at != lane)
		at = &(*at)->next;
	if (*at)
		*at = lane->next;
	lane_close(lane);
	mem_free(lane);
}

struct curl_lane *curl_lane_join(struct curl_host *h, const struct request *r)
{
	unsigned places = h->conns->endpoints[r->target].curl->streams;
	struct curl_lane *lane = places > 1 ? h->shared : NULL;

	while (lane && (lane->target != r->target || lane->users >= places))
		lane = lane->next;
	if (!lane) {
		lane = lane_new(h, r);
		if (places > 1) {
			lane->next = h->shared;
			h->shared = lane;
		}
	}
	lane->users++;
	if (curl_lane_open(lane))
		return lane;
	curl_lane_leave(lane);
	return NULL;
}

void curl_lane_leave(struct curl_lane *lane)
{
	if (--lane->users > 0)
		return;
	if (lane->draining)	/* lane_drain() frees it */
		lane_close(lane);
	else
		lane_free(lane);
}

static void ended(struct curl_lane *lane, const CURLMsg *m)
{
	CURLcode code = m->data.result;
	CURL *easy = m->easy_handle;
	struct curl_user *u = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &u);
	curl_multi_remove_handle(lane->multi, easy);	/* m is gone */
	u->out = false;
	lane->out--;
	curl_user_ended(u, code);
}

/*
 * What has ended goes to its owner, who may ask again or leave.  What then ends
 * at once is for the next turn: a user who is refused again and again must not
 * keep the loop.
 */
static void lane_drain(struct curl_lane *lane)
{
	const CURLMsg *m;
	int left, more = 1;

	assert(!lane->draining);
	lane->draining = true;
	for (int i = 0; i < more && lane->multi; i++) {
		m = curl_multi_info_read(lane->multi, &left);
		if (!m)
			break;
		if (i == 0)
			more += left;
		ended(lane, m);
	}
	lane->draining = false;
	if (lane->users == 0)
		lane_free(lane);
}

static void lane_act(struct curl_lane *lane, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(lane->multi, fd, what, &running);
}

bool curl_lane_add(struct curl_lane *lane, struct curl_user *u)
{
	CURLMcode rc;
	int running;

	lane->adding = true;
	rc = curl_multi_add_handle(lane->multi, u->easy);
	lane->adding = false;
	if (rc != CURLM_OK)
		return false;
	u->out = true;
	lane->out++;
	curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0,
				 &running);
	/* Its owner is not to be called from within its own call. */
	if ((unsigned)running < lane->out)
		loop_timer_at_mono(lane->host->conns->loop, &lane->late,
				   loop_mono(lane->host->conns->loop));
	return true;
}

void curl_lane_remove(struct curl_lane *lane, struct curl_user *u)
{
	lane->host->reset = true;
	curl_multi_remove_handle(lane->multi, u->easy);
	lane->host->reset = false;
	u->out = false;
	lane->out--;
}

static void lane_timer(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct curl_lane *lane = arg;

	(void)loop;
	(void)timer;
	lane_act(lane, CURL_SOCKET_TIMEOUT, 0);
	lane_drain(lane);
}

static void lane_late(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	lane_drain(arg);
}

/* Bytes that nobody asked for, or the peer's end: libcurl looks at its next. */
static void idle_ready(struct curl_sock *s)
{
	struct curl_lane *lane = s->lane;
	char byte;

	if (lane->users == 1 && lane->out == 0 &&
	    recv(s->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		lane_close(lane);
	else
		sock_watch(s, 0);
}

static void sock_ready(struct loop *loop, struct loop_io *io, unsigned events,
		       void *arg)
{
	struct curl_sock *s = arg;
	struct curl_lane *lane = s->lane;
	int what = (events & LOOP_IN ? CURL_CSELECT_IN : 0) |
		   (events & LOOP_OUT ? CURL_CSELECT_OUT : 0) |
		   (events & LOOP_HUP ? CURL_CSELECT_ERR : 0);

	(void)loop;
	if (!s->want) {
		idle_ready(s);
		return;
	}
	lane_act(lane, io->fd, what);
	lane_drain(lane);
}
