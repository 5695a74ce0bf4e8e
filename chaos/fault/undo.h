/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Undo as bytes.  A record is rendered before the fault is injected, is flat
 * (no pointers), and says all that any process needs to revert and to verify:
 * the guardian and `gameday recover` run it without the driver that made it.
 * That is why revert and verify belong to the medium (via), not to the driver.
 *
 *	rendered → journalled → [injected] → reverted → verified gone
 */
#ifndef GD_FAULT_UNDO_H
#define GD_FAULT_UNDO_H

#include <stdbool.h>
#include <stdint.h>

#include "chaos/base/clock.h"
#include "chaos/base/err.h"
#include "chaos/base/proc.h"

enum undo_via {
	UNDO_HTTP,	/* a request to a proxy's control socket */
	UNDO_NETLINK,	/* rtnetlink messages; interface by name */
	UNDO_SIGNAL,	/* a signal to pid + start time, one or more */
	UNDO_NFT,	/* a batch that deletes a table of ours */
	UNDO_COMMAND,	/* a program that starts what was ended */
	UNDO_WRITE,	/* a value back into a file (cgroups) */
	UNDO_UNLINK,	/* a file of ours removed */
	UNDO_LOCAL,	/* in this process only: ended with it, by definition */
	UNDO_VIAS
};

enum { UNDO_BYTES = 2048, UNDO_RECORDS = 64 };

enum undo_state { UNDO_PRESENT, UNDO_GONE, UNDO_CANNOT_TELL };

struct undo_record {
	uint32_t index;			/* of the fault in the run */
	uint32_t via;			/* enum undo_via */
	char fault[64], kind[32];	/* names, for what is said */
	char target[128];		/* "link db", "qdisc lo" */
	char owner[64];			/* the mark: toxic name, qdisc handle */
	char command[512];		/* what a person types to remove it */
	char where[256];		/* socket; interface; file */
	char netns[128];		/* path, or "" for ours */
	char instance[64];		/* UNDO_HTTP: the proxy's */
	struct proc_id proc;		/* UNDO_SIGNAL; more of it in bytes */
	int32_t signal;
	uint32_t len, verify_len;
	uint8_t bytes[UNDO_BYTES];	/* the messages that revert */
	uint8_t verify[UNDO_BYTES];	/* those that look */
};

/* Fills in via, bytes and verify: removal of table inet r->owner. */
void undo_nft_render(struct undo_record *r);

/*
 * UNDO_SIGNAL: SIGCONT to what was stopped, SIGKILL to what was started.
 * -E2BIG: too many.
 */
int undo_signal_render(struct undo_record *r, int signal,
		       const struct proc_id *v, size_t n) MUST_CHECK;
/*
 * UNDO_COMMAND: argv is run (as uid:gid, or "" for as we are) unless something
 * runs that `runs` names: "name:COMM", "port:N", "unit:NAME".
 */
int undo_command_render(struct undo_record *r, const char *const *argv,
			const char *as, const char *runs) MUST_CHECK;
/*
 * UNDO_WRITE: `value` into the file at `where`.  key: "8:0" for a file that
 * has a line for each; else "".  want: the file, or the line behind its key,
 * as it is read when it is undone; "" for no such line.
 */
int undo_write_render(struct undo_record *r, const char *key,
		      const char *value, const char *want) MUST_CHECK;

/* Idempotent; bounded by 500 real ms; allocates nothing. 0: done or gone. */
int undo_revert(const struct undo_record *r, struct err *err);
enum undo_state undo_verify(const struct undo_record *r, struct err *err);

/*
 * The journal of one run: /var/lib/gameday/undo (root) or
 * $XDG_STATE_HOME/gameday/undo, mode 0600.  A header line, a line a record,
 * then appended facts.  Whoever is in charge holds its lock.
 */
struct undo_journal;

struct undo_header {
	char run[64], boot_id[40], host[64], run_dir[256];
	uint32_t uid;
	struct proc_id controller, guardian;
};

const char *undo_dir(void);	/* GAMEDAY_UNDO_DIR wins (tests) */
/* Creates it, writes header and records, syncs, takes the lock. */
int undo_journal_create(const struct undo_header *header,
			const struct undo_record *v, size_t n,
			struct undo_journal **ret, struct err *err) MUST_CHECK;
/*
 * Appends "injected"/"reverted"/"gone"/"left" of record index; no sync, no
 * allocation: an unsynced line survives SIGKILL, and the guardian calls it too.
 */
int undo_journal_note(struct undo_journal *j, uint32_t index, const char *what);
/* Appends who guards it; header.guardian of whoever opens it later. */
int undo_journal_note_guardian(struct undo_journal *j,
			       const struct proc_id *guardian);
/* Opens what a crash left. -EBUSY: live (locked). -EPERM: another user's. */
int undo_journal_open(const char *path, struct undo_journal **ret,
		      struct err *err) MUST_CHECK;
const struct undo_header *undo_journal_header(const struct undo_journal *j);
/* Stays the journal's. */
int undo_journal_fd(const struct undo_journal *j);
const char *undo_journal_path(const struct undo_journal *j);
size_t undo_journal_records(const struct undo_journal *j,
			    const struct undo_record **ret);
/* As of opening: when it was last injected, 1 the first; 0: no such note. */
uint32_t undo_journal_order(const struct undo_journal *j, size_t i);
/* After the last verified revert: unlinks. The lock stays until the close. */
void undo_journal_unlink(const struct undo_journal *j);	/* allocates nothing */
void undo_journal_delete(struct undo_journal *j);	/* unlinks and closes */
void undo_journal_close(struct undo_journal *j);	/* leaves the file */

#endif
