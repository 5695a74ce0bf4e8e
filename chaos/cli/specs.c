/* SPDX-License-Identifier: Apache-2.0 */
/* Every section that a scenario may have, and cli's own: [staging]. */
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/cli/cli.h"
#include "chaos/report/documents.h"
#include "chaos/report/report.h"

#define STAGING(f) offsetof(struct cli_staging, f)
static const struct opt staging_opts[] = {
	{ .name = "name", .type = OPT_STR, .off = STAGING(name),
	  .def = "default", .help = "which stack; several live side by side" },
	{ .name = "shop.*", .type = OPT_LINES, .off = STAGING(keys),
	  .help = "a key of gameday-shop (gameday-shop --help)",
	  .example = "shop.pool = 50" },
	{ .name = "up", .type = OPT_BOOL, .off = STAGING(up), .def = "no",
	  .help = "bring the shop's stack up for this drill" },
	OPT_END,
};

const struct section_spec cli_staging_section = {
	.name = "staging",
	.opts = staging_opts,
	.size = sizeof(struct cli_staging),
	.summary = "PostgreSQL, Redis, Kafka, the proxy and the shop",
};

const struct section_spec *const cli_specs[] = {
	&plan_scenario_section,	  &plan_allow_section,
	&cli_staging_section,	  &fault_link_section,
	&load_target_section,	  &load_journey_section,
	&load_load_section,	  &load_data_section,
	&fault_section,
	&watch_slo_section,	  &watch_probe_section,
	&watch_detect_section,	  &watch_detection_section,
	&watch_recovery_section,  &watch_threshold_section,
	&playbook_ref_section,
	&plan_abort_section,	  &plan_expect_section,
	&plan_milestone_section,  &plan_search_section,
	&report_catalogue_section,
	&report_impact_section,	  &report_measure_section,
	&report_recorded_section,
	NULL,
};

void cli_staging_read(const struct scenario *sc, struct cli_staging *ret,
		      struct errs *errs)
{
	const struct scenario_section *s = scenario_section(sc, "staging", 0);

	memset(ret, 0, sizeof(*ret));
	if (!s)
		return;
	ret->present = true;
	scenario_fill(s, staging_opts, ret, errs);
}

void cli_staging_done(struct cli_staging *s)
{
	if (s->present)
		opt_done(staging_opts, s);
}
