/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing and printing of units.  A number here is decimal digits with at most
 * one point; no locale, hexadecimal, infinity or "nan" gets in.
 */
#include "chaos/base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/mem.h"

struct unit {
	const char *name;
	double factor;
};

/* Largest first: that is also the order within "1h30m". */
static const struct unit durations[] = {
	{ "d", 86400e9 }, { "h", 3600e9 }, { "m", 60e9 }, { "min", 60e9 },
	{ "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 },
	{ NULL, 0 },
};

static const struct unit rates[] = {
	{ "", 1 }, { "/s", 1 }, { "/m", 1.0 / 60 }, { "/min", 1.0 / 60 },
	{ "/h", 1.0 / 3600 },
	{ NULL, 0 },
};

static const struct unit sizes[] = {
	{ "", 1 }, { "B", 1 },
	{ "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
	{ "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 },
	{ NULL, 0 },
};

static const char *digits(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return s;
}

/* "12" "1.5" ".5": the end of the number, or NULL. No sign. */
static const char *number(const char *s, double *ret)
{
	const char *end = digits(s);
	size_t count = (size_t)(end - s);
	char text[48];

	if (*end == '.') {
		const char *fraction = end + 1;

		end = digits(fraction);
		count += (size_t)(end - fraction);
	}
	if (count == 0 || (size_t)(end - s) >= sizeof(text))
		return NULL;
	/* A copy: strtod() would also take what follows, as in 0x10 or 1e3. */
	memcpy(text, s, (size_t)(end - s));
	text[end - s] = '\0';
	*ret = strtod(text, NULL);
	return end;
}

static const char *sign(const char *s, bool *ret_minus)
{
	*ret_minus = *s == '-';
	return *s == '-' || *s == '+' ? s + 1 : s;
}

static const struct unit *unit_find(const struct unit *units, const char *s,
				    size_t len)
{
	for (; units->name; units++)
		if (strlen(units->name) == len &&
		    strncmp(units->name, s, len) == 0)
			return units;
	return NULL;
}

static int bad_duration(const char *s, struct err *err)
{
	return err_set(err, -EINVAL, "'%s' is no duration (250ms, 30s, 1m30s)",
		       s);
}

int units_duration(const char *s, nsec_t *ret, struct err *err)
{
	const struct unit *unit, *last = NULL;
	double value, sum = 0;
	bool minus;
	const char *p = sign(s, &minus);

	if (strcmp(p, "0") == 0) {
		*ret = 0;
		return 0;
	}
	do {
		const char *name = number(p, &value);

		if (!name)
			return bad_duration(s, err);
		for (p = name; isalpha((unsigned char)*p); p++)
			;
		if (p == name && !*p)
			return err_set(err, -EINVAL,
				       "'%s' has no unit (did you mean "
				       "'%ss'?)", s, s);
		unit = unit_find(durations, name, (size_t)(p - name));
		/* A greater unit, or the same one again: a slip of the pen. */
		if (!unit || (last && unit->factor >= last->factor))
			return bad_duration(s, err);
		sum += value * unit->factor;
		last = unit;
	} while (*p);
	if (sum > 9e18)
		return err_set(err, -ERANGE, "'%s' is too long", s);
	*ret = (nsec_t)llround(sum) * (minus ? -1 : 1);
	return 0;
}

/* A number that is not negative, with one of units. */
static int with_unit(const char *s, const struct unit *units, double *ret)
{
	const struct unit *unit;
	double value;
	const char *p = number(s, &value);

	if (!p)
		return -EINVAL;
	unit = unit_find(units, p, strlen(p));
	if (!unit)
		return -EINVAL;
	*ret = value * unit->factor;
	return 0;
}

int units_rate(const char *s, double *ret_per_s, struct err *err)
{
	if (with_unit(s, rates, ret_per_s))
		return err_set(err, -EINVAL, "'%s' is no rate (200/s, 60/m)",
			       s);
	return 0;
}

int units_size(const char *s, uint64_t *ret_bytes, struct err *err)
{
	double bytes;

	if (with_unit(s, sizes, &bytes))
		return err_set(err, -EINVAL,
			       "'%s' is no size (512, 64KB, 1MiB)", s);
	if (bytes > 0x1p62)
		return err_set(err, -ERANGE, "'%s' is too much", s);
	*ret_bytes = (uint64_t)llround(bytes);
	return 0;
}

int units_share(const char *s, double *ret, struct err *err)
{
	double value;
	const char *p = number(s, &value);

	if (!p || (*p && strcmp(p, "%") != 0))
		return err_set(err, -EINVAL, "'%s' is no share (5%%, 0.05)",
			       s);
	if (!*p && value > 1)
		return err_set(err, -ERANGE,
			       "'%s' is a share over 1 (did you mean '%s%%'?)",
			       s, s);
	*ret = *p ? value / 100 : value;
	return 0;
}

int units_double(const char *s, double *ret, struct err *err)
{
	bool minus;
	double value = 0;
	const char *p = number(sign(s, &minus), &value);
	char *end;

	if (p && (*p == 'e' || *p == 'E')) {
		value = fabs(strtod(s, &end));
		p = end;
	}
	if (!p || *p)
		return err_set(err, -EINVAL, "'%s' is no number", s);
	if (!isfinite(value))
		return err_set(err, -ERANGE, "'%s' is too great", s);
	*ret = minus ? -value : value;
	return 0;
}

int units_int(const char *s, int64_t *ret, struct err *err)
{
	bool minus;
	const char *p = sign(s, &minus), *end = digits(p);
	int64_t value;

	if (end == p || *end)
		return err_set(err, -EINVAL, "'%s' is no whole number", s);
	errno = 0;
	value = strtoll(s, NULL, 10);
	if (errno)
		return err_set(err, -ERANGE, "'%s' is too great", s);
	*ret = value;
	return 0;
}

int units_bool(const char *s, bool *ret, struct err *err)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (!strcasecmp(s, yes[i]) || !strcasecmp(s, no[i])) {
			*ret = !strcasecmp(s, yes[i]);
			return 0;
		}
	}
	return err_set(err, -EINVAL, "'%s' is neither yes nor no", s);
}

/* One or two digits, below limit. */
static const char *clock_part(const char *s, int limit, int *ret)
{
	const char *end = digits(s);

	if (end == s || end - s > 2)
		return NULL;
	*ret = atoi(s);
	return *ret < limit ? end : NULL;
}

int units_clock(const char *s, nsec_t *ret, struct err *err)
{
	int h = 0, m = 0, whole;
	double sec = 0;
	const char *p = clock_part(s, 24, &h);

	p = p && *p == ':' ? clock_part(p + 1, 60, &m) : NULL;
	if (p && *p == ':') {
		s = p + 1;
		p = clock_part(s, 60, &whole) ? number(s, &sec) : NULL;
	}
	if (!p || *p)
		return err_set(err, -EINVAL,
			       "'%s' is no clock time (14:00, 14:02:30)", s);
	*ret = h * 60 * NSEC_MIN + m * NSEC_MIN +
	       (nsec_t)llround(sec * (double)NSEC_SEC);
	return 0;
}

/* Printing. */

/* t / unit exactly: as many decimals as there are, up to 9. */
static int put_exact(char *dst, size_t size, uint64_t t, uint64_t unit,
		     const char *name)
{
	char fraction[16];
	uint64_t rest = t % unit;
	int n, width = 0;

	for (uint64_t u = unit; u > 1; u /= 10)
		width++;
	if (rest == 0)
		return snprintf(dst, size, "%llu%s",
				(unsigned long long)(t / unit), name);
	n = snprintf(fraction, sizeof(fraction), "%0*llu", width,
		     (unsigned long long)rest);
	while (n > 0 && fraction[n - 1] == '0')
		fraction[--n] = '\0';
	return snprintf(dst, size, "%llu.%s%s", (unsigned long long)(t / unit),
			fraction, name);
}

static uint64_t magnitude(nsec_t t)
{
	return t < 0 ? -(uint64_t)t : (uint64_t)t;
}

char *units_fmt_duration(char *dst, nsec_t t)
{
	uint64_t v = magnitude(t), h = v / (uint64_t)(60 * NSEC_MIN);
	uint64_t m = v / (uint64_t)NSEC_MIN % 60;
	uint64_t s = v % (uint64_t)NSEC_MIN;
	size_t n = 0;

	if (t < 0)
		dst[n++] = '-';
	if (v == 0) {
		strcpy(dst, "0s");
	} else if (v < (uint64_t)NSEC_SEC) {
		uint64_t unit = v >= 1000000 ? 1000000 : v >= 1000 ? 1000 : 1;

		put_exact(dst + n, UNITS_TEXT - n, v, unit,
			  unit == 1000000 ? "ms" : unit == 1000 ? "us" : "ns");
	} else {
		if (h)
			n += (size_t)put_exact(dst + n, UNITS_TEXT - n, h, 1,
					       "h");
		if (m)
			n += (size_t)put_exact(dst + n, UNITS_TEXT - n, m, 1,
					       "m");
		if (s)
			put_exact(dst + n, UNITS_TEXT - n, s, NSEC_SEC, "s");
	}
	return dst;
}

static uint64_t whole_seconds(nsec_t t)
{
	return (magnitude(t) + (uint64_t)NSEC_SEC / 2) / (uint64_t)NSEC_SEC;
}

char *units_fmt_mmss(char *dst, nsec_t t)
{
	uint64_t s = whole_seconds(t);

	snprintf(dst, UNITS_TEXT, "%s%llu:%02llu", t < 0 && s ? "-" : "",
		 (unsigned long long)(s / 60), (unsigned long long)(s % 60));
	return dst;
}

char *units_fmt_clock(char *dst, nsec_t of_day)
{
	const int64_t day = 86400;
	int64_t s = (int64_t)whole_seconds(of_day) % day;

	if (of_day < 0 && s)
		s = day - s;
	snprintf(dst, UNITS_TEXT, "%02d:%02d:%02d", (int)(s / 3600),
		 (int)(s / 60 % 60), (int)(s % 60));
	return dst;
}

char *units_fmt_ms(char *dst, nsec_t t)
{
	double ms = (double)t / NSEC_MS, size = fabs(ms);

	if (size >= 99995)
		snprintf(dst, UNITS_TEXT, "%.0f s", ms / 1000);
	else if (size >= 999.5)
		snprintf(dst, UNITS_TEXT, "%.2f s", ms / 1000);
	else if (size >= 99.95)
		snprintf(dst, UNITS_TEXT, "%.0f ms", ms);
	else if (size >= 0.995 || t == 0)
		snprintf(dst, UNITS_TEXT, t ? "%.1f ms" : "%.0f ms", ms);
	else
		snprintf(dst, UNITS_TEXT, "%.2g ms", ms);
	return dst;
}
