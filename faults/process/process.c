/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.kill, stop, continue, restart: signals to processes that are found
 * by pid, name, port or unit when the fault is prepared.  A process is its pid
 * and start time from then on: one that took over the number is never hit.
 */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "faults/process/find.h"
#include "faults/table.h"

enum { WHICH_ONE, WHICH_ALL };
enum { ARGS = 60 };

struct process_conf {
	int64_t pid;
	char *name, *port, *unit, *command, *user;
	int which, signal;
};

struct process_state {
	struct found found;
	size_t sent;		/* how many got it */
	nsec_t since;
};

static const char *const whiches[] = { "one", "all", NULL };
static const char *const signals[] = { "kill", "term", "int", "hup", "quit",
				       "abrt", "usr1", "usr2", NULL };
static const int signal_numbers[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP,
				      SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2 };

#define AT(f) offsetof(struct process_conf, f)
#define ROW_NAME                                                          \
	{ "name", OPT_STR, AT(name), 0, NULL, NULL, NULL, NULL,           \
	  "the processes of this name", "java" }
#define ROW_PID                                                           \
	{ "pid", OPT_INT, AT(pid), OPT_POSITIVE, NULL, NULL, NULL, NULL,  \
	  "this process", "4711" }
#define ROW_PORT                                                          \
	{ "port", OPT_STR, AT(port), 0, NULL, NULL, NULL, NULL,           \
	  "whoever listens there: a port, or an address whose port it is", \
	  "staging:redis" }
#define ROW_SIGNAL                                                        \
	{ "signal", OPT_ENUM, AT(signal), 0, "kill", signals, NULL, NULL, \
	  "what ends it", "term" }
#define ROW_UNIT                                                          \
	{ "unit", OPT_STR, AT(unit), 0, NULL, NULL, NULL, NULL,           \
	  "the processes of this systemd unit", "shop.service" }
#define ROW_WHICH                                                         \
	{ "which", OPT_ENUM, AT(which), 0, "one", whiches, NULL, NULL,    \
	  "one: there may be only one; all: each of them", "all" }

static const struct opt opts[] = {
	ROW_NAME, ROW_PID, ROW_PORT, ROW_UNIT, ROW_WHICH, OPT_END
};
static const struct opt kill_opts[] = {
	ROW_NAME, ROW_PID, ROW_PORT, ROW_SIGNAL, ROW_UNIT, ROW_WHICH, OPT_END
};
static const struct opt restart_opts[] = {
	{ "command", OPT_STR, AT(command), 0, NULL, NULL, NULL, NULL,
	  "what starts it again (unit: systemctl start)",
	  "/usr/sbin/nginx -g 'daemon off;'" },
	ROW_NAME, ROW_PID, ROW_PORT, ROW_SIGNAL, ROW_UNIT,
	{ "user", OPT_STR, AT(user), 0, NULL, NULL, NULL, NULL,
	  "who it is started as", "www-data" },
	ROW_WHICH, OPT_END
};
#undef AT

/* --- keys -------------------------------------------------------------- */

static bool is_restart(const struct fault_ops *ops)
{
	return ops->opts == restart_opts;
}

static int valid(const struct fault_ops *ops, const void *opts_,
		 struct err *err)
{
	const struct process_conf *c = opts_;
	int given = (c->pid != 0) + (c->name != NULL) + (c->port != NULL) +
		    (c->unit != NULL);

	if (given != 1)
		return err_set(err, -EINVAL, "one of 'pid', 'name', 'port', "
			       "'unit' says which process");
	if (!is_restart(ops))
		return 0;
	if (!c->unit == !c->command)
		return err_set(err, -EINVAL, "'command' says how it is started "
			       "again; a 'unit' is by systemctl");
	if (c->pid)
		return err_set(err, -EINVAL, "what is started again has "
			       "another pid: 'name' or 'port' finds it then");
	if (c->user && !c->command)
		return err_set(err, -EINVAL, "'user' needs 'command'");
	return 0;
}

/* -ENOENT: a symbol that is not known yet. */
static int find_port(const struct process_conf *c, const struct fault_env *env,
		     int *ret, struct err *err)
{
	struct addr addr;
	int64_t port;
	int rc;

	if (!units_int(c->port, &port, NULL)) {
		*ret = (int)port;
		return port > 0 && port < 65536 ? 0 :
			err_set(err, -EINVAL, "port %s is out of range",
				c->port);
	}
	if (!env->symbols)
		return err_set(err, -ENOENT, "'%s' is not known", c->port);
	rc = symbols_addr(env->symbols, c->port, &addr, err);
	if (!rc)
		*ret = addr_port(&addr);
	return rc;
}

/* --- which processes --------------------------------------------------- */

static int too_many(const struct found *f, struct err *err)
{
	char list[160] = "", comm[64];

	for (size_t i = 0; i < f->n && strlen(list) < 100; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
			 "%s%d (%s)", i ? ", " : "", (int)f->v[i].pid,
			 find_name(f->v[i].pid, comm));
	return err_set(err, -E2BIG, "%zu processes are meant: %s: which = all, "
		       "or a pid", f->n, list);
}

/* By the pid too: a name that is allowed may be pid 1's, or sshd's. */
static int check_allowed(const struct found *f, const struct allow *allow,
			 const struct process_conf *c, struct err *err)
{
	char pid[16];
	int rc = 0;

	for (size_t i = 0; !rc && allow && i < f->n; i++) {
		snprintf(pid, sizeof(pid), "%d", (int)f->v[i].pid);
		rc = allow_check(allow, ALLOW_PROCESS, pid, err);
		/* Whose unit is allowed may be hit, but for what never may. */
		if (rc && c->unit && !strstr(err->msg, "is refused"))
			rc = 0;
	}
	return rc;
}

static int find(const struct process_conf *c, const struct fault_env *env,
		struct found *ret, struct err *err)
{
	struct find_by by = { .pid = c->pid, .name = c->name,
			      .unit = c->unit };
	int rc = c->port ? find_port(c, env, &by.port, err) : 0;

	*ret = (struct found){ 0 };
	if (!rc)
		rc = find_processes(&by, ret, err);
	if (!rc && ret->n > 1 && c->which == WHICH_ONE && !c->unit)
		rc = too_many(ret, err);
	if (!rc)
		rc = check_allowed(ret, env->allow, c, err);
	if (rc)
		found_done(ret);
	return rc;
}

/* Who listens there now; prepare looks again, and checks again. */
static int port_targets(const struct fault *f,
			int (*fn)(void *arg, enum allow_type, const char *),
			void *arg)
{
	struct find_by by = { .pid = 0 };
	struct found found;
	char pid[24];
	int rc = 0;

	if (find_port(fault_opts(f), fault_env(f), &by.port, NULL) ||
	    find_processes(&by, &found, NULL))
		return 0;
	for (size_t i = 0; !rc && i < found.n; i++) {
		snprintf(pid, sizeof(pid), "%d", (int)found.v[i].pid);
		rc = fn(arg, ALLOW_PROCESS, pid);
	}
	found_done(&found);
	return rc;
}

static int targets(const struct fault *f,
		   int (*fn)(void *arg, enum allow_type, const char *),
		   void *arg)
{
	const struct process_conf *c = fault_opts(f);
	char pid[24];

	snprintf(pid, sizeof(pid), "%lld", (long long)c->pid);
	if (c->pid)
		return fn(arg, ALLOW_PROCESS, pid);
	if (c->name)
		return fn(arg, ALLOW_PROCESS, c->name);
	if (c->unit)
		return fn(arg, ALLOW_UNIT, c->unit);
	return port_targets(f, fn, arg);
}

static int claims(const struct fault *f, char *dst, size_t size)
{
	const struct process_conf *c = fault_opts(f);

	if (c->pid)
		snprintf(dst, size, "process:%lld", (long long)c->pid);
	else
		snprintf(dst, size, "process:%s", c->name ? c->name :
			 c->unit ? c->unit : c->port);
	return 0;
}

/* The stack's processes are not there when a scenario is checked. */
static int check(struct fault *f, const struct fault_env *env, struct err *err)
{
	const struct process_conf *c = fault_opts(f);
	struct found found;
	int rc;

	if (c->user && !getpwnam(c->user))
		return err_set(err, -ENOENT, "there is no user '%s'", c->user);
	rc = find(c, env, &found, err);
	found_done(&found);
	return rc == -ENOENT && c->port && symbols_is(c->port) ? 0 : rc;
}

/* --- undo -------------------------------------------------------------- */

/* Words, as a shell splits them: '…' and "…" keep blanks. */
static size_t split(char *text, const char *argv[ARGS + 1])
{
	size_t n = 0;

	while (n < ARGS && *(text += strspn(text, " \t"))) {
		char quote = *text == '\'' || *text == '"' ? *text : '\0';
		char *end = quote ? strchr(++text, quote) : NULL;

		argv[n++] = text;
		if (!end)
			end = text + strcspn(text, " \t");
		if (!*end)
			break;
		*end = '\0';
		text = end + 1;
	}
	argv[n] = NULL;
	return n;
}

static void runs_as(const struct process_conf *c, int port, char dst[128])
{
	if (c->unit)
		snprintf(dst, 128, "unit:%.120s", c->unit);
	else if (c->name)
		snprintf(dst, 128, "name:%.15s", c->name);
	else
		snprintf(dst, 128, "port:%d", port);
}

static int restart_undo(const struct fault *f, struct undo_record *undo,
			struct err *err)
{
	const struct process_conf *c = fault_opts(f);
	const struct passwd *pw = c->user ? getpwnam(c->user) : NULL;
	AUTO_FREE char *text = c->command ? mem_strdup(c->command) :
		mem_printf("systemctl start %s", c->unit);
	const char *argv[ARGS + 1];
	char as[40] = "", runs[128];
	int port = 0, rc = 0;

	if (c->port)
		rc = find_port(c, fault_env(f), &port, err);
	if (rc)
		return rc;
	snprintf(undo->command, sizeof(undo->command), "%s", text);
	if (pw)
		snprintf(as, sizeof(as), "%u:%u", pw->pw_uid, pw->pw_gid);
	runs_as(c, port, runs);
	if (!split(text, argv))
		return err_set(err, -EINVAL, "'command' is empty");
	rc = undo_command_render(undo, argv, as, runs);
	return rc ? err_set(err, rc, "'command' is too long") : 0;
}

static void name_target(const struct process_state *s, struct undo_record *undo)
{
	char comm[64];

	snprintf(undo->target, sizeof(undo->target), "%.60s %d",
		 find_name(s->found.v[0].pid, comm), (int)s->found.v[0].pid);
	if (s->found.n > 1)
		snprintf(undo->target + strlen(undo->target), 40,
			 " and %zu more", s->found.n - 1);
}

static int prepare_find(struct fault *f, struct undo_record *undo,
			struct err *err)
{
	struct process_state *s = fault_state(f);
	int rc = find(fault_opts(f), fault_env(f), &s->found, err);

	if (!rc)
		name_target(s, undo);
	return rc;
}

/* What was ended stays so: there is nothing to undo. */
static int prepare_kill(struct fault *f, struct undo_record *undo,
			struct err *err)
{
	undo->via = UNDO_LOCAL;
	return prepare_find(f, undo, err);
}

static int prepare_restart(struct fault *f, struct undo_record *undo,
			   struct err *err)
{
	int rc = prepare_find(f, undo, err);

	return rc ? rc : restart_undo(f, undo, err);
}

static int prepare_stop(struct fault *f, struct undo_record *undo,
			struct err *err)
{
	struct process_state *s = fault_state(f);
	int rc = prepare_find(f, undo, err);
	size_t len;

	if (rc)
		return rc;
	snprintf(undo->command, sizeof(undo->command), "kill -CONT");
	for (size_t i = 0; i < s->found.n; i++) {
		len = strlen(undo->command);
		snprintf(undo->command + len, sizeof(undo->command) - len,
			 " %d", (int)s->found.v[i].pid);
	}
	rc = undo_signal_render(undo, SIGCONT, s->found.v, s->found.n);
	return rc ? err_set(err, rc, "%zu processes are too many at once",
			    s->found.n) : 0;
}

/* --- doing it ---------------------------------------------------------- */

static int signal_of(const struct fault *f)
{
	const struct process_conf *c = fault_opts(f);

	return signal_numbers[c->signal];
}

/* One that has ended meanwhile is no failure, if not all of them have. */
static int signal_all(struct fault *f, int sig, struct err *err)
{
	struct process_state *s = fault_state(f);

	s->sent = 0;
	s->since = clock_mono();
	for (size_t i = 0; i < s->found.n; i++) {
		int rc = proc_signal(&s->found.v[i], sig);

		s->sent += !rc;
		if (rc && rc != -ESRCH)
			return err_set(err, rc, "signal process %d: %s",
				       (int)s->found.v[i].pid, strerror(-rc));
	}
	return s->sent ? 0 : err_set(err, -ESRCH, "it has ended since it was "
				     "looked for");
}

static int inject_kill(struct fault *f, struct err *err)
{
	return signal_all(f, signal_of(f), err);
}

static int inject_stop(struct fault *f, struct err *err)
{
	return signal_all(f, SIGSTOP, err);
}

static int inject_continue(struct fault *f, struct err *err)
{
	return signal_all(f, SIGCONT, err);
}

static char state_of(pid_t pid)
{
	char path[64], text[512] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : '-';
}

static int measure(struct fault *f, struct err *err)
{
	struct process_state *s = fault_state(f);
	json_int_t stopped = 0, ended = 0;

	(void)err;
	for (size_t i = 0; i < s->found.n; i++) {
		bool alive = proc_alive(&s->found.v[i]);

		ended += !alive;
		stopped += alive && state_of(s->found.v[i].pid) == 'T';
	}
	fault_measured(f, json_pack("{s:I}", "processes",
				    (json_int_t)s->found.n),
		       json_pack("{s:I, s:I, s:I, s:f}", "signalled",
				 (json_int_t)s->sent, "stopped", stopped,
				 "ended", ended, "seconds",
				 (double)(clock_mono() - s->since) /
				 NSEC_SEC * fault_env(f)->speed));
	return 0;
}

static void release(struct fault *f)
{
	struct process_state *s = fault_state(f);

	found_done(&s->found);
}

/* --- in words ---------------------------------------------------------- */

static void add_who(const struct process_conf *c, struct buf *out)
{
	if (c->pid)
		buf_addf(out, "process %lld", (long long)c->pid);
	else if (c->name)
		buf_addf(out, "%s called %s",
			 c->which == WHICH_ALL ? "each process" :
						 "the process", c->name);
	else if (c->unit)
		buf_addf(out, "each process of unit %s", c->unit);
	else
		buf_addf(out, "whoever listens on %s", c->port);
}

static void add_signal(const char *name, const struct process_conf *c,
		       struct buf *out)
{
	buf_addf(out, "pidfd_send_signal %s to ", name);
	add_who(c, out);
	buf_adds(out, "\n");
}

static void add_kill(const struct fault *f, struct buf *calls)
{
	char name[16];

	snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(signal_of(f)));
	add_signal(name, fault_opts(f), calls);
}

static void describe_kill(const struct fault *f, struct buf *calls,
			  struct buf *undo)
{
	add_kill(f, calls);
	buf_adds(undo, "none: what was ended stays so, unless its own "
		       "supervisor starts it (process.restart does)\n");
}

static void describe_restart(const struct fault *f, struct buf *calls,
			     struct buf *undo)
{
	const struct process_conf *c = fault_opts(f);

	add_kill(f, calls);
	if (c->unit)
		buf_addf(undo, "unless it runs: systemctl start %s\n", c->unit);
	else
		buf_addf(undo, "unless it runs: %s%s%s\n", c->command,
			 c->user ? ", as " : "", c->user ? c->user : "");
}

static void describe_stop(const struct fault *f, struct buf *calls,
			  struct buf *undo)
{
	add_signal("SIGSTOP", fault_opts(f), calls);
	add_signal("SIGCONT", fault_opts(f), undo);
}

static void describe_continue(const struct fault *f, struct buf *calls,
			      struct buf *undo)
{
	add_signal("SIGCONT", fault_opts(f), calls);
	buf_adds(undo, "none\n");
}

/* --- the kinds --------------------------------------------------------- */

#define KIND(what, summary_, opts_, keys, prepare_, inject_)              \
	const struct fault_ops process_##what = {                         \
		.name = "process." #what,                                 \
		.summary = summary_,                                      \
		.example = "[fault gone]\nkind = process." #what "\n" keys \
			   "at = 90s\nfor = 30s\n",                       \
		.opts = opts_,                                            \
		.opts_size = sizeof(struct process_conf),                 \
		.state_size = sizeof(struct process_state),               \
		.valid = valid,                                           \
		.targets = targets,                                       \
		.claims = claims,                                         \
		.check = check,                                           \
		.prepare = prepare_,                                      \
		.describe = describe_##what,                              \
		.inject = inject_,                                        \
		.measure = measure,                                       \
		.release = release,                                       \
	}

KIND(continue, "a process that was stopped goes on", opts, "name = java\n",
     prepare_kill, inject_continue);
KIND(kill, "a process ends, and stays so", kill_opts,
     "port = staging:redis\nsignal = kill\n", prepare_kill, inject_kill);
KIND(restart, "a process ends, and is started again after 'for'",
     restart_opts, "unit = shop.service\nsignal = term\n", prepare_restart,
     inject_kill);
KIND(stop, "a process stands still (SIGSTOP)", opts, "name = postgres\n"
     "which = all\n", prepare_stop, inject_stop);
