/* The types of variables that DWARF does not describe, from what the code does with them. */
#include "golang/names_internal.h"

#include <string.h>

struct typer {
	struct hb_naming *naming;
	const struct hb_types *types;
	uint32_t *slice_of; /* by id of the element: the unnamed slice type */
	uint32_t sync[32];  /* structs of package sync */
	unsigned nsync;
};

static bool is_unnamed(const struct hb_type *type)
{
	return !type->pkg_path[0] && type->name[0] == '[';
}

static struct hb_error *index_types(struct typer *typer)
{
	const struct hb_types *types = typer->types;
	typer->slice_of = calloc(types->n, sizeof(*typer->slice_of));
	if (!typer->slice_of)
		return hb_error_nomem();
	for (uint32_t id = 1; id < types->n; id++) {
		const struct hb_type *type = &types->list[id];
		if (type->kind == HB_KIND_SLICE && type->elem < types->n && is_unnamed(type))
			typer->slice_of[type->elem] = id;
		if (type->kind == HB_KIND_STRUCT && !strcmp(type->pkg_path, "sync") &&
		    typer->nsync < hb_countof(typer->sync))
			typer->sync[typer->nsync++] = id;
	}
	return NULL;
}

enum { MAX_NESTING = 16 };

/* Does a value of type outer begin with one of type inner? */
static bool begins_with(const struct hb_types *types, uint32_t outer, uint32_t inner)
{
	for (unsigned i = 0; i < MAX_NESTING && outer; i++) {
		if (outer == inner)
			return true;
		const struct hb_type *type = &types->list[outer];
		if (type->kind == HB_KIND_ARRAY) {
			outer = type->elem;
			continue;
		}
		uint32_t next = 0;
		for (uint32_t f = 0; type->kind == HB_KIND_STRUCT && f < type->nfields; f++) {
			const struct hb_field *field = &types->fields[type->first_field + f];
			if (field->offset)
				break;
			next = field->type; /* the last at offset 0: those before have no size */
		}
		outer = next;
	}
	return false;
}

/* Merges a vote into what is known: the type that begins with the other wins; UINT32_MAX: they contradict. */
static uint32_t reconcile(const struct hb_types *types, uint32_t known, uint32_t vote)
{
	if (!vote || known == UINT32_MAX)
		return known;
	if (!known || begins_with(types, vote, known))
		return vote;
	return begins_with(types, known, vote) ? known : UINT32_MAX;
}

/* Package sync wraps types of internal/sync (Mutex, HashTrieMap: 1.24+) whose methods are called directly once sync's
 * own are inlined; 0 when nothing of sync is just that. */
static uint32_t public_type(const struct typer *typer, uint32_t id)
{
	const struct hb_types *types = typer->types;
	if (strcmp(types->list[id].pkg_path, "internal/sync"))
		return id;
	for (unsigned i = 0; i < typer->nsync; i++)
		if (types->list[typer->sync[i]].size == types->list[id].size && begins_with(types, typer->sync[i], id))
			return typer->sync[i];
	return 0;
}

struct opinion {          /* of the code about one address */
	uint32_t value;   /* the variable itself */
	uint32_t pointee; /* what it points to */
	uint32_t element; /* of the slice */
	uint32_t unnamed; /* map or chan by an operation on it */
	bool partial;     /* the variable is more than that */
};

static void read_votes(const struct typer *typer, uint64_t addr, struct opinion *ret)
{
	const struct hb_code_facts *facts = typer->naming->facts;
	const struct hb_types *types = typer->types;
	size_t low = hb_partition_point(facts->votes.len, i, facts->votes.data[i].data < addr);
	for (; low < facts->votes.len && facts->votes.data[low].data == addr; low++) {
		ret->partial |= facts->votes.data[low].partial;
		uint32_t id = public_type(typer, hb_types_find(types, facts->votes.data[low].type));
		switch (facts->votes.data[low].shape) {
		case HB_CODE_VALUE:
			ret->value = reconcile(types, ret->value, id);
			break;
		case HB_CODE_POINTER_TO:
			ret->pointee = reconcile(types, ret->pointee, id);
			break;
		case HB_CODE_SLICE_OF:
			ret->element = reconcile(types, ret->element, id);
			break;
		default:
			ret->unnamed = reconcile(types, ret->unnamed, id);
			break;
		}
	}
}

/* The interface of the itab that an interface variable begins with. (A type descriptor there may be that of an any, or
 * what a pointer variable of package reflect points to: it says nothing.) */
static uint32_t interface_at(const struct typer *typer, uint64_t addr)
{
	const struct hb_types *types = typer->types;
	const struct hb_snapshot *snapshot = typer->naming->go->snapshot;
	uint64_t word, inter, type;
	uint32_t hash;
	/* abi.ITab: Inter, Type, Hash (runtime/runtime2.go itab up to 1.21); 1.18-1.27. */
	if (!hb_snapshot_u64(snapshot, addr, &word) || !word || !hb_snapshot_u64(snapshot, word, &inter) ||
	    !hb_snapshot_u64(snapshot, word + 8, &type) || !hb_snapshot_u32(snapshot, word + 16, &hash))
		return 0;
	uint32_t inter_id = hb_types_find(types, inter), type_id = hb_types_find(types, type);
	if (!inter_id || !type_id || types->list[inter_id].kind != HB_KIND_INTERFACE ||
	    types->list[type_id].hash != hash)
		return 0;
	return inter_id;
}

static bool is_word(const struct hb_type *type)
{
	return type->kind == HB_KIND_MAP || type->kind == HB_KIND_CHAN || type->kind == HB_KIND_POINTER ||
	       type->kind == HB_KIND_FUNC;
}

/* One type for the variable, or 0 when the opinions differ. */
static uint32_t conclude(const struct typer *typer, const struct opinion *opinion)
{
	const struct hb_types *types = typer->types;
	if (opinion->partial || opinion->value == UINT32_MAX || opinion->pointee == UINT32_MAX ||
	    opinion->element == UINT32_MAX || opinion->unnamed == UINT32_MAX)
		return 0;
	uint32_t pointer = types->list[opinion->pointee].ptr_to;
	uint32_t slice = typer->slice_of[opinion->element];
	if (opinion->value) {
		/* A struct begins with the pointer, map or slice that the others saw; a named map is the map. */
		const struct hb_type *type = &types->list[opinion->value];
		return is_word(type) && opinion->pointee && opinion->value != pointer ? 0 : opinion->value;
	}
	/* A new array may be what a pointer or a slice variable holds. */
	if (types->list[opinion->pointee].kind == HB_KIND_ARRAY)
		return 0;
	unsigned kinds = !!opinion->pointee + !!opinion->element + !!opinion->unnamed;
	if (kinds != 1)
		return 0;
	return opinion->pointee ? pointer : opinion->element ? slice : opinion->unnamed;
}

/* The garbage collector's own word on the matter: which words of data and bss are pointers (moduledata.gcdatamask and
 * gcbssmask, one bit a word, 1.18-1.27). False: not to be had. */
static bool is_pointer_word(const struct typer *typer, uint64_t addr, bool *ret)
{
	const struct hb_go_module *module = typer->naming->module;
	bool in_data = addr >= module->data && addr < module->edata;
	uint64_t mask = in_data ? module->gcdatamask : module->gcbssmask;
	uint64_t word = (addr - (in_data ? module->data : module->bss)) / 8;
	uint8_t byte;
	if (!mask || !hb_snapshot_u8(typer->naming->go->snapshot, mask + word / 8, &byte))
		return false;
	*ret = byte >> (word % 8) & 1;
	return true;
}

/* Has the piece pointers where the type has them, and none behind? Then the type is all of the variable. (A variable in
 * data or bss has pointers, so that a type without is that of a first field.) */
static bool mask_agrees(const struct typer *typer, const struct hb_piece *piece, const struct hb_type *type)
{
	uint64_t words = hb_max(type->size, piece->source == HB_PIECE_STATIC ? 0 : piece->size) / 8;
	if (!type->ptr_bytes || !type->mask || piece->addr % 8)
		return false;
	for (uint64_t i = 0; i < words; i++) {
		bool is_pointer, expected = i < type->mask_words && (type->mask[i / 64] >> (i % 64) & 1);
		if (!is_pointer_word(typer, piece->addr + 8 * i, &is_pointer))
			break; /* nor are those behind */
		if (is_pointer != expected)
			return false;
	}
	return true;
}

/* A reference behind the type, where no variable can begin, is to a part of this one: the type is not all of it. */
static bool goes_on(const struct hb_naming *naming, const struct hb_piece *piece, uint64_t size)
{
	uint64_t alignment = hb_naming_alignment(size), end = piece->addr + size;
	size_t first, last;
	if (piece->source == HB_PIECE_SYMBOL)
		return false;
	hb_naming_refs(naming, end, (end + alignment - 1) & ~(alignment - 1), &first, &last);
	return first < last;
}

static uint64_t section_end(const struct hb_naming *naming, uint64_t addr)
{
	const struct hb_go_module *module = naming->module;
	return addr < module->edata && addr >= module->data ? module->edata : module->ebss;
}

static void add_type(const struct typer *typer, struct hb_piece *piece)
{
	struct opinion opinion = {0};
	if (typer->naming->facts)
		read_votes(typer, piece->addr, &opinion);
	uint32_t id = conclude(typer, &opinion);
	if (!id && !opinion.pointee && !opinion.value && !opinion.element && !opinion.unnamed)
		id = interface_at(typer, piece->addr);
	/* Types that stand for all of one shape are no variable's: cmd/compile/internal/noder, shapify. */
	if (!id || strstr(typer->types->list[id].name, "go.shape."))
		return;
	uint64_t size = typer->types->list[id].size, end = section_end(typer->naming, piece->addr);
	/* A symbol's size is exact; a piece between two references may be a part of the variable. */
	if (piece->source == HB_PIECE_SYMBOL ? size != piece->size : end - piece->addr < size)
		return;
	if (!goes_on(typer->naming, piece, size) && mask_agrees(typer, piece, &typer->types->list[id]))
		piece->type = typer->types->list[id].addr;
}

struct hb_error *hb_naming_add_types(struct hb_naming *naming)
{
	if (!naming->types)
		return NULL;
	struct typer typer = {.naming = naming, .types = naming->types};
	TRY(index_types(&typer));
	for (size_t i = 0; i < naming->pieces.len; i++) {
		struct hb_piece *piece = &naming->pieces.data[i];
		if (!piece->type && !piece->is_c && !piece->type_is_final)
			add_type(&typer, piece);
	}
	free(typer.slice_of);
	return NULL;
}
