/* SPDX-License-Identifier: Apache-2.0 */
/* The assembler includes the files; CMakeLists.txt knows of them. */
#include "chaos/report/asset.h"

#include <stddef.h>
#include <string.h>

#define ASSET(symbol, name)                                       \
	__asm__(".section .rodata\n"                              \
		".global gd_asset_" #symbol "\n"                  \
		"gd_asset_" #symbol ":\n"                         \
		".incbin \"" GAMEDAY_SOURCE_DIR "/chaos/report/"  \
		name "\"\n"                                       \
		".byte 0\n"                                       \
		".previous\n");                                   \
	extern const char gd_asset_##symbol[]

ASSET(incident_scenario_en, "documents/incident-scenario.en.md");
ASSET(incident_scenario_ko, "documents/incident-scenario.ko.md");
ASSET(load_test_plan_en, "documents/load-test-plan.en.md");
ASSET(load_test_plan_ko, "documents/load-test-plan.ko.md");
ASSET(monitoring_strategy_en, "documents/monitoring-strategy.en.md");
ASSET(monitoring_strategy_ko, "documents/monitoring-strategy.ko.md");
ASSET(performance_analysis_en, "documents/performance-analysis.en.md");
ASSET(performance_analysis_ko, "documents/performance-analysis.ko.md");
ASSET(postmortem_en, "documents/postmortem.en.md");
ASSET(postmortem_ko, "documents/postmortem.ko.md");
ASSET(words_ko, "documents/words.ko.txt");
ASSET(page, "html/page.html");
ASSET(style, "html/style.css");
ASSET(script, "html/script.js");

static const struct {
	const char *name, *text;
} assets[] = {
	{ "documents/incident-scenario.en.md",
	  gd_asset_incident_scenario_en },
	{ "documents/incident-scenario.ko.md",
	  gd_asset_incident_scenario_ko },
	{ "documents/load-test-plan.en.md", gd_asset_load_test_plan_en },
	{ "documents/load-test-plan.ko.md", gd_asset_load_test_plan_ko },
	{ "documents/monitoring-strategy.en.md",
	  gd_asset_monitoring_strategy_en },
	{ "documents/monitoring-strategy.ko.md",
	  gd_asset_monitoring_strategy_ko },
	{ "documents/performance-analysis.en.md",
	  gd_asset_performance_analysis_en },
	{ "documents/performance-analysis.ko.md",
	  gd_asset_performance_analysis_ko },
	{ "documents/postmortem.en.md", gd_asset_postmortem_en },
	{ "documents/postmortem.ko.md", gd_asset_postmortem_ko },
	{ "documents/words.ko.txt", gd_asset_words_ko },
	{ "html/page.html", gd_asset_page },
	{ "html/script.js", gd_asset_script },
	{ "html/style.css", gd_asset_style },
};

const char *asset_find(const char *name)
{
	for (size_t i = 0; i < sizeof(assets) / sizeof(assets[0]); i++)
		if (strcmp(assets[i].name, name) == 0)
			return assets[i].text;
	return NULL;
}
