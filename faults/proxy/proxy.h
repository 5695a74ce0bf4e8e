/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy: its data threads, links, leases and APIs.  The control thread
 * (main's) owns all of it; data threads read the constant part.
 */
#ifndef GD_PROXY_PROXY_H
#define GD_PROXY_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/addr.h"
#include "chaos/base/list.h"
#include "chaos/base/loop.h"
#include "chaos/base/work.h"

struct allow;
struct httpd;
struct link;
struct worker;

enum { PROXY_THREADS_MAX = 64, PROXY_APIS_MAX = 8 };

struct proxy_api { /* control thread */
	struct proxy *proxy;
	struct httpd *httpd;
	struct addr addr; /* that it got */
};

struct proxy {
	/* constant once it runs */
	struct loop *loop; /* the control thread's */
	struct worker *workers[PROXY_THREADS_MAX];
	unsigned n_workers;
	struct allow *allow;
	uint64_t seed;
	char instance[40]; /* a UUID: this run of the program */
	/* control thread */
	struct work *work; /* names of brokers */
	struct list links; /* struct link, in_proxy */
	struct list leases;
	struct list laters; /* toxics that are still to come: schedule.c */
	struct loop_timer schedule;
	struct list asked; /* names that are asked for again: resolve.c */
	uint64_t n_links; /* ever */
	unsigned next_worker;
	struct proxy_api apis[PROXY_APIS_MAX];
	unsigned n_apis;
	unsigned long long n_requests; /* ever: names them */
	char *token;		       /* that a TCP port asks for; or NULL */
	/* when it ends by itself */
	bool stay;
	nsec_t linger;		 /* real ns */
	nsec_t started, goodbye; /* mono ns; goodbye 0: none */
	bool had_lease, had_visit;
	struct loop_timer life;
};

struct proxy_args {
	unsigned threads;
	uint64_t seed;
	bool stay;
	nsec_t linger;
	struct allow *allow; /* taken over */
	char *token;	     /* taken over; NULL: none */
};

int proxy_new(const struct proxy_args *args, struct proxy **ret,
	      struct err *err) MUST_CHECK;
/* Closes everything and frees it. */
void proxy_free(struct proxy *proxy);
/* Opens an API. One that others can reach needs a token. */
int proxy_add_api(struct proxy *proxy, const char *listen,
		  struct err *err) MUST_CHECK;
struct link *proxy_link(const struct proxy *proxy, const char *name);

/* "127.0.0.1:80", "localhost:80", "[::1]:80", "unix:/path"; never blocks. */
int proxy_addr(const char *text, struct addr *ret, struct err *err) MUST_CHECK;

/*
 * Any thread: the flow's upstream named a broker that has no endpoint yet.
 * The link gets a conf that has one, or one that says it failed.
 */
void proxy_want_endpoint(struct link *l, const char *host, int port);

/* Leases. A toxic of one goes when its socket ends without a goodbye. */
bool lease_is_open(const struct proxy *proxy, const char *id);
/* Begins it; -EEXIST. The socket follows with lease_attach(). */
int lease_begin(struct proxy *proxy, const char *id, void **ret,
		struct err *err) MUST_CHECK;
void lease_attach(void *lease, int fd);	 /* takes fd over */
void lease_end_all(struct proxy *proxy); /* removes nothing */
unsigned lease_count(const struct proxy *proxy);

#endif
