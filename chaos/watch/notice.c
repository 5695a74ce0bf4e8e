/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of alerts. What is of a wrong type is left out or refused. */
#include "chaos/watch/notice.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chaos/base/json.h"
#include "chaos/base/mem.h"

void notices_done(struct notices *n)
{
	for (size_t i = 0; i < n->n; i++) {
		mem_free(n->v[i].name);
		mem_free(n->v[i].severity);
		mem_free(n->v[i].key);
	}
	mem_free(n->v);
	*n = (struct notices){ 0 };
}

/* "+09:00" or "Z" in seconds; 0 too where there is none. */
static long zone_s(const char *s)
{
	int h, m;
	char sign;

	if (sscanf(s, "%c%2d:%2d", &sign, &h, &m) != 3 ||
	    (sign != '+' && sign != '-'))
		return 0;
	return (sign == '-' ? -1L : 1L) * (h * 3600L + m * 60L);
}

nsec_t notice_time(const char *text)
{
	struct tm tm = { 0 };
	const char *s = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	nsec_t part = 0, unit = NSEC_SEC / 10;
	time_t t;

	if (!s)
		return NSEC_NEVER;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
			part += (*s - '0') * unit;
	t = timegm(&tm) - zone_s(s);
	if (t <= 0 || t > INT32_MAX * 2LL)
		return NSEC_NEVER;
	return (nsec_t)t * NSEC_SEC + part;
}

/* A label's text, cut. */
static char *label(const json_t *labels, const char *name)
{
	const char *s = json_str(labels, name, "");

	return mem_strndup(s, strnlen(s, NOTICE_TEXT_MAX));
}

/* All labels but those of the state, in their order of names. */
static char *key_of(const json_t *labels)
{
	json_t *all = json_deep_copy(labels);
	char *text, *key;

	json_object_del(all, "alertstate");
	json_object_del(all, "__name__");
	text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	key = mem_strdup(text ? text : "");
	free(text);
	json_decref(all);
	return key;
}

/* NULL: it has no name, or there are too many. */
static struct notice *add(struct notices *to, const json_t *labels)
{
	const char *name = json_str(labels, "alertname", "");
	struct notice *n;

	if (!json_is_object(labels) || !*name || to->n == NOTICES_MAX) {
		to->left_out++;
		return NULL;
	}
	(void)mem_grow(to->v, to->n, to->cap);
	n = &to->v[to->n++];
	*n = (struct notice){ .name = label(labels, "alertname"),
			      .severity = label(labels, "severity"),
			      .key = key_of(labels),
			      .active = NSEC_NEVER,
			      .fired = NSEC_NEVER };
	return n;
}

static void add_told(struct notices *to, const json_t *alert,
		     const char *state, const char *firing)
{
	struct notice *n = add(to, json_object_get(alert, "labels"));
	nsec_t ends;

	if (!n)
		return;
	n->fired = notice_time(json_str(alert, "startsAt", ""));
	/* An end before its start is the zero time in another coat. */
	ends = notice_time(json_str(alert, "endsAt", ""));
	n->state = !strcmp(state, firing) ? WATCH_FIRING : WATCH_INACTIVE;
	if (!*state && ends != NSEC_NEVER && n->fired != NSEC_NEVER &&
	    ends > n->fired)
		n->state = WATCH_INACTIVE;
}

int notices_webhook(const char *text, size_t len, struct notices *ret,
		    struct err *err)
{
	const json_t *alerts, *cut;
	json_t *root, *a;
	size_t i;
	int rc = json_parse(text, len, &root, err);

	*ret = (struct notices){ 0 };
	if (rc)
		return rc;
	alerts = json_object_get(root, "alerts");
	if (!json_is_array(alerts)) {
		json_decref(root);
		return err_set(err, -EINVAL, "the webhook has no alerts[] "
			       "(want Alertmanager's version 4, or Grafana's)");
	}
	cut = json_object_get(root, "truncatedAlerts");
	if (json_is_integer(cut) && json_integer_value(cut) > 0)
		ret->left_out = (uint64_t)json_integer_value(cut);
	ret->grafana = json_object_get(root, "orgId") != NULL;
	json_array_foreach(alerts, i, a)
		add_told(ret, a, json_str(a, "status", ""), "firing");
	json_decref(root);
	return 0;
}

int notices_api(const char *text, size_t len, struct notices *ret,
		struct err *err)
{
	json_t *root, *a;
	size_t i;
	int rc = json_parse(text, len, &root, err);

	*ret = (struct notices){ 0 };
	if (rc)
		return rc;
	if (!json_is_array(root)) {
		json_decref(root);
		return err_set(err, -EINVAL,
			       "the answer is no list of alerts (API v2)");
	}
	json_array_foreach(root, i, a)
		/* A silenced one pages nobody. */
		add_told(ret, a, json_str(a, "status/state", "active"),
			 "active");
	json_decref(root);
	return 0;
}

/* data.result of a query that went well; NULL with *err. */
static const json_t *result_of(const json_t *root, struct err *err)
{
	const json_t *result = json_at(root, "data/result");

	if (strcmp(json_str(root, "status", ""), "success") != 0) {
		err_set(err, -EINVAL, "the query failed: %.200s",
			json_str(root, "error", "it does not say why"));
		return NULL;
	}
	if (!json_is_array(result))
		err_set(err, -EINVAL, "the answer has no data.result[]");
	return json_is_array(result) ? result : NULL;
}

/* [time, "value"] */
static double number_of(const json_t *pair)
{
	const char *text = json_string_value(json_array_get(pair, 1));
	char *end;
	double v;

	if (!text)
		return NAN;
	v = strtod(text, &end);
	return end != text && !*end ? v : NAN;
}

static struct notice *by_key(struct notices *n, const json_t *labels)
{
	AUTO_FREE char *key = key_of(labels);

	for (size_t i = 0; i < n->n; i++)
		if (!strcmp(n->v[i].key, key))
			return &n->v[i];
	return add(n, labels);
}

static void add_series(struct notices *to, const json_t *series)
{
	const json_t *labels = json_object_get(series, "metric");
	double value = number_of(json_object_get(series, "value"));
	struct notice *n = json_is_object(labels) ? by_key(to, labels) : NULL;

	if (!n || !isfinite(value))
		return;
	if (!strcmp(json_str(labels, "__name__", ""), "ALERTS")) {
		if (!strcmp(json_str(labels, "alertstate", ""), "firing"))
			n->state = WATCH_FIRING;
		else if (n->state == WATCH_INACTIVE)
			n->state = WATCH_PENDING;
	} else if (value > 0 && value < 1e10) {
		n->active = (nsec_t)(value * NSEC_SEC);
	}
}

int notices_query(const char *text, size_t len, struct notices *ret,
		  struct err *err)
{
	const json_t *result;
	json_t *root, *s;
	size_t i;
	int rc = json_parse(text, len, &root, err);

	*ret = (struct notices){ 0 };
	if (rc)
		return rc;
	result = result_of(root, err);
	if (!result)
		rc = -EINVAL;
	json_array_foreach(result, i, s)
		add_series(ret, s);
	json_decref(root);
	return rc;
}

static int one_number(const json_t *root, double *ret, struct err *err)
{
	const json_t *result = result_of(root, err), *pair = result;

	if (!result)
		return -EINVAL;
	if (strcmp(json_str(root, "data/resultType", ""), "scalar") != 0) {
		if (json_array_size(result) == 0)
			return err_set(err, -ENODATA, "no series");
		if (json_array_size(result) > 1)
			return err_set(err, -EINVAL, "%zu series in place of "
				       "one: sum() them",
				       json_array_size(result));
		pair = json_object_get(json_array_get(result, 0), "value");
	}
	*ret = number_of(pair);
	return isfinite(*ret) ? 0 : err_set(err, -ENODATA, "no number");
}

int notice_number(const char *text, size_t len, double *ret, struct err *err)
{
	json_t *root;
	int rc = json_parse(text, len, &root, err);

	if (rc)
		return rc;
	rc = one_number(root, ret, err);
	json_decref(root);
	return rc;
}
