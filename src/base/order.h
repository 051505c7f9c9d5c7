/* Numbers in rising order, for qsort(), bsearch() and comparisons of several fields. */
#pragma once
#include <stdint.h>
#include <stdlib.h>

static inline int hb_order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static inline int hb_compare_u32(const void *a, const void *b)
{
	return hb_order(*(const uint32_t *)a, *(const uint32_t *)b);
}

static inline int hb_compare_u64(const void *a, const void *b)
{
	return hb_order(*(const uint64_t *)a, *(const uint64_t *)b);
}

/* Sorts the part of an HB_VEC from `from` on and drops repetitions. */
#define HB_VEC_SORT_UNIQUE(v, from, compare)                                                       \
	do {                                                                                       \
		size_t start_ = (from), kept_ = start_;                                            \
		if ((v)->len - start_ > 1)                                                         \
			qsort((v)->data + start_, (v)->len - start_, sizeof(*(v)->data), compare); \
		for (size_t i_ = start_; i_ < (v)->len; i_++)                                      \
			if (i_ == start_ || compare(&(v)->data[kept_ - 1], &(v)->data[i_]))        \
				(v)->data[kept_++] = (v)->data[i_];                                \
		(v)->len = kept_;                                                                  \
	} while (0)
