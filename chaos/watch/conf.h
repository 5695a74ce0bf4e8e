/* SPDX-License-Identifier: Apache-2.0 */
/* Watch's sections as read; between the files of chaos/watch only. */
#ifndef GD_WATCH_CONF_H
#define GD_WATCH_CONF_H

#include "chaos/watch/detector.h"
#include "chaos/watch/probe.h"
#include "chaos/watch/threshold.h"
#include "chaos/watch/watch.h"

struct watch_conf {
	struct watch_slo slo;
	struct detector_conf *detectors;
	const struct scenario_section **detector_sections;
	size_t n_detectors;
	struct threshold_conf *thresholds;
	size_t n_thresholds;
	struct probe_conf *probes;
	size_t n_probes;
	char *severity;
	nsec_t stable_for;
};

/* conf_detect.c */
void watch_conf_read_detectors(struct watch_conf *c, const struct scenario *sc,
			       struct errs *errs);
void watch_conf_free_detectors(struct watch_conf *c);

/* conf_threshold.c */
void watch_conf_read_thresholds(struct watch_conf *c, const struct scenario *sc,
				struct errs *errs);
void watch_conf_free_thresholds(struct watch_conf *c);

#endif
