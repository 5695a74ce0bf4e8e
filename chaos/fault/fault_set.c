/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set as a whole: made, armed, released.  Arming prepares every fault and
 * has every undo on disk and in a guardian's hands before anything may be
 * injected; when a step of it fails nothing of it is left.
 */
#include "chaos/fault/fault_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/fault/fault_state.h"
#include "chaos/fault/link.h"

/* --- for drivers ------------------------------------------------------- */

const void *fault_opts(const struct fault *f)
{
	return f->opts;
}

void *fault_state(struct fault *f)
{
	return f->state;
}

const struct fault_env *fault_env(const struct fault *f)
{
	return &f->set->args.env;
}

const struct fault_ops *fault_driver(const struct fault *f)
{
	return f->ops;
}

const struct fault_conf *fault_conf(const struct fault *f)
{
	return f->conf;
}

const char *fault_out_dir(const struct fault *f)
{
	return f->set->args.run_dir;
}

const char *fault_mark(const struct fault *f)
{
	return f->mark;
}

/* --- new --------------------------------------------------------------- */

/*
 * The mark goes into URLs and has a fixed size: what does not fit is replaced
 * by a hash (FNV-1a) of the whole, so that two marks stay two.
 */
static void make_mark(char dst[64], const char *run, const char *name)
{
	AUTO_FREE char *full = mem_printf("gd-%s-%s", run, name);
	uint32_t hash = 2166136261u;
	size_t len = strlen(full);

	for (char *p = full; *p; p++) {
		hash = (hash ^ (unsigned char)*p) * 16777619u;
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
			    "XYZ0123456789-_.", *p))
			*p = '-';
	}
	if (len < 64)
		memcpy(dst, full, len + 1);
	else
		snprintf(dst, 64, "%.54s-%08x", full, hash);
}

static void choice_init(struct fault_choice *c, const struct fault_ops *ops,
			const struct scenario_section *s, struct errs *errs)
{
	c->ops = ops;
	if (!ops)
		return;
	c->opts = mem_zalloc(ops->opts_size ? ops->opts_size : 1);
	if (!ops->opts)
		return;
	opt_defaults(ops->opts, c->opts);
	scenario_fill(s, ops->opts, c->opts, errs);
}

static void choice_done(struct fault_choice *c)
{
	if (c->ops && c->ops->opts && c->opts)
		opt_done(c->ops->opts, c->opts);
	mem_free(c->opts);
}

static void find_kind(struct fault *f, const char *key, const char *kind,
		      struct fault_choice *ret, struct errs *errs)
{
	const struct fault_ops *ops;

	if (!kind)
		return;
	ops = fault_find(f->set->args.table, kind);
	if (!ops)
		scenario_error(f->conf->section, key, errs,
			       "unknown %s '%s' (gameday list faults)", key,
			       kind);
	choice_init(ret, ops, f->conf->section, errs);
}

void fault_choose(struct fault *f, bool fallback)
{
	const struct fault_choice *c = fallback ? &f->fallback : &f->kind;

	f->ops = c->ops;
	f->opts = c->opts;
	f->is_fallback = fallback;
}

static void fault_init(struct faults *fs, size_t i, struct errs *errs)
{
	struct fault *f = &fs->v[i];

	f->set = fs;
	f->index = i;
	f->conf = &fs->args.confs[i];
	make_mark(f->mark, fs->args.env.run, f->conf->name);
	find_kind(f, "kind", f->conf->kind, &f->kind, errs);
	find_kind(f, "fallback", f->conf->fallback, &f->fallback, errs);
	fault_choose(f, false);
	fault_state_init(f);
}

void faults_new(const struct faults_args *args, struct faults **ret,
		struct errs *errs)
{
	struct faults *fs = mem_zalloc(sizeof(*fs));
	size_t before = errs->n;

	*ret = NULL;
	fs->args = *args;
	fs->v = mem_calloc(args->n ? args->n : 1, sizeof(*fs->v));
	fs->records = mem_calloc(args->n ? args->n : 1, sizeof(*fs->records));
	faults_state_init(fs);
	if (args->n > UNDO_RECORDS)
		errs_add(errs, NULL, 0, "%zu faults, at most %d", args->n,
			 UNDO_RECORDS);
	for (size_t i = 0; i < args->n; i++)
		fault_init(fs, i, errs);
	if (errs->n > before)
		faults_free(fs);
	else
		*ret = fs;
}

/* Also of one that was never prepared. */
static void fault_drop_state(struct fault *f)
{
	if (f->state && f->ops && f->ops->release)
		f->ops->release(f);
	mem_free(f->state);
	f->state = NULL;
}

static void fault_done(struct fault *f)
{
	fault_drop_state(f);
	/* An adjust replaced the taken one's: the choice has the new. */
	choice_done(&f->kind);
	choice_done(&f->fallback);
	for (size_t i = 0; i < f->n_tweaks; i++) {
		mem_free(f->tweaks[i].key);
		mem_free(f->tweaks[i].value);
	}
	mem_free(f->tweaks);
}

void faults_free(struct faults *fs)
{
	if (!fs)
		return;
	faults_state_done(fs);
	/* Armed and not released: the guardian undoes what there is. */
	guardian_close(fs->guardian);
	undo_journal_close(fs->journal);
	for (size_t i = 0; fs->v && i < fs->args.n; i++)
		if (fs->v[i].set)
			fault_done(&fs->v[i]);
	mem_free(fs->v);
	mem_free(fs->records);
	mem_free(fs);
}

/* --- arm --------------------------------------------------------------- */

static void record_init(struct fault *f, struct undo_record *r)
{
	memset(r, 0, sizeof(*r));
	r->index = (uint32_t)f->index;
	r->via = UNDO_LOCAL;
	snprintf(r->fault, sizeof(r->fault), "%s", f->conf->name);
	snprintf(r->kind, sizeof(r->kind), "%s", f->ops->name);
	snprintf(r->owner, sizeof(r->owner), "%s", f->mark);
}

static int prepare_one(struct fault *f, struct err *err)
{
	struct undo_record *r = &f->set->records[f->index];
	int rc;

	f->state = mem_zalloc(f->ops->state_size ? f->ops->state_size : 1);
	record_init(f, r);
	rc = f->ops->prepare(f, r, err);
	if (rc) {
		err_prefix(err, "fault '%s'", f->conf->name);
		return rc;	/* also of a driver that said nothing */
	}
	fault_prepared(f);
	return 0;
}

static int prepare_all(struct faults *fs, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < fs->args.n; i++)
		rc = prepare_one(&fs->v[i], err);
	return rc;
}

static void header_init(const struct faults *fs, struct undo_header *h)
{
	memset(h, 0, sizeof(*h));
	snprintf(h->run, sizeof(h->run), "%s", fs->args.env.run);
	snprintf(h->run_dir, sizeof(h->run_dir), "%s",
		 fs->args.run_dir ? fs->args.run_dir : "");
	if (gethostname(h->host, sizeof(h->host) - 1))
		strcpy(h->host, "localhost");
	if (proc_boot_id(h->boot_id))
		h->boot_id[0] = '\0';
	h->uid = geteuid();
	if (proc_identify(getpid(), &h->controller))
		h->controller.pid = getpid();
}

static void on_reverted(void *arg, const struct guardian_outcome *o)
{
	faults_reverted(arg, o);
}

static void on_lost(void *arg)
{
	faults_guardian_lost(arg);
}

static int start_guardian(struct faults *fs, const struct undo_header *header,
			  struct err *err)
{
	const struct faults_args *a = &fs->args;
	struct guardian_args args = {
		.loop = a->env.loop,
		.run = a->env.run,
		.host = header->host,
		.records = fs->records,
		.n = a->n,
		.journal = fs->journal,
		.lease_fd = a->env.link ? fault_link_lease_fd(a->env.link) :
					  -1,
		.run_dir = a->run_dir,
		.reverted = on_reverted,
		.lost = on_lost,
		.arg = fs,
	};

	return guardian_start(&args, &fs->guardian, err);
}

/* It names files, and is kept whole in the journal's header. */
static int check_run(const char *run, struct err *err)
{
	const size_t max = sizeof(((struct undo_header *)NULL)->run) - 1;

	if (*run && strlen(run) <= max && *run != '.' && !strchr(run, '/'))
		return 0;
	return err_set(err, -EINVAL, "the run's id '%s' cannot name a file, "
		       "or is longer than %zu bytes", run, max);
}

static int arm(struct faults *fs, struct err *err)
{
	struct undo_header header;
	int rc = prepare_all(fs, err);

	if (rc || !fs->args.guardian || fs->args.n == 0)
		return rc;
	rc = check_run(fs->args.env.run, err);
	if (rc)
		return rc;
	header_init(fs, &header);
	rc = undo_journal_create(&header, fs->records, fs->args.n,
				 &fs->journal, err);
	if (rc)
		return rc;
	rc = start_guardian(fs, &header, err);
	if (rc) {
		undo_journal_delete(fs->journal);
		fs->journal = NULL;
	}
	return rc;
}

int faults_arm(struct faults *fs, struct err *err)
{
	int rc = arm(fs, err);

	if (rc) {
		for (size_t i = fs->args.n; i-- > 0;)
			fault_drop_state(&fs->v[i]);
		return rc;
	}
	fs->armed = true;
	return 0;
}

/*
 * With something left behind no goodbye is said: the proxy then lifts what
 * it can by itself, and the journal stays for `gameday recover`.
 */
void faults_release(struct faults *fs)
{
	size_t left = 0;

	if (!fs->armed || fs->released)
		return;
	fs->released = true;
	for (size_t i = 0; i < fs->args.n; i++)
		left += fs->v[i].st == FAULT_LEFT;
	if (!left && fs->args.env.link)
		fault_link_goodbye(fs->args.env.link);
	if (!left && fs->journal)
		undo_journal_unlink(fs->journal);
	guardian_release(fs->guardian);
	fs->guardian = NULL;
	undo_journal_close(fs->journal);
	fs->journal = NULL;
}

enum fault_state faults_state(const struct faults *fs, size_t i)
{
	return fs->v[i].st;
}
