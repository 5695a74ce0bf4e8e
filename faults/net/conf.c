/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the net.* kinds: their table, and what they say together. */
#include "faults/net/conf.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "chaos/base/units.h"
#include "faults/net/dist.h"

static const char *const directions[] = { "egress", "ingress", NULL };
static const char *const ends[] = { "destination", "source", "either", NULL };
static const char *const protocols[] = { "auto", "any", "icmp", "tcp", "udp",
					 NULL };
static const char *const shapers[] = { "netem", "tbf", NULL };
static const char *const models[] = { "random", "gemodel", "state", NULL };

/* "10mbit": bits; else a size per second: "1MB/s". */
static int parse_rate(const char *text, void *field, struct err *err)
{
	static const struct {
		const char *name;
		double bytes;
	} units[] = { { "kbit", 125 }, { "mbit", 125e3 }, { "gbit", 125e6 },
		      { "bit", 0.125 } };
	char number[32];
	size_t len = strlen(text);
	uint64_t bytes;
	double *rate = field;
	int rc;

	if (len >= sizeof(number))
		return err_set(err, -EINVAL, "'%s' is no rate", text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i].name);

		if (len <= n || strcmp(text + len - n, units[i].name) != 0)
			continue;
		memcpy(number, text, len - n);
		number[len - n] = '\0';
		rc = units_double(number, rate, err);
		*rate *= units[i].bytes;
		return rc;
	}
	if (len > 2 && !strcmp(text + len - 2, "/s"))
		len -= 2;
	memcpy(number, text, len);
	number[len] = '\0';
	rc = units_size(number, &bytes, NULL);
	*rate = rc ? 0 : (double)bytes;
	return rc ? err_set(err, rc, "'%s' is no rate (10mbit, 512kbit, "
			    "1MB/s)", text) : 0;
}

#define ROW(key, type_, text, sample)                                     \
	{ .name = #key, .type = type_, .off = offsetof(struct net_conf, key), \
	  .help = text, .example = sample }
#define SHARE(key, text, sample)                                          \
	{ .name = #key, .type = OPT_SHARE, .flags = OPT_NONNEG,           \
	  .off = offsetof(struct net_conf, key), .help = text,            \
	  .example = sample }
#define WITH(key, type_, flags_, def_, text, sample)                      \
	{ .name = #key, .type = type_, .flags = flags_, .def = def_,      \
	  .off = offsetof(struct net_conf, key), .help = text,            \
	  .example = sample }
#define ENUM(key, def_, choices_, text, sample)                           \
	{ .name = #key, .type = OPT_ENUM, .def = def_, .choices = choices_, \
	  .off = offsetof(struct net_conf, key), .help = text,            \
	  .example = sample }

const struct opt net_opts[] = {
	ROW(address, OPT_STR,
	    "only packets to (ingress: from) this address or prefix",
	    "10.0.3.0/24"),
	WITH(bad_loss, OPT_SHARE, OPT_NONNEG, "100%",
	     "gemodel: what the bad state loses", "80%"),
	WITH(burst, OPT_SIZE, OPT_POSITIVE, "32KB",
	     "tbf: what may pass at once", "64KB"),
	WITH(cell_overhead, OPT_INT, 0, "0", "rate: bytes more a cell", "5"),
	WITH(cell_size, OPT_INT, OPT_NONNEG, "0",
	     "rate: bytes of a cell; 0: none", "53"),
	SHARE(corrupt, "packets with one bit turned", "0.1%"),
	SHARE(corrupt_correlation, "likeness to the packet before", "25%"),
	WITH(delay, OPT_DURATION, OPT_NONNEG, "0s", "how much later", "10ms"),
	SHARE(delay_correlation, "likeness to the delay before", "25%"),
	WITH(dev, OPT_STR, OPT_REQUIRED, NULL, "the interface", "eth0"),
	ENUM(direction, "egress", directions,
	     "packets that leave by it, or that come in", "ingress"),
	WITH(distribution, OPT_STR, 0, "uniform",
	     "the jitter's shape: uniform, normal, pareto, paretonormal, or "
	     "the path of a file of delays", "normal"),
	SHARE(duplicate, "packets that come twice", "1%"),
	SHARE(duplicate_correlation, "likeness to the packet before", "25%"),
	WITH(ecn, OPT_BOOL, 0, "no", "mark instead of losing, where it can",
	     "yes"),
	ENUM(ends, "destination", ends, "whose port 'port' is", "source"),
	WITH(gap, OPT_INT, OPT_NONNEG, "0",
	     "reorder: every n-th packet goes at once; 0: any", "5"),
	SHARE(good_loss, "gemodel: what the good state loses", "0.1%"),
	WITH(jitter, OPT_DURATION, OPT_NONNEG, "0s",
	     "more or less by up to this (a shape: 1 sigma); may reorder",
	     "2ms"),
	WITH(limit, OPT_INT, OPT_POSITIVE, "10000",
	     "packets that may be under way; more are lost", "1000"),
	SHARE(loss, "packets lost, at random", "5%"),
	SHARE(loss_correlation, "likeness to the packet before", "25%"),
	ENUM(loss_model, "random", models,
	     "random (loss), gemodel (Gilbert-Elliott: p r bad_loss "
	     "good_loss), state (four states: p13 p31 p32 p23 p14)",
	     "gemodel"),
	ROW(netns, OPT_STR, "the network namespace of dev: a name or a path",
	    "blue"),
	SHARE(p, "gemodel: from the good to the bad state, a packet", "1%"),
	SHARE(p13, "state: from received to lost in a burst", "1%"),
	SHARE(p14, "state: a single loss", "0.1%"),
	SHARE(p23, "state: from received in a burst to lost", "30%"),
	WITH(p31, OPT_SHARE, OPT_NONNEG, "100%",
	     "state: the end of a burst", "20%"),
	SHARE(p32, "state: from lost to received in a burst", "30%"),
	WITH(packet_overhead, OPT_INT, 0, "0", "rate: bytes more a packet",
	     "20"),
	ROW(port, OPT_STR,
	    "only this port: a number, or an address whose port it is",
	    "staging:postgres"),
	ENUM(protocol, "auto", protocols,
	     "only this one; auto: tcp with a port, any without", "udp"),
	WITH(queue, OPT_DURATION, OPT_POSITIVE, "50ms",
	     "tbf: how long a packet may wait before it is lost", "200ms"),
	WITH(r, OPT_SHARE, OPT_NONNEG, "100%",
	     "gemodel: from the bad to the good state, a packet", "30%"),
	{ .name = "rate", .type = OPT_PARSE, .parse = parse_rate,
	  .off = offsetof(struct net_conf, rate),
	  .help = "the bandwidth: bits (kbit, mbit, gbit) or bytes a second",
	  .example = "10mbit" },
	SHARE(reorder, "packets that go at once, past those that wait", "5%"),
	SHARE(reorder_correlation, "likeness to the packet before", "25%"),
	WITH(replace, OPT_BOOL, 0, "no",
	     "take somebody's root qdisc away and set it again after", "yes"),
	WITH(seed, OPT_INT, OPT_NONNEG, "0",
	     "the same random choices again, where the kernel can (6.6); "
	     "0: none", "42"),
	ENUM(shaper, "netem", shapers,
	     "what keeps the rate: netem (a queue of 'limit' packets) or tbf "
	     "('burst' and 'queue')", "tbf"),
	WITH(slot_bytes, OPT_INT, OPT_NONNEG, "0", "bytes a slot; 0: any",
	     "16000"),
	WITH(slot_max, OPT_DURATION, OPT_NONNEG, "0s",
	     "packets leave in slots: at most so far apart", "20ms"),
	WITH(slot_min, OPT_DURATION, OPT_NONNEG, "0s", "at least so far apart",
	     "5ms"),
	WITH(slot_packets, OPT_INT, OPT_NONNEG, "0", "packets a slot; 0: any",
	     "8"),
	OPT_END
};

/* --- together ---------------------------------------------------------- */

/* A key that is there for another one. */
struct need {
	const char *key, *of;
	bool has, wants;
};

static int check_needs(const struct net_conf *c, struct err *err)
{
	bool ge = c->loss_model == NETEM_LOSS_GEMODEL;
	bool st = c->loss_model == NETEM_LOSS_STATE;
	bool tbf = c->shaper == NET_TBF;
	const struct need v[] = {
		{ "jitter", "delay", c->jitter > 0, c->delay > 0 },
		{ "delay_correlation", "jitter", c->delay_correlation > 0,
		  c->jitter > 0 },
		{ "distribution", "jitter",
		  strcmp(c->distribution, "uniform") != 0, c->jitter > 0 },
		{ "loss_correlation", "loss", c->loss_correlation > 0,
		  c->loss > 0 },
		{ "duplicate_correlation", "duplicate",
		  c->duplicate_correlation > 0, c->duplicate > 0 },
		{ "corrupt_correlation", "corrupt", c->corrupt_correlation > 0,
		  c->corrupt > 0 },
		{ "reorder_correlation", "reorder", c->reorder_correlation > 0,
		  c->reorder > 0 },
		{ "reorder", "delay", c->reorder > 0, c->delay > 0 },
		{ "gap", "reorder", c->gap > 0, c->reorder > 0 },
		{ "loss_model = gemodel", "p", ge, c->p > 0 },
		{ "p", "loss_model = gemodel", c->p > 0, ge },
		{ "loss_model = state", "p13 or p14", st,
		  c->p13 + c->p14 > 0 },
		{ "p13", "loss_model = state", c->p13 > 0, st },
		{ "p14", "loss_model = state", c->p14 > 0, st },
		{ "loss", "loss_model = random", c->loss > 0, !ge && !st },
		{ "shaper = tbf", "rate", tbf, c->rate > 0 },
		{ "cell_size", "rate", c->cell_size > 0, c->rate > 0 },
		{ "slot_min", "slot_max", c->slot_min > 0, c->slot_max > 0 },
		{ "slot_packets", "slot_max", c->slot_packets > 0,
		  c->slot_max > 0 },
		{ "slot_bytes", "slot_max", c->slot_bytes > 0,
		  c->slot_max > 0 },
		{ "ends", "port", c->ends != NET_DESTINATION, c->port },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (v[i].has && !v[i].wants)
			return err_set(err, -EINVAL, "'%s' needs '%s'",
				       v[i].key, v[i].of);
	return 0;
}

static int check_shares(const struct net_conf *c, struct err *err)
{
	for (const struct opt *o = net_opts; o->name; o++) {
		double v;

		if (o->type != OPT_SHARE)
			continue;
		memcpy(&v, (const char *)c + o->off, sizeof(v));
		if (v > 1)
			return err_set(err, -ERANGE, "'%s' is over 100 %%",
				       o->name);
	}
	if (c->p13 + c->p14 > 1 || (c->p32 > 0 && c->p31 + c->p32 > 1))
		return err_set(err, -ERANGE, "p13 + p14 and p31 + p32 are at "
			       "most 100 %% each");
	return 0;
}

static bool disturbs(const struct net_conf *c)
{
	return c->delay > 0 || c->loss > 0 || c->p > 0 || c->p13 > 0 ||
	       c->p14 > 0 || c->duplicate > 0 || c->corrupt > 0 ||
	       c->rate > 0 || c->slot_max > 0;
}

/* What a kind is named for must be there. */
static int check_kind(const char *kind, const struct net_conf *c,
		      struct err *err)
{
	const struct {
		const char *kind, *key;
		bool has;
	} v[] = {
		{ "net.corrupt", "corrupt", c->corrupt > 0 },
		{ "net.delay", "delay", c->delay > 0 },
		{ "net.duplicate", "duplicate", c->duplicate > 0 },
		{ "net.loss", "loss", c->loss > 0 || c->p > 0 ||
		  c->p13 > 0 || c->p14 > 0 },
		{ "net.netem", "delay", disturbs(c) },
		{ "net.rate", "rate", c->rate > 0 },
		{ "net.reorder", "reorder", c->reorder > 0 },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (!strcmp(v[i].kind, kind) && !v[i].has)
			return err_set(err, -EINVAL, "%s without '%s' "
				       "disturbs nothing", kind, v[i].key);
	return 0;
}

static int check_tbf(const struct net_conf *c, struct err *err)
{
	struct net_conf rest = *c;

	rest.rate = 0;
	if (c->shaper != NET_TBF || !(disturbs(&rest) || rest.cell_size ||
				      rest.packet_overhead))
		return 0;
	return err_set(err, -EINVAL, "shaper = tbf keeps a rate and does "
		       "nothing else: a fault of its own for the rest");
}

int net_valid(const char *kind, const struct net_conf *c, struct err *err)
{
	int rc = check_kind(kind, c, err);

	if (!rc)
		rc = check_shares(c, err);
	if (!rc)
		rc = check_needs(c, err);
	if (!rc)
		rc = check_tbf(c, err);
	if (!rc && c->slot_min > c->slot_max)
		rc = err_set(err, -EINVAL, "'slot_min' is over 'slot_max'");
	if (!rc && c->port && c->protocol == NET_ICMP)
		rc = err_set(err, -EINVAL, "icmp has no port");
	return rc;
}

/* --- as the kernel takes it -------------------------------------------- */

static void times(const struct net_conf *c, double speed,
		  struct netem_conf *n)
{
	n->delay = (nsec_t)((double)c->delay / speed);
	n->jitter = (nsec_t)((double)c->jitter / speed);
	n->slot_min = (nsec_t)((double)c->slot_min / speed);
	n->slot_max = (nsec_t)((double)c->slot_max / speed);
	n->rate = c->rate * speed;
}

int net_to_netem(const struct net_conf *c, double speed, struct netem_conf *ret,
	      int16_t **ret_table, struct err *err)
{
	*ret_table = NULL;
	*ret = (struct netem_conf){
		.delay_correlation = c->delay_correlation,
		.loss_model = (enum netem_loss)c->loss_model,
		.loss = c->loss, .loss_correlation = c->loss_correlation,
		.p = c->p, .r = c->r,
		.loss_bad = c->bad_loss, .loss_good = c->good_loss,
		.p13 = c->p13, .p31 = c->p31, .p32 = c->p32, .p23 = c->p23,
		.p14 = c->p14,
		.duplicate = c->duplicate,
		.duplicate_correlation = c->duplicate_correlation,
		.corrupt = c->corrupt,
		.corrupt_correlation = c->corrupt_correlation,
		.reorder = c->reorder,
		.reorder_correlation = c->reorder_correlation,
		.gap = c->reorder > 0 && !c->gap ? 1 : (uint32_t)c->gap,
		.packet_overhead = (int32_t)c->packet_overhead,
		.cell_overhead = (int32_t)c->cell_overhead,
		.cell_size = (uint32_t)c->cell_size,
		.slot_packets = (int32_t)c->slot_packets,
		.slot_bytes = (int32_t)c->slot_bytes,
		.ecn = c->ecn,
		.seeded = c->seed > 0, .seed = (uint64_t)c->seed,
		.limit = (uint32_t)c->limit,
	};
	times(c, speed, ret);
	if (!strcmp(c->distribution, "uniform"))
		return 0;
	if (dist_table(c->distribution, ret_table, &ret->table_n, err))
		return err->code;
	ret->table = *ret_table;
	return 0;
}
