/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target defines; libFuzzer or tests/fuzz/main.c drives it. */
#ifndef GD_FUZZ_H
#define GD_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
