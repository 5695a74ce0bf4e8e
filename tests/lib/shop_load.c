/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A closed load for the shop's tests: N threads, each with one connection and
 * no think time, until a number of requests or seconds is reached.
 *
 *	shop_load PORT CLIENTS SECONDS REQUESTS PRODUCT BALANCE ORDER COUPON
 *
 * REQUESTS 0: no limit.  The last four are weights.  Prints a JSON line:
 * seconds, requests, and how often each status came.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { APIS = 4 };

static int port, weights[APIS], weight_sum;
static long limit;
static double until;
static _Atomic long sent, statuses[1000], broken;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port) };
	struct timeval patience = { 20, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int request(char *dst, size_t size, unsigned *seed, long n)
{
	int pick = (int)(rand_r(seed) % (unsigned)weight_sum), api = 0;
	int user = 1 + (int)(rand_r(seed) % 10000);
	char body[128] = "";

	while (pick >= weights[api])
		pick -= weights[api++];
	if (api == 0)
		return snprintf(dst, size, "GET /products HTTP/1.1\r\n"
				"Host: shop\r\n\r\n");
	if (api == 1)
		return snprintf(dst, size, "GET /balance?user=%d HTTP/1.1\r\n"
				"Host: shop\r\n\r\n", user);
	snprintf(body, sizeof(body), "{\"user\":%d,\"product\":%d,"
		 "\"quantity\":1,\"amount\":12000}", user, 1 + user % 100);
	return snprintf(dst, size, "POST %s HTTP/1.1\r\nHost: shop\r\n"
			"Idempotency-Key: %ld-%ld\r\nContent-Length: %zu\r\n"
			"\r\n%s", api == 2 ? "/orders" : "/coupons/issue",
			(long)getpid(), n, strlen(body), body);
}

/* The status, or -1.  Answers are small and come alone. */
static int answer(int fd)
{
	char data[32768];
	size_t len = 0;

	while (len < sizeof(data) - 1) {
		ssize_t n = recv(fd, data + len, sizeof(data) - 1 - len, 0);
		const char *end, *field;

		if (n <= 0)
			return -1;
		len += (size_t)n;
		data[len] = '\0';
		end = strstr(data, "\r\n\r\n");
		field = strstr(data, "Content-Length: ");
		if (end && field &&
		    len >= (size_t)(end + 4 - data) + strtoul(field + 16, NULL,
							      10))
			return atoi(data + 9);
	}
	return -1;
}

static void *client(void *arg)
{
	unsigned seed = (unsigned)(size_t)arg;
	int fd = dial();

	while (fd >= 0 && now() < until) {
		long n = sent++;
		char text[512];
		int len, status;

		if (limit && n >= limit)
			break;
		len = request(text, sizeof(text), &seed, n);
		status = send(fd, text, (size_t)len, MSG_NOSIGNAL) == len
				 ? answer(fd) : -1;
		if (status >= 100 && status < 1000) {
			statuses[status]++;
			continue;
		}
		broken++;
		close(fd);
		fd = dial();
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	int clients;
	double began = now(), took;
	pthread_t *threads;
	long total = 0;

	if (argc != 9) {
		fprintf(stderr, "usage: shop_load PORT CLIENTS SECONDS "
			"REQUESTS PRODUCT BALANCE ORDER COUPON\n");
		return 2;
	}
	port = atoi(argv[1]);
	clients = atoi(argv[2]);
	until = began + atof(argv[3]);
	limit = atol(argv[4]);
	for (int i = 0; i < APIS; i++)
		weight_sum += weights[i] = atoi(argv[5 + i]);
	threads = calloc((size_t)clients, sizeof(*threads));
	for (int i = 0; i < clients; i++)
		pthread_create(&threads[i], NULL, client,
			       (void *)(size_t)(i + 1));
	for (int i = 0; i < clients; i++)
		pthread_join(threads[i], NULL);
	took = now() - began;
	printf("{\"seconds\":%.3f,\"broken\":%ld", took, broken);
	for (int i = 100; i < 1000; i++) {
		if (statuses[i])
			printf(",\"%d\":%ld", i, statuses[i]);
		total += statuses[i];
	}
	printf(",\"answers\":%ld,\"per_second\":%.1f}\n", total,
	       (double)total / took);
	free(threads);
	return 0;
}
