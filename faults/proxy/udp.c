/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams through a link; see the header. */
#include "faults/proxy/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/allow.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/chain.h"
#include "faults/proxy/delayq.h"
#include "faults/proxy/filter.h"
#include "faults/proxy/proxy.h"
#include "faults/proxy/worker.h"

enum {
	BUCKETS = 1024,
	SESSIONS_MAX = 8192, /* of a port: then the oldest goes */
	QUEUE_MAX = 1024 * 1024,
	DATAGRAMS_PER_TURN = 64,
};
#define IDLE (60 * NSEC_SEC)

struct udp_port { /* a data thread's */
	struct worker *w;
	struct link *link; /* a reference */
	struct link_slot *slot;
	struct addr upstream;
	struct loop_io io;
	struct loop_timer sweep;
	struct list by_age; /* sessions, the one that rests longest first */
	struct list buckets[BUCKETS];
	unsigned n;
	uint64_t n_sessions; /* ever: names them for the seed */
};

struct way { /* one direction of a session */
	struct udp_session *session;
	enum stream s;
	struct delayq q;
	struct chain chain;
	struct loop_timer timer;
	bool held;
	nsec_t held_until;
};

struct udp_session {
	struct udp_port *port;
	struct list by_age, in_bucket;
	struct addr client;
	struct loop_io io; /* to the upstream */
	struct way way[STREAMS];
	uint64_t number;
	nsec_t last; /* mono ns: of its last datagram */
	bool refused;
	bool over;
};

/* Sessions. */

static unsigned bucket_of(const struct addr *a)
{
	const unsigned char *p = (const unsigned char *)&a->u;
	uint32_t h = 2166136261;

	for (socklen_t i = 0; i < a->len; i++)
		h = (h ^ p[i]) * 16777619;
	return h % BUCKETS;
}

static struct udp_session *session_find(struct udp_port *port,
					const struct addr *client)
{
	struct list *pos;

	LIST_FOR (pos, &port->buckets[bucket_of(client)]) {
		struct udp_session *x =
			LIST_ENTRY(pos, struct udp_session, in_bucket);

		if (x->client.len == client->len &&
		    !memcmp(&x->client.u, &client->u, client->len))
			return x;
	}
	return NULL;
}

static void session_free(struct udp_session *x)
{
	struct udp_port *port = x->port;

	for (int s = 0; s < STREAMS; s++) {
		loop_timer_stop(port->w->loop, &x->way[s].timer);
		delayq_done(&x->way[s].q);
		chain_done(&x->way[s].chain);
	}
	if (x->io.events)
		(void)loop_io_set(port->w->loop, &x->io, 0, NULL);
	if (x->io.fd >= 0)
		close(x->io.fd);
	list_remove(&x->by_age);
	list_remove(&x->in_bucket);
	port->n--;
	atomic_fetch_sub(&port->slot->counters.connections, 1);
	mem_free(x);
}

/* Sending. */

static void count_bytes(struct udp_port *port, enum stream s, size_t n)
{
	atomic_fetch_add_explicit(&port->slot->counters.bytes[s], n,
				  memory_order_relaxed);
}

static void session_send(struct udp_session *x, enum stream s, const char *data,
			 size_t len)
{
	struct udp_port *port = x->port;
	ssize_t n = s == STREAM_UP
			    ? send(x->io.fd, data, len, MSG_NOSIGNAL)
			    : sendto(port->io.fd, data, len, MSG_NOSIGNAL,
				     &x->client.u.sa, x->client.len);

	/* What a full socket drops is lost, as on any network */
	if (n < 0)
		atomic_fetch_add(&port->slot->counters.errors, 1);
	else
		count_bytes(port, s, len);
}

static void way_time(struct way *way)
{
	nsec_t next = way->chain.then_at;

	if (!way->held && delayq_next(&way->q) < next)
		next = delayq_next(&way->q);
	if (way->held && way->held_until < next)
		next = way->held_until;
	loop_timer_at_mono(way->session->port->w->loop, &way->timer, next);
}

/* False: it waits. A datagram that may go in part goes whole, on credit. */
static bool way_send(struct way *way, struct delay_chunk *c)
{
	nsec_t now = clock_mono();

	if (c->len && !chain_allow(&way->chain, c->len, now,
				   &way->held_until)) {
		way->held = true;
		return false;
	}
	session_send(way->session, way->s, c->data, c->len);
	if (chain_sent(&way->chain, c->len, now) != TOXIC_GOES_ON)
		way->session->over = true;
	if (way->chain.delays)
		chain_record(&way->chain, now - c->arrival);
	delayq_drop(&way->q);
	return true;
}

static void way_flush(struct way *way)
{
	nsec_t now = clock_mono();
	struct delay_chunk *c;

	way->held = false;
	if (way->chain.then_at <= now)
		way->session->over = true;
	while (!way->session->over && (c = delayq_due(&way->q, now)))
		if (!way_send(way, c))
			break;
	if (!way->session->over)
		way_time(way);
}

static void way_pass(struct way *way, const char *data, size_t len)
{
	struct udp_session *x = way->session;

	if (!way->chain.n && delayq_empty(&way->q)) {
		session_send(x, way->s, data, len);
		return;
	}
	if (way->q.bytes + len > QUEUE_MAX) {
		atomic_fetch_add(&x->port->slot->counters.errors, 1);
		return;
	}
	struct delay_chunk *c =
		delayq_add(&way->q, data, len, clock_mono(), 0);
	struct toxic_chunk chunk = {
		.data = c->data,
		.len = len,
		.now = c->arrival,
		.then_at = NSEC_NEVER,
	};

	chain_intake(&way->chain, &chunk);
	if (chunk.drop)
		delayq_drop_last(&way->q);
	else
		delayq_delay_last(&way->q, chunk.delay);
	way_flush(way);
}

/* Receiving. */

static void session_touch(struct udp_session *x)
{
	x->last = loop_mono(x->port->w->loop);
	list_remove(&x->by_age);
	list_append(&x->port->by_age, &x->by_age);
}

static void on_due(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct way *way = arg;

	(void)loop, (void)timer;
	way_flush(way);
	if (way->session->over)
		session_free(way->session);
}

static void on_answer(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	struct udp_session *x = arg;
	char *data = x->port->w->scratch;

	(void)loop, (void)io, (void)events;
	for (int i = 0; i < DATAGRAMS_PER_TURN && !x->over; i++) {
		ssize_t n = recv(x->io.fd, data, WORKER_SCRATCH, 0);

		if (n < 0) {
			/* The upstream's port is closed: nobody is told */
			if (errno != EAGAIN && errno != EINTR)
				atomic_fetch_add(
					&x->port->slot->counters.errors, 1);
			break;
		}
		session_touch(x);
		way_pass(&x->way[STREAM_DOWN], data, (size_t)n);
	}
	if (x->over)
		session_free(x);
}

static void session_reconf(struct udp_session *x)
{
	const struct link_conf *conf = x->port->slot->use;
	const struct chain_flow id = {x->port->w->seed, x->number};

	for (int s = 0; s < STREAMS; s++) {
		struct way *way = &x->way[s];

		if (!conf->n_toxics && !way->chain.n)
			continue;
		(void)chain_conf(&way->chain, conf, (enum stream)s, &id,
				 clock_mono());
		delayq_shorten(&way->q, chain_longest(&way->chain), 0);
		way_flush(way);
	}
}

static int session_connect(struct udp_session *x)
{
	struct udp_port *port = x->port;
	struct err err = {0};

	if (!port->upstream.len ||
	    allow_connect(port->w->proxy->allow, &port->upstream, &err) < 0)
		return -EPERM;
	x->io.fd = socket(port->upstream.u.sa.sa_family,
			  SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (x->io.fd < 0 ||
	    connect(x->io.fd, &port->upstream.u.sa, port->upstream.len) < 0)
		return -errno;
	return loop_io_set(port->w->loop, &x->io, LOOP_IN, &err);
}

/* Those that a toxic refuses are kept, so that each is asked once. */
static bool session_is_refused(struct udp_session *x)
{
	const struct link_conf *conf = x->port->slot->use;
	struct rng rng;

	for (unsigned i = 0; i < conf->n_toxics; i++) {
		const struct toxic *t = conf->toxics[i];

		if (!t->ops->connect ||
		    !toxic_applies(t, x->port->w->seed, x->number))
			continue;
		toxic_rng(t, x->port->w->seed, x->number, &rng);
		if (t->ops->connect(t, &rng, clock_mono()) < 0)
			return true;
	}
	return false;
}

static struct udp_session *session_new(struct udp_port *port,
				       const struct addr *client)
{
	struct udp_session *x = mem_zalloc(sizeof(*x));

	if (port->n == SESSIONS_MAX)
		session_free(LIST_ENTRY(port->by_age.next, struct udp_session,
					by_age));
	x->port = port;
	x->client = *client;
	x->number = (port->n_sessions++ << 8) | port->w->index;
	loop_io_init(&x->io, -1, "proxy datagrams", on_answer, x);
	list_append(&port->by_age, &x->by_age);
	list_append(&port->buckets[bucket_of(client)], &x->in_bucket);
	port->n++;
	atomic_fetch_add(&port->slot->counters.connections, 1);
	atomic_fetch_add(&port->slot->counters.accepted, 1);
	for (int s = 0; s < STREAMS; s++) {
		x->way[s].session = x;
		x->way[s].s = (enum stream)s;
		delayq_init(&x->way[s].q);
		chain_init(&x->way[s].chain);
		loop_timer_init(&x->way[s].timer, "proxy datagrams", on_due,
				&x->way[s]);
	}
	x->refused = session_is_refused(x) || session_connect(x) < 0;
	if (x->refused)
		atomic_fetch_add(&port->slot->counters.errors, 1);
	else
		session_reconf(x);
	return x;
}

static void on_datagram(struct loop *loop, struct loop_io *io, unsigned events,
			void *arg)
{
	struct udp_port *port = arg;
	char *data = port->w->scratch;

	(void)loop, (void)events;
	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		struct addr client = {.len = sizeof(client.u)};
		ssize_t n = recvfrom(io->fd, data, WORKER_SCRATCH, 0,
				     &client.u.sa, &client.len);

		if (n < 0)
			return;
		struct udp_session *x = session_find(port, &client);

		if (!x)
			x = session_new(port, &client);
		session_touch(x);
		if (!x->refused)
			way_pass(&x->way[STREAM_UP], data, (size_t)n);
		if (x->over)
			session_free(x);
	}
}

/* Ports. */

static void on_sweep(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct udp_port *port = arg;
	nsec_t now = loop_mono(loop);

	while (!list_empty(&port->by_age)) {
		struct udp_session *x = LIST_ENTRY(port->by_age.next,
						   struct udp_session, by_age);

		if (now - x->last < IDLE)
			break;
		session_free(x);
	}
	loop_timer_at_mono(loop, timer, now + IDLE / 4);
}

void udp_open(struct worker *w, struct link *l, const struct addr *upstream,
	      int fd)
{
	struct link_slot *slot = &l->slots[w->index];
	struct udp_port *port = mem_zalloc(sizeof(*port));
	struct err err = {0};

	udp_close(slot, true); /* one that was closed at the same time */
	port->w = w;
	port->link = link_ref(l);
	port->slot = slot;
	port->upstream = *upstream;
	list_init(&port->by_age);
	for (int i = 0; i < BUCKETS; i++)
		list_init(&port->buckets[i]);
	loop_io_init(&port->io, fd, "proxy datagrams", on_datagram, port);
	loop_timer_init(&port->sweep, "proxy datagrams", on_sweep, port);
	loop_timer_at_mono(w->loop, &port->sweep, loop_mono(w->loop) + IDLE);
	slot->udp = port;
	if (loop_io_set(w->loop, &port->io, LOOP_IN, &err) < 0)
		log_error("link %s: %s", l->name, err.msg);
}

void udp_reconf(struct link_slot *slot)
{
	struct list *pos, *tmp;

	if (!slot->udp)
		return;
	slot->udp->upstream = slot->use->endpoints[0].upstream;
	LIST_FOR_SAFE (pos, tmp, &slot->udp->by_age) {
		struct udp_session *x =
			LIST_ENTRY(pos, struct udp_session, by_age);

		if (!x->refused)
			session_reconf(x);
		if (x->over)
			session_free(x);
	}
}

void udp_close(struct link_slot *slot, bool shut)
{
	struct udp_port *port = slot->udp;

	if (!port)
		return;
	while (!list_empty(&port->by_age))
		session_free(LIST_ENTRY(port->by_age.next, struct udp_session,
					by_age));
	if (!shut)
		return;
	loop_timer_stop(port->w->loop, &port->sweep);
	(void)loop_io_set(port->w->loop, &port->io, 0, NULL);
	close(port->io.fd);
	slot->udp = NULL;
	link_unref(port->link);
	mem_free(port);
}

static int udp_socket(const struct addr *addr)
{
	int fd = socket(addr->u.sa.sa_family,
			SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
	    bind(fd, &addr->u.sa, addr->len) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int udp_listen(struct link *l, struct addr *addr, const struct addr *upstream,
	       struct err *err)
{
	int fds[PROXY_THREADS_MAX], rc = 0;
	char text[ADDR_TEXT];
	unsigned n = 0;

	for (; n < l->n_slots; n++) {
		rc = udp_socket(addr);
		if (rc < 0)
			break;
		fds[n] = rc;
		if (!n)
			(void)addr_local(fds[0], addr); /* the port it got */
	}
	if (rc < 0) {
		while (n)
			close(fds[--n]);
		return err_set(err, rc, "listen udp %s: %s",
			       addr_fmt(addr, text), strerror(-rc));
	}
	for (unsigned i = 0; i < n; i++)
		worker_datagrams(l->proxy->workers[i], l, upstream, fds[i]);
	return 0;
}
