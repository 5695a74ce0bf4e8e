/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines to sections, over libinih.  inih splits keys from values; this file's
 * reader feeds it, because inih as Debian builds it (r55) gives its handler no
 * line number, cuts long lines and section names in silence, and shows neither
 * empty nor repeated sections.
 */
#include <ctype.h>
#include <ini.h>
#include <string.h>

#include "chaos/base/mem.h"
#include "chaos/scenario/impl.h"

struct ini_input {
	struct scenario *sc;
	const char *file;
	const char *p, *end;
	int line;		/* of what inih was given last */
	size_t section;		/* index into sc->v; valid if in_section */
	bool in_section;
	bool skip;		/* below a header that was refused */
	struct errs *errs;
};

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/*
 * The index behind the quoted text that begins at i, or i + 1 when nothing
 * closes it.  An apostrophe opens one only where a word could begin and ends
 * it only where one could end, so that prose keeps its comments.
 */
static size_t skip_quoted(const char *s, size_t i, size_t len)
{
	char quote = s[i];

	if (quote == '\'' && i > 0 && isalnum((unsigned char)s[i - 1]))
		return i + 1;
	for (size_t k = i + 1; k < len; k++) {
		if (s[k] == '\\' && quote == '"')
			k++;
		else if (s[k] == quote &&
			 (quote == '"' || k + 1 == len ||
			  !isalnum((unsigned char)s[k + 1])))
			return k + 1;
	}
	return i + 1;
}

size_t scenario_comment(const char *line, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if ((line[i] == ';' || line[i] == '#') &&
		    (i == 0 || isspace((unsigned char)line[i - 1])))
			return i;
		if (line[i] == '"' || line[i] == '\'')
			i = skip_quoted(line, i, len);
		else
			i++;
	}
	return len;
}

void scenario_unquote(char *value)
{
	size_t len = strlen(value);
	char *to = value;

	if (len < 2 || value[0] != '"' || value[len - 1] != '"' ||
	    skip_quoted(value, 0, len) != len)
		return;
	for (const char *p = value + 1; p < value + len - 1; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		*to++ = *p;
	}
	*to = '\0';
}

static void refuse(struct ini_input *in, const char *what)
{
	errs_add(in->errs, in->file, in->line, "%s", what);
}

/* Trims both ends of s[0..*len) and returns where it begins. */
static const char *trim(const char *s, size_t *len)
{
	while (*len && isspace((unsigned char)*s)) {
		s++;
		(*len)--;
	}
	while (*len && isspace((unsigned char)s[*len - 1]))
		(*len)--;
	return s;
}

static void open_section(struct ini_input *in, const char *name,
			 const char *arg)
{
	const struct scenario_section *old =
		scenario_find(in->sc, name, arg[0] ? arg : NULL);

	if (old) {
		errs_add(in->errs, in->file, in->line,
			 "duplicate section '[%s%s%s]' (the first is in line "
			 "%d)", name, arg[0] ? " " : "", arg, old->line);
		return;
	}
	scenario_add(in->sc, name, arg[0] ? arg : NULL, in->file, in->line);
	in->section = in->sc->n - 1;
	in->in_section = true;
	in->skip = false;
}

/* "[name arg]", trimmed. Keys below a header that is refused are skipped. */
static void take_header(struct ini_input *in, const char *s, size_t len)
{
	char name[SCENARIO_HEADER_MAX + 1] = "", arg[sizeof(name)] = "";
	size_t i = 0, n;

	in->skip = true;
	in->in_section = false;
	if (s[len - 1] != ']') {
		refuse(in, "a section's header must end with ']'");
		return;
	}
	len -= 2;
	s = trim(s + 1, &len);
	if (len > SCENARIO_HEADER_MAX) {
		refuse(in, "a section's name is over 49 bytes long");
		return;
	}
	while (i < len && name_char(s[i]))
		i++;
	memcpy(name, s, i);
	n = len - i;
	s = trim(s + i, &n);
	memcpy(arg, s, n);
	for (size_t k = 0; k < n; k++)
		if (!name_char(s[k]))
			i = 0;
	if (i == 0) {
		refuse(in, "a section is '[NAME]' or '[NAME ARG]', of letters, "
			   "digits, '-' and '_'");
		return;
	}
	open_section(in, name, arg);
}

/* "key = value", trimmed: may inih have it? */
static bool pair_ok(struct ini_input *in, const char *s, size_t len)
{
	const char *equals = memchr(s, '=', len);
	const char *colon = memchr(s, ':', len);

	if (in->skip)
		return false;
	if (!equals || equals == s)
		refuse(in, "neither '[section]' nor 'key = value'");
	else if (colon && colon < equals)
		refuse(in, "a key ends with '=', not with ':'");
	else if (!in->in_section)
		refuse(in, "a key before the first section");
	else
		return true;
	return false;
}

/* The next line without comment and blanks; NULL at the end of the text. */
static const char *next_line(struct ini_input *in, size_t *ret_len)
{
	const char *s = in->p, *eol;

	if (s == in->end)
		return NULL;
	eol = memchr(s, '\n', (size_t)(in->end - s));
	if (!eol)
		eol = in->end;
	in->p = eol < in->end ? eol + 1 : eol;
	in->line++;
	*ret_len = (size_t)(eol - s);
	if (*ret_len > SCENARIO_LINE_MAX) {
		errs_add(in->errs, in->file, in->line,
			 "a line is over %d bytes long", SCENARIO_LINE_MAX);
		*ret_len = 0;
	} else if (memchr(s, '\0', *ret_len)) {
		refuse(in, "a line contains a NUL byte");
		*ret_len = 0;
	}
	s = trim(s, ret_len);
	*ret_len = scenario_comment(s, *ret_len);
	return trim(s, ret_len);
}

/* inih's reader: headers are taken here, it is given the pairs alone. */
static char *feed(char *dst, int size, void *arg)
{
	struct ini_input *in = arg;
	const char *s;
	size_t len;

	while ((s = next_line(in, &len))) {
		if (len == 0)
			continue;
		if (s[0] == '[') {
			take_header(in, s, len);
			continue;
		}
		if (!pair_ok(in, s, len) || len + 2 > (size_t)size)
			continue;
		memcpy(dst, s, len);
		dst[len] = '\n';
		dst[len + 1] = '\0';
		return dst;
	}
	return NULL;
}

static int take_pair(void *arg, const char *section, const char *key,
		     const char *value)
{
	struct ini_input *in = arg;
	AUTO_FREE char *copy = mem_strdup(value);

	(void)section;	/* cut at 49 bytes; ours is in->section */
	scenario_unquote(copy);
	scenario_entry_add(&in->sc->v[in->section], key, copy, in->file,
			   in->line);
	return 1;
}

/* Debian's inih has its compile-time options as variables. */
static void configure_inih(void)
{
	ini_use_stack = false;
	ini_allow_realloc = true;
	ini_initial_alloc = SCENARIO_LINE_MAX + 3;
	ini_max_line = SCENARIO_LINE_MAX + 3;
	ini_allow_inline_comments = false;
	ini_allow_multiline = false;
	ini_allow_no_value = false;
	ini_stop_on_first_error = false;
}

void scenario_ini_read(struct scenario *sc, const char *file, const char *text,
		       size_t len, struct errs *errs)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct ini_input in = {
		.sc = sc, .file = file, .p = text, .end = text + len,
		.errs = errs,
	};
	int rc;

	if (len >= 3 && !memcmp(text, bom, 3))
		in.p += 3;
	configure_inih();
	rc = ini_parse_stream(feed, &in, take_pair, &in);
	/* A line that the reader let pass and inih does not take is a bug. */
	if (rc)
		errs_add(errs, file, 0, "inih refused a line (%d)", rc);
}
