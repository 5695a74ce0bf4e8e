/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the text page: a search, and a scenario's own figures. */
#ifndef GD_REPORT_TEXT_SEARCH_H
#define GD_REPORT_TEXT_SEARCH_H

#include <jansson.h>
#include <stdio.h>

/* root: the model, whose "search" is an object. */
void report_text_search(const json_t *root, FILE *f);
/* Lines of at.*, measure.* and search.*, in the table's columns. */
void report_text_recorded(const json_t *root, FILE *f);

#endif
