/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of a jitter; see dist.h. */
#include "faults/net/dist.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"

enum { SAMPLES_MIN = 2, SAMPLES_MAX = 1 << 20 };

/* --- shapes ------------------------------------------------------------ */

/* Where the normal distribution has p below it: bisection is quick enough. */
static double normal(double p)
{
	double low = -6, high = 6;

	while (high - low > 1e-7) {
		double x = (low + high) / 2;

		if (0.5 * erfc(-x / M_SQRT2) < p)
			low = x;
		else
			high = x;
	}
	return (low + high) / 2;
}

/* Shape 3, moved to mean 0 and stretched to sigma 1. */
static double pareto(double p)
{
	return (pow(1 - p, -1.0 / 3) - 1.5) / sqrt(0.75);
}

static double paretonormal(double p)
{
	return 0.75 * pareto(p) + 0.25 * normal(p);
}

static const struct {
	const char *name;
	double (*quantile)(double p);
} shapes[] = {
	{ "normal", normal },
	{ "pareto", pareto },
	{ "paretonormal", paretonormal },
};

static int16_t scaled(double sigmas)
{
	double v = sigmas * DIST_SCALE;

	return (int16_t)lround(v < -32767 ? -32767 : v > 32767 ? 32767 : v);
}

/* --- a file ------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Numbers with blanks between; # begins a comment. */
static int read_samples(char *text, const char *path, double **ret,
			size_t *ret_n, struct err *err)
{
	double *v = NULL;
	size_t n = 0, cap = 0;
	char *end;

	for (char *p = text; *p; p = end) {
		end = p + 1;
		if (isspace((unsigned char)*p))
			continue;
		if (*p == '#') {
			end = p + strcspn(p, "\n");
			continue;
		}
		(void)mem_grow(v, n, cap);
		v[n] = strtod(p, &end);
		if (end == p || !isfinite(v[n]) || ++n > SAMPLES_MAX) {
			mem_free(v);
			return err_set(err, -EINVAL, "'%s' is no list of "
				       "numbers (at '%.12s')", path, p);
		}
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static void moments(const double *v, size_t n, double *mean, double *sigma)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i];
	*mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (v[i] - *mean) * (v[i] - *mean);
	*sigma = sqrt(squares / (double)n);
}

static int from_samples(const char *path, const double *v, size_t n,
			int16_t table[DIST_TABLE], struct err *err)
{
	double mean, sigma;

	if (n < SAMPLES_MIN)
		return err_set(err, -EINVAL, "'%s' has %zu numbers, at least "
			       "%d are needed", path, n, SAMPLES_MIN);
	moments(v, n, &mean, &sigma);
	if (sigma <= 0)
		return err_set(err, -EINVAL, "'%s': its numbers are all the "
			       "same", path);
	for (size_t i = 0; i < DIST_TABLE; i++)
		table[i] = scaled((v[i * n / DIST_TABLE] - mean) / sigma);
	return 0;
}

static int from_file(const char *path, int16_t table[DIST_TABLE],
		     struct err *err)
{
	double *v = NULL;
	size_t n = 0;
	struct buf b;
	int rc;

	buf_init(&b, 0);
	rc = buf_read_file(&b, path, err);
	if (!rc && b.len)
		rc = read_samples(b.data, path, &v, &n, err);
	buf_done(&b);
	if (!rc && n)
		qsort(v, n, sizeof(*v), compare);
	if (!rc)
		rc = from_samples(path, v, n, table, err);
	mem_free(v);
	return rc;
}

/* --- either ------------------------------------------------------------ */

int dist_table(const char *name, int16_t **ret, size_t *ret_n,
	       struct err *err)
{
	int16_t *table = mem_calloc(DIST_TABLE, sizeof(*table));
	double (*quantile)(double) = NULL;
	int rc = 0;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (!strcmp(shapes[i].name, name))
			quantile = shapes[i].quantile;
	for (int i = 0; quantile && i < DIST_TABLE; i++)
		table[i] = scaled(quantile((i + 0.5) / DIST_TABLE));
	if (!quantile && !strchr(name, '/'))
		rc = err_set(err, -EINVAL, "'%s' is no shape: uniform, normal, "
			     "pareto, paretonormal, or the path of a file with "
			     "a / in it", name);
	else if (!quantile)
		rc = from_file(name, table, err);
	if (rc) {
		mem_free(table);
		return rc;
	}
	*ret = table;
	*ret_n = DIST_TABLE;
	return 0;
}
