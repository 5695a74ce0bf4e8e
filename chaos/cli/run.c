/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a run on the real world: staging, links, drill, report, and all
 * of it taken down again in the reverse order.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/cli/cli.h"
#include "chaos/cli/source_link.h"
#include "chaos/drill/drill.h"
#include "chaos/fault/rundir.h"
#include "chaos/sim/sim.h"
#include "chaos/ui/control.h"
#include "chaos/ui/live.h"
#include "chaos/ui/metrics.h"
#include "faults/table.h"
#include "staging/stack/stack.h"

struct run {
	struct plan *plan;
	const struct cli_run_opts *opts;
	char id[128];
	bool claimed;		/* the directory of its sockets is ours */
	char *dir;
	char host[64];
	struct loop *loop;
	struct symbols *symbols;
	struct cli_staging staging;
	json_t *info;		/* the stack's; NULL: none */
	json_t *stack;		/* the same, as a report names it */
	_Atomic(FILE *) log;	/* where log lines go now */
	int stack_fd;		/* its claim; -1: none */
	bool own_stack;		/* this run brought it up */
	struct fault_link *link;
	struct source_link *link_source;
	struct drill_env env;	/* the drill's, until it is freed */
	const struct watch_source_ops *sources[2];
	void *source_args[2];
	struct drill *drill;
	struct control *control;
	struct metrics *metrics;
	struct live *live;
	int signal_fd;
	struct loop_io signal_io;
};

void cli_run_id(const char *name, char *dst, size_t size)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	snprintf(dst, size, "%s-%s", stamp, name);
}

static char *run_dir_of(const struct cli_run_opts *o, const char *id)
{
	return o->out ? mem_strdup(o->out) : mem_printf("runs/%s", id);
}

/* Until the socket is there: a directory that is empty may be taken away. */
static int hold_place(const char *dir, struct err *err)
{
	AUTO_FREE char *path = mem_printf("%s/control", dir);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				 0600);

	return fd < 0 ? err_errno(err, "cannot make '%s'", path) : 0;
}

/*
 * An id that no other run has: two of one name may begin in one second. Whoever
 * makes the directory of its sockets has it.
 */
static int claim_id(struct run *r, struct err *err)
{
	char base[RUNDIR_PATH], path[RUNDIR_PATH], first[sizeof(r->id)];
	int rc;

	cli_run_id(r->plan->conf.name, first, sizeof(first));
	snprintf(r->id, sizeof(r->id), "%s", first);
	fault_run_base(base);
	rc = proc_mkdirs(base, geteuid() == 0 ? 0755 : 0700, err);
	for (int i = 2; rc == 0; i++) {
		r->dir = run_dir_of(r->opts, r->id);
		rc = fault_run_path(r->id, path, err);
		if (rc == 0 && (r->opts->out || access(r->dir, F_OK) < 0)) {
			if (mkdir(path, 0700) == 0) {
				r->claimed = true;
				return hold_place(path, err);
			}
			if (errno != EEXIST)
				return err_errno(err, "cannot make '%s'", path);
		}
		mem_free(r->dir);
		r->dir = NULL;
		snprintf(r->id, sizeof(r->id), "%.*s-%d",
			 (int)sizeof(r->id) - 12, first, i);
	}
	return rc;
}

/* runs/latest → the newest; a convenience, so failing is no error. */
static void point_latest(const struct run *r)
{
	if (r->opts->out)
		return;
	unlink("runs/latest");
	if (symlink(r->id, "runs/latest") < 0)
		log_debug("no runs/latest: %s", strerror(errno));
}

static void progress(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "staging: %s\n", line);
}

static void set_symbol(struct run *r, const char *name, const char *key)
{
	const char *value = json_str(r->info, key, NULL);

	if (value)
		symbols_set(r->symbols, name, value);
}

static void use_stack(struct run *r)
{
	set_symbol(r, "staging:shop", "shop");
	set_symbol(r, "staging:management", "management");
	set_symbol(r, "staging:postgres", "postgres");
	set_symbol(r, "staging:redis", "redis");
	set_symbol(r, "staging:kafka", "kafka");
	r->stack = json_deep_copy(json_at(r->info, "versions"));
	if (!r->stack)
		r->stack = json_object();
	json_object_set_new(r->stack, "kafka_kind",
			    json_string(json_str(r->info, "kafka_kind", "?")));
}

static int adopt_stack(struct run *r, const struct stack_conf *conf,
		       struct err *err)
{
	int rc = stack_claim(r->info, r->id, &r->stack_fd, err);

	if (rc < 0)
		return rc;
	rc = stack_matches(r->info, conf, err);
	if (rc < 0)
		return err_prefix(err,
				  "a stack is up that this run cannot use "
				  "('gameday staging down --name %s' ends it)",
				  conf->name);
	fprintf(stderr, "staging: using '%s', which is up; resetting it\n",
		conf->name);
	return stack_reset(r->info, err);
}

static int bring_stack(struct run *r, struct err *err)
{
	size_t n = r->staging.keys.n;
	char **keys = mem_calloc(n + 1, sizeof(*keys));
	struct stack_conf conf = { .name = r->staging.name,
				   .speed = r->opts->speed,
				   .keys = (const char *const *)keys };
	int rc;

	for (size_t i = 0; i < n; i++)
		keys[i] = mem_printf("shop.%s", r->staging.keys.v[i]);
	rc = stack_find(conf.name, &r->info, err);
	if (rc == 0) {
		rc = adopt_stack(r, &conf, err);
	} else if (rc == -ENOENT) {
		rc = stack_up(&conf, r->signal_fd, progress, NULL, &r->info,
			      err);
		r->own_stack = rc == 0;
		if (rc == 0)
			rc = stack_claim(r->info, r->id, &r->stack_fd, err);
	}
	if (rc == 0)
		use_stack(r);
	while (n > 0)
		mem_free(keys[--n]);
	mem_free(keys);
	return rc;
}

static bool needs_proxy(const struct plan *p, const struct run *r)
{
	return p->n_links > 0 || r->info;
}

static int open_link(struct run *r, struct err *err)
{
	struct fault_link_args args = {
		.loop = r->loop,
		.allow = r->plan->allow,
		.run = r->id,
		.api = r->info ? json_str(r->info, "proxy", NULL) : NULL,
		.stack_links = r->info ? json_at(r->info, "links") : NULL,
		.symbols = r->symbols,
		.confs = r->plan->links,
		.n = r->plan->n_links,
	};
	int rc;

	if (!needs_proxy(r->plan, r))
		return 0;
	rc = fault_link_open(&args, &r->link, err);
	if (rc == 0)
		r->link_source = source_link_new(r->link, r->loop);
	return rc;
}

static void on_signal(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	struct run *r = arg;
	struct signalfd_siginfo info;

	(void)loop;
	(void)events;
	if (read(io->fd, &info, sizeof(info)) != sizeof(info) || !r->drill)
		return;
	fprintf(stderr, "\ngameday: %s: reverting\n",
		strsignal((int)info.ssi_signo));
	drill_stop(r->drill, DRILL_INTERRUPTED,
		   strsignal((int)info.ssi_signo));
}

static int catch_signals(struct run *r, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signal_fd < 0)
		return err_errno(err, "signalfd");
	loop_io_init(&r->signal_io, r->signal_fd, "signal", on_signal, r);
	return 0;
}

static void fill_env(struct run *r)
{
	if (r->link_source) {
		r->sources[0] = &source_link_ops;
		r->source_args[0] = r->link_source;
	}
	r->env = (struct drill_env){
		.loop = r->loop,
		.load = &load_threads,
		.faults = faults_table,
		.steps = playbook_step_table,
		.sources = r->sources,
		.source_args = r->source_args,
		.probes = true,
		.guardian = true,
		.host = r->host,
		.real_time = clock_real,
	};
}

/*
 * Who measures goes before what is measured: on a machine that carries the
 * stack too, a late timer would be counted as the shop's fault.  Without the
 * right to it the audit says how late it was.
 */
static void go_first(void)
{
	if (setpriority(PRIO_PROCESS, 0, -10) < 0)
		log_debug("no higher priority: %s", strerror(errno));
}

/* The one sink of a run: set before its threads, it follows r->log. */
static void log_to_run(void *arg, enum log_level level, const char *text)
{
	struct run *r = arg;

	log_to_stream(atomic_load(&r->log), level, text);
}

/* On a terminal the live view has the screen; what is logged goes to a file. */
static void log_beside(struct run *r)
{
	AUTO_FREE char *path = mem_printf("%s/gameday.log", r->dir);
	FILE *f = fopen(path, "ae");

	if (f)
		atomic_store(&r->log, f);
}

/* When no thread of the run is left. */
static void log_done(struct run *r)
{
	FILE *f = atomic_load(&r->log);

	log_set_sink(log_to_stream, stderr);
	if (f && f != stderr)
		fclose(f);
}

/*
 * What was measured while a part of the stack or the proxy was dead, or what
 * the run directory had no room for, is nobody's drill.
 */
static void note_what_spoils(struct run *r)
{
	json_t *info = NULL;
	const char *failure;
	struct err err = { 0 };

	if (r->info) {
		(void)!stack_find(r->staging.name, &info, &err);
		failure = info ? json_str(info, "failure", "") : err.msg;
		if (failure[0])
			drill_spoil(r->drill, "staging: %s", failure);
		json_decref(info);
	}
	if (r->link_source && source_link_was_down(r->link_source))
		drill_spoil(r->drill, "the proxy stopped answering");
}

/* The drill itself. A negative errno: it could not begin. */
static int drill(struct run *r, struct err *err)
{
	bool terminal = isatty(STDERR_FILENO) && !r->opts->quiet;
	struct drill_args args = {
		.plan = r->plan,
		.env = &r->env,
		.link = r->link,
		.symbols = r->symbols,
		.run = r->id,
		.kind = r->opts->kind,
		.run_dir = r->dir,
		.stack = r->stack,
		.settle_real = 200 * NSEC_MS,
		.threads = (unsigned)r->opts->threads,
	};
	int rc;

	fill_env(r);
	go_first();
	atomic_store(&r->log, stderr);
	log_set_sink(log_to_run, r);
	if (!r->opts->quiet) {
		r->live = live_new(stderr, terminal, r->opts->blind,
				   strcmp(r->opts->kind, "load") == 0,
				   r->plan);
		args.line = live_line;
		args.line_arg = r->live;
	}
	rc = drill_new(&args, &r->drill, err);
	if (rc < 0)
		return rc;
	if (terminal)
		log_beside(r);
	point_latest(r);
	rc = control_open(r->drill, r->loop, r->id, &r->control, err);
	if (rc < 0)
		log_warn("no control socket: %s", err->msg);
	metrics_drill(r->metrics, r->drill);
	loop_io_set(r->loop, &r->signal_io, LOOP_IN, NULL);
	drill_run(r->drill);
	loop_io_set(r->loop, &r->signal_io, 0, NULL);
	note_what_spoils(r);
	if (drill_write_error(r->drill))
		return err_set(err, -EIO,
			       "the run directory '%s' could not be written "
			       "(%s): there is no result",
			       r->dir, strerror(drill_write_error(r->drill)));
	return 0;
}

static int open_metrics(struct run *r, struct err *err)
{
	char url[METRICS_URL];
	int rc;

	if (!r->opts->metrics)
		return 0;
	rc = metrics_open(r->loop, r->opts->metrics, &r->metrics, url, err);
	if (rc == 0)
		fprintf(stderr, "metrics: %s\n", url);
	return rc;
}

static int set_up(struct run *r, struct err *err)
{
	int rc = loop_new(LOOP_EPOLL, &r->loop, err);

	if (rc == 0)
		rc = catch_signals(r, err);
	if (rc == 0)
		rc = open_metrics(r, err);
	if (rc == 0 && r->staging.up)
		rc = bring_stack(r, err);
	if (rc == 0)
		rc = open_link(r, err);
	return rc;
}

static void take_down(struct run *r)
{
	struct err err = { 0 };

	if (r->claimed && !r->control)
		fault_run_remove(r->id);
	control_close(r->control);
	metrics_close(r->metrics);
	drill_free(r->drill);
	log_done(r);
	live_free(r->live);
	source_link_free(r->link_source);
	fault_link_close(r->link);
	if (r->own_stack && stack_down(r->staging.name, &err) < 0)
		cli_error(&err);
	mem_close_fd(&r->stack_fd);
	mem_close_fd(&r->signal_fd);
	json_decref(r->info);
	json_decref(r->stack);
	symbols_free(r->symbols);
	cli_staging_done(&r->staging);
	loop_free(r->loop);
	mem_free(r->dir);
}

static int outcome(struct run *r, int rc, const struct err *err)
{
	if (rc == -EINTR)
		return CLI_ABORTED;
	if (rc == -EIO && r->drill) {
		cli_error(err);
		return drill_left(r->drill) ? CLI_NOT_UNDONE : CLI_INVALID;
	}
	if (rc < 0) {
		cli_error(err);
		return CLI_CANNOT_RUN;
	}
	return cli_report(r->dir, r->opts);
}

int cli_run(struct plan *p, const struct cli_run_opts *o)
{
	struct run r = { .plan = p, .opts = o, .signal_fd = -1,
			 .stack_fd = -1 };
	struct err err = { 0 };
	struct errs errs;
	int rc, code;

	/* What can be known without a stack is said before one is built. */
	if (!cli_check(p, false))
		return CLI_CANNOT_RUN;
	errs_init(&errs);
	cli_staging_read(p->sc, &r.staging, &errs);
	errs_done(&errs);
	gethostname(r.host, sizeof(r.host) - 1);
	r.symbols = symbols_new();
	rc = claim_id(&r, &err);
	if (rc == 0)
		rc = set_up(&r, &err);
	if (rc == 0)
		rc = drill(&r, &err);
	live_free(r.live);
	r.live = NULL;
	code = outcome(&r, rc, &err);
	take_down(&r);
	return code;
}

static nsec_t no_real_time(void)
{
	return 0;
}

/* The same drill on a virtual loop; nothing outside is touched. */
int cli_simulate(struct plan *p, const struct cli_run_opts *o)
{
	struct run r = { .plan = p, .opts = o, .signal_fd = -1,
			 .stack_fd = -1 };
	struct drill_env env = { .host = "simulated",
				 .real_time = no_real_time };
	struct drill_args args = { .plan = p, .env = &env,
				   .kind = "simulate" };
	struct sim *sim = NULL;
	struct err err = { 0 };
	int rc, code;

	if (o->metrics) {
		fprintf(stderr, "gameday: --metrics: virtual time is over "
				"before anyone can ask\n");
		return CLI_USAGE;
	}
	snprintf(r.id, sizeof(r.id), "%s-simulated", p->conf.name);
	r.dir = run_dir_of(o, r.id);
	for (int i = 2; !o->out && access(r.dir, F_OK) == 0; i++) {
		mem_free(r.dir);
		r.dir = mem_printf("runs/%s-%d", r.id, i);
	}
	r.symbols = symbols_new();
	sim_symbols(r.symbols);
	args.run = r.id;
	args.run_dir = r.dir;
	args.symbols = r.symbols;
	rc = loop_new(LOOP_VIRTUAL, &r.loop, &err);
	if (rc == 0)
		rc = sim_new(p, r.loop, faults_table, &sim, &err);
	if (rc == 0) {
		env.loop = r.loop;
		sim_env(sim, &env);
		rc = drill_new(&args, &r.drill, &err);
	}
	if (rc == 0)
		drill_run(r.drill);
	code = outcome(&r, rc, &err);
	drill_free(r.drill);
	r.drill = NULL;
	sim_free(sim);
	take_down(&r);
	return code;
}
