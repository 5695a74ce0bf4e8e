/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that says exactly what it was sent: it counts every request that it
 * has whole (head and Content-Length), before it answers.  One thread, epoll.
 *
 *	/ok…     200 at once       /hang…  never answered
 *	/reset…  RST once whole    /slow…  200 after 50 ms
 *
 * Prints "PORT"; on SIGTERM "requests N partial M" (M: connections that ended
 * with a request begun and not whole) and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNS = 65536, HEAD_MAX = 4096, SLOW_MS = 50, SLOW_MAX = 65536 };

struct conn {
	bool open;
	size_t len;
	unsigned gen;		/* of the descriptor: it is used again */
	char buf[HEAD_MAX];
};

struct late {
	int fd;
	unsigned gen;
	long long at_ms;
};

static struct conn *conns[CONNS];
static struct late late[SLOW_MAX];
static size_t late_head, late_n;
static unsigned long long requests, partial;
static volatile sig_atomic_t stop;
static int ep;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void conn_close(int fd, bool reset)
{
	struct linger rst = { .l_onoff = 1 };

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
	partial += conns[fd]->len > 0;
	conns[fd]->open = false;
	conns[fd]->len = 0;
	conns[fd]->gen++;
	close(fd);
}

static void answer(int fd)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
				 "ok";

	(void)!send(fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL);
}

/* Length of the first whole request in the buffer; 0: there is none. */
static size_t whole(const struct conn *c)
{
	const char *end = memmem(c->buf, c->len, "\r\n\r\n", 4);
	const char *length;
	size_t n;

	if (!end)
		return 0;
	n = (size_t)(end - c->buf) + 4;
	length = memmem(c->buf, n, "Content-Length: ", 16);
	if (length)
		n += strtoul(length + 16, NULL, 10);
	return n <= c->len ? n : 0;
}

/* False: the connection is gone. */
static bool serve(int fd, struct conn *c)
{
	const char *path = memchr(c->buf, ' ', c->len);

	requests++;
	if (!strncmp(path, " /reset", 7)) {
		c->len = 0;
		conn_close(fd, true);
		return false;
	}
	if (!strncmp(path, " /slow", 6)) {
		late[(late_head + late_n++) % SLOW_MAX] = (struct late){
			fd, c->gen, now_ms() + SLOW_MS
		};
	} else if (strncmp(path, " /hang", 6) != 0) {
		answer(fd);
	}
	return true;
}

static void conn_read(int fd)
{
	struct conn *c = conns[fd];
	ssize_t got = recv(fd, c->buf + c->len, sizeof(c->buf) - c->len, 0);
	size_t n;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		conn_close(fd, false);
		return;
	}
	c->len += (size_t)got;
	while ((n = whole(c)) > 0) {
		bool there = serve(fd, c);

		if (!there)
			return;
		memmove(c->buf, c->buf + n, c->len - n);
		c->len -= n;
	}
}

static void conn_accept(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (fd >= CONNS) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!conns[fd])
			conns[fd] = calloc(1, sizeof(*conns[fd]));
		conns[fd]->open = true;
		ev.data.fd = fd;
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	}
}

static int answer_late(void)
{
	while (late_n > 0 && late[late_head].at_ms <= now_ms()) {
		struct late *l = &late[late_head];

		if (conns[l->fd]->open && conns[l->fd]->gen == l->gen)
			answer(l->fd);
		late_head = (late_head + 1) % SLOW_MAX;
		late_n--;
	}
	return late_n > 0 ? 1 : 100;
}

static int listen_on_loopback(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, 65535) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

/* What has arrived before the end counts: nobody sends any more. */
static void drain(int listener)
{
	conn_accept(listener);
	for (int fd = 0; fd < CONNS; fd++)
		while (conns[fd] && conns[fd]->open) {
			size_t before = conns[fd]->len;
			unsigned long long n = requests;

			conn_read(fd);
			if (conns[fd]->len == before && requests == n)
				break;
		}
}

int main(void)
{
	struct rlimit lim;
	struct epoll_event ev = { .events = EPOLLIN }, got[256];
	int listener;

	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	signal(SIGTERM, on_term);
	ep = epoll_create1(0);
	listener = listen_on_loopback();
	if (listener < 0)
		return 1;
	ev.data.fd = listener;
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	while (!stop) {
		int n = epoll_wait(ep, got, 256, answer_late());

		for (int i = 0; i < n; i++) {
			int fd = got[i].data.fd;

			if (fd == listener)
				conn_accept(listener);
			else if (conns[fd]->open)
				conn_read(fd);
		}
	}
	drain(listener);
	printf("requests %llu partial %llu\n", requests, partial);
	return 0;
}
