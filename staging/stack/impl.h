/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the staging stack share; not for others. */
#ifndef GD_STAGING_IMPL_H
#define GD_STAGING_IMPL_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "chaos/base/addr.h"
#include "chaos/base/buf.h"
#include "chaos/base/loop.h"
#include "chaos/base/proc.h"
#include "staging/stack/probe.h"
#include "staging/stack/stack.h"

enum { STACK_PATH = 256 };

#define STACK_TOPIC "coupon-issued"
#define STACK_DB "shop"		/* database and its owner */
/*
 * So many that 3, 6, 10 and 15 consumers have equal shares.  Of 10, three have
 * 4, 3 and 3: the first is saturated when all of them confirm 33/s and not 39.
 */
enum { STACK_PARTITIONS = 30 };

/* Where a stack of a name lives. data is on a disk when /run is small. */
struct stack_paths {
	char parent[STACK_PATH];	/* …/gameday/staging */
	char dir[STACK_PATH];		/* parent/NAME: control, info.json */
	char data[STACK_PATH];		/* dir/data, or under /var/tmp */
	char logs[STACK_PATH];		/* dir/logs */
	char control[STACK_PATH];	/* dir/control */
	char lock[STACK_PATH];		/* parent/NAME.lock */
};

/* paths.c */
int stack_paths_init(struct stack_paths *paths, const char *name,
		     struct err *err) MUST_CHECK;
/* data moves to /var/tmp when the state directory has little room. */
void stack_paths_place_data(struct stack_paths *paths);
/* Both directories and all below them; what a dead supervisor left too. */
void stack_paths_remove(const struct stack_paths *paths);
/* Held for a supervisor's life. -EEXIST: another holds it. */
int stack_lock(const struct stack_paths *paths, int *ret_fd, struct err *err)
	MUST_CHECK;
void stack_unlock(const struct stack_paths *paths, int *fd);
/* rm -r, whoever owns what is in it; what cannot be removed stays. */
void stack_remove_tree(const char *path);
/* A file beside the running program: "gameday-shop". */
int stack_sibling(const char *name, char dst[PATH_MAX]);
/* Size, inode and time of shop and proxy: another build is another stack. */
json_t *stack_build_id(void);
/* A free TCP port on 127.0.0.1 that no outgoing connection will take. */
int stack_free_port(int *ret, struct err *err) MUST_CHECK;

/* An argv that grows; every string is owned. */
struct args {
	char **v;
	size_t n, cap;
};
void args_add(struct args *args, const char *fmt, ...) PRINTF(2, 3);
void args_done(struct args *args);

enum part_id {
	PART_POSTGRES,
	PART_REDIS,
	PART_KAFKA,
	PART_PROXY,
	PART_SHOP,
	PART_COUNT
};

enum part_state {
	PART_WAITING,	/* for the parts it needs */
	PART_TOOL,	/* initdb and the like run */
	PART_LINE,	/* its process runs and has yet to say where */
	PART_PROBING,	/* … and has yet to answer */
	PART_READY,
	PART_STOPPING,
	PART_ENDED,	/* by itself, or because it was told to */
};

struct sup;
struct part;

/* One row a part; staging/stack/part_*.c. */
struct part_ops {
	const char *name;
	unsigned after;		/* bits 1 << part_id that must be ready */
	int wave;		/* stops after the lower waves have ended */
	int stop_signal;
	nsec_t stop_real;	/* real ns until SIGKILL */
	const char *mend;	/* what a person can do when it won't start */
	/* Directories, files, a port. Called again by a second try. */
	int (*prepare)(struct part *part, struct err *err);
	/* A program to run to its end before the server; may be NULL. */
	void (*tool)(struct part *part, struct args *args);
	/* line_fd: where it may write its ready line. */
	void (*server)(struct part *part, struct args *args, int line_fd);
	/* Its ready line came; NULL: it writes none. May be NULL. */
	int (*line)(struct part *part, const json_t *line, struct err *err);
	bool (*has_line)(const struct part *part);	/* NULL: if line */
	const struct probe_ops *probe;	/* NULL: ready with its line */
	void (*info)(const struct part *part, json_t *info);
};

/* Owned by the supervisor's one thread. */
struct part {
	const struct part_ops *ops;
	struct sup *sup;
	enum part_id id;
	enum part_state state;
	bool running;		/* a process of it is to be reaped */
	bool killed;		/* SIGKILL was sent */
	int tries;
	struct proc_id proc;
	nsec_t began;		/* mono ns */
	int port;		/* of the server; chosen, or from its line */
	const char *user;	/* run as; NULL: as we are */
	char version[64];
	char note[128];		/* behind its progress line; or "" */
	char dir[STACK_PATH];	/* its data */
	char log[STACK_PATH];
	char ended[64];		/* "exit 1", when PART_ENDED */
	struct loop_timer deadline;
	struct loop_io line_io;	/* fd -1: none */
	struct buf line;
	struct probe probe;
	json_t *said;		/* its ready line, or NULL */
};

struct sup {
	struct loop *loop;
	struct stack_paths paths;
	char *name;
	double speed;
	json_t *keys;		/* {"shop.pool": "50"} */
	bool kafka_mock;
	char kafka_home[STACK_PATH];	/* libs/, log4j2.properties; "" */
	char java[PATH_MAX];
	struct part parts[PART_COUNT];
	int report_fd;		/* to the asker; -1: gone */
	bool up;
	bool stopping;
	struct err failure;	/* why it stops, or what has ended since */
	json_t *info;		/* when up */
	int wave;		/* that is stopping; -1: none yet */
	struct loop_timer stop_timer;
	struct loop_io signal_io;
	struct httpd *httpd;
	FILE *log;
};

extern const struct part_ops part_postgres, part_redis, part_kafka,
	part_proxy, part_shop;

/* part.c: one part from nothing to ready. They report through sup_*. */
void part_init(struct part *part, struct sup *sup, enum part_id id);
void part_done(struct part *part);
void part_start(struct part *part);
/* Its process ended; status as from waitpid. */
void part_exited(struct part *part, int status);
void part_signal(struct part *part, int sig);
const char *part_state_name(enum part_state state);
/* "127.0.0.1:PORT" of a server. */
void part_at(const struct part *part, char dst[ADDR_TEXT]);
/* A duration of drill time in real ms, at least min_ms. */
int sup_real_ms(const struct sup *sup, double drill_ms, int min_ms);
/* value of "shop.pool", …; def when it was not given. */
const char *sup_key(const struct sup *sup, const char *key, const char *def);
/* DIR/data/NAME, made for the part's user, empty. */
int part_make_dir(struct part *part, struct err *err) MUST_CHECK;

/* supervisor.c */
void sup_say(struct sup *sup, const char *fmt, ...) PRINTF(2, 3);
void sup_part_ready(struct sup *sup, struct part *part);
/* A part cannot start: all stops, the asker is told. */
void sup_part_failed(struct sup *sup, struct part *part,
		     const struct err *why);
void sup_part_ended(struct sup *sup, struct part *part);

/* kafka_home.c: where the broker's jars are; false: none, or no Java. */
bool kafka_find(char home[STACK_PATH], char java[PATH_MAX],
		const char **ret_why);
/* Names in home/libs, sorted; how many, at most max. */
size_t kafka_jars(const char *home, char names[][STACK_PATH], size_t max);
void kafka_classpath(const char *home, struct buf *dst);

#endif
