/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gauges from SELECTs on PostgreSQL, over libpq without blocking.  All of a
 * probe's queries go out at once as a pipeline with a Sync behind each, so that
 * one that fails does not take the others with it.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/watch/probes.h"

struct sql_opts {
	char *url, *user, *database;
	nsec_t timeout;
	struct opt_strs gauges;
};

enum sql_state { SQL_CLOSED, SQL_CONNECTING, SQL_IDLE, SQL_BUSY };

struct sql {
	struct probe *probe;
	struct addr to;
	enum sql_state state;
	PGconn *conn;
	struct loop_io io;
	bool io_on;		/* registered: libpq's socket may change */
	struct loop_timer timer;
	struct probe_query *queries;
	size_t answered;	/* queries whose Sync has come back */
	char error[200];	/* the first of this sample; "" if none */
};

static const struct opt sql_opts[] = {
	{ .name = "database", .type = OPT_STR,
	  .off = offsetof(struct sql_opts, database),
	  .help = "the database; else the one of the user's name" },
	{ .name = "gauge.*", .type = OPT_LINES,
	  .off = offsetof(struct sql_opts, gauges),
	  .help = "a gauge: a SELECT of one number",
	  .example = "SELECT count(*) FROM orders" },
	{ .name = "timeout", .type = OPT_DURATION, .flags = OPT_POSITIVE,
	  .off = offsetof(struct sql_opts, timeout), .def = "5s",
	  .help = "without all answers in that time the sample has failed" },
	{ .name = "url", .type = OPT_STR, .flags = OPT_REQUIRED,
	  .off = offsetof(struct sql_opts, url), .help = "the server",
	  .example = "staging:postgres" },
	{ .name = "user", .type = OPT_STR,
	  .off = offsetof(struct sql_opts, user), .def = "postgres",
	  .help = "who connects" },
	OPT_END
};

static void io_off(struct sql *q)
{
	if (q->io_on)
		loop_io_set(probe_loop(q->probe), &q->io, 0, NULL);
	q->io_on = false;
}

static void sql_close(struct sql *q)
{
	loop_timer_stop(probe_loop(q->probe), &q->timer);
	io_off(q);	/* before libpq closes the socket */
	PQfinish(q->conn);
	q->conn = NULL;
	q->state = SQL_CLOSED;
}

/* libpq's messages may have several lines: the first one says it. */
static void first_line(char *dst, size_t size, const char *text)
{
	snprintf(dst, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static void sql_fail(struct sql *q, const char *why)
{
	char line[200];

	first_line(line, sizeof(line), why);
	sql_close(q);
	probe_failed(q->probe, "%s", line);
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg);

static void want(struct sql *q, unsigned events)
{
	int fd = PQsocket(q->conn);
	struct err err;

	if (fd != q->io.fd || !q->io_on) {
		io_off(q);
		loop_io_init(&q->io, fd, "probe sql", on_io, q);
	}
	q->io_on = true;
	if (loop_io_set(probe_loop(q->probe), &q->io, events, &err)) {
		q->io_on = false;
		sql_fail(q, err.msg);
	}
}

static void arm_timeout(struct sql *q)
{
	const struct sql_opts *opts = probe_opts(q->probe);
	struct loop *loop = probe_loop(q->probe);

	loop_timer_at_mono(loop, &q->timer,
			   loop_mono(loop) +
				   probe_real(q->probe, opts->timeout));
}

static void flush(struct sql *q)
{
	int rc = PQflush(q->conn);

	if (rc < 0)
		sql_fail(q, PQerrorMessage(q->conn));
	else
		want(q, rc ? LOOP_IN | LOOP_OUT : LOOP_IN);
}

static void send_queries(struct sql *q)
{
	const struct sql_opts *opts = probe_opts(q->probe);

	q->answered = 0;
	q->error[0] = '\0';
	q->state = SQL_BUSY;
	arm_timeout(q);
	for (size_t i = 0; i < opts->gauges.n; i++)
		if (!PQsendQueryParams(q->conn, q->queries[i].text, 0, NULL,
				       NULL, NULL, NULL, 0) ||
		    !PQpipelineSync(q->conn)) {
			sql_fail(q, PQerrorMessage(q->conn));
			return;
		}
	flush(q);
}

static double number_of(const PGresult *r)
{
	const char *text;
	char *end;
	double value;

	if (PQntuples(r) < 1 || PQnfields(r) < 1 || PQgetisnull(r, 0, 0))
		return NAN;
	text = PQgetvalue(r, 0, 0);
	value = strtod(text, &end);
	return end != text && !*end ? value : NAN;
}

static void take_result(struct sql *q, const PGresult *r)
{
	const struct sql_opts *opts = probe_opts(q->probe);
	const char *gauge;

	if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
		q->answered++;
		return;
	}
	if (q->answered >= opts->gauges.n)
		return;
	gauge = q->queries[q->answered].gauge;
	if (PQresultStatus(r) == PGRES_TUPLES_OK) {
		probe_set_gauge(q->probe, gauge, number_of(r));
		return;
	}
	probe_set_gauge(q->probe, gauge, NAN);
	if (!q->error[0])
		first_line(q->error, sizeof(q->error),
			   PQresultErrorMessage(r));
}

/* All have answered, each for itself. */
static void finish_sample(struct sql *q)
{
	q->state = SQL_IDLE;
	loop_timer_stop(probe_loop(q->probe), &q->timer);
	if (q->error[0])
		probe_warn(q->probe, "%s", q->error);
	else
		probe_ok(q->probe);
}

static void take_results(struct sql *q)
{
	const struct sql_opts *opts = probe_opts(q->probe);
	int nulls = 0;
	PGresult *r;

	if (!PQconsumeInput(q->conn)) {
		sql_fail(q, PQerrorMessage(q->conn));
		return;
	}
	/* A NULL ends one query's results; two in a row: nothing is left. */
	while (!PQisBusy(q->conn) && nulls < 2) {
		r = PQgetResult(q->conn);
		nulls = r ? 0 : nulls + 1;
		if (r)
			take_result(q, r);
		PQclear(r);
	}
	if (PQstatus(q->conn) == CONNECTION_BAD)
		sql_fail(q, PQerrorMessage(q->conn));
	else if (q->state == SQL_BUSY && q->answered >= opts->gauges.n)
		finish_sample(q);
}

static void connected(struct sql *q)
{
	if (PQsetnonblocking(q->conn, 1) || !PQenterPipelineMode(q->conn))
		sql_fail(q, PQerrorMessage(q->conn));
	else
		send_queries(q);
}

static void poll_connect(struct sql *q)
{
	PostgresPollingStatusType polled = PQconnectPoll(q->conn);

	if (polled == PGRES_POLLING_OK)
		connected(q);
	else if (polled == PGRES_POLLING_READING)
		want(q, LOOP_IN);
	else if (polled == PGRES_POLLING_WRITING)
		want(q, LOOP_OUT);
	else
		sql_fail(q, PQerrorMessage(q->conn));
}

static void on_io(struct loop *loop, struct loop_io *io, unsigned events,
		  void *arg)
{
	struct sql *q = arg;

	(void)loop;
	(void)io;
	if (q->state == SQL_CONNECTING) {
		poll_connect(q);
		return;
	}
	if (events & (LOOP_IN | LOOP_HUP))
		take_results(q);
	if (q->conn && (events & LOOP_OUT))
		flush(q);
}

static void on_timeout(struct loop *loop, struct loop_timer *timer, void *arg)
{
	(void)loop;
	(void)timer;
	sql_fail(arg, "no answer in time");
}

/* "127.0.0.1" and "5432" of an address; a socket's directory and port. */
static void host_and_port(const struct addr *a, char host[ADDR_TEXT],
			  char port[16])
{
	char text[ADDR_TEXT], *colon, *from = text;

	addr_fmt(a, text);
	snprintf(port, 16, "%d", addr_port(a));
	if (a->u.sa.sa_family == AF_UNIX) {
		/* unix:/dir/.s.PGSQL.5432 */
		from = strchr(text, '/');
		colon = from ? strrchr(from, '/') : NULL;
		if (colon && strrchr(colon, '.'))
			snprintf(port, 16, "%.15s", strrchr(colon, '.') + 1);
	} else {
		colon = strrchr(text, ':');
		if (text[0] == '[') {
			from++;
			colon--;
		}
	}
	if (colon)
		*colon = '\0';
	snprintf(host, ADDR_TEXT, "%s", from ? from : "");
}

/* libpq's default prints to stderr, over the live view. */
static void no_notice(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static void sql_connect(struct sql *q)
{
	static const char *const keys[] = {
		"hostaddr", "port", "user", "dbname", "application_name",
		"sslmode", "gssencmode", NULL
	};
	static const char *const socket_keys[] = {
		"host", "port", "user", "dbname", "application_name",
		"sslmode", "gssencmode", NULL
	};
	const struct sql_opts *opts = probe_opts(q->probe);
	char host[ADDR_TEXT], port[16];
	const char *const values[] = {
		host, port, opts->user,
		opts->database ? opts->database : opts->user,
		"gameday-probe", "disable", "disable", NULL
	};
	struct err err;

	if (allow_connect(probe_allow(q->probe), &q->to, &err)) {
		probe_failed(q->probe, "%s", err.msg);
		return;
	}
	host_and_port(&q->to, host, port);
	q->conn = PQconnectStartParams(q->to.u.sa.sa_family == AF_UNIX
					       ? socket_keys : keys,
				       values, 0);
	q->state = SQL_CONNECTING;
	arm_timeout(q);
	if (!q->conn || PQstatus(q->conn) == CONNECTION_BAD) {
		sql_fail(q, q->conn ? PQerrorMessage(q->conn) : "no memory");
		return;
	}
	PQsetNoticeProcessor(q->conn, no_notice, NULL);
	want(q, LOOP_OUT);
}

static int sql_start(struct probe *p, struct err *err)
{
	const struct sql_opts *opts = probe_opts(p);
	struct sql *q = probe_state(p);

	q->probe = p;
	q->queries = probe_queries(&opts->gauges);
	loop_timer_init(&q->timer, "probe sql", on_timeout, q);
	return probe_address(p, opts->url, NULL, &q->to, err);
}

static void sql_sample(struct probe *p)
{
	struct sql *q = probe_state(p);

	if (q->state == SQL_CLOSED)
		sql_connect(q);
	else if (q->state == SQL_IDLE)
		send_queries(q);
}

static void sql_stop(struct probe *p)
{
	const struct sql_opts *opts = probe_opts(p);
	struct sql *q = probe_state(p);

	sql_close(q);
	probe_queries_free(q->queries, opts->gauges.n);
}

static int sql_gauges(const struct probe_conf *conf, probe_gauge_fn *fn,
		      void *arg)
{
	const struct sql_opts *opts = conf->opts;

	return probe_query_gauges(&opts->gauges, fn, arg);
}

const struct probe_ops probe_sql = {
	.name = "sql",
	.summary = "gauges from SELECTs on PostgreSQL, and probe.NAME.ok",
	.example = "[probe pg]\nkind = sql\nurl = staging:postgres\n"
		   "gauge.pg.orders = SELECT count(*) FROM orders\n",
	.every = "1s",
	.opts = sql_opts,
	.opts_size = sizeof(struct sql_opts),
	.state_size = sizeof(struct sql),
	.gauges = sql_gauges,
	.start = sql_start,
	.sample = sql_sample,
	.stop = sql_stop,
};
