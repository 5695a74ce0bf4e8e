/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/proxy/filter.h"
const struct filter_ops filter_kafka = {.protocol="kafka",.gate_connections=true};
