/* SPDX-License-Identifier: Apache-2.0 */
/* How templates write numbers: clock, span, ms, percent, count, measure … */
#ifndef GD_REPORT_FILTERS_H
#define GD_REPORT_FILTERS_H

#include "chaos/report/template.h"

extern const struct template_filter report_filters[];

#endif
