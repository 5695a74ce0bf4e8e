/* SPDX-License-Identifier: Apache-2.0 */
/* A data thread and the messages that reach it. */
#include "faults/proxy/worker.h"

#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "faults/proxy/flow.h"
#include "faults/proxy/proxy.h"
#include "faults/proxy/udp.h"

/* One message; it is freed by whoever takes it. */
struct note {
	struct loop_post post;
	struct worker *worker;
	struct link *link;	/* a reference, or NULL */
	struct link_conf *conf; /* a reference, or NULL */
	struct addr upstream;
	uint64_t number;
	int fd;
	bool shut, gone;
	sem_t *done;
};

static void note_send(struct worker *w, const struct note *what,
		      loop_post_fn *fn)
{
	struct note *note = mem_alloc(sizeof(*note));

	*note = *what;
	note->worker = w;
	note->post.fn = fn;
	list_init(&note->post.link);
	loop_post(w->loop, &note->post);
}

static struct note *note_of(struct loop_post *post)
{
	return LIST_ENTRY(post, struct note, post);
}

static struct link_slot *note_slot(const struct note *note)
{
	return &note->link->slots[note->worker->index];
}

static void note_free(struct note *note)
{
	if (note->link)
		link_unref(note->link);
	link_conf_unref(note->conf);
	mem_free(note);
}

static void take_accept(struct loop *loop, struct loop_post *post)
{
	struct note *note = note_of(post);

	(void)loop;
	if (note_slot(note)->closed)
		addr_close_rst(note->fd);
	else
		flow_open(note->worker, note->link, &note->upstream,
			  note->number, note->fd);
	note_free(note);
}

void worker_accept(struct worker *w, struct link *l,
		   const struct addr *upstream, uint64_t number, int fd)
{
	note_send(w,
		  &(struct note){
			  .link = link_ref(l),
			  .upstream = *upstream,
			  .number = number,
			  .fd = fd,
		  },
		  take_accept);
}

static void take_conf(struct loop *loop, struct loop_post *post)
{
	struct note *note = note_of(post);
	struct link_slot *slot = note_slot(note);
	struct link_conf *was = slot->use;
	struct list *pos, *tmp;

	(void)loop;
	slot->use = note->conf;
	note->conf = was; /* freed with the note, after the last use */
	LIST_FOR_SAFE (pos, tmp, &slot->flows) {
		struct flow *f = flow_of_slot(pos);

		flow_reconf(f);
		flow_settle(f);
	}
	udp_reconf(slot);
	note_free(note);
}

static void take_datagrams(struct loop *loop, struct loop_post *post)
{
	struct note *note = note_of(post);

	(void)loop;
	if (note_slot(note)->closed)
		close(note->fd);
	else
		udp_open(note->worker, note->link, &note->upstream, note->fd);
	note_free(note);
}

void worker_datagrams(struct worker *w, struct link *l,
		      const struct addr *upstream, int fd)
{
	note_send(w,
		  &(struct note){
			  .link = link_ref(l),
			  .upstream = *upstream,
			  .fd = fd,
		  },
		  take_datagrams);
}

void worker_conf(struct worker *w, struct link *l, struct link_conf *conf)
{
	note_send(w,
		  &(struct note){
			  .link = link_ref(l),
			  .conf = link_conf_ref(conf),
		  },
		  take_conf);
}

static void take_close(struct loop *loop, struct loop_post *post)
{
	struct note *note = note_of(post);
	struct link_slot *slot = note_slot(note);
	struct list *pos, *tmp;

	(void)loop;
	LIST_FOR_SAFE (pos, tmp, &slot->flows)
		flow_kill(flow_of_slot(pos));
	udp_close(slot, note->shut || note->gone);
	if (note->gone)
		slot->closed = true;
	note_free(note);
}

void worker_close(struct worker *w, struct link *l, bool shut, bool gone)
{
	note_send(w,
		  &(struct note){
			  .link = link_ref(l),
			  .shut = shut,
			  .gone = gone,
		  },
		  take_close);
}

static void take_sync(struct loop *loop, struct loop_post *post)
{
	struct note *note = note_of(post);

	(void)loop;
	sem_post(note->done);
	note_free(note);
}

void worker_sync(struct worker *w)
{
	sem_t done;

	sem_init(&done, 0, 0);
	note_send(w, &(struct note){.done = &done}, take_sync);
	while (sem_wait(&done) < 0)
		;
	sem_destroy(&done);
}

static void take_quit(struct loop *loop, struct loop_post *post)
{
	note_free(note_of(post));
	loop_quit(loop);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "data %u", w->index);
	(void)prctl(PR_SET_NAME, name);
	/* Deadlines are kept to the microsecond, not to the default 50 us */
	(void)prctl(PR_SET_TIMERSLACK, 1000);
	/* Where it may: on a busy machine deadlines come before the load */
	(void)setpriority(PRIO_PROCESS, 0, -5);
	loop_run(w->loop);
	return NULL;
}

static int worker_thread(struct worker *w, struct err *err)
{
	sigset_t all, was;

	/* Signals are the control thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	int rc = pthread_create(&w->thread, NULL, worker_main, w);

	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return rc ? err_set(err, -rc, "cannot start data thread %u", w->index)
		  : 0;
}

static void worker_free(struct worker *w)
{
	loop_free(w->loop);
	mem_free(w->scratch);
	mem_free(w);
}

int worker_start(struct proxy *proxy, unsigned index, uint64_t seed,
		 struct worker **ret, struct err *err)
{
	struct worker *w = mem_zalloc(sizeof(*w));
	int rc = loop_new(LOOP_EPOLL, &w->loop, err);

	w->index = index;
	w->proxy = proxy;
	w->seed = seed;
	w->scratch = mem_alloc(WORKER_SCRATCH);
	if (!rc)
		rc = worker_thread(w, err);
	if (rc < 0) {
		worker_free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	note_send(w, &(struct note){.fd = -1}, take_quit);
	pthread_join(w->thread, NULL);
	worker_free(w);
}
