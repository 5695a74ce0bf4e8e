/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the text page that a search has; formats the model only. */
#ifndef GD_REPORT_TEXT_SEARCH_H
#define GD_REPORT_TEXT_SEARCH_H

#include <jansson.h>
#include <stdio.h>

/* root: the model, whose "search" is an object. */
void report_text_search(const json_t *root, FILE *f);

#endif
