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

ASSET(page, "html/page.html");
ASSET(style, "html/style.css");
ASSET(script, "html/script.js");

static const struct {
	const char *name, *text;
} assets[] = {
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
