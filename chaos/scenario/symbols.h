/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Symbolic addresses: "staging:shop" "link:db" "link:db/pool".  Known only
 * once the stack and the links are up; a text that begins with a known symbol
 * has it replaced ("staging:shop/products" → "http://127.0.0.1:4711/products",
 * "http://link:web/x" → "http://127.0.0.1:4712/x": a link is host:port).
 */
#ifndef GD_SCENARIO_SYMBOLS_H
#define GD_SCENARIO_SYMBOLS_H

#include "chaos/base/addr.h"
#include "chaos/base/err.h"

struct symbols;

struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);
void symbols_set(struct symbols *s, const char *name, const char *value);
/* NULL: not known. Longest name wins in symbols_expand. */
const char *symbols_get(const struct symbols *s, const char *name);
/* Copy with the leading symbol replaced; caller frees. -ENOENT: unknown one. */
int symbols_expand(const struct symbols *s, const char *text, char **ret,
		   struct err *err) MUST_CHECK;
/* Is it "staging:…" or "link:…"? */
int symbols_is(const char *text);
/* Expand, then host:port or URL to an address (may block: DNS). */
int symbols_addr(const struct symbols *s, const char *text, struct addr *ret,
		 struct err *err) MUST_CHECK;

#endif
