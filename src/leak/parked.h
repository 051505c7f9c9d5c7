/* Where each goroutine waits, as far as the program's own code and package net/http are concerned. */
#pragma once
#include "golang/goroutines.h"

enum hb_parked_flags {
	HB_PARKED_READ_LOOP = 1,  /* right in net/http.(*persistConn).readLoop, outside the runtime */
	HB_PARKED_ROUND_TRIP = 2, /* below net/http.(*persistConn).roundTrip: a request that waits for its answer */
	HB_PARKED_SERVES = 4,     /* below net/http.(*conn).serve: it belongs to a client */
};

struct hb_parked {
	uint32_t goroutine; /* index in goroutines.list */
	uint32_t flags;     /* enum hb_parked_flags */
	uint64_t pc; /* in the innermost function that is neither the runtime's nor of the standard library; 0: none */
};
struct hb_parked_list {
	HB_VEC(struct hb_parked) list; /* of waiting goroutines that are not the runtime's own, by id */
};

struct hb_analysis;
struct hb_finding;
/* Nothing when there are fewer than `least` goroutines. */
struct hb_error *hb_parked_read(const struct hb_analysis *analysis, size_t least,
                                struct hb_parked_list *ret) HB_MUST_CHECK;
void hb_parked_deinit(struct hb_parked_list *waits);

/* What waits at one place, by n waits in any order: ids, where they were created and wait, into the finding. */
struct hb_error *hb_parked_describe(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                    struct hb_finding *finding) HB_MUST_CHECK;

/* The outermost root node of a waiting goroutine (its group), HB_ROOT_NONE unknown. */
uint32_t hb_parked_node(const struct hb_analysis *analysis, const struct hb_parked *wait);
/* The holder that stands for a waiting goroutine: "goroutines created by main.serve". */
struct hb_error *hb_parked_holder(const struct hb_analysis *analysis, const struct hb_parked *wait,
                                  struct hb_finding *finding) HB_MUST_CHECK;
/* Bytes of the heap that only they hold. */
uint64_t hb_parked_bytes(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n);

/* Their stacks, which are not of the heap, as evidence. */
struct hb_error *hb_parked_say_stacks(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                      struct hb_finding *finding) HB_MUST_CHECK;

/* For how long, in seconds, the n goroutines have waited: of those of which the runtime has noted it, which it does when it
 * collects garbage. known 0: of none. */
struct hb_parked_ages {
	size_t known;
	uint64_t least_s, median_s, most_s;
};
struct hb_error *hb_parked_ages(const struct hb_analysis *analysis, const struct hb_parked *waits, size_t n,
                                struct hb_parked_ages *ret) HB_MUST_CHECK;
/* As evidence, when it is known. */
struct hb_error *hb_parked_say_ages(const struct hb_parked_ages *ages, size_t n,
                                    struct hb_finding *finding) HB_MUST_CHECK;

/* By place (creation, pc, wait reason), then id: for grouping. */
int hb_parked_compare_place(const struct hb_analysis *analysis, const struct hb_parked *a, const struct hb_parked *b);
void hb_parked_sort(const struct hb_analysis *analysis, struct hb_parked *waits, size_t n);
