/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: a socket that lives as long as whoever set the toxics does.  When it
 * ends without "bye" the lease's toxics are removed in that same callback.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "faults/proxy/link.h"
#include "faults/proxy/proxy.h"

/* An upgrade whose socket never came is over after this time. */
#define LEASE_ATTACH_WITHIN (5 * NSEC_SEC)

struct lease { /* control thread */
	struct list in_proxy;
	struct proxy *proxy;
	char *id;
	int fd; /* -1: its socket is still to come */
	struct loop_io io;
	struct loop_timer expiry; /* until then */
	char line[16];		  /* the last bytes read, for "bye\n" */
	size_t len;
	bool bye;
	bool dead; /* expired; the upgrade may still come for it */
};

static void lease_free(struct lease *lease)
{
	struct proxy *proxy = lease->proxy;

	list_remove(&lease->in_proxy);
	loop_timer_stop(proxy->loop, &lease->expiry);
	if (lease->fd >= 0) {
		(void)loop_io_set(proxy->loop, &lease->io, 0, NULL);
		close(lease->fd);
	}
	mem_free(lease->id);
	mem_free(lease);
}

static void lease_end(struct lease *lease)
{
	struct list *pos;
	unsigned removed = 0;

	if (!lease->bye)
		LIST_FOR (pos, &lease->proxy->links)
			removed += link_remove_toxics(
				LIST_ENTRY(pos, struct link, in_proxy),
				lease->id);
	if (lease->bye)
		log_info("lease %s: goodbye", lease->id);
	else
		log_warn("lease %s is gone: %u toxics removed", lease->id,
			 removed);
	lease_free(lease);
}

static void lease_feed(struct lease *lease, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			if (lease->len == 3 && !memcmp(lease->line, "bye", 3))
				lease->bye = true;
			lease->len = 0;
		} else if (lease->len < sizeof(lease->line)) {
			lease->line[lease->len++] = data[i];
		}
	}
}

static void on_lease(struct loop *loop, struct loop_io *io, unsigned events,
		     void *arg)
{
	struct lease *lease = arg;
	char data[256];
	ssize_t n;

	(void)loop, (void)io, (void)events;
	while ((n = recv(lease->fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
		lease_feed(lease, data, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		lease_end(lease);
}

static void on_expiry(struct loop *loop, struct loop_timer *timer, void *arg)
{
	struct lease *lease = arg;

	(void)loop, (void)timer;
	lease->dead = true;
}

static struct lease *lease_find(const struct proxy *proxy, const char *id)
{
	struct list *pos;

	LIST_FOR (pos, &proxy->leases) {
		struct lease *lease = LIST_ENTRY(pos, struct lease, in_proxy);

		if (!lease->dead && !strcmp(lease->id, id))
			return lease;
	}
	return NULL;
}

bool lease_is_open(const struct proxy *proxy, const char *id)
{
	const struct lease *lease = lease_find(proxy, id);

	return lease && !lease->bye;
}

int lease_begin(struct proxy *proxy, const char *id, void **ret,
		struct err *err)
{
	if (lease_find(proxy, id))
		return err_set(err, -EEXIST, "lease '%s' is open already", id);
	struct lease *lease = mem_zalloc(sizeof(*lease));

	lease->proxy = proxy;
	lease->id = mem_strdup(id);
	lease->fd = -1;
	list_append(&proxy->leases, &lease->in_proxy);
	loop_timer_init(&lease->expiry, "proxy lease", on_expiry, lease);
	loop_timer_at_mono(proxy->loop, &lease->expiry,
			   loop_mono(proxy->loop) + LEASE_ATTACH_WITHIN);
	proxy->had_lease = true;
	proxy->goodbye = 0; /* somebody new has come */
	*ret = lease;
	return 0;
}

void lease_attach(void *arg, int fd)
{
	struct lease *lease = arg;
	struct err err = {0};

	loop_timer_stop(lease->proxy->loop, &lease->expiry);
	lease->fd = fd;
	lease->dead = false;
	loop_io_init(&lease->io, fd, "proxy lease", on_lease, lease);
	if (loop_io_set(lease->proxy->loop, &lease->io, LOOP_IN, &err) < 0) {
		log_error("lease %s: %s", lease->id, err.msg);
		lease_end(lease);
	}
}

void lease_end_all(struct proxy *proxy)
{
	struct list *l;

	while ((l = proxy->leases.next) != &proxy->leases)
		lease_free(LIST_ENTRY(l, struct lease, in_proxy));
}

unsigned lease_count(const struct proxy *proxy)
{
	struct list *pos;
	unsigned n = 0;

	LIST_FOR (pos, &proxy->leases)
		n += !LIST_ENTRY(pos, struct lease, in_proxy)->dead;
	return n;
}
