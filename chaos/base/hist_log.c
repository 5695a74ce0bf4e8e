/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram as bytes (HdrHistogram's V2 encoding, big-endian) and as a line
 * of its interval log (V2 compressed by zlib, in base64).  Nothing is added to
 * a histogram from bytes that turn out to be broken.
 */
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "chaos/base/hist_impl.h"
#include "chaos/base/mem.h"

enum {
	COOKIE_V2 = 0x1c849303,
	COOKIE_V2_COMPRESSED = 0x1c849304,
	COOKIE_WORD_SIZE = 0x10,	/* writers set it, readers mask */
	COOKIE_MASK = ~0xf0,
	HEAD = 40,
	LEB_MAX = 9,
	ENCODED_MAX = HEAD + HIST_COUNTS * LEB_MAX,
	DIGITS = 3,
};

/* The header of the V2 encoding. */
struct head {
	uint32_t cookie, payload_len, offset, digits;
	uint64_t lowest, highest;
	double ratio;
};

static void put32(uint8_t *to, uint32_t v)
{
	v = htobe32(v);
	memcpy(to, &v, sizeof(v));
}

static void put64(uint8_t *to, uint64_t v)
{
	v = htobe64(v);
	memcpy(to, &v, sizeof(v));
}

static uint32_t get32(const uint8_t *from)
{
	uint32_t v;

	memcpy(&v, from, sizeof(v));
	return be32toh(v);
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof(v));
	return be64toh(v);
}

static void head_put(uint8_t to[HEAD], size_t payload_len)
{
	double ratio = 1;
	uint64_t bits;

	memcpy(&bits, &ratio, sizeof(bits));
	put32(to, COOKIE_V2 | COOKIE_WORD_SIZE);
	put32(to + 4, (uint32_t)payload_len);
	put32(to + 8, 0);
	put32(to + 12, DIGITS);
	put64(to + 16, 1);
	put64(to + 24, HIST_MAX_US);
	put64(to + 32, bits);
}

static void head_get(const uint8_t from[HEAD], struct head *ret)
{
	uint64_t bits = get64(from + 32);

	ret->cookie = get32(from);
	ret->payload_len = get32(from + 4);
	ret->offset = get32(from + 8);
	ret->digits = get32(from + 12);
	ret->lowest = get64(from + 16);
	ret->highest = get64(from + 24);
	memcpy(&ret->ratio, &bits, sizeof(bits));
}

/* ZigZag LEB128 as HdrHistogram has it: the ninth byte carries 8 bits. */
static uint8_t *leb_put(uint8_t *p, int64_t value)
{
	uint64_t v = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);

	for (int i = 1; i < LEB_MAX && v >= 0x80; i++) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/* NULL: cut off. */
static const uint8_t *leb_get(const uint8_t *p, const uint8_t *end,
			      int64_t *ret)
{
	uint64_t v = 0;

	for (int i = 0; p < end; i++) {
		uint8_t byte = *p++;

		if (i == LEB_MAX - 1) {
			v |= (uint64_t)byte << 56;
		} else {
			v |= (uint64_t)(byte & 0x7f) << (7 * i);
			if (byte & 0x80)
				continue;
		}
		*ret = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
		return p;
	}
	return NULL;
}

static uint64_t count_at(const struct hist *h, int index)
{
	const uint64_t *half = h->half[index / HIST_HALF];

	return half ? half[index % HIST_HALF] : 0;
}

/* Counts in order; a run of more than one 0 is one negative number. */
static uint8_t *payload_put(const struct hist *h, uint8_t *p)
{
	int last = hist_last_index(h);

	for (int i = 0; i <= last;) {
		uint64_t count = count_at(h, i++);
		int zeros = 1;

		if (count) {
			p = leb_put(p, (int64_t)count);
			continue;
		}
		while (count_at(h, i) == 0) {	/* ends at last */
			zeros++;
			i++;
		}
		p = leb_put(p, zeros > 1 ? -zeros : 0);
	}
	return p;
}

void hist_encode(const struct hist *h, struct buf *out)
{
	size_t room = HEAD + LEB_MAX * (size_t)(hist_last_index(h) + 1);
	char *to = buf_reserve(out, room);
	uint8_t *head = (uint8_t *)to, *end;

	if (!to)
		return;
	end = payload_put(h, head + HEAD);
	head_put(head, (size_t)(end - head) - HEAD);
	out->len += (size_t)(end - head);
	out->data[out->len] = '\0';
}

/* Checks the payload; adds it to h unless that is NULL. */
static int payload_get(struct hist *h, const uint8_t *p, const uint8_t *end)
{
	uint64_t index = 0;
	int64_t n;

	while (p < end) {
		p = leb_get(p, end, &n);
		if (!p)
			return -EBADMSG;
		if (n < 0) {
			if (n < -(int64_t)HIST_COUNTS)
				return -EBADMSG;
			index += (uint64_t)-n;
		} else {
			if (n && index >= HIST_COUNTS)
				return -ERANGE;
			if (n && h)
				hist_add_at(h, (unsigned)index, (uint64_t)n);
			index++;
		}
	}
	return 0;
}

int hist_decode(struct hist *add_to, const void *data, size_t len,
		struct err *err)
{
	const uint8_t *p = data;
	struct head head;
	int rc;

	if (len < HEAD)
		return err_set(err, -EBADMSG,
			       "histogram is cut off in its header");
	head_get(p, &head);
	if ((head.cookie & COOKIE_MASK) != COOKIE_V2)
		return err_set(err, -EPROTO,
			       "histogram has unknown cookie 0x%08" PRIx32,
			       head.cookie);
	if (head.digits != DIGITS || head.lowest != 1 || head.offset ||
	    head.ratio != 1)
		return err_set(err, -EPROTO,
			       "histogram has another layout than 3 digits "
			       "from 1 us");
	if (head.payload_len > len - HEAD)
		return err_set(err, -EBADMSG, "histogram is cut off");
	rc = payload_get(NULL, p + HEAD, p + HEAD + head.payload_len);
	if (rc < 0)
		return err_set(err, rc, "histogram's counts are %s",
			       rc == -ERANGE ? "above 1 h" : "cut off");
	return payload_get(add_to, p + HEAD, p + HEAD + head.payload_len);
}

/* Base64 (RFC 4648), with padding. */

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_write(FILE *f, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 |
			     (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);

		putc(base64_digits[v >> 18], f);
		putc(base64_digits[v >> 12 & 63], f);
		putc(n > 1 ? base64_digits[v >> 6 & 63] : '=', f);
		putc(n > 2 ? base64_digits[v & 63] : '=', f);
	}
}

/* Up to the first character that is none of base64. false: cut or broken. */
static bool base64_read(const char *s, struct buf *out)
{
	const char *digit;
	uint32_t v = 0;
	size_t n = 0, pad = 0;
	char byte;

	for (; *s && (digit = strchr(base64_digits, *s)); s++, n++) {
		v = v << 6 | (uint32_t)(digit - base64_digits);
		if (n % 4 == 0)
			continue;
		byte = (char)(v >> (6 - 2 * (n % 4)));
		if (!buf_add(out, &byte, 1))
			return false;
	}
	for (; *s == '='; s++)
		pad++;
	while (isspace((unsigned char)*s))
		s++;
	return !*s && n % 4 != 1 && (n + pad) % 4 == 0;
}

/* The log. */

void hist_log_header(FILE *f, double start_s)
{
	time_t t = (time_t)start_s;
	struct tm tm;
	char date[64] = "";

	if (gmtime_r(&t, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	fprintf(f, "#[Histogram log format version 1.3]\n"
		   "#[StartTime: %.3f (seconds since epoch), %s]\n"
		   "#[values in us, maximum in ms; times in seconds since "
		   "the start]\n"
		   "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
		   "\"Interval_Compressed_Histogram\"\n", start_s, date);
}

static void tag_write(FILE *f, const char *tag)
{
	if (!tag || !*tag)
		return;
	fputs("Tag=", f);
	for (; *tag; tag++)
		putc(*tag == ',' || isspace((unsigned char)*tag) ? '_' : *tag,
		     f);
	putc(',', f);
}

void hist_log_write(FILE *f, const char *tag, double start_s, double length_s,
		    const struct hist *h)
{
	struct buf plain, packed;
	uLongf len;

	buf_init(&plain, 0);
	hist_encode(h, &plain);
	len = compressBound(plain.len);
	buf_init(&packed, 0);
	buf_reserve(&packed, 8 + len);
	if (compress((Bytef *)packed.data + 8, &len, (Bytef *)plain.data,
		     plain.len) != Z_OK)
		len = 0;	/* does not happen: the bound is zlib's own */
	put32((uint8_t *)packed.data, COOKIE_V2_COMPRESSED | COOKIE_WORD_SIZE);
	put32((uint8_t *)packed.data + 4, (uint32_t)len);
	tag_write(f, tag);
	fprintf(f, "%.3f,%.3f,%.3f,", start_s, length_s,
		(double)hist_max(h) / NSEC_MS);
	base64_write(f, (uint8_t *)packed.data, 8 + len);
	putc('\n', f);
	buf_done(&plain);
	buf_done(&packed);
}

static int unpack(const struct buf *packed, struct hist *add_to,
		  struct err *err)
{
	const uint8_t *p = (const uint8_t *)packed->data;
	AUTO_FREE uint8_t *plain = NULL;
	uLongf len = ENCODED_MAX;
	uint32_t cookie;

	if (packed->len < 8)
		return err_set(err, -EBADMSG, "histogram is cut off");
	cookie = get32(p);
	if ((cookie & COOKIE_MASK) != COOKIE_V2_COMPRESSED)
		return err_set(err, -EPROTO,
			       "histogram has unknown cookie 0x%08" PRIx32,
			       cookie);
	if (get32(p + 4) > packed->len - 8)
		return err_set(err, -EBADMSG, "histogram is cut off");
	plain = mem_alloc(len);
	if (uncompress(plain, &len, p + 8, get32(p + 4)) != Z_OK)
		return err_set(err, -EBADMSG, "histogram cannot be unpacked");
	return hist_decode(add_to, plain, len, err);
}

static const char *number_get(const char *p, double *ret)
{
	char *end;

	if (!p)
		return NULL;
	*ret = strtod(p, &end);
	return end > p && *end == ',' ? end + 1 : NULL;
}

static const char *tag_get(const char *p, char *ret_tag, size_t size)
{
	size_t len;

	ret_tag[0] = '\0';
	if (strncmp(p, "Tag=", 4) != 0)
		return p;
	p += 4;
	len = strcspn(p, ",");
	if (p[len] != ',' || len >= size)
		return NULL;
	memcpy(ret_tag, p, len);
	ret_tag[len] = '\0';
	return p + len + 1;
}

int hist_log_parse(const char *line, char *ret_tag, size_t tag_size,
		   double *ret_start_s, double *ret_length_s,
		   struct hist *add_to, struct err *err)
{
	double start, length, max;
	struct buf packed;
	const char *p = line;
	int rc;

	if (*p == '#' || *p == '"' || *p == '\n' || *p == '\r' || !*p)
		return 0;
	p = tag_get(p, ret_tag, tag_size);
	p = number_get(p, &start);
	p = number_get(p, &length);
	p = number_get(p, &max);
	if (!p)
		return err_set(err, -EBADMSG,
			       "line is no interval of a histogram log");
	buf_init(&packed, ENCODED_MAX * 2);
	if (base64_read(p, &packed))
		rc = unpack(&packed, add_to, err);
	else
		rc = err_set(err, -EBADMSG, "histogram is cut off");
	buf_done(&packed);
	if (rc < 0)
		return rc;
	*ret_start_s = start;
	*ret_length_s = length;
	return 1;
}
