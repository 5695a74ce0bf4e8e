/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The incremental HTTP/1.1 parser (RFC 9112).  It is the load engine's hot
 * path: a head that arrives whole is scanned with memchr(3) where it lies and
 * copied once; headers are slices, nothing is allocated per header.
 */
#include "chaos/base/http1.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum http1_sub {	/* within HTTP1_HEAD, then within a chunked body */
	SUB_START,	/* request or status line */
	SUB_FIELD,
	SUB_SIZE,	/* a chunk's size in hex */
	SUB_EXT,	/* the rest of that line */
	SUB_SIZE_LF,
	SUB_DATA,
	SUB_DATA_CR,
	SUB_DATA_LF,
	SUB_TRAILER,
};

enum {
	CHUNK_DIGITS_MAX = 15,		/* fits int64_t */
	CHUNK_EXT_MAX = 4096,
};

/* tchar of RFC 9110. */
static const unsigned char is_token[256] = {
	['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1,
	['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1,
	['`'] = 1, ['|'] = 1, ['~'] = 1,
	['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,
	['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
	['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
	['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1,
	['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
	['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
	['Y'] = 1, ['Z'] = 1,
	['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
	['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
	['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
	['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
	['y'] = 1, ['z'] = 1,
};

static void fail(struct http1_parser *p, const char *why)
{
	p->state = HTTP1_ERROR;
	p->error = why;
	/* Their lines may not have been copied into head. */
	p->n_headers = 0;
	p->method = p->target = (struct http1_slice){ 0 };
}

static void begin(struct http1_parser *p)
{
	p->state = HTTP1_HEAD;
	p->sub = SUB_START;
	p->error = NULL;
	p->status = 0;
	p->keep_alive = p->chunked = p->to_close = false;
	p->content_length = -1;
	p->body_seen = 0;
	p->method = p->target = (struct http1_slice){ 0 };
	p->n_headers = 0;
	p->line_start = p->line_len = p->trailer_len = 0;
	p->n_magic = 0;
	p->chunk_left = 0;
	p->has_te = p->te_chunked = p->conn_close = p->conn_keep = false;
	buf_reset(&p->head);
}

void http1_init(struct http1_parser *p, enum http1_kind kind)
{
	p->kind = kind;
	p->head_request = false;
	p->body = NULL;
	p->n_interim = 0;
	buf_init(&p->head, HTTP1_HEAD_MAX);
	begin(p);
}

void http1_done(struct http1_parser *p)
{
	buf_done(&p->head);
}

void http1_next(struct http1_parser *p)
{
	p->head_request = false;
	p->n_interim = 0;
	begin(p);
}

/* "HTTP/1.x" exactly. */
static bool version(struct http1_parser *p, const char *s, size_t len)
{
	if (len != 8 || memcmp(s, "HTTP/1.", 7) ||
	    !isdigit((unsigned char)s[7])) {
		fail(p, "not an HTTP/1 message");
		return false;
	}
	p->minor = s[7] - '0';
	return true;
}

static void request_line(struct http1_parser *p, const char *s, size_t len)
{
	const char *end = s + len, *sp, *last;

	sp = memchr(s, ' ', len);
	last = memrchr(s, ' ', len);
	if (!sp || sp == last || sp == s || last == sp + 1)
		return fail(p, "malformed request line");
	if (!version(p, last + 1, (size_t)(end - last - 1)))
		return;
	for (const char *c = s; c < sp; c++)
		if (!is_token[(unsigned char)*c])
			return fail(p, "malformed method");
	for (const char *c = sp + 1; c < last; c++)
		if ((unsigned char)*c <= ' ' || *c == 127)
			return fail(p, "malformed request target");
	p->method = (struct http1_slice){ p->line_start, (uint32_t)(sp - s) };
	p->target = (struct http1_slice){
		p->line_start + (uint32_t)(sp + 1 - s),
		(uint32_t)(last - sp - 1)
	};
}

static void status_line(struct http1_parser *p, const char *s, size_t len)
{
	if (len < 12 || s[8] != ' ' || (len > 12 && s[12] != ' '))
		return fail(p, "malformed status line");
	if (!version(p, s, 8))
		return;
	for (int i = 9; i < 12; i++)
		if (!isdigit((unsigned char)s[i]))
			return fail(p, "malformed status");
	p->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + s[11] - '0';
	if (p->status < 100)
		fail(p, "malformed status");
}

static void content_length(struct http1_parser *p, const char *s, size_t len)
{
	int64_t value = 0;

	if (!len)
		return fail(p, "malformed Content-Length");
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]) ||
		    value > (INT64_MAX - 9) / 10)
			return fail(p, "malformed Content-Length");
		value = value * 10 + (s[i] - '0');
	}
	if (p->content_length >= 0 && p->content_length != value)
		return fail(p, "two Content-Lengths that differ");
	p->content_length = value;
}

static bool same(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && !strncasecmp(s, word, len);
}

/* The next element of a comma-separated list, trimmed; false at the end. */
static bool list_next(const char **s, const char *end, const char **ret,
		      size_t *ret_len)
{
	const char *from, *to;

	if (*s >= end)
		return false;
	from = *s;
	to = memchr(from, ',', (size_t)(end - from));
	*s = to ? to + 1 : end;
	if (!to)
		to = end;
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	*ret = from;
	*ret_len = (size_t)(to - from);
	return true;
}

static void transfer_encoding(struct http1_parser *p, const char *s, size_t len)
{
	const char *end = s + len, *coding;
	size_t n;

	while (list_next(&s, end, &coding, &n)) {
		if (!n)
			continue;
		p->has_te = true;
		if (p->te_chunked)
			return fail(p, "a coding after chunked");
		p->te_chunked = same(coding, n, "chunked");
	}
}

static void connection(struct http1_parser *p, const char *s, size_t len)
{
	const char *end = s + len, *option;
	size_t n;

	while (list_next(&s, end, &option, &n)) {
		p->conn_close |= same(option, n, "close");
		p->conn_keep |= same(option, n, "keep-alive");
	}
}

static const struct known {
	const char *name;
	size_t len;
	void (*fn)(struct http1_parser *p, const char *s, size_t len);
} known[] = {
	{ "connection", 10, connection },
	{ "content-length", 14, content_length },
	{ "transfer-encoding", 17, transfer_encoding },
};

static void field_known(struct http1_parser *p, const char *name, size_t len,
			const char *value, size_t value_len)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].len == len &&
		    !strncasecmp(known[i].name, name, len))
			known[i].fn(p, value, value_len);
}

/* len > 0 */
static void field_line(struct http1_parser *p, const char *s, size_t len)
{
	const char *end = s + len, *colon = s, *value;

	if (*s == ' ' || *s == '\t')
		return fail(p, "folded header line");
	while (colon < end && is_token[(unsigned char)*colon])
		colon++;
	if (colon == s || colon == end || *colon != ':')
		return fail(p, "malformed header name");
	if (p->n_headers == HTTP1_HEADERS_MAX)
		return fail(p, "too many headers");
	value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	p->headers[p->n_headers].name = (struct http1_slice){
		p->line_start, (uint32_t)(colon - s)
	};
	p->headers[p->n_headers++].value = (struct http1_slice){
		p->line_start + (uint32_t)(value - s), (uint32_t)(end - value)
	};
	field_known(p, s, (size_t)(colon - s), value, (size_t)(end - value));
}

static void body_begin(struct http1_parser *p, bool none)
{
	if (none) {
		p->state = HTTP1_DONE;
		return;
	}
	p->state = HTTP1_BODY;
	if (p->chunked) {
		p->sub = SUB_SIZE;
		p->line_len = 0;
	} else if (p->content_length == 0) {
		p->state = HTTP1_DONE;
	}
}

static void request_framing(struct http1_parser *p)
{
	if (p->has_te && p->content_length >= 0)
		return fail(p, "Content-Length beside Transfer-Encoding");
	if (p->has_te && (!p->te_chunked || p->minor == 0))
		return fail(p, "Transfer-Encoding without chunked at the end");
	p->chunked = p->has_te;
	body_begin(p, !p->chunked && p->content_length < 0);
}

static void response_framing(struct http1_parser *p)
{
	bool none = p->head_request || p->status < 200 || p->status == 204 ||
		    p->status == 304;

	if (p->has_te) {
		/* What also has a length, or is 1.0, may not be trusted. */
		if (p->content_length >= 0 || p->minor == 0)
			p->keep_alive = false;
		p->chunked = p->te_chunked;
		p->content_length = -1;
	}
	p->to_close = !none && !p->chunked && p->content_length < 0;
	if (p->to_close)
		p->keep_alive = false;
	body_begin(p, none);
}

/* The empty line was read. True: the head was an interim one, go on. */
static bool head_end(struct http1_parser *p)
{
	if (p->kind == HTTP1_RESPONSE && p->status < 200 && p->status != 101) {
		if (++p->n_interim > HTTP1_INTERIM_MAX) {
			fail(p, "too many interim answers");
			return false;
		}
		begin(p);
		return true;
	}
	p->keep_alive = !p->conn_close && (p->minor >= 1 || p->conn_keep);
	if (p->kind == HTTP1_REQUEST)
		request_framing(p);
	else
		response_framing(p);
	return false;
}

static void start_line(struct http1_parser *p, const char *s, size_t len)
{
	if (p->kind == HTTP1_REQUEST)
		request_line(p, s, len);
	else
		status_line(p, s, len);
	p->sub = SUB_FIELD;
}

/*
 * One line with its LF, at s, which is at line_start of head or will be once it
 * is copied.  True: the head so far is to be forgotten.
 */
static bool head_line(struct http1_parser *p, const char *s, size_t n)
{
	size_t len = n - 1;

	if (len && s[len - 1] == '\r')
		len--;
	if (len && (memchr(s, '\r', len) || memchr(s, '\0', len))) {
		fail(p, "a control character in the head");
	} else if (p->sub == SUB_START) {
		/* RFC 9112, 2.2: an empty line before a request is skipped */
		if (len || p->kind == HTTP1_RESPONSE)
			start_line(p, s, len);
	} else if (len) {
		field_line(p, s, len);
	} else if (head_end(p)) {
		return true;
	}
	p->line_start += (uint32_t)n;
	return false;
}

/*
 * Whether the answer begins as HTTP/1 does, so far: what speaks another
 * protocol may never send a line's end.
 */
static bool magic(struct http1_parser *p, const char *data, size_t len)
{
	static const char text[] = "HTTP/1.";

	while (len-- && p->n_magic < sizeof(text) - 1) {
		if (*data++ != text[p->n_magic++]) {
			fail(p, "not an HTTP/1 message");
			return false;
		}
	}
	return true;
}

/*
 * Invariant: head.data[0 .. head.len) then data[copied .. i) is the head so
 * far, and line_start is where the line that is not complete begins in it.
 */
static size_t feed_head(struct http1_parser *p, const char *data, size_t len)
{
	size_t copied = 0, i = 0, line_at, n;
	const char *lf, *line;

	while (p->state == HTTP1_HEAD && i < len) {
		if (p->sub == SUB_START && p->kind == HTTP1_RESPONSE &&
		    !magic(p, data + i, len - i))
			return i;
		lf = memchr(data + i, '\n', len - i);
		n = (lf ? (size_t)(lf - data) + 1 : len) - i;
		line_at = p->head.len + (i - copied);
		if (line_at + n > HTTP1_HEAD_MAX) {
			fail(p, "head over 16 KiB");
			return i;
		}
		i += n;
		if (!lf)
			break;
		if (line_at == p->line_start) {
			line = data + i - n;
		} else {	/* begun by an earlier feed */
			buf_add(&p->head, data + copied, i - copied);
			copied = i;
			line = p->head.data + p->line_start;
			n = p->head.len - p->line_start;
		}
		if (head_line(p, line, n))
			copied = i;
	}
	if (i > copied)
		buf_add(&p->head, data + copied, i - copied);
	return i;
}

static void body_add(struct http1_parser *p, const char *data, size_t len)
{
	struct buf *b = p->body;
	size_t room;

	p->body_seen += len;
	if (!b)
		return;
	if (!b->max) {
		buf_add(b, data, len);
		return;
	}
	room = b->max - b->len;
	if (len <= room) {
		buf_add(b, data, len);
	} else {
		if (room)
			buf_add(b, data, room);
		b->overflow = true;
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void chunk_size(struct http1_parser *p, char c)
{
	int digit = hex_value(c);

	if (digit >= 0) {
		if (++p->line_len > CHUNK_DIGITS_MAX)
			return fail(p, "chunk too large");
		p->chunk_left = p->chunk_left * 16 + (uint64_t)digit;
		return;
	}
	if (!p->line_len)
		return fail(p, "malformed chunk size");
	if (c == '\r')
		p->sub = SUB_SIZE_LF;
	else if (c == ';' || c == ' ' || c == '\t')
		p->sub = SUB_EXT;
	else
		fail(p, "malformed chunk size");
}

static void chunk_ext(struct http1_parser *p, char c)
{
	if (c == '\r')
		p->sub = SUB_SIZE_LF;
	else if (c == '\n')
		fail(p, "malformed chunk extension");
	else if (++p->line_len > CHUNK_EXT_MAX)
		fail(p, "chunk extension over 4 KiB");
}

static void trailer(struct http1_parser *p, char c)
{
	if (++p->trailer_len > HTTP1_HEAD_MAX)
		return fail(p, "trailers over 16 KiB");
	if (c == '\n') {
		if (!p->line_len)
			p->state = HTTP1_DONE;
		p->line_len = 0;
	} else if (c != '\r') {
		p->line_len++;
	}
}

/* The framing of chunks, a byte at a time. */
static void chunk_byte(struct http1_parser *p, char c)
{
	switch ((enum http1_sub)p->sub) {
	case SUB_SIZE:
		return chunk_size(p, c);
	case SUB_EXT:
		return chunk_ext(p, c);
	case SUB_SIZE_LF:
		if (c != '\n')
			return fail(p, "malformed chunk size");
		p->sub = p->chunk_left ? SUB_DATA : SUB_TRAILER;
		p->line_len = 0;
		return;
	case SUB_DATA_CR:
		if (c != '\r')
			return fail(p, "a chunk longer than its size");
		p->sub = SUB_DATA_LF;
		return;
	case SUB_DATA_LF:
		if (c != '\n')
			return fail(p, "a chunk longer than its size");
		p->sub = SUB_SIZE;
		p->line_len = 0;
		return;
	case SUB_TRAILER:
		return trailer(p, c);
	case SUB_START:
	case SUB_FIELD:
	case SUB_DATA:
		return;		/* not here */
	}
}

static size_t feed_chunked(struct http1_parser *p, const char *data, size_t len)
{
	size_t i = 0, n;

	while (p->state == HTTP1_BODY && i < len) {
		if (p->sub != SUB_DATA) {
			chunk_byte(p, data[i++]);
			continue;
		}
		n = len - i;
		if (n > p->chunk_left)
			n = (size_t)p->chunk_left;
		body_add(p, data + i, n);
		i += n;
		p->chunk_left -= n;
		if (!p->chunk_left)
			p->sub = SUB_DATA_CR;
	}
	return i;
}

static size_t feed_body(struct http1_parser *p, const char *data, size_t len)
{
	uint64_t left;

	if (p->chunked)
		return feed_chunked(p, data, len);
	if (!p->to_close) {
		left = (uint64_t)p->content_length - p->body_seen;
		if (len > left)
			len = (size_t)left;
	}
	body_add(p, data, len);
	if (!p->to_close && p->body_seen == (uint64_t)p->content_length)
		p->state = HTTP1_DONE;
	return len;
}

size_t http1_feed(struct http1_parser *p, const char *data, size_t len)
{
	size_t used = 0;

	if (p->state == HTTP1_HEAD)
		used = feed_head(p, data, len);
	if (p->state == HTTP1_BODY && used < len)
		used += feed_body(p, data + used, len - used);
	return used;
}

void http1_eof(struct http1_parser *p)
{
	if (p->state == HTTP1_BODY && p->to_close)
		p->state = HTTP1_DONE;
	else if (p->state == HTTP1_BODY)
		fail(p, "closed within the body");
	else if (p->state == HTTP1_HEAD)
		fail(p, p->head.len ? "closed within the head"
				    : "closed before the first byte");
}

const char *http1_header(const struct http1_parser *p, const char *name,
			 size_t *ret_len)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < p->n_headers; i++) {
		if (p->headers[i].name.len != len ||
		    strncasecmp(p->head.data + p->headers[i].name.off, name,
				len))
			continue;
		*ret_len = p->headers[i].value.len;
		return p->head.data + p->headers[i].value.off;
	}
	return NULL;
}
