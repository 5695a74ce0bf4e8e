/* SPDX-License-Identifier: Apache-2.0 */
/* Draws what the event stream says; keeps no truth of its own. */
#include "chaos/ui/live.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"
#include "chaos/base/units.h"
#include "chaos/report/events.h"

enum { MAX_ITEMS = 16, MAX_NOTES = 6, ITEM_TEXT = 160 };

struct item {			/* a fault or an alert, by name */
	char name[48];
	char state[24];
};

struct live {
	FILE *f;
	bool terminal, blind;
	bool traffic;		/* no drill: traffic alone */
	const struct plan *plan;
	nsec_t drawn;		/* mono ns */
	int rows;		/* of the panel as it stands */
	int64_t second;
	double users, p95, errors, throughput;
	double active, size, lag;
	bool bad;
	char why[64];
	struct item faults[MAX_ITEMS], alerts[MAX_ITEMS];
	struct item thresholds[MAX_ITEMS];
	size_t n_faults, n_alerts, n_thresholds;
	char notes[MAX_NOTES][ITEM_TEXT];	/* newest last */
	size_t n_notes;
};

struct live *live_new(FILE *f, bool terminal, bool blind, bool traffic,
		      const struct plan *p)
{
	struct live *l = mem_zalloc(sizeof(*l));

	l->f = f;
	l->terminal = terminal;
	l->blind = blind;
	l->traffic = traffic;
	l->plan = p;
	l->active = l->size = l->lag = NAN;
	return l;
}

static char *at_clock(const struct live *l, nsec_t t, char *dst)
{
	if (l->plan->conf.clock < 0)
		return units_fmt_mmss(dst, t);
	return units_fmt_clock(dst, l->plan->conf.clock + t);
}

static void put_item(struct item *v, size_t *n, const char *name,
		     const char *state)
{
	size_t i = 0;

	while (i < *n && strcmp(v[i].name, name) != 0)
		i++;
	if (i == MAX_ITEMS)
		return;
	if (i == *n)
		(*n)++;
	snprintf(v[i].name, sizeof(v[i].name), "%s", name);
	snprintf(v[i].state, sizeof(v[i].state), "%s", state);
}

static void note(struct live *l, const char *text)
{
	if (!l->terminal) {
		fprintf(l->f, "%s\n", text);
		fflush(l->f);
		return;
	}
	if (l->n_notes == MAX_NOTES)
		memmove(l->notes[0], l->notes[1],
			sizeof(l->notes) - sizeof(l->notes[0]));
	else
		l->n_notes++;
	snprintf(l->notes[l->n_notes - 1], ITEM_TEXT, "%.*s",
		 ITEM_TEXT - 1, text);
}

static void on_fault(struct live *l, const json_t *e, char *text, size_t size)
{
	const char *name = json_str(e, "name", "?");
	const char *to = json_str(e, "to", "?");

	if (l->blind)
		return;
	put_item(l->faults, &l->n_faults, name, to);
	if (strcmp(to, json_str(e, "from", "")) == 0)
		return;
	snprintf(text, size, "fault %s (%s): %s%s%s", name,
		 json_str(e, "kind", "?"), to,
		 json_at(e, "why") ? ", " : "", json_str(e, "why", ""));
}

static void on_alert(struct live *l, const json_t *e, char *text, size_t size)
{
	put_item(l->alerts, &l->n_alerts, json_str(e, "name", "?"),
		 json_str(e, "state", "?"));
	snprintf(text, size, "alert %s: %s (%s)", json_str(e, "name", "?"),
		 json_str(e, "state", "?"), json_str(e, "explain", ""));
}

static void on_threshold(struct live *l, const json_t *e, char *text,
			 size_t size)
{
	bool final = json_flag(e, "final", false);
	bool missing = json_flag(e, final ? "missed" : "missing", false);

	put_item(l->thresholds, &l->n_thresholds, json_str(e, "name", "?"),
		 missing ? "missed" : "held");
	if (!final)
		snprintf(text, size, "threshold %s: %s (%s)",
			 json_str(e, "name", "?"),
			 missing ? "missed" : "holds again",
			 json_str(e, "explain", ""));
}

static void on_step(struct live *l, const json_t *e, char *text, size_t size)
{
	(void)l;
	snprintf(text, size, "step %s: %s%s%s", json_str(e, "step", "?"),
		 json_str(e, "to", "?"), json_at(e, "why") ? ", " : "",
		 json_str(e, "why", ""));
}

static void on_milestone(struct live *l, const json_t *e, char *text,
			 size_t size)
{
	char at[UNITS_TEXT];

	/* When a fault was seen to bite is the fault's, too. */
	if (l->blind && strcmp(json_str(e, "name", ""), MS_EFFECTIVE) == 0)
		return;
	if (l->traffic && strcmp(json_str(e, "name", ""), MS_START) == 0)
		return;
	snprintf(text, size, "== %s at %s (%s)", json_str(e, "name", "?"),
		 at_clock(l, (nsec_t)(json_num(e, "at_s", 0) * 1e9), at),
		 json_str(e, "source", "?"));
}

static void on_level(struct live *l, const json_t *e, char *text, size_t size)
{
	(void)l;
	snprintf(text, size, "level %g: %s%s (%d of %d windows), %.1f/s",
		 json_num(e, "load", 0),
		 json_flag(e, "is_good", false) ? "good" : "bad",
		 json_flag(e, "sure", false) ? "" : ", in doubt",
		 (int)json_int64(e, "good", 0),
		 (int)(json_int64(e, "good", 0) + json_int64(e, "bad", 0)),
		 json_num(e, "throughput", 0));
}

static void on_effect(struct live *l, const json_t *e, char *text, size_t size)
{
	if (!l->blind)
		snprintf(text, size, "fault %s %s: %s",
			 json_str(e, "name", "?"),
			 json_flag(e, "bit", false) ? "bites"
						    : "did not bite",
			 json_str(e, "explain", ""));
}

static void on_state(struct live *l, const json_t *e, char *text, size_t size)
{
	const char *to = json_str(e, "to", "?"), *why = json_str(e, "why", "");

	/* Of traffic alone its end is all there is to say. */
	if (!l->traffic)
		snprintf(text, size, "drill: %s (%s)", to, why);
	else if (strcmp(to, "reverting") == 0)
		snprintf(text, size, "over: %s", why);
}

static const struct {
	const char *ev;
	void (*fn)(struct live *l, const json_t *e, char *text, size_t size);
} handlers[] = {
	{ "alert", on_alert },	       { "effect", on_effect },
	{ "fault", on_fault },	       { "level", on_level },
	{ "milestone", on_milestone }, { "state", on_state },
	{ "step", on_step },	       { "threshold", on_threshold },
};

static void on_event(struct live *l, const json_t *e)
{
	const char *ev = json_str(e, "ev", "");
	char text[ITEM_TEXT] = "", line[ITEM_TEXT + 32], at[UNITS_TEXT];

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (strcmp(handlers[i].ev, ev) == 0)
			handlers[i].fn(l, e, text, sizeof(text));
	if (!text[0])
		return;
	snprintf(line, sizeof(line), "%s  %s",
		 at_clock(l, (nsec_t)(json_num(e, "t", 0) * 1e9), at), text);
	note(l, line);
}

/* The narrowest limiter: the link's pool where one is set, else the shop's. */
static void read_pool(struct live *l, const json_t *p)
{
	double link = json_num(p, "link.db.size", NAN);

	if (link > 0) {
		l->active = json_num(p, "link.db.in_flight", NAN);
		l->size = link;
	} else {
		l->active = json_num(p, "pool.active", NAN);
		l->size = json_num(p, "pool.max", NAN);
	}
}

static char *whole(double v, char *dst)
{
	if (isnan(v))
		snprintf(dst, UNITS_TEXT, "-");
	else
		snprintf(dst, UNITS_TEXT, "%.0f", v);
	return dst;
}

/* The pool and the lag, where a probe or a link tells of them. */
static const char *pool_text(const struct live *l, char *dst, size_t size)
{
	char active[UNITS_TEXT], max[UNITS_TEXT], lag[UNITS_TEXT];
	size_t n = 0;

	*dst = '\0';
	if (!isnan(l->active) || !isnan(l->size))
		n = (size_t)snprintf(dst, size, "pool %s/%s  ",
				     whole(l->active, active),
				     whole(l->size, max));
	if (!isnan(l->lag) && n < size)
		snprintf(dst + n, size - n, "lag %s  ", whole(l->lag, lag));
	return dst;
}

/* Of traffic to the last stage; graceful_stop is seldom used up. */
static nsec_t until_end(const struct live *l, nsec_t t)
{
	const struct plan *p = l->plan;
	nsec_t end = p->conf.duration;

	if (l->traffic && !p->options.find && load_conf_end(p->load) > 0)
		end = load_conf_end(p->load);
	return end > t ? end - t : 0;
}

static void status_text(const struct live *l, char *dst, size_t size)
{
	nsec_t t = (l->second + 1) * NSEC_SEC;
	nsec_t left = until_end(l, t);
	char at[UNITS_TEXT], togo[UNITS_TEXT], p95[UNITS_TEXT], pool[80];

	units_fmt_ms(p95, isnan(l->p95) ? 0 : (nsec_t)(l->p95 * 1e9));
	units_fmt_mmss(togo,
		       (nsec_t)((double)left / l->plan->options.speed));
	snprintf(dst, size,
		 "%s  users %4.0f  tps %4.0f  p95 %8s  errors %5.1f %%  "
		 "%s%s  %s%s to go",
		 at_clock(l, t, at), l->users, l->throughput,
		 isnan(l->p95) ? "-" : p95,
		 isnan(l->errors) ? 0 : l->errors * 100,
		 pool_text(l, pool, sizeof(pool)), l->bad ? l->why : "ok",
		 l->traffic ? "" : "at most ", togo);
}

static void row(struct live *l, int columns, const char *text)
{
	fprintf(l->f, "\033[2K%.*s\n", columns - 1, text);
	l->rows++;
}

static void items_row(struct live *l, int columns, const char *label,
		      const struct item *v, size_t n)
{
	char text[512];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", label);

	for (size_t i = 0; i < n && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "  %s: %s", v[i].name, v[i].state);
	if (n == 0)
		snprintf(text + used, sizeof(text) - used, "  none");
	row(l, columns, text);
}

static void draw(struct live *l)
{
	struct winsize w = { .ws_col = 100 };
	char text[320];

	ioctl(fileno(l->f), TIOCGWINSZ, &w);
	if (w.ws_col < 20)
		w.ws_col = 100;
	if (l->rows > 0)
		fprintf(l->f, "\033[%dA", l->rows);
	l->rows = 0;
	status_text(l, text, sizeof(text));
	row(l, w.ws_col, text);
	if (!l->blind && l->plan->n_faults > 0)
		items_row(l, w.ws_col, "faults", l->faults, l->n_faults);
	if (l->plan->n_faults > 0 || l->n_alerts > 0)
		items_row(l, w.ws_col, "alerts", l->alerts, l->n_alerts);
	if (watch_conf_thresholds(l->plan->watch) > 0)
		items_row(l, w.ws_col, "thresholds", l->thresholds,
			  l->n_thresholds);
	for (size_t i = 0; i < l->n_notes; i++)
		row(l, w.ws_col, l->notes[i]);
	fflush(l->f);
}

static void on_gauges(struct live *l, const json_t *p)
{
	nsec_t now = clock_mono();
	char text[320];

	l->second = json_int64(p, "t", 0);
	l->users = json_num(p, "users", 0);
	l->p95 = json_num(p, "p95_s", NAN);
	l->errors = json_num(p, "errors", NAN);
	l->throughput = json_num(p, "throughput", 0);
	l->lag = json_num(p, "kafka.lag", NAN);
	l->bad = json_flag(p, "bad", false);
	snprintf(l->why, sizeof(l->why), "bad: %s", json_str(p, "why", ""));
	read_pool(l, p);
	/* A line a second, also of seconds that come a little early. */
	if (now - l->drawn < (l->terminal ? 200 : 900) * NSEC_MS)
		return;
	l->drawn = now;
	if (l->terminal) {
		draw(l);
		return;
	}
	status_text(l, text, sizeof(text));
	fprintf(l->f, "%s\n", text);
	fflush(l->f);
}

void live_line(void *arg, const char *file, const char *line)
{
	struct live *l = arg;
	json_t *root = NULL;

	if (strncmp(line, "{\"kind\":\"api\"", 13) == 0)
		return;
	if (json_parse(line, strlen(line), &root, NULL) < 0)
		return;
	if (strcmp(file, EVENTS_FILE) == 0)
		on_event(l, root);
	else
		on_gauges(l, root);
	json_decref(root);
}

void live_free(struct live *l)
{
	if (!l)
		return;
	if (l->terminal && l->second != 0)
		draw(l);
	mem_free(l);
}
