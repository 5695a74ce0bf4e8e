/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each server is asked, and what counts as an answer.  Two of the probes
 * leave something behind that the shop needs: its database, its topic.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "staging/stack/impl.h"

static void put16(struct buf *b, unsigned v)
{
	uint16_t n = htons((uint16_t)v);

	buf_add(b, &n, sizeof(n));
}

static void put32(struct buf *b, uint32_t v)
{
	uint32_t n = htonl(v);

	buf_add(b, &n, sizeof(n));
}

/* Big-endian, with a sticky error. */
struct reader {
	const unsigned char *p, *end;
	bool bad;
};

static uint32_t get(struct reader *r, size_t size)
{
	uint32_t v = 0;

	if ((size_t)(r->end - r->p) < size) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		v = v << 8 | *r->p++;
	return v;
}

static void skip(struct reader *r, size_t size)
{
	if ((size_t)(r->end - r->p) < size)
		r->bad = true;
	else
		r->p += size;
}

/* PostgreSQL, protocol 3: start-up, then the shop's database. */

static void postgres_ask(struct probe *probe)
{
	static const char params[] = "user\0" STACK_DB "\0"
				     "database\0postgres\0";

	put32(&probe->out, 4 + 4 + sizeof(params));
	put32(&probe->out, 3 << 16);
	buf_add(&probe->out, params, sizeof(params));
}

static void postgres_query(struct probe *probe, const char *sql)
{
	buf_add(&probe->out, "Q", 1);
	put32(&probe->out, (uint32_t)(4 + strlen(sql) + 1));
	buf_add(&probe->out, sql, strlen(sql) + 1);
}

/* "15.20 (Debian 15.20-0+deb12u1)" up to the blank. */
static void postgres_parameter(struct probe *probe, const char *body,
			       size_t len)
{
	static const char name[] = "server_version";

	if (len > sizeof(name) && !memcmp(body, name, sizeof(name)))
		snprintf(probe->version, sizeof(probe->version), "%.*s",
			 (int)strcspn(body + sizeof(name), " "),
			 body + sizeof(name));
}

/* 42P04: the database is there, from an earlier question. */
static enum probe_verdict postgres_error(const char *body, size_t len)
{
	return memmem(body, len, "C42P04", 6) ? PROBE_MORE : PROBE_AGAIN;
}

static enum probe_verdict postgres_ready(struct probe *probe)
{
	if (probe->stage++)
		return PROBE_YES;
	postgres_query(probe, "CREATE DATABASE " STACK_DB);
	return PROBE_MORE;
}

static enum probe_verdict postgres_message(struct probe *probe, char type,
					   const char *body, size_t len)
{
	switch (type) {
	case 'S':
		postgres_parameter(probe, body, len);
		return PROBE_MORE;
	case 'E':
		return postgres_error(body, len);
	case 'Z':
		return postgres_ready(probe);
	default:
		return PROBE_MORE;
	}
}

static enum probe_verdict postgres_check(struct probe *probe)
{
	enum probe_verdict verdict = PROBE_MORE;

	while (verdict == PROBE_MORE && probe->in.len >= 5) {
		struct reader r = {
			.p = (const unsigned char *)probe->in.data + 1,
			.end = (const unsigned char *)probe->in.data + 5,
		};
		size_t len = get(&r, 4);

		if (len < 4)
			return PROBE_AGAIN;
		if (probe->in.len < 1 + len)
			break;
		verdict = postgres_message(probe, probe->in.data[0],
					   probe->in.data + 5, len - 4);
		buf_drop(&probe->in, 1 + len);
	}
	return verdict;
}

const struct probe_ops stack_probe_postgres = {
	postgres_ask, postgres_check
};

/* Redis: inline commands. */

static void redis_ask(struct probe *probe)
{
	buf_adds(&probe->out, "PING\r\nINFO server\r\n");
}

static enum probe_verdict redis_check(struct probe *probe)
{
	static const char pong[] = "+PONG\r\n", key[] = "redis_version:";
	const char *at;

	if (probe->in.len < sizeof(pong) - 1)
		return PROBE_MORE;
	if (memcmp(probe->in.data, pong, sizeof(pong) - 1))
		return PROBE_AGAIN;	/* -LOADING and the like */
	at = strstr(probe->in.data, key);
	if (!at || !strstr(at, "\r\n"))
		return PROBE_MORE;
	at += sizeof(key) - 1;
	snprintf(probe->version, sizeof(probe->version), "%.*s",
		 (int)strcspn(at, "\r"), at);
	return PROBE_YES;
}

const struct probe_ops stack_probe_redis = { redis_ask, redis_check };

/*
 * Kafka: ApiVersions v0, then Metadata v1, which creates the topic;
 * librdkafka's mock cluster knows no version beyond 2.
 */

enum { KAFKA_METADATA = 3, KAFKA_API_VERSIONS = 18 };

static void kafka_request(struct probe *probe, unsigned key, unsigned version,
			  const void *body, size_t len)
{
	static const char client[] = "gameday";

	put32(&probe->out, (uint32_t)(2 + 2 + 4 + 2 + sizeof(client) - 1 +
				      len));
	put16(&probe->out, key);
	put16(&probe->out, version);
	put32(&probe->out, 1);	/* correlation id */
	put16(&probe->out, sizeof(client) - 1);
	buf_add(&probe->out, client, sizeof(client) - 1);
	buf_add(&probe->out, body, len);
}

static void kafka_ask(struct probe *probe)
{
	kafka_request(probe, KAFKA_API_VERSIONS, 0, "", 0);
}

static void kafka_ask_topic(struct probe *probe)
{
	struct buf body;

	buf_init(&body, 0);
	put32(&body, 1);
	put16(&body, sizeof(STACK_TOPIC) - 1);
	buf_adds(&body, STACK_TOPIC);
	kafka_request(probe, KAFKA_METADATA, 1, body.data, body.len);
	buf_done(&body);
}

static void skip_string(struct reader *r)
{
	uint32_t len = get(r, 2);

	if (len != 0xffff)	/* null */
		skip(r, len);
}

static void skip_brokers(struct reader *r)
{
	uint32_t n = get(r, 4);

	for (uint32_t i = 0; i < n && !r->bad; i++) {
		skip(r, 4);
		skip_string(r);
		skip(r, 4);
		skip_string(r);
	}
}

/* How many partitions of the one topic have a leader. */
static uint32_t count_leaders(struct reader *r)
{
	uint32_t led = 0, n = get(r, 4);

	for (uint32_t i = 0; i < n && !r->bad; i++) {
		bool ok = get(r, 2) == 0;

		skip(r, 4);
		ok = (int32_t)get(r, 4) >= 0 && ok;
		skip(r, (size_t)get(r, 4) * 4);	/* replicas */
		skip(r, (size_t)get(r, 4) * 4);	/* in sync */
		led += ok;
	}
	return r->bad ? 0 : led;
}

static bool topic_is_there(struct reader *r)
{
	skip_brokers(r);
	skip(r, 4);		/* controller */
	if (get(r, 4) != 1 || get(r, 2) != 0)
		return false;
	skip_string(r);
	skip(r, 1);		/* internal */
	return count_leaders(r) >= STACK_PARTITIONS;
}

static enum probe_verdict kafka_check(struct probe *probe)
{
	struct reader r = {
		.p = (const unsigned char *)probe->in.data,
		.end = (const unsigned char *)probe->in.data + probe->in.len,
	};
	size_t len = get(&r, 4);
	bool ok;

	if (r.bad || probe->in.len < 4 + len)
		return PROBE_MORE;
	skip(&r, 4);		/* correlation id */
	if (probe->stage++)
		return topic_is_there(&r) ? PROBE_YES : PROBE_AGAIN;
	ok = get(&r, 2) == 0 && !r.bad;
	buf_drop(&probe->in, 4 + len);
	if (!ok)
		return PROBE_AGAIN;
	kafka_ask_topic(probe);
	return PROBE_MORE;
}

const struct probe_ops stack_probe_kafka = { kafka_ask, kafka_check };

/* The shop: Spring Boot's health. */

static void health_ask(struct probe *probe)
{
	buf_adds(&probe->out, "GET /actuator/health HTTP/1.1\r\n"
		 "Host: localhost\r\nConnection: close\r\n\r\n");
}

static enum probe_verdict health_check(struct probe *probe)
{
	static const char ok[] = "HTTP/1.1 200";

	if (probe->in.len < sizeof(ok) - 1)
		return PROBE_MORE;
	return memcmp(probe->in.data, ok, sizeof(ok) - 1) ? PROBE_AGAIN
							  : PROBE_YES;
}

const struct probe_ops stack_probe_health = { health_ask, health_check };
