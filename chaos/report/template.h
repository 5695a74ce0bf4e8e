/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: Mustache's tags on a JSON tree, so that what a page says is a data
 * file and what it is made of is C.
 *
 *	{{a/b/c}}	a value, escaped; an array's element by index or name
 *	{{a/b|filter}}	the same, as the filter writes it
 *	{{#a}}…{{/a}}	for each element of an array; else once, if it is there
 *			and is not false, 0, "" or empty; {{#a=x}}: if it is x
 *	{{?a}}…{{/a}}	once, if the former gives anything; names as before
 *	{{^a}}…{{/a}}	if it gives nothing
 *	{{>part}}	what a function writes, not escaped
 *	{{!…}}		nothing
 *
 * Inside of a section names are looked up in the element first, then outside;
 * {{.}} is the element.  A section's tag alone on a line leaves no line.
 */
#ifndef GD_REPORT_TEMPLATE_H
#define GD_REPORT_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum template_markup { TEMPLATE_HTML, TEMPLATE_MARKDOWN };

struct template_filter {
	const char *name;
	/* Into dst; v may be NULL: it is not there. */
	void (*format)(const json_t *root, const json_t *v, char *dst,
		       size_t size);
};

struct template_part {
	const char *name;
	void (*write)(void *arg, FILE *f);
};

struct template_args {
	const char *text;	/* NUL-terminated */
	const json_t *root;
	enum template_markup markup;
	const struct template_filter *filters;	/* by a NULL name ended */
	const struct template_part *parts;	/* may be NULL */
	void *arg;		/* the parts' */
};

/* A tag that it does not know is written as it is, for a test to find. */
void template_write(const struct template_args *args, FILE *f);
/* Text as the markup needs it; what is no printable character is a blank. */
void template_escape(enum template_markup markup, const char *s, FILE *f);

#endif
