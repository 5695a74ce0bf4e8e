/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka: one KRaft node from the jars of staging/kafka/pom.xml; without Java or
 * the jars librdkafka's mock cluster, and it is said which of the two runs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "staging/stack/impl.h"

static const char broker_settings[] =
	"process.roles=broker,controller\n"
	"node.id=1\n"
	"controller.listener.names=CONTROLLER\n"
	"auto.create.topics.enable=true\n"
	"offsets.topic.num.partitions=1\n"
	"offsets.topic.replication.factor=1\n"
	"transaction.state.log.num.partitions=1\n"
	"transaction.state.log.replication.factor=1\n"
	"transaction.state.log.min.isr=1\n"
	"share.coordinator.state.topic.num.partitions=1\n"
	"share.coordinator.state.topic.replication.factor=1\n"
	"share.coordinator.state.topic.min.isr=1\n"
	"log.index.size.max.bytes=1048576\n"
	"group.initial.rebalance.delay.ms=0\n";

/* As postgres_durations: the broker's defaults, divided by the speed. */
static const struct {
	const char *name;
	int drill_ms, min_ms;
} broker_durations[] = {
	{ "group.min.session.timeout.ms", 6000, 100 },
	{ "log.segment.delete.delay.ms", 60000, 1000 },
	{ "offsets.retention.check.interval.ms", 600000, 1000 },
	{ "replica.high.watermark.checkpoint.interval.ms", 5000, 100 },
};

static void broker_config_path(const struct part *part, char dst[PATH_MAX])
{
	snprintf(dst, PATH_MAX, "%s/server.properties", part->dir);
}

static int write_config(struct part *part, int controller_port,
			struct err *err)
{
	char path[PATH_MAX];
	FILE *f;

	broker_config_path(part, path);
	f = fopen(path, "we");
	if (!f)
		return err_errno(err, "cannot write '%s'", path);
	fputs(broker_settings, f);
	fprintf(f, "num.partitions=%d\n", STACK_PARTITIONS);
	fprintf(f, "controller.quorum.voters=1@127.0.0.1:%d\n",
		controller_port);
	fprintf(f, "listeners=PLAINTEXT://127.0.0.1:%d,"
		"CONTROLLER://127.0.0.1:%d\n", part->port, controller_port);
	fprintf(f, "advertised.listeners=PLAINTEXT://127.0.0.1:%d\n",
		part->port);
	fprintf(f, "log.dirs=%s/log\n", part->dir);
	for (size_t i = 0; i < sizeof(broker_durations) /
				       sizeof(*broker_durations); i++)
		fprintf(f, "%s=%d\n", broker_durations[i].name,
			sup_real_ms(part->sup, broker_durations[i].drill_ms,
				    broker_durations[i].min_ms));
	if (ferror(f) | fclose(f))
		return err_errno(err, "cannot write '%s'", path);
	return 0;
}

/* "kafka_2.13-4.1.1.jar" → "4.1.1" */
static void broker_version(struct part *part)
{
	char names[64][STACK_PATH];
	size_t n = kafka_jars(part->sup->kafka_home, names, 64);

	for (size_t i = 0; i < n; i++) {
		const char *dash = strrchr(names[i], '-');

		if (!strncmp(names[i], "kafka_2", 7) && dash)
			snprintf(part->version, sizeof(part->version), "%.*s",
				 (int)(strlen(dash) - 5), dash + 1);
	}
}

static int kafka_prepare(struct part *part, struct err *err)
{
	int controller_port, rc = part_make_dir(part, err);

	if (rc)
		return rc;
	if (part->sup->kafka_mock) {
		snprintf(part->version, sizeof(part->version), "mock");
		return 0;
	}
	broker_version(part);
	rc = stack_free_port(&part->port, err);
	if (!rc)
		rc = stack_free_port(&controller_port, err);
	if (!rc && controller_port == part->port)
		return err_set(err, -EADDRINUSE, "no two free ports");
	return rc ? rc : write_config(part, controller_port, err);
}

/* The same for the tool and the broker, so that one class archive fits both. */
static void add_java(struct part *part, struct args *args)
{
	const char *home = part->sup->kafka_home;
	char archive[STACK_PATH + 16];
	struct buf path;

	args_add(args, "%s", part->sup->java);
	args_add(args, "-Xms64m");
	args_add(args, "-Xmx256m");
	args_add(args, "-XX:+UseSerialGC");
	args_add(args, "-XX:TieredStopAtLevel=1");
	args_add(args, "-XX:-UsePerfData");	/* no files in /tmp */
	snprintf(archive, sizeof(archive), "%s/kafka.jsa", home);
	if (!access(archive, R_OK))
		args_add(args, "-XX:SharedArchiveFile=%s", archive);
	args_add(args, "-Djava.io.tmpdir=%s", part->dir);
	args_add(args, "-Dlog4j2.configurationFile=file:%s/log4j2.properties",
		 home);
	buf_init(&path, 0);
	kafka_classpath(home, &path);
	args_add(args, "-cp");
	args_add(args, "%s", path.data);
	buf_done(&path);
}

/* 16 random bytes as Kafka's Uuid writes them: base64url, unpadded. */
static void cluster_id(char dst[23])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789-_";
	unsigned char raw[22];

	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		memset(raw, 7, sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		dst[i] = digits[raw[i] % 64];
	dst[0] = 'G';		/* never '-', which the tool would refuse */
	dst[21] = 'Q';		/* its last digit has two bits only */
	dst[22] = '\0';
}

static void kafka_tool(struct part *part, struct args *args)
{
	char path[PATH_MAX], id[23];

	if (part->sup->kafka_mock)
		return;
	broker_config_path(part, path);
	cluster_id(id);
	add_java(part, args);
	args_add(args, "kafka.tools.StorageTool");
	args_add(args, "format");
	args_add(args, "--cluster-id");
	args_add(args, "%s", id);
	args_add(args, "--config");
	args_add(args, "%s", path);
}

static void mock_server(struct args *args, int line_fd)
{
	char program[PATH_MAX];

	if (stack_sibling("gameday-mockkafka", program))
		snprintf(program, sizeof(program), "gameday-mockkafka");
	args_add(args, "%s", program);
	args_add(args, "--ready-fd");
	args_add(args, "%d", line_fd);
	args_add(args, "--topic");
	args_add(args, STACK_TOPIC ":%d", STACK_PARTITIONS);
}

static void kafka_server(struct part *part, struct args *args, int line_fd)
{
	char path[PATH_MAX];

	if (part->sup->kafka_mock) {
		mock_server(args, line_fd);
		return;
	}
	broker_config_path(part, path);
	add_java(part, args);
	args_add(args, "kafka.Kafka");
	args_add(args, "%s", path);
}

static bool kafka_has_line(const struct part *part)
{
	return part->sup->kafka_mock;
}

static int kafka_line(struct part *part, const json_t *line, struct err *err)
{
	struct addr at;
	int rc = addr_parse(json_str(line, "bootstrap", ""), &at, err);

	if (!rc)
		part->port = addr_port(&at);
	return rc;
}

static void kafka_info(const struct part *part, json_t *info)
{
	char at[ADDR_TEXT];

	part_at(part, at);
	json_object_set_new(info, "kafka", json_string(at));
	json_object_set_new(info, "kafka_kind",
			    json_string(part->sup->kafka_mock ? "mock"
							      : "kafka"));
}

const struct part_ops part_kafka = {
	.name = "kafka",
	.wave = 2,
	.stop_signal = SIGTERM,
	.stop_real = 3 * NSEC_SEC,
	.mend = "run make setup, or take the mock cluster with kafka=mock",
	.prepare = kafka_prepare,
	.tool = kafka_tool,
	.server = kafka_server,
	.line = kafka_line,
	.has_line = kafka_has_line,
	.probe = &stack_probe_kafka,
	.info = kafka_info,
};
