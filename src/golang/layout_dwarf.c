#include "golang/layout_dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <string.h>

/* A top-level entry of one of the units. */
struct item {
	const char *name; /* the image's */
	int tag;
	Dwarf_Off at;
};

struct hb_layout_dwarf {
	const struct hb_elf_image *image; /* borrowed */
	Dwarf *dwarf;
	HB_VEC(struct item) items; /* by name, then as the file has them */
};

enum { MAX_ITEMS = 1 << 24, MAX_TYPEDEFS = 16, MAX_FIELDS = 1 << 16 };

/* --- Reading ---------------------------------------------------------------------------------------------------- */

static bool is_unit_of_interest(const struct hb_layout_dwarf *dwarf, Dwarf_Die *unit)
{
	static const char *const names[] = {"runtime", "internal/abi", "internal/runtime/maps", "internal/runtime/gc"};
	const char *name = hb_dwarf_name(dwarf->image, unit);
	for (size_t i = 0; name && i < hb_countof(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* A unit also has the types of the rest of the program. */
static bool is_item_of_interest(const char *name)
{
	static const char *const packages[] = {"runtime.", "internal/abi.", "internal/runtime/"};
	for (size_t i = 0; i < hb_countof(packages); i++)
		if (!strncmp(name, packages[i], strlen(packages[i])))
			return true;
	return false;
}

static struct hb_error *read_unit(struct hb_layout_dwarf *dwarf, Dwarf_Die *unit)
{
	Dwarf_Die die;
	if (dwarf_child(unit, &die))
		return NULL;
	do {
		int tag = dwarf_tag(&die);
		if (tag != DW_TAG_structure_type && tag != DW_TAG_constant && tag != DW_TAG_variable)
			continue;
		const char *name = hb_dwarf_name(dwarf->image, &die);
		if (!name || !is_item_of_interest(name))
			continue;
		HB_VEC_PUSH(&dwarf->items, (struct item){name, tag, dwarf_dieoffset(&die)});
	} while (dwarf->items.len < MAX_ITEMS && !dwarf_siblingof(&die, &die));
	return NULL;
}

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : a->at < b->at ? -1 : a->at > b->at;
}

static struct hb_error *read_units(struct hb_layout_dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	while (!dwarf_get_units(dwarf->dwarf, unit, &unit, NULL, &type, &die, NULL))
		if (type == DW_UT_compile && is_unit_of_interest(dwarf, &die))
			TRY(read_unit(dwarf, &die));
	if (dwarf->items.len)
		qsort(dwarf->items.data, dwarf->items.len, sizeof(struct item), compare_items);
	return NULL;
}

struct hb_error *hb_layout_dwarf_read(const struct hb_elf_image *image, struct hb_layout_dwarf **ret)
{
	*ret = NULL;
	if (!hb_elf_image_has_dwarf(image))
		return NULL;
	hb_cleanup(hb_layout_dwarf_destroyp) struct hb_layout_dwarf *dwarf = calloc(1, sizeof(*dwarf));
	if (!dwarf)
		return hb_error_nomem();
	dwarf->image = image;
	dwarf->dwarf = hb_elf_image_dwarf(image);
	TRY(read_units(dwarf));
	if (dwarf->items.len)
		*ret = hb_take(dwarf);
	return NULL;
}

void hb_layout_dwarf_destroy(struct hb_layout_dwarf *dwarf)
{
	if (!dwarf)
		return;
	hb_vec_deinit(&dwarf->items);
	free(dwarf);
}

void hb_layout_dwarf_destroyp(struct hb_layout_dwarf **dwarf)
{
	hb_layout_dwarf_destroy(*dwarf);
	*dwarf = NULL;
}

/* --- Looking up ------------------------------------------------------------------------------------------------- */

static bool find(const struct hb_layout_dwarf *dwarf, const char *name, int tag, Dwarf_Die *ret)
{
	const struct item *items = dwarf->items.data;
	size_t first = hb_partition_point(dwarf->items.len, i, strcmp(items[i].name, name) < 0);
	for (size_t i = first; i < dwarf->items.len && !strcmp(items[i].name, name); i++)
		if (items[i].tag == tag)
			return dwarf_offdie(dwarf->dwarf, items[i].at, ret) != NULL;
	return false;
}

/* The type of an entry, behind its names. */
static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Die at = *die;
	for (unsigned i = 0; i < MAX_TYPEDEFS; i++) {
		if (!dwarf_attr(&at, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, ret))
			return false;
		if (dwarf_tag(ret) != DW_TAG_typedef)
			return true;
		at = *ret;
	}
	return false;
}

static bool unsigned_of(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value))
		return false;
	*ret = value;
	return true;
}

static bool find_struct(void *ctx, const char *name, uint64_t *ret, uint64_t *ret_size)
{
	Dwarf_Die die;
	if (!find(ctx, name, DW_TAG_structure_type, &die) || !unsigned_of(&die, DW_AT_byte_size, ret_size))
		return false;
	*ret = dwarf_dieoffset(&die);
	return true;
}

static bool read_member(Dwarf_Die *member, struct hb_layout_field *ret)
{
	Dwarf_Die type;
	Dwarf_Word size;
	*ret = (struct hb_layout_field){0};
	if (!unsigned_of(member, DW_AT_data_member_location, &ret->offset) || !type_of(member, &type) ||
	    dwarf_aggregate_size(&type, &size))
		return false;
	ret->size = size;
	ret->is_array = dwarf_tag(&type) == DW_TAG_array_type;
	if (dwarf_tag(&type) == DW_TAG_structure_type)
		ret->inner = dwarf_dieoffset(&type);
	return true;
}

static bool find_field(void *ctx, uint64_t of, const char *name, size_t len, struct hb_layout_field *ret)
{
	const struct hb_layout_dwarf *dwarf = ctx;
	Dwarf_Die die, member;
	if (!dwarf_offdie(dwarf->dwarf, of, &die) || dwarf_child(&die, &member))
		return false;
	for (unsigned i = 0; i < MAX_FIELDS; i++) {
		const char *text = dwarf_tag(&member) == DW_TAG_member ? hb_dwarf_name(dwarf->image, &member) : NULL;
		if (text && strlen(text) == len && !memcmp(text, name, len))
			return read_member(&member, ret);
		if (dwarf_siblingof(&member, &member))
			return false;
	}
	return false;
}

struct hb_layout_source hb_layout_dwarf_source(struct hb_layout_dwarf *dwarf)
{
	return (struct hb_layout_source){dwarf, find_struct, find_field};
}

bool hb_layout_dwarf_constant(const struct hb_layout_dwarf *dwarf, const char *name, int64_t *ret)
{
	Dwarf_Die die;
	Dwarf_Attribute attribute;
	Dwarf_Sword value;
	if (!find(dwarf, name, DW_TAG_constant, &die) || !dwarf_attr(&die, DW_AT_const_value, &attribute) ||
	    dwarf_formsdata(&attribute, &value))
		return false;
	*ret = value;
	return true;
}

void hb_layout_dwarf_special_kinds(const struct hb_layout_dwarf *dwarf, struct hb_go_special_kinds *ret)
{
	const struct {
		const char *name;
		uint32_t *kind;
	} kinds[] = {
	        {"runtime._KindSpecialFinalizer", &ret->finalizer},
	        {"runtime._KindSpecialWeakHandle", &ret->weak_handle},
	        {"runtime._KindSpecialProfile", &ret->profile},
	        {"runtime._KindSpecialReachable", &ret->reachable},
	        {"runtime._KindSpecialPinCounter", &ret->pinner},
	        {"runtime._KindSpecialCleanup", &ret->cleanup},
	        {"runtime._KindSpecialCheckFinalizer", &ret->check_finalizer},
	        {"runtime._KindSpecialTinyBlock", &ret->tinyblock},
	        {"runtime._KindSpecialBubble", &ret->bubble},
	};
	for (size_t i = 0; i < hb_countof(kinds); i++) {
		int64_t value;
		bool found = hb_layout_dwarf_constant(dwarf, kinds[i].name, &value) && value > 0 && value < 256;
		*kinds[i].kind = found ? (uint32_t)value : HB_ABSENT;
	}
}

bool hb_layout_dwarf_variable(const struct hb_layout_dwarf *dwarf, const char *name, uint64_t *ret, uint64_t *ret_size)
{
	Dwarf_Die die, type;
	Dwarf_Word size;
	if (!find(dwarf, name, DW_TAG_variable, &die) || !hb_dwarf_fixed_address(&die, ret) || !type_of(&die, &type) ||
	    dwarf_aggregate_size(&type, &size))
		return false;
	*ret_size = size;
	return true;
}
