/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: parent of every part, in a session of its own.  It outlives
 * who asked for the stack, restarts nothing, and on `down` leaves nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chaos/base/httpd.h"
#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/stack/impl.h"
#include "staging/stack/sup_impl.h"

enum { LAST_WAVE = 2, LOG_LINES = 10 };

/* One JSON line to the asker; it may be gone. */
static void sup_report(struct sup *sup, json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);

	if (sup->report_fd >= 0 &&
	    dprintf(sup->report_fd, "%s\n", text) < 0)
		mem_close_fd(&sup->report_fd);
	free(text);
	json_decref(line);
}

void sup_say(struct sup *sup, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_info("%s", text);
	sup_report(sup, json_pack("{s:o}", "line",
				  json_stringn_nocheck(text, strlen(text))));
}

const char *sup_key(const struct sup *sup, const char *key, const char *def)
{
	const char *value = json_string_value(json_object_get(sup->keys, key));

	return value ? value : def;
}

int sup_real_ms(const struct sup *sup, double drill_ms, int min_ms)
{
	double real = drill_ms / sup->speed;

	return real < min_ms ? min_ms : (int)real;
}

/* Stopping */

static bool wave_is_gone(const struct sup *sup, int wave)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (sup->parts[i].ops->wave == wave && sup->parts[i].running)
			return false;
	return true;
}

/* Starts the first wave that still runs; the bound is its slowest part's. */
static void sup_stop_wave(struct sup *sup, int wave)
{
	nsec_t bound = 0;

	for (int i = 0; i < PART_COUNT; i++) {
		struct part *part = &sup->parts[i];

		if (part->ops->wave != wave)
			continue;
		if (part->ops->stop_real > bound)
			bound = part->ops->stop_real;
		/* One that has not come up has nothing to say. */
		part_signal(part, part->state == PART_READY
					  ? part->ops->stop_signal : SIGKILL);
	}
	sup->wave = wave;
	loop_timer_at_mono(sup->loop, &sup->stop_timer,
			   loop_mono_fresh(sup->loop) + bound);
}

static void sup_stop_next(struct sup *sup)
{
	for (int wave = 0; wave <= LAST_WAVE; wave++) {
		if (wave_is_gone(sup, wave))
			continue;
		if (wave != sup->wave)
			sup_stop_wave(sup, wave);
		return;
	}
	loop_timer_stop(sup->loop, &sup->stop_timer);
	loop_quit(sup->loop);
}

static void on_stop_timer(struct loop *loop, struct loop_timer *timer,
			  void *arg)
{
	struct sup *sup = arg;

	(void)loop;
	(void)timer;
	for (int i = 0; i < PART_COUNT; i++)
		if (sup->parts[i].ops->wave == sup->wave &&
		    sup->parts[i].running) {
			log_warn("%s: does not stop, killed",
				 sup->parts[i].ops->name);
			part_signal(&sup->parts[i], SIGKILL);
		}
}

void sup_stop(struct sup *sup, const char *why)
{
	if (sup->stopping)
		return;
	log_info("stopping: %s", why);
	sup->stopping = true;
	sup->wave = -1;
	for (int i = 0; i < PART_COUNT; i++)
		if (!sup->parts[i].running)
			part_signal(&sup->parts[i], SIGTERM);
	sup_stop_next(sup);
}

/* Starting */

static bool part_may_start(const struct sup *sup, const struct part *part)
{
	if (part->state != PART_WAITING)
		return false;
	for (int i = 0; i < PART_COUNT; i++)
		if ((part->ops->after & 1u << i) &&
		    sup->parts[i].state != PART_READY)
			return false;
	return true;
}

static void sup_start_next(struct sup *sup)
{
	for (int i = 0; i < PART_COUNT && !sup->stopping; i++)
		if (part_may_start(sup, &sup->parts[i]))
			part_start(&sup->parts[i]);
}

static bool sup_all_ready(const struct sup *sup)
{
	for (int i = 0; i < PART_COUNT; i++)
		if (sup->parts[i].state != PART_READY)
			return false;
	return true;
}

static json_t *sup_make_info(struct sup *sup)
{
	json_t *versions = json_object();
	json_t *info = json_pack("{s:s, s:i, s:f, s:O, s:o, s:o, s:s}",
		"name", sup->name, "pid", (int)getpid(), "speed", sup->speed,
		"keys", sup->keys, "versions", versions,
		"build", stack_build_id(), "logs", sup->paths.logs);

	for (int i = 0; i < PART_COUNT; i++) {
		struct part *part = &sup->parts[i];

		json_object_set_new(versions, part->ops->name,
				    json_string(part->version));
		part->ops->info(part, info);
	}
	return info;
}

/* Whole or not at all: others read it. */
static int sup_write_info(struct sup *sup, struct err *err)
{
	char path[STACK_PATH + 16], temp[STACK_PATH + 24];

	snprintf(path, sizeof(path), "%s/info.json", sup->paths.dir);
	snprintf(temp, sizeof(temp), "%s/info.json.new", sup->paths.dir);
	if (json_dump_file(sup->info, temp, JSON_INDENT(2)) ||
	    rename(temp, path))
		return err_errno(err, "cannot write '%s'", path);
	return 0;
}

static void sup_now_up(struct sup *sup)
{
	struct err err = { 0 };

	sup->info = sup_make_info(sup);
	if (sup_write_info(sup, &err)) {
		sup->failure = err;
		sup_stop(sup, err.msg);
		return;
	}
	sup->up = true;
	log_info("up");
	sup_report(sup, json_pack("{s:O}", "info", sup->info));
	mem_close_fd(&sup->report_fd);
}

void sup_part_ready(struct sup *sup, struct part *part)
{
	char at[ADDR_TEXT];
	nsec_t took = loop_mono_fresh(sup->loop) - part->began;

	part_at(part, at);
	sup_say(sup, "%-8s %s on %s, %.1f s%s%s%s", part->ops->name,
		part->version, at, (double)took / NSEC_SEC,
		*part->note ? " (" : "", part->note, *part->note ? ")" : "");
	if (sup_all_ready(sup))
		sup_now_up(sup);
	else
		sup_start_next(sup);
}

/* The start of the last n lines of text. */
static const char *last_lines(const struct buf *text, int n)
{
	const char *at = text->data + text->len;

	while (at > text->data) {
		if (at[-1] == '\n' && at < text->data + text->len && --n == 0)
			break;
		at--;
	}
	return at;
}

/* Its log as lines to the asker; the very last into dst. */
static void sup_say_log(struct sup *sup, const struct part *part, char *dst,
			size_t size)
{
	struct buf log;
	char *line, *save = NULL;

	dst[0] = '\0';
	buf_init(&log, 0);
	if (!buf_read_file(&log, part->log, NULL) && log.len) {
		size_t from = (size_t)(last_lines(&log, LOG_LINES) - log.data);

		for (line = strtok_r(log.data + from, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			sup_say(sup, "%s | %.400s", part->ops->name, line);
			snprintf(dst, size, "%.200s", line);
		}
	}
	buf_done(&log);
}

void sup_part_failed(struct sup *sup, struct part *part, const struct err *why)
{
	char last[256];

	if (sup->stopping)
		return;
	sup_say_log(sup, part, last, sizeof(last));
	err_set(&sup->failure, why->code, "%s did not start: %.160s%s%s%s; %s",
		part->ops->name, why->msg, *last ? " ('" : "", last,
		*last ? "')" : "", part->ops->mend);
	sup_stop(sup, sup->failure.msg);
}

void sup_part_ended(struct sup *sup, struct part *part)
{
	if (sup->stopping)
		return;
	err_set(&sup->failure, -ECHILD, "%s has ended: %s", part->ops->name,
		part->ended);
	log_error("%s (not restarted)", sup->failure.msg);
	if (!sup->up)
		sup_part_failed(sup, part, &sup->failure);
}

/* Children: ours by pid, and as a subreaper whatever they left behind. */

static void sup_reap(struct sup *sup)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < PART_COUNT; i++)
			if (sup->parts[i].running &&
			    sup->parts[i].proc.pid == pid)
				part_exited(&sup->parts[i], status);
	if (sup->stopping)
		sup_stop_next(sup);
}

static void on_signal(struct loop *loop, struct loop_io *io, unsigned events,
		      void *arg)
{
	struct sup *sup = arg;
	struct signalfd_siginfo info;

	(void)loop;
	(void)events;
	while (read(io->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			sup_reap(sup);
		else
			sup_stop(sup, strsignal((int)info.ssi_signo));
	}
}

static int sup_watch_signals(struct sup *sup, struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno(err, "cannot make a signalfd");
	loop_io_init(&sup->signal_io, fd, "staging signals", on_signal, sup);
	return loop_io_set(sup->loop, &sup->signal_io, LOOP_IN, err);
}

/* What outlived its part: none is left when this returns. */
static void sup_kill_rest(void)
{
	char path[64], line[4096];
	int tries = 100;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		 (int)getpid());
	while (tries--) {
		FILE *f = fopen(path, "re");
		char *save = NULL, *word;

		line[0] = '\0';
		if (f && !fgets(line, sizeof(line), f))
			line[0] = '\0';
		if (f)
			fclose(f);
		for (word = strtok_r(line, " \n", &save); word;
		     word = strtok_r(NULL, " \n", &save))
			kill((pid_t)atoi(word), SIGKILL);
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return;
	}
}

static void log_to_file(void *arg, enum log_level level, const char *text)
{
	static const char *const words[] = {
		[LOG_ERROR] = "error", [LOG_WARN] = "warning",
		[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
	};
	nsec_t now = clock_mono();

	fprintf(arg, "%lld.%03lld %s: %s\n", (long long)(now / NSEC_SEC),
		(long long)(now / NSEC_MS % 1000), words[level], text);
	fflush(arg);
}

/* The kind of Kafka, before anything starts: a mock is said, or refused. */
static int sup_choose_kafka(struct sup *sup, struct err *err)
{
	const char *wanted = sup_key(sup, "kafka", "auto"), *why;
	bool found = kafka_find(sup->kafka_home, sup->java, &why);

	if (!found && !strcmp(wanted, "real"))
		return err_set(err, -ENOENT, "kafka: %s (make setup)", why);
	sup->kafka_mock = !found || !strcmp(wanted, "mock");
	if (sup->kafka_mock)
		snprintf(sup->parts[PART_KAFKA].note,
			 sizeof(sup->parts[PART_KAFKA].note),
			 "librdkafka's mock cluster: %s",
			 found ? "as asked" : why);
	return 0;
}

static int sup_make_dirs(struct sup *sup, struct err *err)
{
	int rc;

	umask(022);
	stack_paths_remove(&sup->paths);	/* a dead supervisor's */
	rc = proc_mkdirs(sup->paths.dir, 0711, err);
	if (rc)
		return rc;
	stack_paths_place_data(&sup->paths);
	if (mkdir(sup->paths.data, 0711) || mkdir(sup->paths.logs, 0755))
		return err_errno(err, "cannot make '%s'", sup->paths.data);
	return 0;
}

static int sup_open(struct sup *sup, struct err *err)
{
	char path[STACK_PATH + 32];
	int rc = sup_make_dirs(sup, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/supervisor.log", sup->paths.logs);
	sup->log = fopen(path, "ae");
	if (!sup->log)
		return err_errno(err, "cannot write '%s'", path);
	log_set_sink(log_to_file, sup->log);
	rc = loop_new(LOOP_EPOLL, &sup->loop, err);
	if (rc)
		return rc;
	loop_timer_init(&sup->stop_timer, "staging stop", on_stop_timer, sup);
	for (int i = 0; i < PART_COUNT; i++)
		part_init(&sup->parts[i], sup, (enum part_id)i);
	rc = sup_watch_signals(sup, err);
	if (!rc)
		rc = sup_choose_kafka(sup, err);
	return rc ? rc : sup_listen(sup, err);
}

static void sup_close(struct sup *sup)
{
	sup_unlisten(sup);
	for (int i = 0; i < PART_COUNT; i++)
		part_done(&sup->parts[i]);
	if (sup->signal_io.fd >= 0) {
		loop_io_set(sup->loop, &sup->signal_io, 0, NULL);
		close(sup->signal_io.fd);
	}
	loop_free(sup->loop);
	json_decref(sup->info);
	json_decref(sup->keys);
	mem_free(sup->name);
	log_set_sink(NULL, NULL);
	if (sup->log)
		fclose(sup->log);
}

static int sup_configure(struct sup *sup, const char *text, struct err *err)
{
	json_t *conf = NULL;
	int rc = json_parse(text, strlen(text), &conf, err);

	if (rc)
		return rc;
	sup->name = mem_strdup(json_str(conf, "name", ""));
	sup->speed = json_num(conf, "speed", 1);
	sup->keys = json_incref(json_object_get(conf, "keys"));
	json_decref(conf);
	return stack_paths_init(&sup->paths, sup->name, err);
}

/* From an empty directory to an empty directory. */
static int sup_run(struct sup *sup, struct err *err)
{
	int rc = sup_open(sup, err);

	if (!rc) {
		sup_start_next(sup);
		loop_run(sup->loop);
		*err = sup->failure;
		rc = sup->up ? 0 : err->code;
	}
	sup_kill_rest();
	return rc;
}

static void sup_report_end(struct sup *sup, int rc, const struct err *err)
{
	if (sup->up)
		return;
	if (!rc)
		rc = -EINTR;	/* told to stop while it came up */
	sup_report(sup, json_pack("{s:i, s:o}", "code", rc, "error",
		json_stringn_nocheck(err->msg, strlen(err->msg))));
}

int stack_supervisor_main(int argc, char **argv)
{
	struct sup sup = { .report_fd = -1, .signal_io.fd = -1 };
	struct err err = { 0 };
	int lock = -1, rc;

	if (argc != 4)
		return 2;
	sup.report_fd = atoi(argv[3]);
	if (fcntl(sup.report_fd, F_SETFD, FD_CLOEXEC) ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1) || chdir("/"))
		return 2;
	rc = sup_configure(&sup, argv[2], &err);
	if (!rc)
		rc = proc_mkdirs(sup.paths.parent, 0711, &err);
	if (!rc)
		rc = stack_lock(&sup.paths, &lock, &err);
	if (!rc) {
		rc = sup_run(&sup, &err);
		stack_paths_remove(&sup.paths);
		stack_unlock(&sup.paths, &lock);
	}
	sup_report_end(&sup, rc, &err);
	sup_close(&sup);
	return rc ? 3 : 0;
}
