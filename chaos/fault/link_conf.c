/* SPDX-License-Identifier: Apache-2.0 */
/* [link NAME]: one proxied connection. */
#include <stddef.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/fault/fault.h"
#include "chaos/fault/link.h"

#define AT(f) offsetof(struct fault_link_conf, f)
static const struct opt link_opts[] = {
	{ "listen", OPT_STR, AT(listen), 0, "auto", NULL, NULL, NULL,
	  "where clients connect: an address, or auto for a free port on "
	  "127.0.0.1", "127.0.0.1:5433" },
	{ "protocol", OPT_STR, AT(protocol), 0, "tcp", NULL, NULL, NULL,
	  "what the proxy reads on it: tcp, postgres, redis, kafka or udp",
	  "postgres" },
	{ "upstream", OPT_STR, AT(upstream), OPT_REQUIRED, NULL, NULL, NULL,
	  NULL, "where it leads: an address, or a symbol of the stack, whose "
	  "link is then taken over", "staging:postgres" },
	OPT_END
};
#undef AT

const struct section_spec fault_link_section = {
	.name = "link",
	.arg = "NAME",
	.many = true,
	.opts = link_opts,
	.size = sizeof(struct fault_link_conf),
	.summary = "a connection that runs through the proxy",
};

static const char *const protocols[] = { "tcp", "postgres", "redis",
					 "kafka", "udp" };

static void check_protocol(const struct scenario_section *s, const char *name,
			   struct errs *errs)
{
	const size_t n = sizeof(protocols) / sizeof(protocols[0]);
	const char *near;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(protocols[i], name))
			return;
	near = opt_suggest(name, protocols, n);
	scenario_error(s, "protocol", errs, "unknown protocol '%s' (%s%s)",
		       name, near ? "did you mean " : "tcp, postgres, redis, "
		       "kafka, udp", near ? near : "");
}

void fault_link_confs_read(const struct scenario *sc,
			   struct fault_link_conf **ret, size_t *ret_n,
			   struct errs *errs)
{
	size_t n = scenario_count(sc, "link");
	struct fault_link_conf *v = mem_calloc(n ? n : 1, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const struct scenario_section *s =
			scenario_section(sc, "link", i);

		v[i].name = mem_strdup(s->arg);
		opt_defaults(link_opts, &v[i]);
		scenario_fill(s, link_opts, &v[i], errs);
		check_protocol(s, v[i].protocol, errs);
	}
	*ret = v;
	*ret_n = n;
}

void fault_link_confs_free(struct fault_link_conf *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		mem_free(v[i].name);
		opt_done(link_opts, &v[i]);
	}
	mem_free(v);
}
