#include "growth/containers.h"
#include "leak/headers.h"

#include <string.h>

enum { MAX_NESTING = 32 };

/* container/list/list.go, 1.18-1.27: List{root Element; len int}, Element{next, prev *Element; list *List; Value any}. */
static void find_list(const struct hb_types *types, struct hb_containers *ret)
{
	uint32_t list = hb_types_by_name(types, "list.List", "container/list");
	uint32_t element = hb_types_by_name(types, "list.Element", "container/list");
	uint64_t root;
	if (hb_types_offset(types, list, "root", 8, &root) && root == 0 &&
	    hb_types_offset(types, list, "len", 8, &ret->list_len) &&
	    hb_types_offset(types, element, "next", 8, &ret->list_next) &&
	    hb_types_offset(types, element, "list", 8, &ret->element_list) &&
	    hb_types_offset(types, element, "Value", 8, &ret->element_value))
		ret->list = list;
}

/* sync/map.go, up to 1.23: mu, read, dirty, misses. read leads to a readOnly, which begins with its map; up to 1.19 it is an
 * atomic.Value: type, pointer. Often the program has a descriptor of the entries alone. */
static void find_sync_map(const struct hb_types *types, struct hb_containers *ret)
{
	bool value = types->go->version.minor < 20;
	uint32_t map = hb_types_by_name(types, "map[interface {}]*sync.entry", NULL);
	uint32_t entry = hb_types_by_name(types, "sync.entry", "sync");
	if (!map || !hb_types_offset(types, entry, "p", 8, &ret->sync_entry))
		return;
	ret->sync_map = hb_types_by_name(types, "sync.Map", "sync");
	ret->sync_map_type = map;
	ret->sync_read = value ? 16 : 8;
	ret->sync_dirty = value ? 24 : 16;
	ret->sync_size = value ? 40 : 32;
}

/* internal/sync/hashtriemap.go, 1.24-1.27: a node's first byte says whether it is an entry. */
static void find_trie(const struct hb_types *types, struct hb_containers *ret)
{
	uint32_t node = hb_types_by_name(types, "sync.indirect[interface {},interface {}]", "internal/sync");
	uint32_t entry = hb_types_by_name(types, "sync.entry[interface {},interface {}]", "internal/sync");
	if (hb_types_offset(types, node, "children", 8, &ret->trie_children) &&
	    hb_types_offset(types, node, "parent", 8, &ret->trie_parent) &&
	    hb_types_offset(types, entry, "overflow", 8, &ret->trie_overflow) &&
	    hb_types_offset(types, entry, "key", 8, &ret->trie_key))
		ret->trie = node;
}

void hb_containers_find(const struct hb_types *types, struct hb_containers *ret)
{
	*ret = (struct hb_containers){.any = hb_types_by_name(types, "interface {}", NULL)};
	find_list(types, ret);
	find_sync_map(types, ret);
	find_trie(types, ret);
}

bool hb_container_at(const struct hb_types *types, const struct hb_containers *containers, uint32_t type,
                     uint64_t offset, struct hb_container *ret)
{
	uint64_t inside = offset;
	for (int depth = 0; depth < MAX_NESTING && type && type < types->n; depth++) {
		const struct hb_type *at = &types->list[type];
		*ret = (struct hb_container){HB_CONTAINER_SLICE, type, offset - inside};
		if (type == containers->list || type == containers->sync_map) {
			ret->kind = type == containers->list ? HB_CONTAINER_LIST : HB_CONTAINER_SYNC_MAP;
			return true;
		}
		if (at->kind == HB_KIND_STRUCT) {
			const struct hb_field *field = hb_types_field_at(types, at, inside);
			if (!field)
				return false;
			inside -= field->offset;
			type = field->type;
		} else if (at->kind == HB_KIND_ARRAY && at->elem && types->list[at->elem].size) {
			inside %= types->list[at->elem].size;
			type = at->elem;
		} else {
			return at->kind == HB_KIND_SLICE && !inside && at->elem && types->list[at->elem].size;
		}
	}
	return false;
}

/* The pointer or slice of pointers at a word. */
static bool links_to(const struct hb_types *types, uint32_t type, uint64_t offset, bool *slice)
{
	struct hb_header header;
	char path[256];
	*slice = hb_header_at(types, type, offset, &header) && !header.is_string;
	uint32_t pointer =
	        *slice ? types->list[header.type].elem : hb_type_path(types, type, offset, path, sizeof(path));
	return pointer && pointer < types->n && types->list[pointer].kind == HB_KIND_POINTER &&
	       types->list[pointer].elem == type;
}

bool hb_links_of(const struct hb_types *types, uint32_t type, struct hb_links *ret)
{
	enum { MAX_NODE = 4096 };
	const struct hb_type *at = &types->list[type];
	*ret = (struct hb_links){0};
	if (at->kind != HB_KIND_STRUCT || !at->mask || at->size > MAX_NODE)
		return false;
	for (uint64_t word = 0; word * 8 < at->ptr_bytes && ret->n < HB_MAX_LINKS; word++) {
		bool slice;
		if ((at->mask[word / 64] >> (word & 63) & 1) && links_to(types, type, word * 8, &slice)) {
			ret->slice[ret->n] = slice;
			ret->at[ret->n++] = word * 8;
		}
	}
	return ret->n;
}
