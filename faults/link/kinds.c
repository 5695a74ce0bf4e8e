/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of fault that are a toxic and nothing else: a row each, with the
 * keys, and what each key is in the proxy's terms.  What a kind needs beyond
 * that is a driver of its own (delay.c, pool_limit.c, kafka_pause.c).
 */
#include <stddef.h>

#include "faults/link/toxic.h"
#include "faults/table.h"

const char *const link_streams[] = { "upstream", "downstream", "both", NULL };
static const char *const pers[] = { "connection", "chunk", NULL };

#define AT(f) offsetof(struct link_opts, f)
#define KEY(key, type_, field, flags_, def_, help_, example_)               \
	{ .name = key, .type = type_, .off = AT(field), .flags = flags_,     \
	  .def = def_, .help = help_, .example = example_ }
#define LINK TOXIC_LINK_OPT(struct link_opts)
#define PER                                                                 \
	{ .name = "per", .type = OPT_ENUM, .off = AT(per),                  \
	  .def = "connection", .choices = pers,                             \
	  .help = "what toxicity is a share of", .example = "chunk" }
#define RAMP_OVER                                                           \
	KEY("ramp_over", OPT_DURATION, ramp_over, OPT_NONNEG, "0s",         \
	    "it goes to ramp_to over this time; 0: there is no ramp", "30s")
#define STREAM(def_)                                                        \
	{ .name = "stream", .type = OPT_ENUM, .off = AT(stream),            \
	  .def = def_, .choices = link_streams,                             \
	  .help = "upstream is requests, downstream answers",               \
	  .example = "downstream" }
#define TOXICITY                                                            \
	KEY("toxicity", OPT_SHARE, toxicity, OPT_NONNEG, "100%",            \
	    "the share that it is done to", "25%")
#define NONE { .key = NULL }
#define KIND(kind, type_, what, keys, attrs_, of_example)                   \
	{                                                                   \
		.ops = {                                                    \
			.name = kind,                                       \
			.summary = what,                                    \
			.example = "[fault f]\nkind = " kind "\nlink = db\n"\
				   of_example "at = 90s\nfor = 90s\n",      \
			.opts = keys,                                       \
			.opts_size = sizeof(struct link_opts),              \
			TOXIC_OPS,                                          \
		},                                                          \
		.type = type_,                                              \
		.attrs = attrs_,                                            \
	}

static const struct link_attr no_attrs[] = { NONE };

/* Of those that have no keys of their own. */
static const struct opt any_opts[] = { LINK, STREAM("both"), TOXICITY,
				       OPT_END };
static const struct opt link_only[] = {
	LINK, STREAM("both"),
	KEY("toxicity", OPT_SHARE, toxicity, OPT_NONNEG, "100%",
	    "all: a share of the connections is link.refuse's", "100%"),
	OPT_END
};

const struct toxic_driver link_blackhole =
	KIND("link.blackhole", "blackhole",
	     "bytes vanish, as on a network that drops all", any_opts, no_attrs,
	     "");
const struct toxic_driver link_down =
	KIND("link.down", "down", "as if nobody listened: refused and cut",
	     link_only, no_attrs, "");
const struct toxic_driver link_pause =
	KIND("link.pause", "pause", "all bytes are held, and none is lost",
	     any_opts, no_attrs, "");
const struct toxic_driver link_refuse =
	KIND("link.refuse", "refuse", "new connections are reset", any_opts,
	     no_attrs, "");

static const struct opt bandwidth_opts[] = {
	KEY("burst", OPT_SIZE, size[1], 0, "0", "what passes at once after a "
	    "rest", "64KB"),
	LINK, RAMP_OVER,
	KEY("ramp_to", OPT_SIZE, ramp_size, 0, "0", "bytes a second at the "
	    "ramp's end", "10KB"),
	KEY("rate", OPT_SIZE, size[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "bytes a second on each connection", "100KB"),
	STREAM("downstream"), TOXICITY, OPT_END
};
static const struct link_attr bandwidth_attrs[] = {
	{ "rate", "rate", LINK_KB_PER_S }, { "burst", "burst", LINK_COUNT },
	NONE
};
const struct toxic_driver link_bandwidth =
	KIND("link.bandwidth", "bandwidth", "so many bytes a second on each "
	     "connection", bandwidth_opts, bandwidth_attrs, "rate = 100KB\n");

static const struct opt connect_rate_opts[] = {
	KEY("burst", OPT_INT, count[0], OPT_POSITIVE, "1",
	    "connections at once after a rest", "5"),
	LINK,
	KEY("queue", OPT_INT, count[1], OPT_NONNEG, "0",
	    "most that wait, the next is reset; 0: no bound", "100"),
	KEY("rate", OPT_RATE, number[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "new connections a second over the link", "20/s"),
	STREAM("both"), TOXICITY, OPT_END
};
static const struct link_attr connect_rate_attrs[] = {
	{ "rate", "rate", LINK_PER_S }, { "burst", "burst", LINK_COUNT },
	{ "queue", "queue", LINK_COUNT }, NONE
};
const struct toxic_driver link_connect_rate =
	KIND("link.connect_rate", "connect_rate", "new connections come in at "
	     "a rate", connect_rate_opts, connect_rate_attrs,
	     "rate = 20/s\n");

static const struct opt corrupt_opts[] = {
	LINK, PER,
	KEY("share", OPT_SHARE, number[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "of the bytes, that arrive with one bit turned over", "0.1%"),
	STREAM("downstream"), TOXICITY, OPT_END
};
static const struct link_attr corrupt_attrs[] = {
	{ "share", "share", LINK_COUNT }, NONE
};
const struct toxic_driver link_corrupt =
	KIND("link.corrupt", "corrupt", "a share of the bytes arrives wrong",
	     corrupt_opts, corrupt_attrs, "share = 0.1%\n");

static const struct opt budget_opts[] = {
	KEY("bytes", OPT_SIZE, size[0], 0, "0", "what passes before the end",
	    "4KB"),
	LINK, STREAM("downstream"), TOXICITY, OPT_END
};
static const struct link_attr budget_attrs[] = {
	{ "bytes", "bytes", LINK_COUNT }, NONE
};
const struct toxic_driver link_cut =
	KIND("link.cut", "cut", "reset after so many bytes", budget_opts,
	     budget_attrs, "bytes = 4KB\n");
const struct toxic_driver link_limit_data =
	KIND("link.limit_data", "limit_data", "closed after so many bytes",
	     budget_opts, budget_attrs, "bytes = 4KB\n");

static const struct opt drip_opts[] = {
	KEY("bytes", OPT_SIZE, size[0], OPT_POSITIVE, "1", "of each drop",
	    "10"),
	KEY("every", OPT_DURATION, span[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "from one drop to the next", "100ms"),
	LINK, STREAM("downstream"), TOXICITY, OPT_END
};
static const struct link_attr drip_attrs[] = {
	{ "bytes", "bytes", LINK_COUNT }, { "every", "every", LINK_MS }, NONE
};
const struct toxic_driver link_drip =
	KIND("link.drip", "drip", "a few bytes at a time, by the clock",
	     drip_opts, drip_attrs, "bytes = 10\nevery = 100ms\n");

static const struct opt reset_opts[] = {
	KEY("after", OPT_DURATION, span[0], OPT_NONNEG, "0s",
	    "from the first byte to the reset", "1s"),
	LINK, STREAM("both"), TOXICITY, OPT_END
};
static const struct link_attr reset_attrs[] = {
	{ "after", "timeout", LINK_MS }, NONE
};
const struct toxic_driver link_reset =
	KIND("link.reset", "reset_peer", "connections are reset", reset_opts,
	     reset_attrs, "after = 1s\ntoxicity = 10%\n");

static const struct opt slice_opts[] = {
	KEY("delay", OPT_DURATION, span[0], OPT_NONNEG, "0s",
	    "after each piece", "1ms"),
	LINK,
	KEY("size", OPT_SIZE, size[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "of a piece", "64"),
	STREAM("downstream"), TOXICITY,
	KEY("variation", OPT_SIZE, size[1], 0, "0", "more or less, below size",
	    "16"),
	OPT_END
};
static const struct link_attr slice_attrs[] = {
	{ "size", "average_size", LINK_COUNT },
	{ "variation", "size_variation", LINK_COUNT },
	{ "delay", "delay", LINK_US }, NONE
};
const struct toxic_driver link_slice =
	KIND("link.slice", "slicer", "bytes leave in small pieces", slice_opts,
	     slice_attrs, "size = 64\ndelay = 1ms\n");

static const struct opt slow_close_opts[] = {
	KEY("delay", OPT_DURATION, span[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "how much later the end of a stream arrives", "5s"),
	LINK, STREAM("downstream"), TOXICITY, OPT_END
};
static const struct link_attr delay_attrs[] = {
	{ "delay", "delay", LINK_MS }, NONE
};
const struct toxic_driver link_slow_close =
	KIND("link.slow_close", "slow_close", "connections end later",
	     slow_close_opts, delay_attrs, "delay = 5s\n");

static const struct opt slow_connect_opts[] = {
	KEY("delay", OPT_DURATION, span[0], OPT_REQUIRED | OPT_POSITIVE, NULL,
	    "how much later a new connection is made", "2s"),
	KEY("jitter", OPT_DURATION, span[1], OPT_NONNEG, "0s",
	    "more or less by up to this, uniformly", "500ms"),
	LINK, RAMP_OVER,
	KEY("ramp_to", OPT_DURATION, ramp_span, OPT_NONNEG, "0s",
	    "the delay at the ramp's end", "5s"),
	STREAM("both"), TOXICITY, OPT_END
};
static const struct link_attr slow_connect_attrs[] = {
	{ "delay", "delay", LINK_MS }, { "jitter", "jitter", LINK_MS }, NONE
};
const struct toxic_driver link_slow_connect =
	KIND("link.slow_connect", "slow_connect", "new connections are made "
	     "later", slow_connect_opts, slow_connect_attrs, "delay = 2s\n");

static const struct opt timeout_opts[] = {
	LINK, STREAM("downstream"),
	KEY("timeout", OPT_DURATION, span[0], OPT_NONNEG, "0s",
	    "until it is closed; 0: when the fault ends", "30s"),
	TOXICITY, OPT_END
};
static const struct link_attr timeout_attrs[] = {
	{ "timeout", "timeout", LINK_MS }, NONE
};
const struct toxic_driver link_timeout =
	KIND("link.timeout", "timeout", "no byte passes, and after a time it "
	     "is closed", timeout_opts, timeout_attrs, "timeout = 30s\n");
