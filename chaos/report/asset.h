/* SPDX-License-Identifier: Apache-2.0 */
/* The data files that are built in: a page, its style, its script, texts. */
#ifndef GD_REPORT_ASSET_H
#define GD_REPORT_ASSET_H

/* NUL-terminated, by its name under chaos/report; NULL: there is none. */
const char *asset_find(const char *name);

#endif
