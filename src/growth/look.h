/* What the parts of a look share: how one population is read again. */
#pragma once
#include "growth/growth.h"
#include "growth/peek.h"

/* Elements of one sample, as they lie in the target: n of `size` bytes. */
struct hb_elements {
	HB_VEC(uint8_t) bytes;
	uint64_t size;
	size_t n;
	bool with_value; /* a word of the map's element follows the key */
	bool nomem;
};
/* Appends one element; false when there are too many, or no memory. */
bool hb_elements_add(struct hb_elements *elements, const uint8_t *bytes);

/* Reads a map's header; and when elements is not NULL the keys of its sample, whose place is chosen when it is not yet.
 * False: there is no map (any more) that makes sense, or a page was missing. */
bool hb_look_at_map(struct hb_peek *peek, const struct hb_population *population, struct hb_sample_place *place,
                    struct hb_elements *elements, struct hb_counted *ret);

/* The same of slices and channels. */
bool hb_look_at_slice(struct hb_peek *peek, const struct hb_types *types, const struct hb_population *population,
                      struct hb_sample_place *place, struct hb_elements *elements, struct hb_counted *ret);
bool hb_look_at_channel(struct hb_peek *peek, const struct hb_types *types, const struct hb_population *population,
                        struct hb_sample_place *place, struct hb_elements *elements, struct hb_counted *ret);
/* And of what is walked node by node. */
bool hb_look_at_nodes(struct hb_peek *peek, const struct hb_growth *growth, const struct hb_population *population,
                      struct hb_sample_place *place, struct hb_elements *elements, struct hb_counted *ret);
/* Bytes of an element of its sample. */
uint64_t hb_population_element(const struct hb_types *types, const struct hb_population *population);

/* What elements are: keys by their contents, of strings and interfaces in them the contents count, whatever their addresses;
 * elements of arrays by the pointers in them, if there are any. One id each, rising. */
struct hb_error *hb_elements_identify(struct hb_peek *peek, const struct hb_types *types,
                                      const struct hb_population *population, const struct hb_elements *elements,
                                      struct hb_counted *ret) HB_MUST_CHECK;
