/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka client for tests, over librdkafka.  Everything it has to say is a
 * line on stdout; it ends with its stdin.
 *
 *	kafkaclient brokers BOOTSTRAP
 *	kafkaclient produce BOOTSTRAP TOPIC FROM TO PER_SECOND
 *	kafkaclient consume BOOTSTRAP GROUP TOPIC...
 */
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int n_delivered, n_failed;

static void fail(const char *what, const char *why)
{
	printf("error %s: %s\n", what, why);
	exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
	char why[256];

	if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) !=
	    RD_KAFKA_CONF_OK)
		fail(key, why);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf,
			  const char *bootstrap)
{
	char why[256];

	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "socket.nagle.disable", "true");
	if (getenv("KDEBUG"))
		set(conf, "debug", getenv("KDEBUG"));
	rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));

	if (!rk)
		fail("client", why);
	return rk;
}

static int stdin_is_over(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	char c;

	return poll(&p, 1, 0) > 0 && read(0, &c, 1) <= 0;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_brokers(char **argv)
{
	rd_kafka_t *rk =
		client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), argv[0]);
	const struct rd_kafka_metadata *m;
	rd_kafka_resp_err_t e = rd_kafka_metadata(rk, 1, NULL, &m, 10000);

	if (e)
		fail("metadata", rd_kafka_err2str(e));
	for (int i = 0; i < m->broker_cnt; i++)
		printf("broker %d %s:%d\n", m->brokers[i].id,
		       m->brokers[i].host, m->brokers[i].port);
	rd_kafka_metadata_destroy(m);
	rd_kafka_destroy(rk);
	return 0;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m,
			void *opaque)
{
	(void)rk, (void)opaque;
	if (m->err)
		n_failed++;
	else
		n_delivered++;
}

/* Asking for it makes it, where the broker allows that. */
static void make_topic(rd_kafka_t *rk, const char *name)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	const struct rd_kafka_metadata *m;
	int made = 0;

	for (int i = 0; i < 100 && !made; i++) {
		if (rd_kafka_metadata(rk, 0, topic, &m, 5000))
			continue;
		made = m->topic_cnt && m->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(m);
		if (!made)
			usleep(50000);
	}
	rd_kafka_topic_destroy(topic);
}

static int run_produce(char **argv)
{
	int from = atoi(argv[2]), to = atoi(argv[3]);
	double rate = atof(argv[4]), start;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	set(conf, "enable.idempotence", "true");
	set(conf, "linger.ms", "1");
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf, argv[0]);

	make_topic(rk, argv[1]);
	start = now_s();
	for (int i = from; i < to; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "%d", i);

		while (now_s() < start + (i - from) / rate)
			rd_kafka_poll(rk, 1);
		(void)rd_kafka_producev(
			rk, RD_KAFKA_V_TOPIC(argv[1]),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_VALUE(text, (size_t)len), RD_KAFKA_V_END);
		rd_kafka_poll(rk, 0);
	}
	rd_kafka_flush(rk, 30000);
	printf("delivered %d failed %d\n", n_delivered, n_failed);
	rd_kafka_destroy(rk);
	return 0;
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t e,
			 rd_kafka_topic_partition_list_t *list, void *opaque)
{
	(void)opaque;
	if (e == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		printf("assigned %d\n", list->cnt);
		rd_kafka_assign(rk, list);
	} else {
		printf("revoked %d\n", list->cnt);
		rd_kafka_assign(rk, NULL);
	}
}

static void on_error(rd_kafka_t *rk, int e, const char *why, void *opaque)
{
	(void)rk, (void)opaque;
	printf("error %s: %s\n", rd_kafka_err2name((rd_kafka_resp_err_t)e),
	       why);
}

static int run_consume(char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *topics =
		rd_kafka_topic_partition_list_new(1);

	set(conf, "group.id", argv[1]);
	set(conf, "auto.offset.reset", "earliest");
	set(conf, "queued.min.messages", "1000");
	set(conf, "session.timeout.ms", "6000");
	set(conf, "heartbeat.interval.ms", "500");
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf, argv[0]);

	rd_kafka_poll_set_consumer(rk);
	for (char **topic = argv + 2; *topic; topic++)
		rd_kafka_topic_partition_list_add(topics, *topic,
						  RD_KAFKA_PARTITION_UA);
	rd_kafka_subscribe(rk, topics);
	while (!stdin_is_over()) {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 20);

		if (!m)
			continue;
		if (m->err)
			printf("error %s\n", rd_kafka_err2name(m->err));
		else
			printf("message %s %.*s\n", rd_kafka_topic_name(m->rkt),
			       (int)m->len, (const char *)m->payload);
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_topic_partition_list_destroy(topics);
	rd_kafka_destroy(rk);
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "brokers"))
		return run_brokers(argv + 2);
	if (argc == 7 && !strcmp(argv[1], "produce"))
		return run_produce(argv + 2);
	if (argc > 4 && !strcmp(argv[1], "consume"))
		return run_consume(argv + 2);
	fprintf(stderr, "usage: kafkaclient brokers|produce|consume ...\n");
	return 2;
}
