#include "golang/names_internal.h"

#include <string.h>

/* --- Looking up ------------------------------------------------------------------------------------------------- */

size_t hb_naming_piece_at(const struct hb_naming *naming, uint64_t addr)
{
	size_t low = hb_partition_point(naming->pieces.len, i, naming->pieces.data[i].addr <= addr);
	if (!low || addr - naming->pieces.data[low - 1].addr >= naming->pieces.data[low - 1].size)
		return SIZE_MAX;
	return low - 1;
}

const struct hb_global *hb_globals_at(const struct hb_globals *globals, uint64_t addr)
{
	size_t low = hb_partition_point(globals->n, i, globals->list[i].addr <= addr);
	if (!low || addr - globals->list[low - 1].addr >= globals->list[low - 1].size)
		return NULL;
	return &globals->list[low - 1];
}

bool hb_globals_are_valid(const struct hb_globals *globals)
{
	uint64_t end = 0;
	for (size_t i = 0; i < globals->n; i++) {
		const struct hb_global *global = &globals->list[i];
		if (global->addr < end || !global->size || !global->name || !global->package ||
		    hb_add_overflows(global->addr, global->size, &end))
			return false;
	}
	return true;
}

/* --- The file --------------------------------------------------------------------------------------------------- */

/* The file that a module came in; NULL when the snapshot knows none. */
static const struct hb_snapshot_file *file_of(const struct hb_go *go, const struct hb_go_module *module)
{
	const struct hb_snapshot *snapshot = go->snapshot;
	for (size_t i = 0; i < snapshot->nfiles; i++)
		if (module->moduledata >= snapshot->files[i].start && module->moduledata < snapshot->files[i].end)
			return &snapshot->files[i];
	return NULL;
}

/* Where the file's addresses are in the process: the function table says, else where it is mapped. False: cannot be told. */
static bool find_bias(const struct hb_go *go, const struct hb_go_module *module, const struct hb_elf_image *image,
                      uint64_t *ret)
{
	const struct hb_snapshot_file *file = file_of(go, module);
	struct hb_elf_section section;
	uint64_t table;
	if (!hb_elf_image_is_relocatable(image)) {
		*ret = 0;
		return true;
	}
	/* moduledata.pcHeader, its first word: the start of the function table (runtime/symtab.go, 1.18-1.27). The
	 * section is called .data.rel.ro.gopclntab in position-independent executables, and is a part of .data.rel.ro in what
	 * C's linker made of the object files of earlier releases. */
	if (hb_elf_image_section(image, ".gopclntab|.data.rel.ro.gopclntab", &section) &&
	    hb_snapshot_u64(go->snapshot, module->moduledata, &table))
		*ret = table - section.addr;
	else if (file)
		*ret = file->start - hb_elf_image_base(image);
	else
		return false;
	return !(*ret & (HB_PAGE_SIZE - 1));
}

static struct hb_error *open_image(struct hb_naming *naming, int debug_fd)
{
	const struct hb_snapshot_file *file = file_of(naming->go, naming->module);
	int fd = file ? file->fd : naming->module == &naming->go->modules[0] ? naming->go->snapshot->exe_fd : -1;
	if (fd < 0)
		return NULL;
	struct hb_error *err = hb_elf_image_open(fd, debug_fd, &naming->image);
	if (err && err->code != HB_ERR_UNSUPPORTED)
		return err;
	if (err) { /* described by the code then */
		hb_error_destroy(err);
		return NULL;
	}
	if (!find_bias(naming->go, naming->module, naming->image, &naming->bias)) {
		hb_elf_image_close(naming->image);
		naming->image = NULL;
	}
	return NULL;
}

/* --- The result ------------------------------------------------------------------------------------------------- */

/* A type says how far a described variable reaches: what lies inside is a part of it. */
static void join_parts(struct hb_naming *naming)
{
	size_t kept = 0;
	for (size_t i = 0; i < naming->pieces.len; i++) {
		struct hb_piece piece = naming->pieces.data[i];
		struct hb_piece *before = kept ? &naming->pieces.data[kept - 1] : NULL;
		if (before && before->source == HB_PIECE_CODE && before->type && piece.source != HB_PIECE_SYMBOL) {
			uint32_t id = hb_types_find(naming->types, before->type);
			uint64_t end = before->addr + naming->types->list[id].size;
			if (piece.addr < end) {
				before->size =
				        hb_max(before->addr + before->size, piece.addr + piece.size) - before->addr;
				continue;
			}
		}
		naming->pieces.data[kept++] = piece;
	}
	naming->pieces.len = kept;
}

static int name_compare(const void *left, const void *right)
{
	const struct hb_piece *a = *(const struct hb_piece *const *)left, *b = *(const struct hb_piece *const *)right;
	int order = strcmp(a->name, b->name);
	return order ? order : a->addr < b->addr ? -1 : a->addr > b->addr;
}

/* Several variables may have the same users: they are counted, in the order of their addresses. */
static struct hb_error *number_descriptions(struct hb_naming *naming)
{
	HB_VEC(struct hb_piece *) described = {0};
	bool ok = true;
	for (size_t i = 0; i < naming->pieces.len && ok; i++)
		if (naming->pieces.data[i].source == HB_PIECE_CODE)
			ok = hb_vec_push(&described, &naming->pieces.data[i]);
	if (described.len > 1)
		qsort(described.data, described.len, sizeof(described.data[0]), name_compare);
	for (size_t i = 0, next; i < described.len && ok; i = next) {
		const char *name = described.data[i]->name;
		size_t prefix = strcspn(name, "(");
		for (next = i + 1; next < described.len && !strcmp(described.data[next]->name, name);)
			next++;
		for (size_t j = i; j < next && next - i > 1 && ok; j++) {
			described.data[j]->name = hb_arena_printf(&naming->arena, "%.*s%zu %s", (int)prefix, name,
			                                          j - i + 1, name + prefix);
			ok = described.data[j]->name != NULL;
		}
	}
	hb_vec_deinit(&described);
	return ok ? NULL : hb_error_nomem();
}

static struct hb_error *to_global(struct hb_naming *naming, const struct hb_piece *piece, struct hb_global *ret)
{
	size_t at = piece->source == HB_PIECE_STATIC ? hb_naming_piece_at(naming, piece->holder) : SIZE_MAX;
	const struct hb_piece *holder = at == SIZE_MAX ? piece : &naming->pieces.data[at];
	*ret = (struct hb_global){
	        .addr = piece->addr,
	        .size = piece->size,
	        .name = holder->name ? holder->name : "unnamed data",
	        .package = holder->is_c ? "C"
	                                : hb_arena_strdup(&naming->arena, naming->packages.list[piece->package].path),
	        .type = piece->type,
	        .certain = holder->source == HB_PIECE_SYMBOL,
	        .runtime_internal = piece->runtime_internal,
	        .static_of = holder == piece ? 0 : holder->addr,
	};
	return ret->package ? NULL : hb_error_nomem();
}

static struct hb_error *add_globals(struct hb_naming *naming, struct hb_globals *globals)
{
	struct hb_global *list =
	        reallocarray(globals->list, hb_max(globals->n + naming->pieces.len, (size_t)1), sizeof(*list));
	if (!list)
		return hb_error_nomem();
	globals->list = list;
	for (size_t i = 0; i < naming->pieces.len; i++)
		TRY(to_global(naming, &naming->pieces.data[i], &globals->list[globals->n++]));
	return NULL;
}

/* What a module has of its own goes; packages and the arena of names are for all of them. */
static void end_module(struct hb_naming *naming)
{
	hb_elf_image_close(naming->image);
	naming->image = NULL;
	naming->bias = 0;
	hb_vec_deinit(&naming->pieces);
	hb_vec_deinit(&naming->pointers);
	hb_vec_deinit(&naming->by_holder);
	hb_vec_deinit(&naming->bodies);
}

static void naming_deinit(struct hb_naming *naming)
{
	end_module(naming);
	hb_packages_deinit(&naming->packages);
	hb_arena_deinit(&naming->arena);
}

static struct hb_error *name_module(struct hb_naming *naming, int debug_fd)
{
	TRY(open_image(naming, debug_fd));
	TRY(hb_naming_add_symbols(naming));
	TRY(hb_naming_find_pointers(naming));
	TRY(hb_naming_cut(naming));
	TRY(hb_naming_add_types(naming));
	TRY(hb_naming_lay_out(naming));
	hb_naming_claim_static(naming);
	/* With symbols static data has a holder with a name, which says more than the code that refers to it. */
	TRY(hb_naming_name_static(naming));
	TRY(hb_naming_describe(naming));
	TRY(hb_naming_doubt_constants(naming));
	join_parts(naming);
	TRY(hb_naming_name_static(naming));
	return number_descriptions(naming);
}

static int by_addr(const void *left, const void *right)
{
	const struct hb_global *a = left, *b = right;
	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

/* Modules whose files were mapped over each other are nobody's: no two globals share an address. */
static void sort_globals(struct hb_globals *globals)
{
	size_t kept = 0;
	uint64_t end = 0;
	if (globals->n > 1)
		qsort(globals->list, globals->n, sizeof(*globals->list), by_addr);
	for (size_t i = 0; i < globals->n; i++) {
		if (globals->list[i].addr < end)
			continue;
		end = globals->list[i].addr + globals->list[i].size;
		globals->list[kept++] = globals->list[i];
	}
	globals->n = kept;
}

struct hb_error *hb_globals_read_with(const struct hb_go *go, const struct hb_types *types,
                                      const struct hb_code_facts *facts, int debug_fd, struct hb_globals **ret)
{
	hb_cleanup(naming_deinit) struct hb_naming naming = {.go = go, .types = types};
	hb_cleanup(hb_globals_destroyp) struct hb_globals *globals = calloc(1, sizeof(*globals));
	if (!globals)
		return hb_error_nomem();
	if (go->nmodules)
		TRY(hb_packages_read(go, types, &naming.packages));
	for (size_t i = 0; i < go->nmodules; i++) {
		naming.module = &go->modules[i];
		naming.facts = i ? NULL : facts; /* they are of the program's own code */
		TRY(name_module(&naming, i ? -1 : debug_fd));
		TRY(add_globals(&naming, globals));
		end_module(&naming);
	}
	if (go->nmodules > 1)
		sort_globals(globals);
	hb_naming_mark_pools(go, types, globals);
	globals->arena = naming.arena;
	naming.arena = (struct hb_arena){0};
#ifdef HB_CHECKS
	if (!hb_globals_are_valid(globals))
		return hb_error_create(HB_ERR_CORRUPT, "internal: globals overlap or have no names");
#endif
	*ret = hb_take(globals);
	return NULL;
}

struct hb_error *hb_globals_read(const struct hb_go *go, const struct hb_types *types,
                                 const struct hb_code_facts *facts, struct hb_globals **ret)
{
	return hb_globals_read_with(go, types, facts, -1, ret);
}

void hb_globals_destroy(struct hb_globals *globals)
{
	if (!globals)
		return;
	free(globals->list);
	hb_arena_deinit(&globals->arena);
	free(globals);
}

void hb_globals_destroyp(struct hb_globals **globals)
{
	hb_globals_destroy(*globals);
	*globals = NULL;
}
