/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel faults as a drill has them, for the tests in User Mode Linux:
 *
 *	uml-netem check  "[fault …] section"	can it run here
 *	uml-netem rtt    "…" PORT [SPEED]	TCP echo before, during, after
 *	uml-netem hold   "…"		inject, say so, wait to be killed
 *	uml-netem serve			sections on stdin, each ended by
 *					"end": inject, "holding", a line: revert
 *	uml-netem recover			what a crash left
 *	uml-netem load FILE...			insmod(8), which may be absent
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "chaos/base/addr.h"
#include "chaos/fault/fault.h"
#include "faults/table.h"

enum { ROUNDS = 41 };

struct run {
	struct loop *loop;
	struct scenario *sc;
	struct fault_conf *confs;
	size_t n;
	struct allow *allow;
	struct symbols *symbols;
	struct faults *fs;
	struct errs errs;
	bool done;
	size_t left;
};

static void die(const char *what)
{
	printf("FAIL %s\n", what);
	exit(1);
}

static void on_event(void *arg, const struct fault_event *e)
{
	char *text = e->achieved ? json_dumps(e->achieved, 0) : NULL;

	(void)arg;
	printf("event %s>%s %.3f ms%s%s%s%s\n", fault_state_name(e->from),
	       fault_state_name(e->to), (double)e->real / NSEC_MS,
	       e->why ? " why: " : "", e->why ? e->why : "",
	       text ? " achieved " : "", text ? text : "");
	free(text);
	fflush(stdout);
}

static void on_done(void *arg, size_t n_left)
{
	struct run *r = arg;

	r->done = true;
	r->left = n_left;
}

static void read_faults(struct run *r, const char *text)
{
	static const struct section_spec *const specs[] = { &fault_section,
							    NULL };

	errs_init(&r->errs);
	fault_set_table(faults_table);
	scenario_parse("test.ini", text, specs, NULL, NULL, &r->sc, &r->errs);
	if (r->sc)
		fault_confs_read(r->sc, &r->confs, &r->n, &r->errs);
	if (r->errs.n)
		die(r->errs.v[0].msg);
}

static void open_run(struct run *r, const char *text, double speed)
{
	struct faults_args args;
	struct err err;

	memset(r, 0, sizeof(*r));
	read_faults(r, text);
	if (loop_new(LOOP_EPOLL, &r->loop, &err))
		die(err.msg);
	r->allow = allow_new();
	r->symbols = symbols_new();
	if (allow_add(r->allow, ALLOW_INTERFACE, "lo", &err) ||
	    allow_add(r->allow, ALLOW_CGROUP, "/gd", &err))
		die(err.msg);
	args = (struct faults_args){
		.env = { .loop = r->loop, .allow = r->allow, .run = "uml-run",
			 .symbols = r->symbols, .speed = speed },
		.table = faults_table,
		.confs = r->confs,
		.n = r->n,
		.run_dir = "/tmp",
		.guardian = true,
		.event = on_event,
		.all_done = on_done,
		.arg = r,
	};
	faults_new(&args, &r->fs, &r->errs);
	if (r->errs.n)
		die(r->errs.v[0].msg);
}

static int check(struct run *r)
{
	struct buf report;

	buf_init(&report, 0);
	faults_check(r->fs, &report, &r->errs);
	fputs(report.data, stdout);
	for (size_t i = 0; i < r->errs.n; i++)
		printf("error %s\n", r->errs.v[i].msg);
	return r->errs.n ? 3 : 0;
}

static void arm_and_inject(struct run *r)
{
	struct err err = { 0 };

	if (check(r))
		die("check");
	if (faults_arm(r->fs, &err))
		die(err.msg);
	faults_inject(r->fs, 0);
	while (faults_state(r->fs, 0) == FAULT_INJECTING)
		loop_turn(r->loop, 20 * NSEC_MS);
	if (faults_state(r->fs, 0) != FAULT_INJECTED)
		die("inject");
}

static void revert(struct run *r)
{
	nsec_t end = clock_mono() + 10 * NSEC_SEC;

	faults_revert_all(r->fs);
	while (!r->done && clock_mono() < end)
		loop_turn(r->loop, 50 * NSEC_MS);
	if (!r->done || r->left)
		die("revert");
	faults_release(r->fs);
}

/* --- echo -------------------------------------------------------------- */

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	while (read(fd, &byte, 1) == 1)
		if (write(fd, &byte, 1) != 1)
			break;
	close(fd);
	return NULL;
}

static void no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int connect_echo(const char *host, int port)
{
	struct addr addr;
	struct err err;
	pthread_t thread;
	char text[64];
	int listener, fd, peer, on = 1;

	snprintf(text, sizeof(text), "%s:%d", host, port);
	if (addr_parse(text, &addr, &err))
		die(err.msg);
	listener = socket(addr.u.sa.sa_family, SOCK_STREAM, 0);
	fd = socket(addr.u.sa.sa_family, SOCK_STREAM, 0);
	if (listener < 0 || fd < 0)
		return -1;	/* a kernel without IPv6 */
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, &addr.u.sa, addr.len) || listen(listener, 1) ||
	    connect(fd, &addr.u.sa, addr.len))
		die(text);
	peer = accept(listener, NULL, NULL);
	close(listener);
	no_delay(fd);
	no_delay(peer);
	pthread_create(&thread, NULL, echo, (void *)(intptr_t)peer);
	pthread_detach(thread);
	return fd;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ms; -1: no such connection. */
static double median_rtt(int fd)
{
	double v[ROUNDS];
	char byte = 'x';

	for (int i = 0; fd < 0 && i < ROUNDS; i++)
		v[i] = -1;
	for (int i = 0; fd >= 0 && i < ROUNDS; i++) {
		nsec_t start = clock_mono();

		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			die("echo");
		v[i] = (double)(clock_mono() - start) / NSEC_MS;
	}
	qsort(v, ROUNDS, sizeof(v[0]), compare);
	return v[ROUNDS / 2];
}

static int rtt(const char *text, int port, double speed)
{
	struct run r;
	int v4 = connect_echo("127.0.0.1", port);
	int v6 = connect_echo("[::1]", port);
	int other = connect_echo("127.0.0.1", port + 1);

	printf("rtt before %.3f %.3f %.3f\n", median_rtt(v4), median_rtt(v6),
	       median_rtt(other));
	open_run(&r, text, speed);
	arm_and_inject(&r);
	fflush(stdout);
	if (system("tc -j qdisc show dev lo; "
		   "tc -s -j filter show dev lo") != 0)
		die("tc");
	printf("rtt during %.3f %.3f %.3f\n", median_rtt(v4), median_rtt(v6),
	       median_rtt(other));
	revert(&r);
	printf("rtt after %.3f %.3f %.3f\n", median_rtt(v4), median_rtt(v6),
	       median_rtt(other));
	return 0;
}

static int hold(const char *text)
{
	struct run r;

	open_run(&r, text, 1);
	arm_and_inject(&r);
	printf("holding %d\n", (int)getpid());
	fflush(stdout);
	loop_run(r.loop);
	return 0;
}

static bool read_section(char *text, size_t size)
{
	char line[256];

	*text = '\0';
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "end\n"))
			return true;
		if (strlen(text) + strlen(line) < size)
			strcat(text, line);
	}
	return false;
}

static int serve(void)
{
	char text[4096], line[16];
	struct run r;

	while (read_section(text, sizeof(text))) {
		open_run(&r, text, 1);
		arm_and_inject(&r);
		printf("holding\n");
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			die("serve");
		revert(&r);
		printf("gone\n");
		fflush(stdout);
	}
	return 0;
}

static int recover(void)
{
	struct fault_recovered got;
	struct err err;

	if (fault_recover(false, &got, &err))
		die(err.msg);
	printf("undone %zu left %zu live %zu\n", got.undone, got.left,
	       got.live);
	return got.left ? 5 : 0;
}

static int load(char **files)
{
	for (; *files; files++) {
		int fd = open(*files, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0)) {
			perror(*files);
			return 1;
		}
		close(fd);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct run r;

	if (argc > 2 && !strcmp(argv[1], "load"))
		return load(argv + 2);

	if (argc == 3 && !strcmp(argv[1], "check")) {
		open_run(&r, argv[2], 1);
		return check(&r);
	}
	if (argc >= 4 && !strcmp(argv[1], "rtt"))
		return rtt(argv[2], atoi(argv[3]),
			   argc > 4 ? atof(argv[4]) : 1);
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	if (argc == 2 && !strcmp(argv[1], "recover"))
		return recover();
	fprintf(stderr, "usage: uml-netem check|rtt|hold|recover …\n");
	return 2;
}
