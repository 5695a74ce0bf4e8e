/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guardian: a process that only undoes.  It is forked with the rendered
 * records, the journal's lock and the proxy's lease, and is the one that
 * reverts, at a normal end as after a crash.
 *
 *	controller                       guardian
 *	guardian_beat      ── beat ────► lives on (10 s of real time)
 *	guardian_injecting ── mark ────► this record is perhaps injected
 *	guardian_revert    ── revert ──► reverts, verifies
 *	outcome            ◄─ reverted ─
 *	(dead or silent)                 SIGKILLs it, waits, reverts all, ends
 */
#ifndef GD_FAULT_GUARDIAN_H
#define GD_FAULT_GUARDIAN_H

#include "chaos/base/loop.h"
#include "chaos/base/proc.h"
#include "chaos/fault/undo.h"

struct guardian;

struct guardian_outcome {
	uint32_t index;		/* into records */
	enum undo_state state;	/* as verified */
	nsec_t real;		/* of the revert, real ns */
	const char *why;	/* when not gone; else "" */
};

struct guardian_args {
	struct loop *loop;	/* heartbeats go out from it */
	const char *run, *host;
	const struct undo_record *records;	/* copied by the fork */
	size_t n;
	struct undo_journal *journal;	/* its lock is shared */
	int lease_fd;		/* -1: none; shared */
	const char *run_dir;	/* gets undo.jsonl; NULL: none */
	nsec_t heartbeat;	/* real ns; 0: 10 s */
	void (*reverted)(void *arg, const struct guardian_outcome *o);
	/* It has died: whoever is left reverts. guardian_close() it. */
	void (*lost)(void *arg);
	void *arg;
};

/* Forks and waits until it is armed (bounded). On failure nothing is left. */
int guardian_start(const struct guardian_args *args, struct guardian **ret,
		   struct err *err) MUST_CHECK;
const struct proc_id *guardian_id(const struct guardian *g);
/* Before an inject. Negative: the guardian is lost, do not inject. */
int guardian_injecting(struct guardian *g, uint32_t index) MUST_CHECK;
/* args.reverted follows, or args.lost. */
int guardian_revert(struct guardian *g, uint32_t index) MUST_CHECK;
/* All is gone or named: it ends without a revert, is reaped; g is freed. */
void guardian_release(struct guardian *g);
/* Without a release: it reverts all and ends by itself; g is freed. */
void guardian_close(struct guardian *g);

/*
 * For `gameday stop`: sends "status" or "stop" to a run's guardian and gives
 * its one line of JSON. Blocks, at most 15 s. -ENOENT: there is none.
 */
int guardian_ask(const char *run, const char *command, char *reply,
		 size_t size, struct err *err) MUST_CHECK;

#endif
