/* Building the report model: what its parts share. */
#pragma once
#include "report/report.h"

struct hb_report_builder {
	const struct hb_analysis *analysis;
	struct hb_report *report;
	struct hb_arena *arena; /* of the report */
	uint32_t *class_of;     /* by slot, 0 = untyped */
	const char *const *class_names;
	uint32_t nclasses;
	uint64_t *sampled; /* bit a slot: has an allocation sample; NULL: there are none */
	uint32_t *span_at; /* (slot >> HB_SPAN_STEP) → the span of the first slot of that step */
};
enum { HB_SPAN_STEP = 8 };

/* The span of a slot, faster than by search. */
const struct hb_span *hb_builder_span(const struct hb_report_builder *builder, uint32_t slot);

/* In the report's arena; NULL when out of memory. */
char *hb_builder_type_name(struct hb_report_builder *builder, const char *name);
char *hb_builder_class_name(struct hb_report_builder *builder, uint32_t class);

struct hb_error *hb_build_ledger(struct hb_report_builder *builder) HB_MUST_CHECK;
struct hb_error *hb_build_holders(struct hb_report_builder *builder) HB_MUST_CHECK;
struct hb_error *hb_build_packages(struct hb_report_builder *builder) HB_MUST_CHECK;
struct hb_error *hb_build_types(struct hb_report_builder *builder) HB_MUST_CHECK;
struct hb_error *hb_build_goroutines(struct hb_report_builder *builder) HB_MUST_CHECK;
struct hb_error *hb_build_fds(struct hb_report_builder *builder) HB_MUST_CHECK;
