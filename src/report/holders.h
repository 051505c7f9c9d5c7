/* Holders, their trees and where their memory was allocated: what holders.c, holder_tree.c and holder_sites.c share. */
#pragma once
#include "report/build.h"

struct hb_dominated { /* a set of objects and root nodes, by depth-first number; pointer-free ones are only counted */
	HB_VEC(uint32_t) numbers;
	HB_VEC(uint32_t) samples; /* indices of allocation samples among them */
	uint64_t count, retained_bytes, retained_objects;
};
void hb_dominated_deinit(struct hb_dominated *set);
/* Adds an object by slot. */
struct hb_error *hb_dominated_add(struct hb_report_builder *builder, struct hb_dominated *set,
                                  uint32_t slot) HB_MUST_CHECK;

/* --- holder_tree.c ---------------------------------------------------------------------------------------------- */
struct hb_tree_builder;
struct hb_error *hb_tree_builder_create(struct hb_report_builder *builder, struct hb_tree_builder **ret) HB_MUST_CHECK;
void hb_tree_builder_destroy(struct hb_tree_builder *tree);
/* Makes the rows below a holder, which stands for the members (consumed). */
struct hb_error *hb_tree_grow(struct hb_tree_builder *tree, struct hb_report_holder *holder,
                              struct hb_dominated *members) HB_MUST_CHECK;
/* Fills allocated_at of all rows made so far. */
struct hb_error *hb_tree_allocated_at(struct hb_tree_builder *tree) HB_MUST_CHECK;

/* --- holder_sites.c: which row each sampled object belongs to --------------------------------------------------- */
struct hb_sample_row {
	uint32_t sample, row;
};
struct hb_tree_row {
	struct hb_report_holder *holder;
	uint32_t parent; /* row, 0: a holder */
};
struct hb_tree_rows {
	HB_VEC(struct hb_tree_row) list;     /* row − 1; a row comes after its parent */
	HB_VEC(struct hb_sample_row) leaves; /* samples of pointer-free objects that rows stand for */
	uint32_t *row_of;                    /* by number, 0 none; NULL: there are no samples */
};
struct hb_error *hb_tree_rows_init(struct hb_tree_rows *rows, struct hb_report_builder *builder) HB_MUST_CHECK;
void hb_tree_rows_deinit(struct hb_tree_rows *rows, const struct hb_graph *graph);
struct hb_error *hb_tree_rows_add(struct hb_tree_rows *rows, struct hb_report_holder *holder, uint32_t parent,
                                  const struct hb_dominated *members, uint32_t *ret) HB_MUST_CHECK;
/* A pointer-free object belongs to a row. */
struct hb_error *hb_tree_rows_leaf(struct hb_tree_rows *rows, const struct hb_report_builder *builder, uint32_t slot,
                                   uint32_t row) HB_MUST_CHECK;
struct hb_error *hb_tree_rows_sites(struct hb_tree_rows *rows, struct hb_report_builder *builder) HB_MUST_CHECK;
/* Index of the allocation sample of a slot; false when it has none. */
bool hb_sample_of_slot(const struct hb_report_builder *builder, uint32_t slot, uint32_t *ret);
