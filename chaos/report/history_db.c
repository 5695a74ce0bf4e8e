/* SPDX-License-Identifier: Apache-2.0 */
/* The file of past runs: SQLite, one table. */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/mem.h"
#include "chaos/base/proc.h"
#include "chaos/report/history.h"

enum { WAIT_REAL_MS = 1000 };

static const char create[] =
	"CREATE TABLE IF NOT EXISTS runs ("
	" id TEXT NOT NULL, started_at TEXT NOT NULL, seed INTEGER NOT NULL,"
	" scenario TEXT NOT NULL, kind TEXT NOT NULL, controls TEXT NOT NULL,"
	" status TEXT NOT NULL, exit INTEGER NOT NULL, valid INTEGER NOT NULL,"
	" dir TEXT NOT NULL, impact REAL, ttd REAL, ttr_repair REAL,"
	" ttr_restore REAL,"
	" PRIMARY KEY (id, started_at, seed, controls));"
	"PRAGMA user_version = 1;";

static const char insert[] =
	"INSERT OR REPLACE INTO runs (id, started_at, scenario, kind, controls,"
	" status, dir, seed, exit, valid, impact, ttd, ttr_repair, ttr_restore)"
	" VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

static const char select_all[] =
	"SELECT id, started_at, scenario, kind, controls, status, dir, seed,"
	" exit, valid, impact, ttd, ttr_repair, ttr_restore FROM runs"
	" WHERE ?1 IS NULL OR scenario = ?1 ORDER BY started_at, rowid";

const char *history_path(void)
{
	static char path[512];
	const char *own = getenv("GAMEDAY_HISTORY");
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (own && strcmp(own, "off") == 0)
		return NULL;
	if (own && *own)
		return own;
	if (geteuid() == 0)
		return "/var/lib/gameday/history.db";
	if (state && *state)
		snprintf(path, sizeof(path), "%s/gameday/history.db", state);
	else
		snprintf(path, sizeof(path),
			 "%s/.local/state/gameday/history.db",
			 home && *home ? home : "/tmp");
	return path;
}

static int failed(sqlite3 *db, const char *path, const char *what,
		  struct err *err)
{
	int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;

	return err_set(err, code == SQLITE_BUSY ? -EBUSY : -EIO,
		       "cannot %s the history '%s': %s%s", what, path,
		       db ? sqlite3_errmsg(db) : "no memory",
		       code == SQLITE_NOTADB || code == SQLITE_CORRUPT
			       ? " (move it away, and the next run makes one)"
			       : "");
}

static int open_db(const char *path, int flags, sqlite3 **ret, struct err *err)
{
	int rc = sqlite3_open_v2(path, ret, flags, NULL);

	if (rc == SQLITE_OK)
		sqlite3_busy_timeout(*ret, WAIT_REAL_MS);
	if (rc != SQLITE_OK)
		return failed(*ret, path, "open", err);
	return 0;
}

static int make_directory(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = mem_strndup(path,
					  slash ? (size_t)(slash - path) : 0);

	return dir[0] ? proc_mkdirs(dir, 0755, err) : 0;
}

static void bind_number(sqlite3_stmt *st, int i, double v)
{
	if (isnan(v))
		sqlite3_bind_null(st, i);
	else
		sqlite3_bind_double(st, i, v);
}

static int put_row(sqlite3 *db, const struct history_row *row)
{
	const char *const texts[] = { row->id,	     row->started_at,
				      row->scenario, row->kind,
				      row->controls, row->status, row->dir };
	const double numbers[] = { row->impact, row->ttd, row->ttr_repair,
				   row->ttr_restore };
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, insert, -1, &st, NULL);

	if (rc != SQLITE_OK)
		return rc;
	for (int i = 0; i < 7; i++)
		sqlite3_bind_text(st, i + 1, texts[i], -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 8, row->seed);
	sqlite3_bind_int(st, 9, row->exit);
	sqlite3_bind_int(st, 10, row->valid);
	for (int i = 0; i < 4; i++)
		bind_number(st, 11 + i, numbers[i]);
	sqlite3_step(st);
	return sqlite3_finalize(st);
}

int history_add(const char *path, const struct history_row *row,
		struct err *err)
{
	sqlite3 *db = NULL;
	int rc = make_directory(path, err);

	if (rc == 0)
		rc = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
			     &db, err);
	if (rc == 0 &&
	    (sqlite3_exec(db, create, NULL, NULL, NULL) != SQLITE_OK ||
	     put_row(db, row) != SQLITE_OK))
		rc = failed(db, path, "write", err);
	sqlite3_close(db);
	return rc;
}

static char *column(sqlite3_stmt *st, int i)
{
	const unsigned char *s = sqlite3_column_text(st, i);

	return mem_strdup(s ? (const char *)s : "");
}

static double column_number(sqlite3_stmt *st, int i)
{
	return sqlite3_column_type(st, i) == SQLITE_NULL
		       ? NAN
		       : sqlite3_column_double(st, i);
}

static void take_row(sqlite3_stmt *st, struct history_rows *to)
{
	(void)mem_grow(to->v, to->n, to->cap);
	to->v[to->n++] = (struct history_row){
		.id = column(st, 0),
		.started_at = column(st, 1),
		.scenario = column(st, 2),
		.kind = column(st, 3),
		.controls = column(st, 4),
		.status = column(st, 5),
		.dir = column(st, 6),
		.seed = sqlite3_column_int64(st, 7),
		.exit = sqlite3_column_int(st, 8),
		.valid = sqlite3_column_int(st, 9) != 0,
		.impact = column_number(st, 10),
		.ttd = column_number(st, 11),
		.ttr_repair = column_number(st, 12),
		.ttr_restore = column_number(st, 13),
	};
}

int history_read(const char *path, const char *scenario,
		 struct history_rows *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int rc;

	if (access(path, F_OK) < 0)
		return err_set(err, -ENOENT,
			       "no history in '%s': no run has ended yet",
			       path);
	rc = open_db(path, SQLITE_OPEN_READONLY, &db, err);
	if (rc == 0 &&
	    sqlite3_prepare_v2(db, select_all, -1, &st, NULL) != SQLITE_OK)
		rc = failed(db, path, "read", err);
	if (rc == 0) {
		if (scenario)
			sqlite3_bind_text(st, 1, scenario, -1, SQLITE_STATIC);
		while (sqlite3_step(st) == SQLITE_ROW)
			take_row(st, ret);
		if (sqlite3_finalize(st) != SQLITE_OK)
			rc = failed(db, path, "read", err);
	}
	sqlite3_close(db);
	return rc;
}
