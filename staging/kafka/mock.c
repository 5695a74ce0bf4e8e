/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gameday-mockkafka: librdkafka's mock cluster as a process of its own, for
 * machines without Java and for tests.  One broker; knows nothing of the shop.
 */
#include <errno.h>
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"usage: gameday-mockkafka [--topic NAME:PARTITIONS]... "
	"[--ready-fd N]\n";

static int topic_create(rd_kafka_mock_cluster_t *cluster, char *text)
{
	char *colon = strrchr(text, ':');
	int partitions = colon ? atoi(colon + 1) : 0;
	rd_kafka_resp_err_t e;

	if (!colon || colon == text || partitions < 1) {
		fprintf(stderr, "gameday-mockkafka: '%s' is not "
			"NAME:PARTITIONS\n", text);
		return 2;
	}
	*colon = '\0';
	e = rd_kafka_mock_topic_create(cluster, text, partitions, 1);
	if (!e)
		return 0;
	fprintf(stderr, "gameday-mockkafka: topic '%s': %s\n", text,
		rd_kafka_err2str(e));
	return 3;
}

static int options(rd_kafka_mock_cluster_t *cluster, int argc, char **argv,
		   int *ret_ready_fd)
{
	static const struct option table[] = {
		{ "topic", required_argument, NULL, 't' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		if (c == 't') {
			r = topic_create(cluster, optarg);
		} else if (c == 'r') {
			*ret_ready_fd = atoi(optarg);
		} else {
			fputs(usage, stderr);
			r = 2;
		}
	}
	if (r == 0 && optind < argc) {
		fputs(usage, stderr);
		r = 2;
	}
	return r;
}

static void ready(int fd, const char *bootstrap)
{
	if (fd >= 0) {
		dprintf(fd, "{\"pid\":%d,\"bootstrap\":\"%s\"}\n",
			(int)getpid(), bootstrap);
		close(fd);
	} else {
		printf("%s\n", bootstrap);
		fflush(stdout);
	}
}

static int run(rd_kafka_t *rk, const sigset_t *set, int argc, char **argv)
{
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
	int ready_fd = -1, sig, r;

	if (!cluster) {
		fprintf(stderr, "gameday-mockkafka: cannot start the "
			"cluster: %s\n", strerror(errno));
		return 3;
	}
	r = options(cluster, argc, argv, &ready_fd);
	if (r == 0) {
		ready(ready_fd, rd_kafka_mock_cluster_bootstraps(cluster));
		sigwait(set, &sig);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	return r;
}

int main(int argc, char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];
	rd_kafka_t *rk;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Before the library's threads start: they inherit it. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A client that is only the cluster's home: it connects to nothing. */
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!rk) {
		fprintf(stderr, "gameday-mockkafka: %s\n", why);
		return 3;
	}
	r = run(rk, &set, argc, argv);
	rd_kafka_destroy(rk);
	return r;
}
