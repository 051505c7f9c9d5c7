/* Variables that the executable's symbol table and DWARF name. */
#include "golang/names_internal.h"
#include "golang/type_descriptor.h"

#include <stdio.h>
#include <string.h>

struct found {
	uint64_t addr, size;
	const char *name; /* escaped, the image's */
	uint64_t go_type;
	const char *type_name;
	bool from_dwarf, is_go;
};
struct collector {
	struct hb_naming *naming;
	HB_VEC(struct found) found;
};

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_variable_name(const char *name)
{
	/* Linker and compiler symbols: go:string.*, type:*, runtime.gcbits.*, initialisation tasks, temporaries of
	 * static initialisation (cmd/compile/internal/pkginit, staticinit: main..stmp_1, main..inittask). */
	return !starts_with(name, "go:") && !starts_with(name, "type:") && !starts_with(name, "runtime.gcbits.") &&
	       !strstr(name, "..");
}

static struct hb_error *add_symbol(void *ctx, const struct hb_elf_symbol *symbol)
{
	struct collector *collector = ctx;
	if (!is_variable_name(symbol->name))
		return NULL;
	struct found found = {
	        symbol->addr, symbol->size, symbol->name, 0, "", false, strchr(symbol->name, '.') != NULL};
	HB_VEC_PUSH(&collector->found, found);
	return NULL;
}

static struct hb_error *add_variable(void *ctx, const struct hb_dwarf_variable *variable)
{
	struct collector *collector = ctx;
	if (!variable->addr || !is_variable_name(variable->name))
		return NULL;
	struct found found = {variable->addr,      variable->size, variable->name, variable->go_type,
	                      variable->type_name, true,           variable->is_go};
	HB_VEC_PUSH(&collector->found, found);
	return NULL;
}

/* At one address the symbol comes first, then DWARF, then names in order: aliases always resolve the same way. */
static int found_compare(const void *left, const void *right)
{
	const struct found *a = left, *b = right;
	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->from_dwarf != b->from_dwarf)
		return a->from_dwarf - b->from_dwarf;
	return strcmp(a->name, b->name);
}

/* The descriptor of a DWARF type. DW_AT_go_runtime_type is its offset from moduledata.types (cmd/link/internal/ld/
 * dwarf.go; observed 1.24-1.27), an address in binaries of older linkers. */
static uint64_t descriptor(const struct hb_naming *naming, const struct found *found)
{
	const struct hb_types *types = naming->types;
	const struct hb_go_module *module = naming->module;
	if (!types || !found->is_go)
		return 0;
	const uint64_t candidates[] = {module->types + found->go_type, naming->bias + found->go_type};
	for (unsigned i = 0; found->go_type && i < 2; i++) {
		uint32_t id = hb_types_find(types, candidates[i]);
		if (id && (!found->size || types->list[id].size == found->size))
			return candidates[i];
	}
	/* "example.org/x.T" is "x.T" of that package: only plain names, and only when one type has it. */
	struct hb_func_name name;
	hb_func_name_parse(found->type_name, &name);
	if (!name.package.len || strpbrk(found->type_name, "*[](){} "))
		return 0;
	char path[1024], text[1024];
	hb_func_name_unescape(name.package, path, sizeof(path));
	const char *last = strrchr(path, '/');
	snprintf(text, sizeof(text), "%.255s.%.255s", last ? last + 1 : path, name.package.text + name.package.len + 1);
	uint32_t id = hb_types_by_name(types, text, path);
	return id ? types->list[id].addr : 0;
}

/* Variables of package runtime that hold what users made: finalizers and cleanups that wait to run. */
static bool holds_user_objects(const char *name)
{
	static const char *const names[] = {"runtime.finq", "runtime.allfin", "runtime.gcCleanups"};
	for (size_t i = 0; i < hb_countof(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* "cache.sessions" of "example.org/x/cache.sessions". */
static const char *variable_name(struct hb_naming *naming, const char *symbol)
{
	struct hb_func_name name;
	hb_func_name_parse(symbol, &name);
	uint32_t package = hb_packages_add(&naming->packages, name.package);
	if (package == UINT32_MAX)
		return NULL;
	if (!package)
		return hb_arena_strdup(&naming->arena, symbol);
	return hb_arena_printf(&naming->arena, "%s%s", naming->packages.list[package].name,
	                       name.package.text + name.package.len);
}

static bool is_in_go_data(const struct hb_naming *naming, uint64_t addr)
{
	return hb_go_module_of_data(naming->go, addr) == naming->module;
}

static struct hb_error *add_piece(struct hb_naming *naming, const struct found *found)
{
	uint64_t addr = found->addr + naming->bias, end;
	if (hb_add_overflows(addr, found->size, &end) || !found->size)
		return NULL;
	struct hb_piece piece = {.addr = addr, .size = found->size, .source = HB_PIECE_SYMBOL};
	piece.is_c = !is_in_go_data(naming, addr);
	if (piece.is_c) {
		piece.name = hb_arena_strdup(&naming->arena, found->name);
	} else {
		piece.name = variable_name(naming, found->name);
		piece.package = hb_packages_of(&naming->packages, found->name);
		/* runtime/cgo.go links its variables under names without a package: _cgo_yield. */
		if (!piece.package)
			piece.package = hb_packages_add(&naming->packages, (struct hb_span){"runtime", 7});
		if (piece.package == UINT32_MAX)
			return hb_error_nomem();
		piece.type = descriptor(naming, found);
		piece.type_is_final = *found->type_name != 0;
		piece.runtime_internal =
		        naming->packages.list[piece.package].is_runtime && !holds_user_objects(found->name);
	}
	if (!piece.name)
		return hb_error_nomem();
	HB_VEC_PUSH(&naming->pieces, piece);
	return NULL;
}

/* One piece an address: the symbol's extent and DWARF's type; what overlaps the piece before is dropped. */
static struct hb_error *merge(struct hb_naming *naming, struct found *list, size_t n)
{
	uint64_t end = 0;
	for (size_t i = 0, next; i < n; i = next) {
		struct found *found = &list[i];
		for (next = i + 1; next < n && list[next].addr == found->addr; next++) {
			if (!list[next].from_dwarf)
				continue;
			if (!found->go_type)
				found->go_type = list[next].go_type;
			if (!*found->type_name)
				found->type_name = list[next].type_name;
			if (!found->size)
				found->size = list[next].size;
			found->is_go = list[next].is_go;
		}
		if (found->addr < end)
			continue;
		if (next < n)
			found->size = hb_min(found->size, list[next].addr - found->addr);
		TRY(add_piece(naming, found));
		end = found->addr + found->size;
	}
	return NULL;
}

static struct hb_error *collect(struct collector *collector)
{
	const struct hb_elf_image *image = collector->naming->image;
	TRY(hb_elf_image_objects(image, add_symbol, collector));
	TRY(hb_elf_image_variables(image, add_variable, collector));
	if (collector->found.len > 1)
		qsort(collector->found.data, collector->found.len, sizeof(struct found), found_compare);
	return merge(collector->naming, collector->found.data, collector->found.len);
}

struct hb_error *hb_naming_add_symbols(struct hb_naming *naming)
{
	if (!naming->image)
		return NULL;
	struct collector collector = {.naming = naming};
	struct hb_error *err = collect(&collector);
	hb_vec_deinit(&collector.found);
	return err;
}
