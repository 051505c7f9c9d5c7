/* Where a population hangs in the graph of the first analysis. */
#pragma once
#include "growth/growth.h"

/* The object that the population's elements hang on: the header, the array of a slice, the first node; 0: none is reached. */
uint32_t hb_population_head(const struct hb_growth *growth, const struct hb_population *population);
/* What would be freed without it. */
uint64_t hb_population_bytes(const struct hb_growth *growth, const struct hb_population *population);
/* Its root node, HB_ROOT_NONE unknown. */
uint32_t hb_population_root(const struct hb_growth *growth, const struct hb_population *population);

/* The header of the outermost map that a map is a value in, of a value in, …; its own header when it is in none. */
uint32_t hb_map_outermost(const struct hb_analysis *analysis, uint32_t header);
/* A map of maps, or a map in one. */
bool hb_population_is_nested(const struct hb_growth *growth, const struct hb_population *population);
