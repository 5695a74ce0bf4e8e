/* SPDX-License-Identifier: Apache-2.0 */
/* gameday-proxy: the links db, redis and kafka, between the shop and all. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "staging/stack/impl.h"

static const struct {
	const char *name, *protocol;
	enum part_id to;
} proxy_links[] = {
	{ "db", "postgres", PART_POSTGRES },
	{ "redis", "redis", PART_REDIS },
	{ "kafka", "kafka", PART_KAFKA },
};

enum { N_LINKS = sizeof(proxy_links) / sizeof(*proxy_links) };

static int proxy_prepare(struct part *part, struct err *err)
{
	return part_make_dir(part, err);
}

static void proxy_server(struct part *part, struct args *args, int line_fd)
{
	const struct sup *sup = part->sup;
	const char *threads = sup_key(sup, "proxy.threads", NULL);
	char program[PATH_MAX], at[ADDR_TEXT];

	if (stack_sibling("gameday-proxy", program))
		snprintf(program, sizeof(program), "gameday-proxy");
	args_add(args, "%s", program);
	args_add(args, "--stay");
	args_add(args, "--ready-fd");
	args_add(args, "%d", line_fd);
	args_add(args, "--api");
	args_add(args, "unix:%s/proxy.sock", sup->paths.dir);
	args_add(args, "--api");
	args_add(args, "127.0.0.1:0");
	if (threads) {
		args_add(args, "--threads");
		args_add(args, "%s", threads);
	}
	for (size_t i = 0; i < N_LINKS; i++) {
		part_at(&sup->parts[proxy_links[i].to], at);
		args_add(args, "--link");
		args_add(args, "%s=127.0.0.1:0,%s,%s", proxy_links[i].name, at,
			 proxy_links[i].protocol);
	}
}

/* The TCP one of its API addresses. */
static const char *proxy_tcp(const json_t *line)
{
	const char *text;
	json_t *api;
	size_t i;

	json_array_foreach(json_object_get(line, "api"), i, api) {
		text = json_string_value(api);
		if (text && strncmp(text, "unix:", 5))
			return text;
	}
	return NULL;
}

static int proxy_line(struct part *part, const json_t *line, struct err *err)
{
	const json_t *links = json_object_get(line, "links");
	const char *tcp = proxy_tcp(line);
	struct addr at;

	for (size_t i = 0; i < N_LINKS; i++)
		if (!json_string_value(json_object_get(links,
						       proxy_links[i].name)))
			return err_set(err, -EPROTO, "its ready line has no "
				       "link '%s'", proxy_links[i].name);
	if (!tcp || addr_parse(tcp, &at, NULL))
		return err_set(err, -EPROTO, "its ready line has no API on "
			       "TCP");
	part->port = addr_port(&at);
	snprintf(part->version, sizeof(part->version), "%s",
		 json_str(line, "version", GAMEDAY_VERSION));
	return 0;
}

static void proxy_info(const struct part *part, json_t *info)
{
	json_t *links = json_object();
	char at[ADDR_TEXT];

	for (size_t i = 0; i < N_LINKS; i++) {
		json_t *said = json_object_get(part->said, "links");
		const char *listen = json_string_value(
			json_object_get(said, proxy_links[i].name));

		part_at(&part->sup->parts[proxy_links[i].to], at);
		json_object_set_new(links, proxy_links[i].name,
			json_pack("{s:s, s:s, s:s}", "listen", listen,
				  "upstream", at, "protocol",
				  proxy_links[i].protocol));
	}
	part_at(part, at);
	json_object_set_new(info, "proxy", json_sprintf("unix:%s/proxy.sock",
						part->sup->paths.dir));
	json_object_set_new(info, "proxy_tcp", json_string(at));
	json_object_set_new(info, "instance", json_string(
		json_str(part->said, "instance", "")));
	json_object_set_new(info, "links", links);
}

const struct part_ops part_proxy = {
	.name = "proxy",
	.after = 1 << PART_POSTGRES | 1 << PART_REDIS | 1 << PART_KAFKA,
	.wave = 1,
	.stop_signal = SIGTERM,
	.stop_real = 2 * NSEC_SEC,
	.mend = "build it: make",
	.prepare = proxy_prepare,
	.server = proxy_server,
	.line = proxy_line,
	.info = proxy_info,
};
