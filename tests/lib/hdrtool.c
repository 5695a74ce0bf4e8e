/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our side of the comparison with HdrHistogram's own library (tests/lib/
 * HdrCheck.java): the same samples, each other's logs, the same percentiles.
 *
 *	hdrtool write SAMPLES LOG	"TAG MICROSECONDS" a line into a log
 *	hdrtool read LOG...		merges by tag
 *
 * Both print "TAG count p50 p90 p95 p99 p99.9 max" in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/hist.h"
#include "chaos/base/mem.h"

enum { TAGS = 64, INTERVAL = 1000 };	/* samples to an interval */

struct tagged {
	char tag[64];
	struct hist *all, *interval;
	int written;
};

static struct tagged tags[TAGS];
static size_t n_tags;

static struct tagged *tag_of(const char *name)
{
	size_t i = 0;

	while (i < n_tags && strcmp(tags[i].tag, name) != 0)
		i++;
	if (i == n_tags) {
		snprintf(tags[i].tag, sizeof(tags[i].tag), "%s", name);
		tags[i].all = hist_new();
		tags[i].interval = hist_new();
		n_tags++;
	}
	return &tags[i];
}

static void flush(FILE *log, struct tagged *t)
{
	if (hist_count(t->interval) == 0)
		return;
	hist_log_write(log, t->tag, t->written++, 1, t->interval);
	hist_reset(t->interval);
}

static int write_log(const char *samples, const char *path)
{
	FILE *in = fopen(samples, "r"), *log = fopen(path, "w");
	char tag[64];
	long long us;

	if (!in || !log)
		return 1;
	hist_log_header(log, 1.5e9);
	while (fscanf(in, "%63s %lld", tag, &us) == 2) {
		struct tagged *t = tag_of(tag);

		hist_record(t->interval, us * NSEC_US);
		hist_record(t->all, us * NSEC_US);
		if (hist_count(t->interval) == INTERVAL)
			flush(log, t);
	}
	for (size_t i = 0; i < n_tags; i++)
		flush(log, &tags[i]);
	fclose(in);
	return fclose(log);
}

static int read_log(const char *path)
{
	FILE *log = fopen(path, "r");
	char *line = NULL, tag[64];
	size_t size = 0;
	double start, length;
	int rc = 0;

	while (log && getline(&line, &size, log) > 0) {
		struct hist *one = hist_new();
		struct err err;

		line[strcspn(line, "\n")] = '\0';
		rc = hist_log_parse(line, tag, sizeof(tag), &start, &length,
				    one, &err);
		if (rc < 0)
			fprintf(stderr, "%s: %s\n", path, err.msg);
		if (rc > 0)
			hist_merge(tag_of(tag)->all, one);
		hist_free(one);
		if (rc < 0)
			break;
	}
	free(line);
	if (log)
		fclose(log);
	return !log || rc < 0;
}

static void print(void)
{
	static const double ps[] = { 50, 90, 95, 99, 99.9 };

	for (size_t i = 0; i < n_tags; i++) {
		const struct hist *h = tags[i].all;

		printf("%s %llu", tags[i].tag,
		       (unsigned long long)hist_count(h));
		for (size_t k = 0; k < sizeof(ps) / sizeof(*ps); k++)
			printf(" %lld", (long long)(hist_percentile(h, ps[k]) /
						    NSEC_US));
		printf(" %lld\n", (long long)(hist_max(h) / NSEC_US));
	}
}

int main(int argc, char **argv)
{
	int rc = argc < 3;

	if (argc == 4 && strcmp(argv[1], "write") == 0)
		rc = write_log(argv[2], argv[3]);
	else
		for (int i = 2; i < argc && rc == 0; i++)
			rc = read_log(argv[i]);
	if (rc == 0)
		print();
	for (size_t i = 0; i < n_tags; i++) {
		hist_free(tags[i].all);
		hist_free(tags[i].interval);
	}
	return rc;
}
