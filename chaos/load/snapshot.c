/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots as bytes.  Layout: version, thread, threads, second, users, in
 * flight, number of rows; each row: API, phase, four counters, the causes, four
 * more counters, two counted histograms in HdrHistogram's V2 encoding.
 */
#include <errno.h>

#include "chaos/base/mem.h"
#include "chaos/base/msg.h"
#include "chaos/load/conf.h"

enum { SNAPSHOT_VERSION = 2 };

static void hist_put(const struct hist *h, struct buf *out)
{
	struct buf bytes;

	buf_init(&bytes, 0);
	if (h && hist_count(h))
		hist_encode(h, &bytes);
	msg_bytes(out, bytes.data ? bytes.data : "", bytes.len);
	buf_done(&bytes);
}

/* The histograms' encoding does not carry it. */
static uint64_t row_saturated(const struct load_row *row)
{
	uint64_t n = row->saturated;

	if (row->response)
		n += hist_saturated(row->response);
	if (row->service)
		n += hist_saturated(row->service);
	return n;
}

static void row_encode(const struct load_row *row, struct buf *out)
{
	msg_u32(out, row->api);
	msg_u32(out, row->phase);
	msg_i64(out, (int64_t)row->due);
	msg_i64(out, (int64_t)row->ok);
	msg_i64(out, (int64_t)row->client);
	msg_i64(out, (int64_t)row->business);
	for (size_t i = 0; i < LOAD_CAUSES; i++)
		msg_i64(out, (int64_t)row->failed[i]);
	msg_i64(out, (int64_t)row->censored);
	msg_i64(out, (int64_t)row->checks_ok);
	msg_i64(out, (int64_t)row->checks_failed);
	msg_i64(out, (int64_t)row_saturated(row));
	hist_put(row->response, out);
	hist_put(row->service, out);
}

void load_snapshot_encode(const struct load_snapshot *s, struct buf *out)
{
	msg_u32(out, SNAPSHOT_VERSION);
	msg_u32(out, s->thread);
	msg_u32(out, s->threads);
	msg_i64(out, s->second);
	msg_f64(out, s->users);
	msg_i64(out, (int64_t)s->in_flight);
	msg_u32(out, (uint32_t)s->n);
	for (size_t i = 0; i < s->n; i++)
		row_encode(&s->rows[i], out);
}

static int hist_get(struct msg_reader *r, struct hist **ret, struct err *err)
{
	size_t len = 0;
	const void *data = msg_get_bytes(r, &len);

	*ret = hist_new();
	if (r->bad || len == 0)
		return 0;
	return hist_decode(*ret, data, len, err);
}

static int row_decode(struct msg_reader *r, struct load_row *row,
		      struct err *err)
{
	int rc;

	row->api = msg_get_u32(r);
	row->phase = msg_get_u32(r);
	if (row->api >= LOAD_APIS_MAX || row->phase >= LOAD_PHASES)
		return err_set(err, -EBADMSG,
			       "load snapshot: a row of API %u, phase %u",
			       row->api, row->phase);
	row->due = (uint64_t)msg_get_i64(r);
	row->ok = (uint64_t)msg_get_i64(r);
	row->client = (uint64_t)msg_get_i64(r);
	row->business = (uint64_t)msg_get_i64(r);
	for (size_t i = 0; i < LOAD_CAUSES; i++)
		row->failed[i] = (uint64_t)msg_get_i64(r);
	row->censored = (uint64_t)msg_get_i64(r);
	row->checks_ok = (uint64_t)msg_get_i64(r);
	row->checks_failed = (uint64_t)msg_get_i64(r);
	row->saturated = (uint64_t)msg_get_i64(r);
	rc = hist_get(r, &row->response, err);
	return rc < 0 ? rc : hist_get(r, &row->service, err);
}

static int rows_decode(struct msg_reader *r, struct load_snapshot *s,
		       uint32_t n, struct err *err)
{
	if (n > LOAD_APIS_MAX * LOAD_PHASES)
		return err_set(err, -EBADMSG, "load snapshot: %u rows", n);
	s->rows = mem_calloc(n + 1, sizeof(*s->rows));
	while (s->n < n && !r->bad) {
		int rc = row_decode(r, &s->rows[s->n++], err);

		if (rc < 0)
			return rc;
	}
	if (r->bad || r->p != r->end)
		return err_set(err, -EBADMSG,
			       "load snapshot: %s",
			       r->bad ? "it is cut short" : "bytes are left");
	return 0;
}

int load_snapshot_decode(struct load_snapshot *ret, const void *data,
			 size_t len, struct err *err)
{
	struct load_snapshot s = { 0 };
	struct msg_reader r;
	uint32_t version;
	int rc;

	msg_reader_init(&r, data, len);
	version = msg_get_u32(&r);
	s.thread = msg_get_u32(&r);
	s.threads = msg_get_u32(&r);
	s.second = msg_get_i64(&r);
	s.users = msg_get_f64(&r);
	s.in_flight = (uint64_t)msg_get_i64(&r);
	if (!r.bad && version != SNAPSHOT_VERSION)
		return err_set(err, -EBADMSG,
			       "load snapshot: version %u is not %d", version,
			       SNAPSHOT_VERSION);
	rc = rows_decode(&r, &s, msg_get_u32(&r), err);
	if (rc < 0) {
		load_snapshot_done(&s);
		return rc;
	}
	*ret = s;
	return 0;
}

void load_snapshot_done(struct load_snapshot *s)
{
	for (size_t i = 0; i < s->n; i++) {
		hist_free(s->rows[i].response);
		hist_free(s->rows[i].service);
	}
	mem_free(s->rows);
	*s = (struct load_snapshot){ 0 };
}
