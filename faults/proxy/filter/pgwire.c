/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's protocol, as far as in-flight work goes; see the header. */
#include "faults/proxy/filter/pgwire.h"

#include "chaos/base/mem.h"

enum {
	STARTUP_MAX = 10000, /* MAX_STARTUP_PACKET_LENGTH of the server */
	CODE_CANCEL = 80877102,
	CODE_SSL = 80877103,
	CODE_GSS = 80877104,
};

void pgwire_init(struct pgwire *w)
{
	*w = (struct pgwire){.phase = PGWIRE_STARTUP};
}

void pgwire_done(struct pgwire *w)
{
	mem_free(w->expect);
	w->expect = NULL;
}

bool pgwire_idle(const struct pgwire *w)
{
	return w->n == 0 && !w->batch && !w->copy_in && w->status == 'I';
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void opaque(struct pgwire *w, bool broken)
{
	w->phase = PGWIRE_OPAQUE;
	w->broken = broken;
}

/* What is expected, in order. */

static struct pgwire_expect *expect_at(struct pgwire *w, uint32_t i)
{
	return &w->expect[(w->first + i) % w->cap];
}

static void expect_grow(struct pgwire *w)
{
	uint32_t cap = w->cap ? w->cap * 2 : 8;
	struct pgwire_expect *v = mem_calloc(cap, sizeof(*v));

	for (uint32_t i = 0; i < w->n; i++)
		v[i] = *expect_at(w, i);
	mem_free(w->expect);
	w->expect = v;
	w->cap = cap;
	w->first = 0;
}

static void expect_push(struct pgwire *w, enum pgwire_kind kind)
{
	if (w->n == w->cap)
		expect_grow(w);
	w->n++;
	*expect_at(w, w->n - 1) = (struct pgwire_expect){.kind = kind};
}

static void expect_pop(struct pgwire *w)
{
	w->first = (w->first + 1) % w->cap;
	w->n--;
}

/* A batch that is complete, with something behind it, is past. */
static struct pgwire_expect *expect_head(struct pgwire *w)
{
	while (w->n > 1 && expect_at(w, 0)->kind == PGWIRE_EXPECT_BATCH &&
	       !expect_at(w, 0)->count)
		expect_pop(w);
	return w->n ? expect_at(w, 0) : NULL;
}

/* Messages of the client. */

static void front_extended(struct pgwire *w)
{
	w->batch = true;
	if (w->skipping)
		return;
	if (!w->n || expect_at(w, w->n - 1)->kind != PGWIRE_EXPECT_BATCH)
		expect_push(w, PGWIRE_EXPECT_BATCH);
	expect_at(w, w->n - 1)->count++;
}

static void front_query(struct pgwire *w)
{
	if (w->skipping)
		return;
	w->batch = false; /* a Query ends the implicit transaction */
	expect_push(w, PGWIRE_EXPECT_QUERY);
}

static void front_sync(struct pgwire *w)
{
	if (w->copy_in)
		return;
	w->batch = w->skipping = false;
	expect_push(w, PGWIRE_EXPECT_SYNC);
}

static void front_copy_end(struct pgwire *w)
{
	w->copy_in = false;
}

static const struct front_row {
	char type;
	bool begins; /* a transaction: it needs a slot */
	void (*fn)(struct pgwire *w);
} front_table[] = {
	{'B', true, front_extended},  /* Bind */
	{'C', false, front_extended}, /* Close */
	{'D', false, front_extended}, /* Describe */
	{'E', false, front_extended}, /* Execute */
	{'F', true, front_query},     /* FunctionCall */
	{'P', true, front_extended},  /* Parse */
	{'Q', true, front_query},     {'S', false, front_sync},
	{'c', false, front_copy_end}, /* CopyDone */
	{'f', false, front_copy_end}, /* CopyFail */
};

static const struct front_row *front_find(char type)
{
	for (size_t i = 0; i < sizeof(front_table) / sizeof(*front_table); i++)
		if (front_table[i].type == type)
			return &front_table[i];
	return NULL;
}

/* Up to want bytes of a header; true: they are there. */
static bool half_head(struct pgwire_half *h, unsigned want, const char **data,
		      const char *end)
{
	while (h->have < want && *data < end) {
		h->head[h->have++] = (uint8_t) * *data;
		(*data)++;
	}
	return h->have >= want;
}

/* Skips the body; true: the message is over. */
static bool half_body(struct pgwire_half *h, const char **data, const char *end)
{
	size_t room = (size_t)(end - *data);
	size_t n = h->left < room ? h->left : room;

	*data += n;
	h->left -= (uint32_t)n;
	if (h->left)
		return false;
	h->have = 0;
	return true;
}

static void startup_packet(struct pgwire *w)
{
	uint32_t len = be32(w->front.head), code = be32(w->front.head + 4);

	if (len < 8 || len > STARTUP_MAX) {
		opaque(w, true); /* TLS from the first byte, or no pg */
		return;
	}
	w->front.left = len - 8;
	if (code == CODE_SSL || code == CODE_GSS) {
		w->phase = PGWIRE_ASKED;
	} else if (code == CODE_CANCEL) {
		w->phase = PGWIRE_MESSAGES;
	} else if (code >> 16 == 3) {
		w->phase = PGWIRE_MESSAGES;
		expect_push(w, PGWIRE_EXPECT_STARTUP);
	} else {
		opaque(w, true);
	}
}

/* A message's header is complete. */
static void front_message(struct pgwire *w)
{
	uint32_t len = be32(w->front.head + 1);
	const struct front_row *row = front_find((char)w->front.head[0]);

	if (len < 4) {
		opaque(w, true);
		return;
	}
	w->front.left = len - 4;
	if (row)
		row->fn(w);
}

static enum pgwire_stop front_may_begin(const struct pgwire *w, char type,
					bool slot)
{
	const struct front_row *row = front_find(type);

	if (w->phase == PGWIRE_ASKED || w->n >= PGWIRE_EXPECT_MAX)
		return PGWIRE_NOT_NOW;
	if (w->phase == PGWIRE_MESSAGES && row && row->begins && !slot)
		return PGWIRE_NEEDS_SLOT;
	return PGWIRE_ALL;
}

size_t pgwire_front(struct pgwire *w, const char *data, size_t len, bool slot,
		    enum pgwire_stop *ret_stop)
{
	const char *p = data, *end = data + len;

	*ret_stop = PGWIRE_ALL;
	while (p < end && w->phase != PGWIRE_OPAQUE) {
		struct pgwire_half *h = &w->front;
		bool startup = w->phase == PGWIRE_STARTUP;

		if (h->left) {
			(void)half_body(h, &p, end);
			continue;
		}
		if (!h->have) {
			*ret_stop = front_may_begin(w, *p, slot);
			if (*ret_stop != PGWIRE_ALL)
				return (size_t)(p - data);
		}
		if (!half_head(h, startup ? 8 : 5, &p, end))
			break;
		if (startup)
			startup_packet(w);
		else
			front_message(w);
		if (!h->left)
			h->have = 0;
	}
	return w->phase == PGWIRE_OPAQUE ? len : (size_t)(p - data);
}

/* Messages of the server. */

static void back_complete(struct pgwire *w)
{
	struct pgwire_expect *head = expect_head(w);

	if (head && head->kind == PGWIRE_EXPECT_BATCH && head->count)
		head->count--;
}

static void back_error(struct pgwire *w)
{
	struct pgwire_expect *head = expect_head(w);

	w->copy_in = false;
	if (!head || head->kind != PGWIRE_EXPECT_BATCH || !head->count)
		return;
	while (w->n && expect_at(w, 0)->kind != PGWIRE_EXPECT_SYNC)
		expect_pop(w);
	w->skipping = !w->n;
}

/* A Sync that was sent before the server wanted COPY data is ignored by it. */
static void back_copy_in(struct pgwire *w)
{
	const struct pgwire_expect *head = expect_head(w);

	w->copy_in = true;
	if (!head)
		return;
	w->batch = w->batch || head->kind == PGWIRE_EXPECT_BATCH;
	while (w->n > 1 && expect_at(w, w->n - 1)->kind == PGWIRE_EXPECT_SYNC)
		w->n--;
}

static void back_ready(struct pgwire *w)
{
	while (w->n) {
		bool batch = expect_at(w, 0)->kind == PGWIRE_EXPECT_BATCH;

		expect_pop(w);
		if (!batch)
			break;
	}
	w->copy_in = false;
}

static const struct back_row {
	char type;
	void (*fn)(struct pgwire *w);
} back_table[] = {
	{'1', back_complete},			   /* ParseComplete */
	{'2', back_complete},			   /* BindComplete */
	{'3', back_complete},			   /* CloseComplete */
	{'C', back_complete},			   /* CommandComplete */
	{'E', back_error},    {'G', back_copy_in}, /* CopyInResponse */
	{'I', back_complete},			   /* EmptyQueryResponse */
	{'T', back_complete}, /* RowDescription: of a Describe */
	{'W', back_copy_in},  /* CopyBothResponse */
	{'n', back_complete}, /* NoData: of a Describe */
	{'s', back_complete}, /* PortalSuspended */
};

static void back_message(struct pgwire *w)
{
	uint32_t len = be32(w->back.head + 1);

	if (len < 4) {
		opaque(w, true);
		return;
	}
	w->back.left = len - 4;
	for (size_t i = 0; i < sizeof(back_table) / sizeof(*back_table); i++)
		if (back_table[i].type == (char)w->back.head[0])
			back_table[i].fn(w);
}

/* The one byte that answers SSLRequest and GSSENCRequest. */
static void back_asked(struct pgwire *w, char answer)
{
	w->front.have = 0;
	if (answer == 'S' || answer == 'G')
		opaque(w, false);
	else
		w->phase = PGWIRE_STARTUP;
}

/* Header and body of one message, as far as the bytes go. */
static void back_step(struct pgwire *w, const char **p, const char *end)
{
	struct pgwire_half *h = &w->back;

	if (h->left) {
		(void)half_body(h, p, end);
		return;
	}
	if (!half_head(h, 5, p, end))
		return;
	if (h->head[0] == 'Z') {
		if (!half_head(h, 6, p, end))
			return;
		w->status = (char)h->head[5];
		back_ready(w);
		h->have = 0;
		return;
	}
	back_message(w);
	if (!h->left)
		h->have = 0;
}

void pgwire_back(struct pgwire *w, const char *data, size_t len)
{
	const char *p = data, *end = data + len;

	while (p < end && w->phase != PGWIRE_OPAQUE) {
		if (w->phase == PGWIRE_ASKED)
			back_asked(w, *p++);
		else
			back_step(w, &p, end);
	}
}
