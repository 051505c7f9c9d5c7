/* Containers that lie inside of other values: slices, and the structs of the standard library that are lists and maps. */
#pragma once
#include "golang/types.h"

struct hb_containers { /* type ids and offsets in this program; a type id of 0: it has none */
	uint32_t list;
	uint64_t list_len, list_next, element_list, element_value; /* list_next: of root, and in an element */
	uint32_t sync_map;                                         /* up to 1.23 */
	uint32_t sync_map_type; /* of dirty, and of what read leads to; it may be there where sync_map is not */
	uint64_t sync_read, sync_dirty, sync_size, sync_entry;
	uint32_t trie; /* a node of what sync.Map is made of since 1.24 */
	uint64_t trie_parent, trie_children, trie_overflow, trie_key;
	uint32_t any;
};
void hb_containers_find(const struct hb_types *types, struct hb_containers *ret);

enum hb_container_kind { HB_CONTAINER_SLICE, HB_CONTAINER_LIST, HB_CONTAINER_SYNC_MAP };

struct hb_container {
	enum hb_container_kind kind;
	uint32_t type; /* of the container itself */
	uint64_t offset;
};
/* The container that a pointer word of a value belongs to, if it does. */
bool hb_container_at(const struct hb_types *types, const struct hb_containers *containers, uint32_t type,
                     uint64_t offset, struct hb_container *ret);

enum { HB_MAX_LINKS = 8 };

/* Where a struct leads to others of its type: the nodes of a list or tree of the program's own. */
struct hb_links {
	uint32_t n;
	uint64_t at[HB_MAX_LINKS];
	bool slice[HB_MAX_LINKS]; /* a slice of pointers to them */
};
bool hb_links_of(const struct hb_types *types, uint32_t type, struct hb_links *ret);
