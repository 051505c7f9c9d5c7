#include "golang/layout_describe.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* --- layout_fields.def as data ---------------------------------------------------------------------------------- */

/* One STRUCT or FIELD line. The members of struct hb_go_layout follow each other in the same order, all uint32_t. */
struct entry {
	const char *name;     /* the C member */
	const char *go_names; /* NULL: this is the size that a STRUCT line stands for */
	const char *of;       /* Go names of the struct; NULL: another field of the struct before */
};

static const struct entry entries[] = {
#define STRUCT(name, go_name) {#name, NULL, go_name},
#define FIELD(name, go_name)  {#name, go_name, NULL},
#define END(name)
#include "golang/layout_fields.def"
#undef STRUCT
#undef FIELD
#undef END
};
enum { ENTRIES = hb_countof(entries), FIRST = offsetof(struct hb_go_layout, moduledata) };
_Static_assert(FIRST + ENTRIES * sizeof(uint32_t) <= sizeof(struct hb_go_layout) &&
                       FIRST + (ENTRIES + 2) * sizeof(uint32_t) > sizeof(struct hb_go_layout),
               "a layout has a number for each line of layout_fields.def, in the same order");

static uint32_t get(const struct hb_go_layout *layout, size_t entry)
{
	uint32_t value;
	memcpy(&value, (const char *)layout + FIRST + entry * sizeof(value), sizeof(value));
	return value;
}

static void set(struct hb_go_layout *layout, size_t entry, uint32_t value)
{
	memcpy((char *)layout + FIRST + entry * sizeof(value), &value, sizeof(value));
}

#define ENTRY_OF(member) ((offsetof(struct hb_go_layout, member) - FIRST) / sizeof(uint32_t))

/* The lines of a struct are [first, end). */
static size_t end_of(size_t first)
{
	size_t end = first + 1;
	while (end < ENTRIES && entries[end].go_names)
		end++;
	return end;
}

/* --- Looking up ------------------------------------------------------------------------------------------------- */

static const struct hb_layout_field absent = {.offset = HB_ABSENT};

/* "a.b": field b of the struct that field a is. */
static bool field_at_path(const struct hb_layout_source *source, uint64_t of, const char *path, size_t len,
                          struct hb_layout_field *ret)
{
	uint64_t offset = 0;
	for (size_t at = 0; at < len;) {
		size_t n = 0;
		while (at + n < len && path[at + n] != '.')
			n++;
		if (!of || !source->field(source->ctx, of, path + at, n, ret))
			return false;
		offset += ret->offset;
		of = ret->inner;
		at += n + 1;
	}
	ret->offset = offset;
	return true;
}

/* "a|b": the first that there is. */
static struct hb_layout_field find_field(const struct hb_layout_source *source, uint64_t of, const char *names)
{
	struct hb_layout_field field;
	for (const char *at = names;; at += strcspn(at, "|") + 1) {
		if (field_at_path(source, of, at, strcspn(at, "|"), &field) && field.offset < HB_ABSENT)
			return field;
		if (!strchr(at, '|'))
			return absent;
	}
}

static bool find_struct(const struct hb_layout_source *source, const char *names, uint64_t *ret, uint64_t *ret_size)
{
	for (const char *at = names;; at += strcspn(at, "|") + 1) {
		char name[128];
		size_t len = strcspn(at, "|");
		if (len < sizeof(name)) {
			memcpy(name, at, len);
			name[len] = 0;
			if (source->find(source->ctx, name, ret, ret_size) && *ret_size < HB_ABSENT)
				return true;
		}
		if (!strchr(at, '|'))
			return false;
	}
}

void hb_layout_describe(const struct hb_layout_source *source, struct hb_go_layout *layout,
                        struct hb_layout_described *described)
{
	const struct hb_go_layout *newest = hb_go_layout(hb_go_newest_minor());
	for (size_t first = 0, index = 0, end; first < ENTRIES; first = end, index++) {
		uint64_t of, size;
		end = end_of(first);
		if (described->structs[index] || !find_struct(source, entries[first].of, &of, &size))
			continue;
		bool varies = get(newest, first) == HB_ABSENT && end > first + 1 && get(newest, first + 1) != HB_ABSENT;
		described->structs[index] = true;
		described->count++;
		set(&described->widths, first, (uint32_t)size);
		set(layout, first, varies ? HB_ABSENT : (uint32_t)size);
		for (size_t i = first + 1; i < end; i++) {
			struct hb_layout_field field = find_field(source, of, entries[i].go_names);
			set(layout, i, (uint32_t)field.offset);
			set(&described->widths, i,
			    field.is_array ? 0 : (uint32_t)hb_min(field.size, (uint64_t)HB_ABSENT));
		}
	}
}

/* --- Whether that will do --------------------------------------------------------------------------------------- */

/* What no code of heldby's reads: a version may do without it. "name." stands for a whole struct. tests/oracle/
 * run-newer.sh looks for readers of these. */
static const char *const spare[] = {
        "moduledata.findfunctab",
        "moduledata.end",
        "moduledata.typedesclen",
        "moduledata.itaboffset",
        "moduledata.itabsize",
        "moduledata.textsectmap",
        "moduledata.typelinks",
        "moduledata.itablinks",
        "moduledata.modulename",
        "moduledata.typemap",
        "moduledata.pc_header",
        "pc_header.",
        "func.entry_off",
        "mheap.size",
        "mheap.pages_in_use",
        "mheap.curarena",
        "span_inline_marks.",
        "mspan.div_mul",
        "mspan.alloc_count",
        "mspan.limit",
        "special_finalizer.fint",
        "finalizer.fn",
        "finalizer.fint",
        "finalizer.ot",
        "bucket.next",
        "bucket.allnext",
        "bucket.typ",
        "bucket.hash",
        "mem_record.",
        "mem_record_cycle.",
        "g.stktopsp",
        "g.timer",
        "m.p",
        "p.size",
        "mcache.size",
        "mcache.tinyoffset",
        "panic.",
        "map_type.",
        "heap_arena.spans",
        "heap_arena.zeroed_base",
        "heap_arena.page_use_inline_marks",
};

static bool is_spare(const char *of, const char *name)
{
	size_t len = strlen(of);
	for (size_t i = 0; i < hb_countof(spare); i++)
		if (!strncmp(spare[i], of, len) && spare[i][len] == '.' &&
		    (!spare[i][len + 1] || !strcmp(spare[i] + len + 1, name)))
			return true;
	return false;
}

/* Structs that lie in others, and have lines of their own: their sizes may change together. */
static const struct {
	size_t field, inner;
} nested[] = {
        {ENTRY_OF(g.stack), ENTRY_OF(stack)},          {ENTRY_OF(g.sched), ENTRY_OF(gobuf)},
        {ENTRY_OF(p.timers), ENTRY_OF(timers)},        {ENTRY_OF(hchan.recvq), ENTRY_OF(waitq)},
        {ENTRY_OF(hchan.sendq), ENTRY_OF(waitq)},      {ENTRY_OF(map_table.groups), ENTRY_OF(map_groups)},
        {ENTRY_OF(time_timer.timer), ENTRY_OF(timer)}, {ENTRY_OF(special_cleanup.fn), ENTRY_OF(cleanup_fn)},
};

/* The struct that a field is, by its first line; ENTRIES: none that is listed. */
static size_t nested_in(size_t field)
{
	for (size_t i = 0; i < hb_countof(nested); i++)
		if (nested[i].field == field)
			return nested[i].inner;
	return ENTRIES;
}

/* Scanned from end to end, whatever is in it: runtime/preempt_xreg.go, 1.26-1.27. */
static bool is_opaque(size_t field)
{
	return field == ENTRY_OF(xreg_state.regs);
}

/* What the runtime keeps outside its heap and the program's data has no type descriptor, nor has what only the linker
 * lays out. A program that does not use package time does without its timers altogether. */
static bool may_be_missing(size_t first, bool debug_info)
{
	static const size_t without_descriptor[] = {
	        ENTRY_OF(inlined_call.size),
	        ENTRY_OF(mheap.size),
	        ENTRY_OF(heap_arena.size),
	        ENTRY_OF(special_weak.size),
	        ENTRY_OF(special_finalizer.size),
	        ENTRY_OF(special_profile.size),
	        ENTRY_OF(special_cleanup.size),
	        ENTRY_OF(finblock.size),
	        ENTRY_OF(finalizer.size),
	        ENTRY_OF(bucket.size),
	        ENTRY_OF(stackmap.size),
	        ENTRY_OF(stack_object.size),
	        ENTRY_OF(itab.size),
	};
	if (first == ENTRY_OF(time_timer.size) || is_spare(entries[first].name, ""))
		return true;
	for (size_t i = 0; i < hb_countof(without_descriptor) && !debug_info; i++)
		if (first == without_descriptor[i])
			return true;
	return false;
}

/* type_descriptor.c knows these without a table. */
static bool is_fixed(size_t first)
{
	return first == ENTRY_OF(type.size) || first == ENTRY_OF(map_type.size);
}

struct settling {
	struct hb_go_layout *layout;
	const struct hb_layout_described *described;
	const struct hb_go_layout *newest;
};

#define unreadable(...) hb_error_create(HB_ERR_UNSUPPORTED, __VA_ARGS__)

static struct hb_error *settle_field(const struct settling *settling, size_t first, size_t i)
{
	const struct entry *field = &entries[i];
	uint32_t offset = get(settling->layout, i), width = get(&settling->described->widths, i);
	uint32_t expected = get(&hb_go_newest_widths, i), size = get(&settling->described->widths, first);
	size_t inner = nested_in(i);
	if (get(settling->newest, i) == HB_ABSENT || offset == HB_ABSENT) {
		set(settling->layout, i, HB_ABSENT);
		return get(settling->newest, i) == HB_ABSENT || is_spare(entries[first].name, field->name)
		               ? NULL
		               : unreadable("its %s has no field %s", entries[first].of, field->go_names);
	}
	if (inner != ENTRIES)
		expected = get(&settling->described->widths, inner) ? get(&settling->described->widths, inner)
		                                                    : get(settling->newest, inner);
	else if (is_opaque(i))
		expected = width;
	if (is_spare(entries[first].name, field->name))
		return NULL;
	if (!expected != !width)
		return unreadable("%s of its %s is of another kind", field->go_names, entries[first].of);
	if (width != expected)
		return unreadable("%s of its %s takes %u bytes, not %u", field->go_names, entries[first].of, width,
		                  expected);
	if (offset >= size || size - offset < width)
		return unreadable("%s of its %s is at %u, %u bytes of %u", field->go_names, entries[first].of, offset,
		                  width, size);
	return NULL;
}

static struct hb_error *settle_struct(const struct settling *settling, size_t first, size_t end)
{
	uint64_t size = get(&settling->described->widths, first), before = get(settling->newest, first);
	/* Sixteen times the size, and some: whatever it may be, it is not what it was. */
	if (before != HB_ABSENT && size > before * 16 + 4096 && !is_spare(entries[first].name, "size"))
		return unreadable("its %s has %llu bytes", entries[first].of, (unsigned long long)size);
	for (size_t i = first; i < end && is_fixed(first); i++)
		if (get(settling->layout, i) != get(settling->newest, i))
			return unreadable("its %s is laid out in another way", entries[first].of);
	for (size_t i = first + 1; i < end; i++)
		TRY(settle_field(settling, first, i));
	return NULL;
}

static bool is_in_newest(const struct hb_go_layout *newest, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (get(newest, i) != HB_ABSENT)
			return true;
	return false;
}

/* Special records are read 64 bytes at a time, of whatever kind they are (snapshot/go_walk.c). */
static struct hb_error *settle_specials(const struct settling *settling)
{
	enum { LARGEST = 64 };
	const struct hb_go_layout *layout = settling->layout;
	const uint32_t ends[] = {layout->special.next + 8, layout->special.offset + 8, layout->special.kind + 1,
	                         layout->special_profile.bucket + 8};
	for (size_t i = 0; i < hb_countof(ends); i++)
		if (ends[i] > LARGEST)
			return unreadable("its special records have more than %d bytes", LARGEST);
	return NULL;
}

struct hb_error *hb_layout_settle(struct hb_go_layout *layout, const struct hb_layout_described *described,
                                  bool debug_info)
{
	const struct settling settling = {layout, described, hb_go_layout(hb_go_newest_minor())};
	for (size_t first = 0, index = 0, end; first < ENTRIES; first = end, index++) {
		end = end_of(first);
		bool known = is_in_newest(settling.newest, first, end);
		if (described->structs[index] && known)
			TRY(settle_struct(&settling, first, end));
		else if (known && !may_be_missing(first, debug_info))
			return unreadable("it has no %s", entries[first].of);
		for (size_t i = first; i < end && !known; i++)
			set(layout, i, HB_ABSENT);
	}
	return settle_specials(&settling);
}
