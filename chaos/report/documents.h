/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A team's documents as drafts to edit, in Markdown, from a run: every figure
 * links to what it was taken from in the run directory.  Their texts are
 * documents/NAME.LANG.md, and a scenario's own words its [catalogue LANG].
 */
#ifndef GD_REPORT_DOCUMENTS_H
#define GD_REPORT_DOCUMENTS_H

#include "chaos/report/report.h"

extern const struct section_spec report_catalogue_section;

struct report_document {
	const char *name;	/* "postmortem" */
	const char *summary;
};
/* Ends with a NULL name. */
extern const struct report_document report_document_table[];
extern const char *const report_languages[];	/* "en", "ko", NULL */

/* name and lang are of the tables. */
void report_document_write(const struct report *r, const char *name,
			   const char *lang, FILE *f);

#endif
