#include "heap/roots.h"

void hb_roots_deinit(struct hb_roots *roots)
{
	hb_vec_deinit(&roots->nodes);
	hb_vec_deinit(&roots->edges);
	hb_vec_deinit(&roots->cut_targets);
	hb_arena_deinit(&roots->arena);
}

size_t hb_roots_first_edge(const struct hb_roots *roots, uint32_t node)
{
	return hb_partition_point(roots->edges.len, i, roots->edges.data[i].node < node);
}

bool hb_roots_are_valid(const struct hb_roots *roots)
{
	if (roots->nodes.len >= HB_ROOT_NONE)
		return false;
	uint8_t phase = 0;
	for (size_t i = 0; i < roots->nodes.len; i++) {
		const struct hb_root_node *node = &roots->nodes.data[i];
		if (node->phase < phase || node->phase >= HB_ROOT_PHASES)
			return false;
		if (node->parent != HB_ROOT_NONE && node->parent >= i)
			return false;
		phase = node->phase;
	}
	uint32_t last = 0;
	for (size_t i = 0; i < roots->edges.len; i++) {
		uint32_t node = roots->edges.data[i].node;
		if (node < last || node >= roots->nodes.len)
			return false;
		last = node;
	}
	for (size_t i = 1; i < roots->cut_targets.len; i++)
		if (roots->cut_targets.data[i] < roots->cut_targets.data[i - 1])
			return false;
	return true;
}
