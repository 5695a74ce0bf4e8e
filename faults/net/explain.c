/* SPDX-License-Identifier: Apache-2.0 */
/* Saying in words what a net.* fault does, before it is done. */
#include <stdlib.h>
#include <string.h>

#include "chaos/base/units.h"
#include "faults/net/conf.h"

/*
 * How often something waits for a packet of the delayed direction: counted
 * from the protocols.  A round trip is one packet of each direction.
 */
static const struct {
	const char *name;	/* as a port's symbol ends */
	int port;
	int times;
	const char *what;
} known[] = {
	{ "postgres", 5432, 3,
	  "a transaction of BEGIN, one statement, COMMIT" },
	{ "mysql", 3306, 3,
	  "a transaction of BEGIN, one statement, COMMIT" },
	{ "redis", 6379, 1, "a command on an open connection" },
	{ "kafka", 9092, 1, "a produce or fetch on an open connection" },
	{ "shop", 80, 2, "a request on a new connection (1 x on a kept one)" },
	{ "https", 443, 3, "a request on a new TLS 1.3 connection (1 x on a "
	  "kept one)" },
};

static void one(const struct net_conf *c, int n, const char *what,
		struct buf *out)
{
	char each[UNITS_TEXT], sum[UNITS_TEXT];

	buf_addf(out, "note: %s a packet is about %d x %s = %s for %s\n",
		 units_fmt_duration(each, c->delay), n, each,
		 units_fmt_duration(sum, n * c->delay), what);
}

static bool is_port(const char *port, size_t i)
{
	const char *colon = strrchr(port, ':');

	return atoi(port) == known[i].port ||
	       (colon && !strcmp(colon + 1, known[i].name));
}

void net_explain(const struct net_conf *c, struct buf *out)
{
	if (c->delay <= 0)
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (c->port && is_port(c->port, i)) {
			one(c, known[i].times, known[i].what, out);
			return;
		}
	one(c, 1, "a round trip on an open connection", out);
	one(c, 2, "the first one on a new TCP connection, 3 x with TLS 1.3",
	    out);
}

static void add_ms(struct buf *out, const char *what, nsec_t t, double speed)
{
	if (t > 0)
		buf_addf(out, " %s %.3f ms", what,
			 (double)t / speed / NSEC_MS);
}

static void add_share(struct buf *out, const char *what, double share)
{
	if (share > 0)
		buf_addf(out, " %s %g %%", what, share * 100);
}

static void add_loss(struct buf *out, const struct net_conf *c)
{
	struct netem_conf n;
	int16_t *table;
	struct net_conf plain = *c;
	char uniform[] = "uniform";

	plain.distribution = uniform;
	if (c->loss_model == NETEM_LOSS_RANDOM ||
	    net_to_netem(&plain, 1, &n, &table, NULL))
		return;
	buf_addf(out, " loss %s (%.3g %% in the long run)",
		 c->loss_model == NETEM_LOSS_GEMODEL ? "gemodel" : "state",
		 100 * netem_loss_share(&n));
}

void net_disturbance(const struct net_conf *c, double speed, struct buf *out)
{
	double rate = c->rate * speed * 8 / 1000;

	if (c->shaper == NET_TBF) {
		buf_addf(out, "tbf rate %.0f kbit burst %llu queue %.3f ms",
			 rate, (unsigned long long)c->burst,
			 (double)c->queue / speed / NSEC_MS);
		return;
	}
	buf_adds(out, "netem");
	add_ms(out, "delay", c->delay, speed);
	add_ms(out, "jitter", c->jitter, speed);
	if (c->jitter > 0)
		buf_addf(out, " %s", c->distribution);
	add_share(out, "loss", c->loss);
	add_loss(out, c);
	add_share(out, "duplicate", c->duplicate);
	add_share(out, "corrupt", c->corrupt);
	add_share(out, "reorder", c->reorder);
	if (c->rate > 0)
		buf_addf(out, " rate %.0f kbit", rate);
	add_ms(out, "slot", c->slot_max, speed);
}
