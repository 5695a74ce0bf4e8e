/* SPDX-License-Identifier: Apache-2.0 */
/* What one load thread counts. */
#include "chaos/load/stats.h"

#include <string.h>

#include "chaos/base/mem.h"

static int64_t second_of(nsec_t t)
{
	int64_t s = t / NSEC_SEC;

	return t % NSEC_SEC < 0 ? s - 1 : s;
}

void stats_init(struct stats *s, size_t n_apis, nsec_t from)
{
	size_t n = n_apis * LOAD_PHASES;

	*s = (struct stats){ .n_apis = n_apis, .second = second_of(from) };
	s->rows = mem_calloc(n, sizeof(*s->rows));
	s->users = mem_calloc(n, sizeof(*s->users));
	s->send_lag = hist_new();
	for (size_t i = 0; i < n; i++) {
		s->rows[i].api = (uint32_t)(i / LOAD_PHASES);
		s->rows[i].phase = (uint32_t)(i % LOAD_PHASES);
		s->rows[i].response = hist_new();
		s->rows[i].service = hist_new();
		s->users[i].api = s->rows[i].api;
		s->users[i].phase = s->rows[i].phase;
	}
}

void stats_done(struct stats *s)
{
	for (size_t i = 0; s->rows && i < s->n_apis * LOAD_PHASES; i++) {
		hist_free(s->rows[i].response);
		hist_free(s->rows[i].service);
	}
	mem_free(s->rows);
	mem_free(s->users);
	mem_free(s->checks);
	hist_free(s->send_lag);
	*s = (struct stats){ 0 };
}

static bool row_empty(const struct load_row *row)
{
	uint64_t any = row->due | row->ok | row->client | row->business |
		       row->censored | row->checks_ok | row->checks_failed |
		       hist_count(row->response);

	for (size_t i = 0; i < LOAD_CAUSES; i++)
		any |= row->failed[i];
	return any == 0;
}

static void row_reset(struct load_row *row)
{
	row->due = row->ok = row->client = row->business = 0;
	row->censored = row->checks_ok = row->checks_failed = 0;
	memset(row->failed, 0, sizeof(row->failed));
	if (hist_count(row->response))
		hist_reset(row->response);
	if (hist_count(row->service))
		hist_reset(row->service);
}

void stats_flush(struct stats *s)
{
	size_t n = s->n_apis * LOAD_PHASES;
	struct load_snapshot snapshot = {
		.second = s->second,
		.rows = mem_calloc(n, sizeof(*snapshot.rows)),
	};

	for (size_t i = 0; i < n; i++)
		if (!row_empty(&s->rows[i]))
			snapshot.rows[snapshot.n++] = s->rows[i];
	s->flush(s->arg, &snapshot);
	mem_free(snapshot.rows);
	for (size_t i = 0; i < n; i++)
		row_reset(&s->rows[i]);
	s->second++;
}

void stats_advance(struct stats *s, nsec_t now)
{
	while (now >= (s->second + 1) * NSEC_SEC)
		stats_flush(s);
}

static size_t index_of(size_t api, enum load_phase phase)
{
	return api * LOAD_PHASES + (size_t)phase;
}

void stats_due(struct stats *s, struct stats_user *u, size_t api,
	       enum load_phase phase)
{
	s->rows[index_of(api, phase)].due++;
	s->users[index_of(api, phase)].raw++;
	s->requests += !(s->beside >> api & 1);
	u->asked[phase] |= UINT64_C(1) << api;
}

void stats_end(struct stats *s, struct stats_user *u, size_t api,
	       enum load_phase phase, struct outcome o, struct stats_times t)
{
	struct load_row *row = &s->rows[index_of(api, phase)];

	switch (o.kind) {
	case OUTCOME_OK:
		row->ok++;
		break;
	case OUTCOME_CLIENT:
		row->client++;
		break;
	case OUTCOME_BUSINESS:
		row->business++;
		break;
	case OUTCOME_FAILED:
		row->failed[o.cause]++;
		u->failed = true;
		break;
	}
	if (o.kind == OUTCOME_OK || o.kind == OUTCOME_BUSINESS)
		u->served[phase] |= UINT64_C(1) << api;
	if (o.answered || o.cause == LOAD_TIMEOUT)
		hist_record(row->response, t.response);
	if (o.answered && t.service >= 0)
		hist_record(row->service, t.service);
}

void stats_censored(struct stats *s, size_t api, enum load_phase phase,
		    nsec_t elapsed)
{
	struct load_row *row = &s->rows[index_of(api, phase)];

	hist_record(row->response, elapsed);
	row->censored++;
	s->censored[api]++;
}

void stats_checks(struct stats *s, size_t api, enum load_phase phase,
		  unsigned ok, unsigned failed)
{
	struct load_row *row = &s->rows[index_of(api, phase)];

	row->checks_ok += ok;
	row->checks_failed += failed;
}

void stats_skipped(struct stats *s, size_t api)
{
	s->skipped[api]++;
}

void stats_fold(struct stats *s, struct stats_user *u)
{
	for (size_t p = 0; p < LOAD_PHASES; p++) {
		uint64_t left = u->asked[p];

		while (left) {
			size_t api = (size_t)__builtin_ctzll(left);
			uint64_t bit = UINT64_C(1) << api;
			struct load_users_row *row =
				&s->users[index_of(api, (enum load_phase)p)];

			left &= ~bit;
			row->asked++;
			row->unserved += !(u->served[p] & bit);
		}
	}
	s->users_affected += u->failed;
	*u = (struct stats_user){ 0 };
}
