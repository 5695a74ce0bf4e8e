/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives a fuzz target where there is no libFuzzer: replays the files that it
 * is given, and with -runs=N goes on with mutations of them (-seed=S).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/base/buf.h"
#include "chaos/base/mem.h"
#include "chaos/base/rng.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_FUZZED = 32768 };

static void mutate(struct rng *rng, uint8_t *data, size_t *len)
{
	static const uint8_t likely[] = {0, 1, 2, 0x7f, 0x80, 0xff, 'a', 'Z'};
	uint64_t n = 1 + rng_below(rng, 8);

	while (n--) {
		size_t at = *len ? rng_below(rng, *len) : 0;

		switch (rng_below(rng, 4)) {
		case 0: /* another byte */
			if (*len)
				data[at] = (uint8_t)rng_next(rng);
			break;
		case 1: /* one that matters */
			if (*len)
				data[at] = likely[rng_below(rng, 8)];
			break;
		case 2: /* shorter */
			*len = at;
			break;
		case 3: /* a piece again */
			if (*len && *len * 2 - at < SIZE_MAX_FUZZED) {
				memmove(data + *len, data + at, *len - at);
				*len += *len - at;
			}
			break;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long runs = 0, seed = 1;
	struct buf *files = mem_calloc((size_t)argc, sizeof(*files));
	size_t n = 0;
	struct rng rng;
	struct err err;

	for (int i = 1; i < argc; i++) {
		if (sscanf(argv[i], "-runs=%lu", &runs) == 1 ||
		    sscanf(argv[i], "-seed=%lu", &seed) == 1)
			continue;
		buf_init(&files[n], SIZE_MAX_FUZZED);
		if (buf_read_file(&files[n], argv[i], &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			return 1;
		}
		(void)LLVMFuzzerTestOneInput((uint8_t *)files[n].data,
					     files[n].len);
		n++;
	}
	rng_init(&rng, seed, 0);
	for (unsigned long run = 0; run < runs; run++) {
		uint8_t data[SIZE_MAX_FUZZED];
		size_t len = rng_below(&rng, 64);
		const struct buf *from = n ? &files[rng_below(&rng, n)] : NULL;

		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)rng_next(&rng);
		if (from && rng_below(&rng, 8)) {
			len = from->len;
			memcpy(data, from->data, len);
		}
		mutate(&rng, data, &len);
		(void)LLVMFuzzerTestOneInput(data, len);
	}
	for (size_t i = 0; i < n; i++)
		buf_done(&files[i]);
	mem_free(files);
	printf("%zu files, %lu runs\n", n, runs);
	return 0;
}
