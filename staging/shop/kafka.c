/* SPDX-License-Identifier: Apache-2.0 */
/* What producer and consumers share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chaos/base/json.h"
#include "chaos/base/log.h"
#include "chaos/base/mem.h"
#include "staging/shop/conf.h"
#include "staging/shop/kafka.h"

static void kafka_log(const rd_kafka_t *rk, int level, const char *fac,
		      const char *text)
{
	if (level <= 4)
		log_warn("%s: %s: %s", rd_kafka_name(rk), fac, text);
	else
		log_debug("%s: %s: %s", rd_kafka_name(rk), fac, text);
}

static int kafka_set(rd_kafka_conf_t *c, const char *key, const char *value,
		     struct err *err)
{
	char why[256];

	if (rd_kafka_conf_set(c, key, value, why, sizeof(why)) ==
	    RD_KAFKA_CONF_OK)
		return 0;
	return err_set(err, -EINVAL, "kafka: %s=%s: %s", key, value, why);
}

int kafka_client(const struct conf *conf, rd_kafka_type_t type,
		 const char *client_id, const struct kafka_setting *settings,
		 void (*prepare)(rd_kafka_conf_t *rk_conf), void *opaque,
		 rd_kafka_t **ret, struct err *err)
{
	const struct kafka_setting common[] = {
		{ "socket.nagle.disable", "true" },
		{ "topic.metadata.refresh.interval.ms", "2000" },
		{ "reconnect.backoff.ms", "20" },
		{ "reconnect.backoff.max.ms", "500" },
		{ "log.connection.close", "false" },
		{ NULL, "" },
	};
	rd_kafka_conf_t *c = rd_kafka_conf_new();
	char why[256];
	int r = kafka_set(c, "bootstrap.servers", conf->kafka, err);

	if (r == 0)
		r = kafka_set(c, "client.id", client_id, err);
	for (const struct kafka_setting *s = common; r == 0 && s->key; s++)
		r = kafka_set(c, s->key, s->value, err);
	for (const struct kafka_setting *s = settings; r == 0 && s->key; s++)
		r = kafka_set(c, s->key, s->value, err);
	if (r < 0) {
		rd_kafka_conf_destroy(c);
		return r;
	}
	rd_kafka_conf_set_log_cb(c, kafka_log);
	rd_kafka_conf_set_opaque(c, opaque);
	if (prepare)
		prepare(c);
	*ret = rd_kafka_new(type, c, why, sizeof(why));
	if (!*ret) {
		rd_kafka_conf_destroy(c);
		return err_set(err, -EINVAL, "kafka: %s", why);
	}
	return 0;
}

/* Partitions that have a leader; 0 while the topic is not there. */
static int kafka_leaders(const struct rd_kafka_metadata_topic *topic)
{
	int n = 0;

	if (topic->err)
		return 0;
	for (int i = 0; i < topic->partition_cnt; i++)
		if (topic->partitions[i].leader >= 0)
			n++;
	return n == topic->partition_cnt ? n : 0;
}

static void kafka_topic_make(rd_kafka_t *rk, const struct conf *conf)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_event_t *event;
	rd_kafka_NewTopic_t *topic;
	char why[128];

	topic = rd_kafka_NewTopic_new(conf->topic, (int)conf->partitions, 1,
				      why, sizeof(why));
	if (topic) {
		rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
		/* Whether it worked is seen in the next metadata. */
		event = rd_kafka_queue_poll(queue, 5000);
		if (event)
			rd_kafka_event_destroy(event);
		rd_kafka_NewTopic_destroy(topic);
	}
	rd_kafka_queue_destroy(queue);
}

int kafka_topic(rd_kafka_t *rk, const struct conf *conf, nsec_t timeout_real,
		int *ret_partitions, struct err *err)
{
	nsec_t until = clock_mono() + timeout_real;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, conf->topic, NULL);
	rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR__TIMED_OUT;
	int n = 0;

	while (n == 0 && clock_mono() < until) {
		const struct rd_kafka_metadata *md = NULL;

		e = rd_kafka_metadata(rk, 0, topic, &md, 1000);
		if (e)
			continue;
		if (md->topic_cnt == 1) {
			n = kafka_leaders(&md->topics[0]);
			e = md->topics[0].err;
		}
		if (n == 0 && e == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			kafka_topic_make(rk, conf);
		rd_kafka_metadata_destroy(md);
	}
	rd_kafka_topic_destroy(topic);
	if (n == 0)
		return err_set(err, -ETIMEDOUT, "kafka %s: topic '%s': %s",
			       conf->kafka, conf->topic, rd_kafka_err2str(e));
	*ret_partitions = n;
	return 0;
}

bool kafka_is_mock(rd_kafka_t *rk)
{
	char *id = rd_kafka_clusterid(rk, 1000);
	bool mock = id && strncmp(id, "mockCluster", 11) == 0;

	if (id)
		rd_kafka_mem_free(rk, id);
	return mock;
}

int kafka_ends(rd_kafka_t *rk, const struct conf *conf, nsec_t timeout_real,
	       struct offsets *o, struct err *err)
{
	const struct timespec pause = { 0, 50 * NSEC_MS };
	nsec_t until = clock_mono() + timeout_real;

	for (int i = 0; i < o->partitions;) {
		int64_t low = 0, high = 0;
		rd_kafka_resp_err_t e = rd_kafka_query_watermark_offsets(
			rk, conf->topic, i, &low, &high, 1000);

		if (!e) {
			offsets_begin(o, i++, high);
			continue;
		}
		/* A topic just made has leaders that do not know it yet. */
		if (clock_mono() > until)
			return err_set(err, -EIO,
				       "kafka %s: end of '%s' %d: %s",
				       conf->kafka, conf->topic, i,
				       rd_kafka_err2str(e));
		nanosleep(&pause, NULL);
	}
	return 0;
}

size_t kafka_coupon_write(const struct kafka_coupon *c,
			  char dst[KAFKA_COUPON_TEXT])
{
	return (size_t)snprintf(dst, KAFKA_COUPON_TEXT,
				"{\"epoch\":%lld,\"coupon\":%lld,"
				"\"user\":%lld}", (long long)c->epoch,
				(long long)c->coupon, (long long)c->user);
}

int kafka_coupon_read(const void *data, size_t len, struct kafka_coupon *ret)
{
	json_t *root = NULL;

	if (json_parse(data, len, &root, NULL) < 0)
		return -EINVAL;
	ret->epoch = json_int64(root, "epoch", -1);
	ret->coupon = json_int64(root, "coupon", -1);
	ret->user = json_int64(root, "user", -1);
	json_decref(root);
	return ret->coupon < 0 ? -EINVAL : 0;
}
