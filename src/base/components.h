/* Strongly connected components of a graph: which nodes lead to each other. */
#pragma once
#include "base/error.h"

#include <stdint.h>

/* Edges of node i are to[first[i]] … to[first[i + 1] - 1]. Fills ret_component, by node, with numbers from 1 on: two nodes have the
 * same one if each can be reached from the other. Linear in nodes and edges, without recursion (Tarjan). */
struct hb_error *hb_components_find(uint32_t nnodes, const uint64_t *first, const uint32_t *to,
                                    uint32_t *ret_component) HB_MUST_CHECK;
