/* Where variables begin and end on a stripped binary.
 *
 * The linker sorts the symbols of a data section by size (cmd/link/internal/ld/data.go, dodataSect, 1.18-1.27), so the
 * sizes that types tell bound all others: what lies between two variables of 24 bytes is variables of 24 bytes.
 */
#include "golang/names_internal.h"

#include <string.h>

/* Pieces whose type tells their size: one, or n of a type side by side that one function refers to. Those may be variables
 * that init sets, or the elements of an array: as one witness they do not outvote others. */
struct known {
	uint64_t addr, size, n;
	uint64_t type;
	uint32_t user; /* ftab index, UINT32_MAX: several */
};
struct layout {
	struct hb_naming *naming;
	HB_VEC(struct known) known;     /* sizes do not decrease */
	HB_VEC(struct hb_piece) pieces; /* the result */
};

uint64_t hb_naming_alignment(uint64_t size)
{
	return size >= 32 ? 32 : size >= 16 ? 16 : 8;
}

static uint64_t stride(uint64_t size)
{
	return (size + hb_naming_alignment(size) - 1) & ~(hb_naming_alignment(size) - 1);
}

/* Keeps the longest run of sizes that do not decrease: what contradicts most others is wrong, as the type of a first
 * field is. Patience sorting; ends[i] is the last of the best run of length i + 1. */
static struct hb_error *drop_contradictions(struct layout *layout)
{
	size_t n = layout->known.len, longest = 0;
	if (!n)
		return NULL;
	hb_autofree size_t *ends = calloc(n, sizeof(*ends));
	hb_autofree size_t *before = calloc(n, sizeof(*before));
	if (!ends || !before)
		return hb_error_nomem();
	struct known *list = layout->known.data;
	for (size_t i = 0; i < n; i++) {
		size_t low = hb_partition_point(longest, middle, list[ends[middle]].size <= list[i].size);
		before[i] = low ? ends[low - 1] : SIZE_MAX;
		ends[low] = i;
		longest = hb_max(longest, low + 1);
	}
	/* The chosen ones, from the last to the first, then in place. */
	for (size_t at = ends[longest - 1], to = longest; to--; at = before[at])
		ends[to] = at;
	for (size_t i = 0; i < longest; i++)
		list[i] = list[ends[i]];
	layout->known.len = longest;
	return NULL;
}

/* The runtime's large structs (mheap_, work, sched) are referred to by their fields, which look like small variables.
 */
static bool is_runtime_part(const struct hb_naming *naming, uint64_t addr)
{
	size_t first, last;
	struct hb_go_func func;
	hb_naming_refs(naming, addr, addr + 8, &first, &last);
	return first < last &&
	       hb_go_func_by_index(naming->go, naming->module, naming->facts->refs.data[first].func, &func) &&
	       !strncmp(func.name, "runtime.", 8);
}

static bool is_aligned(const struct hb_naming *naming, uint64_t addr, uint64_t type)
{
	return addr % hb_naming_alignment(naming->types->list[hb_types_find(naming->types, type)].size) == 0;
}

/* Does the code say that a value of this type lies there, whatever else speaks against it? */
static bool has_vote(const struct hb_naming *naming, uint64_t addr, uint64_t type)
{
	const struct hb_code_vote *votes = naming->facts ? naming->facts->votes.data : NULL;
	size_t n = votes ? naming->facts->votes.len : 0;
	size_t low = hb_partition_point(n, i, votes[i].data < addr || (votes[i].data == addr && votes[i].type < type));
	for (; low < n && votes[low].data == addr && votes[low].type == type; low++)
		if (votes[low].shape == HB_CODE_VALUE)
			return true;
	return false;
}

/* Values of one type, some of them where no variable of it can begin, are parts of something larger: a field of the elements
 * of an array. The next ones of that type are, too. */
static bool is_repeated_part(const struct hb_naming *naming, size_t at)
{
	enum { REACH = 32 }; /* pieces */
	const struct hb_piece *list = naming->pieces.data;
	size_t end = hb_min(at + REACH, naming->pieces.len);
	for (size_t i = at < REACH ? 0 : at - REACH; i < end; i++)
		if (!is_aligned(naming, list[i].addr, list[at].type) &&
		    (list[i].type == list[at].type || has_vote(naming, list[i].addr, list[at].type)))
			return true;
	return false;
}

/* The one function that refers to these bytes; UINT32_MAX when there are several or none. */
static uint32_t only_user(const struct hb_naming *naming, uint64_t addr, uint64_t size)
{
	size_t first, last;
	hb_naming_refs(naming, addr, addr + size, &first, &last);
	for (size_t i = first; i < last; i++)
		if (naming->facts->refs.data[i].func != naming->facts->refs.data[first].func)
			return UINT32_MAX;
	return first < last ? naming->facts->refs.data[first].func : UINT32_MAX;
}

static bool continues(const struct known *run, const struct known *next)
{
	return run->addr + run->n * run->size == next->addr && run->type == next->type && run->user == next->user &&
	       run->user != UINT32_MAX;
}

static struct hb_error *collect_known(struct layout *layout, uint64_t start, uint64_t end)
{
	const struct hb_naming *naming = layout->naming;
	layout->known.len = 0;
	for (size_t i = 0; i < naming->pieces.len; i++) {
		const struct hb_piece *piece = &naming->pieces.data[i];
		uint32_t id = piece->type ? hb_types_find(naming->types, piece->type) : 0;
		uint64_t size = naming->types->list[id].size;
		if (!id || piece->addr < start || piece->addr >= end || !is_aligned(naming, piece->addr, piece->type) ||
		    is_repeated_part(naming, i) || is_runtime_part(naming, piece->addr))
			continue;
		struct known known = {piece->addr, size, 1, piece->type, only_user(naming, piece->addr, size)};
		if (layout->known.len && continues(&layout->known.data[layout->known.len - 1], &known))
			layout->known.data[layout->known.len - 1].n++;
		else
			HB_VEC_PUSH(&layout->known, known);
	}
	return drop_contradictions(layout);
}

/* One type of a first field among the known ones does no harm. */
enum { WITNESSES = 3 };

/* The variable that addr is in, as far as its neighbours tell. False: only *most, the size that it cannot exceed. */
static bool locate(const struct layout *layout, uint64_t addr, uint64_t *start, uint64_t *most)
{
	const struct known *list = layout->known.data;
	size_t low = hb_partition_point(layout->known.len, i, list[i].addr <= addr);
	/* list[low − 1] begins at or below addr, list[low] above. */
	if (low && addr - list[low - 1].addr < list[low - 1].size * list[low - 1].n) {
		*start = addr - (addr - list[low - 1].addr) % list[low - 1].size;
		*most = list[low - 1].size;
		return true;
	}
	*most = layout->known.len - low >= WITNESSES ? list[low + WITNESSES - 1].size : UINT64_MAX;
	if (!low || low == layout->known.len || list[low - 1].size != list[low].size)
		return false;
	*most = list[low].size;
	uint64_t step = stride(*most);
	if ((list[low].addr - list[low - 1].addr) % step)
		return false;
	*start = list[low - 1].addr + (addr - list[low - 1].addr) / step * step;
	/* What an initial value points to begins there; without a symbol it is aligned as its type asks for only. */
	size_t first, last;
	hb_naming_pointers(layout->naming, addr, addr + 1, &first, &last);
	return addr == *start || (addr - *start < *most && first == last);
}

/* Appends a variable behind what there is; what lies between is nobody's. */
static struct hb_error *append(struct layout *layout, uint64_t start, uint64_t end, uint64_t type, uint64_t *cursor)
{
	if (start < *cursor) {
		start = *cursor;
		type = 0;
	}
	if (start >= end)
		return NULL;
	if (start > *cursor)
		HB_VEC_PUSH(&layout->pieces, (struct hb_piece){
		                                     .addr = *cursor,
		                                     .size = start - *cursor,
		                                     .source = HB_PIECE_UNKNOWN,
		                             });
	HB_VEC_PUSH(&layout->pieces, (struct hb_piece){
	                                     .addr = start,
	                                     .size = end - start,
	                                     .type = type,
	                                     .source = HB_PIECE_UNKNOWN,
	                             });
	*cursor = end;
	return NULL;
}

/* A type that contradicts the sizes around it is that of a first field or element. */
static bool is_contradicted(const struct layout *layout, const struct hb_piece *piece)
{
	const struct known *list = layout->known.data;
	uint64_t size = layout->naming->types->list[hb_types_find(layout->naming->types, piece->type)].size;
	size_t low = hb_partition_point(layout->known.len, i, list[i].addr < piece->addr);
	return (low < layout->known.len && list[low].addr != piece->addr && list[low].size < size) ||
	       (low && list[low - 1].size > size);
}

/* Replaces the pieces of a section, cut where code and data refer, by variables as they must lie. */
static struct hb_error *lay_out(struct layout *layout, uint64_t section, uint64_t section_end)
{
	struct hb_naming *naming = layout->naming;
	TRY(collect_known(layout, section, section_end));
	uint64_t cursor = 0, end = 0;
	for (size_t i = 0; i < naming->pieces.len; i++) {
		struct hb_piece *piece = &naming->pieces.data[i];
		if (piece->addr < section || piece->addr >= section_end)
			continue;
		if (piece->type && is_contradicted(layout, piece))
			piece->type = 0;
		if (!cursor)
			cursor = piece->addr;
		uint64_t start, most;
		end = piece->addr + piece->size;
		if (locate(layout, piece->addr, &start, &most)) {
			uint64_t type = start == piece->addr ? piece->type : 0;
			TRY(append(layout, start, hb_min(start + most, section_end), type, &cursor));
		} else {
			most = hb_min((hb_min(most, piece->size) + 7) & ~7ull, piece->size);
			TRY(append(layout, piece->addr, piece->addr + most, piece->type, &cursor));
		}
	}
	return append(layout, end, end, 0, &cursor);
}

struct hb_error *hb_naming_lay_out(struct hb_naming *naming)
{
	if (!naming->types)
		return NULL;
	for (size_t i = 0; i < naming->pieces.len; i++)
		if (naming->pieces.data[i].source != HB_PIECE_UNKNOWN) /* symbols say it all */
			return NULL;
	const struct hb_go_module *module = naming->module;
	struct layout layout = {.naming = naming};
	struct hb_error *err = lay_out(&layout, module->data, module->edata);
	if (!err)
		err = lay_out(&layout, module->bss, module->ebss);
	hb_vec_deinit(&layout.known);
	if (err) {
		hb_vec_deinit(&layout.pieces);
		return err;
	}
	hb_vec_deinit(&naming->pieces);
	naming->pieces.data = layout.pieces.data;
	naming->pieces.len = layout.pieces.len;
	naming->pieces.cap = layout.pieces.cap;
	return NULL;
}
