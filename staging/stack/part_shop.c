/* SPDX-License-Identifier: Apache-2.0 */
/* gameday-shop: it is told the speed, and neither T+0 nor the scenario. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "chaos/base/json.h"
#include "staging/stack/impl.h"

static int shop_prepare(struct part *part, struct err *err)
{
	return part_make_dir(part, err);
}

static const char *shop_link(const struct sup *sup, const char *name)
{
	const json_t *said = sup->parts[PART_PROXY].said;

	return json_string_value(json_object_get(json_object_get(said, "links"),
						 name));
}

static void shop_keys(const struct sup *sup, struct args *args)
{
	const char *key;
	json_t *value;

	json_object_foreach(sup->keys, key, value)
		if (!strncmp(key, "shop.", 5))
			args_add(args, "%s=%s", key + 5,
				 json_string_value(value));
}

static void shop_server(struct part *part, struct args *args, int line_fd)
{
	const struct sup *sup = part->sup;
	char program[PATH_MAX], at[ADDR_TEXT];

	if (stack_sibling("gameday-shop", program))
		snprintf(program, sizeof(program), "gameday-shop");
	part_at(&sup->parts[PART_POSTGRES], at);
	args_add(args, "%s", program);
	args_add(args, "listen=127.0.0.1:0");
	args_add(args, "management=127.0.0.1:0");
	args_add(args, "ready_fd=%d", line_fd);
	args_add(args, "speed=%g", sup->speed);
	args_add(args, "db=%s", shop_link(sup, "db"));
	args_add(args, "db_direct=%s", at);
	args_add(args, "db_user=" STACK_DB);
	args_add(args, "db_name=" STACK_DB);
	args_add(args, "redis=%s", shop_link(sup, "redis"));
	args_add(args, "kafka=%s", shop_link(sup, "kafka"));
	args_add(args, "topic=" STACK_TOPIC);
	args_add(args, "partitions=%d", STACK_PARTITIONS);
	args_add(args, "error_log=%s/shop-errors.log", sup->paths.logs);
	shop_keys(sup, args);
}

/* Health and knobs are on the management port; that is the part's port. */
static int shop_line(struct part *part, const json_t *line, struct err *err)
{
	static const char scheme[] = "http://";
	const char *url = json_str(line, "management", "");
	struct addr at;
	int rc;

	if (strncmp(url, scheme, sizeof(scheme) - 1))
		return err_set(err, -EPROTO, "its ready line has no "
			       "management URL");
	rc = addr_parse(url + sizeof(scheme) - 1, &at, err);
	if (rc)
		return rc;
	part->port = addr_port(&at);
	snprintf(part->version, sizeof(part->version), "%s",
		 json_str(line, "version", GAMEDAY_VERSION));
	snprintf(part->note, sizeof(part->note), "%s",
		 json_str(line, "url", ""));
	return 0;
}

static void shop_info(const struct part *part, json_t *info)
{
	json_object_set_new(info, "shop", json_string(
		json_str(part->said, "url", "")));
	json_object_set_new(info, "management", json_string(
		json_str(part->said, "management", "")));
}

const struct part_ops part_shop = {
	.name = "shop",
	.after = 1 << PART_PROXY,
	.wave = 0,
	.stop_signal = SIGTERM,
	.stop_real = 3 * NSEC_SEC,
	.mend = "if it is a key: gameday-shop --help lists them; else: make",
	.prepare = shop_prepare,
	.server = shop_server,
	.line = shop_line,
	.probe = &stack_probe_health,
	.info = shop_info,
};
