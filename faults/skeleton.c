/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver that disturbs nothing, to copy from: docs/adding-a-fault.md walks
 * through it.  It is compiled and tested, and is not in the table.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "faults/skeleton.h"

struct skeleton {		/* its keys, as parsed */
	char *thing;
	nsec_t delay;		/* drill ns */
};

struct skeleton_state {		/* what prepare acquired; zeroed before */
	bool on;
};

#define AT(f) offsetof(struct skeleton, f)
static const struct opt opts[] = {
	{ "delay", OPT_DURATION, AT(delay), OPT_POSITIVE, "10ms", NULL, NULL,
	  NULL, "how much later", "10ms" },
	{ "thing", OPT_STR, AT(thing), OPT_REQUIRED, NULL, NULL, NULL, NULL,
	  "what is disturbed", "/tmp/thing" },
	OPT_END
};
#undef AT

/* All that it touches, so that [allow] and the exclusions can refuse it. */
static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	const struct skeleton *o = fault_opts(f);

	return fn(arg, ALLOW_PATH, o->thing);
}

/* Two faults with one claim may not be on at the same time. */
static int claims(const struct fault *f, char *dst, size_t size)
{
	const struct skeleton *o = fault_opts(f);

	snprintf(dst, size, "thing:%s", o->thing);
	return 0;
}

/* Here and now? Says what is missing and how to mend it; changes nothing. */
static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	const struct skeleton *o = fault_opts(f);

	(void)env;
	if (o->thing[0] != '/')
		return err_set(err, -EINVAL, "'%s' is not an absolute path",
			       o->thing);
	return 0;
}

/* Everything that can fail, and the undo as bytes; still changes nothing. */
static int prepare(struct fault *f, struct undo_record *undo, struct err *err)
{
	const struct skeleton *o = fault_opts(f);

	(void)err;
	undo->via = UNDO_LOCAL;	/* a real one: UNDO_HTTP, _NETLINK, _SIGNAL */
	snprintf(undo->target, sizeof(undo->target), "thing %.100s", o->thing);
	snprintf(undo->command, sizeof(undo->command), "end the process");
	return 0;
}

static void describe(const struct fault *f, struct buf *calls,
		     struct buf *undo)
{
	const struct skeleton *o = fault_opts(f);
	double real_ms = (double)o->delay / fault_env(f)->speed / NSEC_MS;

	buf_addf(calls, "slow %s down by %.3f ms\n", o->thing, real_ms);
	buf_addf(undo, "let %s go\n", o->thing);
}

/* Must not block: -EINPROGRESS, and fault_completed() when it is done. */
static int inject(struct fault *f, struct err *err)
{
	struct skeleton_state *s = fault_state(f);

	(void)err;
	s->on = true;
	return 0;
}

/* What was really done, for the report; fault_measured() at once or later. */
static int measure(struct fault *f, struct err *err)
{
	const struct skeleton *o = fault_opts(f);
	struct skeleton_state *s = fault_state(f);

	(void)err;
	fault_measured(f, json_pack("{s:f}", "delay_ms",
				    (double)o->delay / NSEC_MS),
		       json_pack("{s:b}", "on", s->on));
	return 0;
}

/* Only because the undo is UNDO_LOCAL; all others are reverted from bytes. */
static int revert(struct fault *f, struct err *err)
{
	struct skeleton_state *s = fault_state(f);

	(void)err;
	s->on = false;
	return 0;
}

/* Safe after a prepare that failed half-way. */
static void release(struct fault *f)
{
	struct skeleton_state *s = fault_state(f);

	s->on = false;
}

const struct fault_ops fault_skeleton = {
	.name = "skeleton",
	.summary = "disturbs nothing: to copy from",
	.example = "[fault nothing]\nkind = skeleton\nthing = /tmp/thing\n"
		   "at = 0s\nfor = 10s\n",
	.opts = opts,
	.opts_size = sizeof(struct skeleton),
	.state_size = sizeof(struct skeleton_state),
	.targets = targets,
	.claims = claims,
	.check = check,
	.prepare = prepare,
	.describe = describe,
	.inject = inject,
	.measure = measure,
	.revert = revert,
	.release = release,
};
