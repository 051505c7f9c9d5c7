/* Parts of hb_growth_create(): each appends populations of its kind. */
#pragma once
#include "growth/growth.h"

/* populations_fields.c: slices, lists and maps of the standard library inside of globals and objects */
struct hb_error *hb_populations_of_fields(struct hb_growth *growth) HB_MUST_CHECK;
/* piles.c: goroutines that wait, by place; then, one look at all goroutines while the program runs, into ret[], one a pile;
 * *alive: how many there are, 0 unknown. */
struct hb_error *hb_piles_create(struct hb_growth *growth) HB_MUST_CHECK;
struct hb_error *hb_piles_look(struct hb_growth *growth, struct hb_target *target, struct hb_counted *ret,
                               uint64_t *alive) HB_MUST_CHECK;
/* populations_linked.c: nodes of the program's own types that lead to others of their type */
struct hb_error *hb_populations_of_links(struct hb_growth *growth) HB_MUST_CHECK;
