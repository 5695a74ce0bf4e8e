/* SPDX-License-Identifier: Apache-2.0 */
/* A [target]: where requests go, in which HTTP, and how TLS is done there. */
#ifndef GD_LOAD_TARGET_H
#define GD_LOAD_TARGET_H

#include "chaos/scenario/scenario.h"

struct http1_url;

/* What carries a target's requests: engine_table's rows. */
enum engine_id { ENGINE_EPOLL, ENGINE_CURL, ENGINES };

enum target_http {
	TARGET_HTTP1,
	TARGET_HTTP2,		/* by ALPN, so with TLS */
	TARGET_HTTP2_PRIOR,	/* from the first byte, without TLS */
};

enum { TARGET_STREAMS_MAX = 64 };

struct load_target {
	char *name, *url;
	enum target_http http;
	unsigned streams;	/* users who share a connection; 1: none */
	/* TLS. Files are paths as this process opens them; all may be NULL. */
	char *ca, *cert, *key;
	char *sni;
	bool verify;
	const struct scenario_section *section;
};

/* Reads files of TLS, to say what is wrong with them; blocks. */
void target_read(const struct scenario_section *s, struct load_target *ret,
		 struct errs *errs);
void target_done(struct load_target *t);
/* -EINVAL: the URL and the other keys do not go together. */
int target_check_url(const struct load_target *t, const struct http1_url *url,
		     struct err *err) MUST_CHECK;
enum engine_id target_engine(const struct load_target *t,
			     const struct http1_url *url);

#endif
