/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests ready to send: a step's template with its target's host and prefix
 * put in.  Built once per run, shared by the load threads.
 */
#ifndef GD_LOAD_REQUEST_H
#define GD_LOAD_REQUEST_H

#include "chaos/base/addr.h"
#include "chaos/load/conf.h"

struct curl_target;

/* A [target], resolved and allowed. */
struct endpoint {
	struct addr addr;
	enum engine_id engine;
	struct curl_target *curl;	/* ENGINE_CURL's */
	char host[300];		/* Host header: "127.0.0.1:8080" */
	char prefix[1024];	/* of the URL's path; "" or "/x" */
};

/*
 * Expands symbols, resolves (blocks: DNS), checks against allow, and has the
 * target's engine prepare it: engine_release() frees that.
 */
int endpoint_resolve(const struct load_target *target,
		     const struct symbols *symbols, const struct allow *allow,
		     struct endpoint *ret, struct err *err) MUST_CHECK;

/*
 * One connect, closed again: a run against nothing is to fail before it begins.
 * Blocks, for at most 3 real seconds.
 */
int endpoint_reach(const struct endpoint *ep, const struct load_target *target,
		   struct err *err) MUST_CHECK;

enum { REQUEST_KEEP_BODY_MAX = 1 << 20 };	/* if keep_body is 0 */

/* What an engine is to keep of the answer, beside its status. */
enum request_keep { REQUEST_KEEP_HEADERS = 1, REQUEST_KEEP_BODY = 2 };

struct request {
	const struct load_step *step;
	size_t target;
	unsigned keep;		/* enum request_keep, or'ed */
	size_t keep_body;	/* bytes at most, with KEEP_BODY */
	/* Drill ns, 0: none but the user's patience; either is `timeout`. */
	nsec_t connect_timeout;		/* to have a connection */
	nsec_t first_byte_timeout;	/* of the answer, once connected */
	enum engine_id engine;	/* of the target */
	bool head;		/* HEAD: its answer has no body */
	bool cookies;		/* they are kept and sent */
	uint8_t redirects;	/* followed at most */
	bool sends_length;
	struct template start;	/* up to Content-Length */
	struct buf fixed;	/* all of it if no value is in it, or empty */
};

/* endpoints: one for each target. ret[conf->n_requests], caller frees. */
struct request *requests_new(const struct load_conf *c,
			     const struct endpoint *endpoints);
void requests_free(struct request *v, size_t n);
/*
 * The bytes to send; they hold until out is used again.  scratch is for the
 * body.  Draws values in the order path, headers, body.
 */
const char *request_render(const struct request *r,
			   struct template_values *values, struct buf *out,
			   struct buf *scratch, size_t *ret_len);

#endif
