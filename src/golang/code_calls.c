#include "golang/code_calls.h"
#include "golang/func_name.h"
#include "golang/type_descriptor.h"

#include <stdio.h>
#include <string.h>

/* --- Runtime functions, by name --------------------------------------------------------------------------------- */

struct runtime_call {
	const char *name;
	bool prefix; /* every function whose name begins so */
	uint8_t kind;
};

/* cmd/compile/internal/typecheck/_builtin/runtime.go lists what the compiler calls, with signatures: 1.18-1.27.
 * Size-specialised mallocs (mallocgcSmallScanNoHeaderSC4, mallocgcTinySize8; in 1.27 mallocgcTinySC2) take the
 * arguments of mallocgc: 1.26+ by default, cmd/compile/internal/ssagen/ssa.go, specializedMallocSym. */
static const struct runtime_call runtime_calls[] = {
        {"runtime.newobject", false, HB_CALL_NEW},
        {"runtime.mallocgc", true, HB_CALL_MALLOC},
        {"runtime.makeslice", false, HB_CALL_SLICE},
        {"runtime.makeslice64", false, HB_CALL_SLICE},
        {"runtime.makeslicecopy", false, HB_CALL_SLICE},
        {"runtime.newarray", false, HB_CALL_SLICE},
        {"runtime.moveSlice", false, HB_CALL_SLICE},      /* 1.26+ */
        {"runtime.moveSliceNoCap", false, HB_CALL_SLICE}, /* 1.26+ */
        {"runtime.growslice", true, HB_CALL_GROW},        /* growsliceBuf, growsliceNoAlias …: 1.26+ */
        {"runtime.makemap_small", false, HB_CALL_SMALL_MAP},
        {"runtime.makemap", false, HB_CALL_MAKE_MAP},
        {"runtime.makemap64", false, HB_CALL_MAKE_MAP},
        {"runtime.makechan", false, HB_CALL_MAKE_CHAN},
        {"runtime.makechan64", false, HB_CALL_MAKE_CHAN},
        {"runtime.mapaccess", true, HB_CALL_MAP},
        {"runtime.mapassign", true, HB_CALL_MAP},
        {"runtime.mapdelete", true, HB_CALL_MAP},
        {"runtime.mapclear", false, HB_CALL_MAP},
        {"runtime.mapiterinit", false, HB_CALL_MAP},
        {"runtime.mapIterStart", false, HB_CALL_MAP}, /* 1.24+ */
        {"runtime.typedmemmove", false, HB_CALL_MOVE},
        {"runtime.wbMove", false, HB_CALL_MOVE},
        {"runtime.typedmemclr", false, HB_CALL_CLEAR},
        {"runtime.wbZero", false, HB_CALL_CLEAR},
        {"runtime.typedslicecopy", false, HB_CALL_SLICE_COPY},
        {"runtime.atomicstorep", false, HB_CALL_ATOMIC},
        {"sync/atomic.StorePointer", false, HB_CALL_ATOMIC},
        {"sync/atomic.SwapPointer", false, HB_CALL_ATOMIC},
        {"sync/atomic.CompareAndSwapPointer", false, HB_CALL_ATOMIC_SWAP},
        /* runtime/asm_amd64.s: gcWriteBarrier preserves every register and returns the buffer in r11. 1.18-1.20 had one
         * entry a register (gcWriteBarrierCX …), 1.21+ one a count. */
        {"runtime.gcWriteBarrier", true, HB_CALL_BARRIER},
        {"gcWriteBarrier", true, HB_CALL_BARRIER},
        {"runtime.duffzero", false, HB_CALL_DUFF},
        {"runtime.duffcopy", false, HB_CALL_DUFF},
        {"runtime.panic", true, HB_CALL_PANIC},
        {"runtime.goPanic", true, HB_CALL_PANIC},
        {"runtime.gopanic", false, HB_CALL_PANIC},
        {"runtime.throw", false, HB_CALL_PANIC},
        {"runtime.fatal", false, HB_CALL_PANIC},
};

static uint8_t runtime_kind(const char *name)
{
	if (strncmp(name, "runtime.", 8) && strncmp(name, "sync/atomic.", 12) && strncmp(name, "gcWriteBarrier", 14))
		return HB_CALL_OTHER;
	for (size_t i = 0; i < hb_countof(runtime_calls); i++) {
		const struct runtime_call *call = &runtime_calls[i];
		if (call->prefix ? !strncmp(name, call->name, strlen(call->name)) : !strcmp(name, call->name))
			return call->kind;
	}
	return HB_CALL_OTHER;
}

/* --- Receivers: import path and bare name → type ---------------------------------------------------------------- */

struct receivers {
	const struct hb_types *types;
	uint32_t *heads; /* hash → first type id */
	uint32_t *next;  /* by id: next of the same hash */
	uint32_t mask;
};

static uint32_t hash_parts(const char *path, struct hb_span bare)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 0x100000001b3u;
	for (size_t i = 0; i < bare.len; i++)
		hash = (hash ^ (uint8_t)bare.text[i]) * 0x100000001b3u;
	return (uint32_t)(hash ^ hash >> 32);
}

/* "ring" and "*example.org/x.T" of "cache.ring[*example.org/x.T]". */
static struct hb_span bare_name(const struct hb_type *type, struct hb_span *arguments)
{
	const char *dot = strchr(type->name, '.');
	const char *start = dot ? dot + 1 : type->name;
	size_t len = strcspn(start, "[");
	*arguments = (struct hb_span){start + len, 0};
	size_t rest = strlen(start + len);
	if (rest >= 2)
		*arguments = (struct hb_span){start + len + 1, rest - 2};
	return (struct hb_span){start, len};
}

static struct hb_error *receivers_init(struct receivers *receivers, const struct hb_types *types)
{
	uint32_t size = 1024;
	while (size < types->n && size < 1u << 30)
		size *= 2;
	receivers->types = types;
	receivers->mask = size - 1;
	receivers->heads = calloc(size, sizeof(uint32_t));
	receivers->next = calloc((size_t)types->n + 1, sizeof(uint32_t));
	if (!receivers->heads || !receivers->next)
		return hb_error_nomem();
	for (uint32_t id = 1; id < types->n; id++) {
		struct hb_span arguments;
		const struct hb_type *type = &types->list[id];
		if (!(type->tflag & HB_TFLAG_NAMED) || !type->pkg_path[0])
			continue;
		uint32_t at = hash_parts(type->pkg_path, bare_name(type, &arguments)) & receivers->mask;
		receivers->next[id] = receivers->heads[at];
		receivers->heads[at] = id;
	}
	return NULL;
}

static void receivers_deinit(struct receivers *receivers)
{
	free(receivers->heads);
	free(receivers->next);
}

/* One type argument of several: up to the next comma outside brackets. */
static struct hb_span next_argument(struct hb_span *rest)
{
	int depth = 0;
	size_t i = 0;
	for (; i < rest->len; i++) {
		char c = rest->text[i];
		depth += (c == '[' || c == '{' || c == '(') - (c == ']' || c == '}' || c == ')');
		if (c == ',' && depth <= 0)
			break;
	}
	struct hb_span argument = {rest->text, i};
	size_t skip = hb_min(i + 1, rest->len);
	*rest = (struct hb_span){rest->text + skip, rest->len - skip};
	return argument;
}

static bool has_prefix(struct hb_span span, const char *prefix)
{
	size_t len = strlen(prefix);
	return span.len >= len && !memcmp(span.text, prefix, len);
}

/* Of a type that is written so: "interface {}", "[]int", "string". 0: cannot be told. */
static uint8_t kind_of_literal(struct hb_span text)
{
	static const struct {
		const char *prefix;
		uint8_t kind;
	} kinds[] = {
	        {"struct {", HB_KIND_STRUCT}, {"interface {", HB_KIND_INTERFACE},
	        {"map[", HB_KIND_MAP},        {"[]", HB_KIND_SLICE},
	        {"func(", HB_KIND_FUNC},      {"chan ", HB_KIND_CHAN},
	        {"string", HB_KIND_STRING},   {"bool", HB_KIND_BOOL},
	        {"int", HB_KIND_INT},         {"int64", HB_KIND_INT64},
	        {"int32", HB_KIND_INT32},     {"uint64", HB_KIND_UINT64},
	        {"uint32", HB_KIND_UINT32},   {"uint8", HB_KIND_UINT8},
	        {"float64", HB_KIND_FLOAT64},
	};
	for (size_t i = 0; i < hb_countof(kinds); i++) {
		bool whole = kinds[i].kind < HB_KIND_ARRAY || kinds[i].kind == HB_KIND_STRING;
		if (has_prefix(text, kinds[i].prefix) && (!whole || text.len == strlen(kinds[i].prefix)))
			return kinds[i].kind;
	}
	return 0;
}

/* Could the type that is called "net/netip.Addr" have a shape of this kind? */
static bool named_may_be(const struct hb_types *types, struct hb_span argument, uint8_t kind)
{
	char name[512], path[512];
	struct hb_func_name parts;
	if (!kind || argument.len >= sizeof(name))
		return true;
	memcpy(name, argument.text, argument.len);
	name[argument.len] = 0;
	hb_func_name_parse(name, &parts);
	if (!parts.package.len || parts.package.len + 1 >= argument.len)
		return true;
	hb_func_name_unescape(parts.package, path, sizeof(path));
	const char *last = strrchr(path, '/');
	char text[512];
	int len = snprintf(text, sizeof(text), "%s%s", last ? last + 1 : path, name + parts.package.len);
	uint32_t id = len > 0 && (size_t)len < sizeof(text) ? hb_types_by_name(types, text, path) : 0;
	return !id || types->list[id].kind == kind;
}

/* Could a type argument have been compiled as this shape? cmd/compile/internal/noder/reader.go, shapify: pointers
 * become *uint8, other types their underlying type. Says yes when it cannot tell. */
static bool argument_may_have_shape(const struct hb_types *types, struct hb_span argument, struct hb_span shape)
{
	static const char prefix[] = "go.shape.";
	if (!has_prefix(shape, prefix))
		return shape.len == argument.len && !memcmp(shape.text, argument.text, shape.len);
	shape.text += sizeof(prefix) - 1;
	shape.len -= sizeof(prefix) - 1;
	bool pointer_shape = has_prefix(shape, "*"), pointer = has_prefix(argument, "*");
	if (pointer_shape || pointer)
		return pointer_shape == pointer;
	bool qualified = memchr(argument.text, '.', argument.len) && !memchr(argument.text, ' ', argument.len);
	bool composite = argument.len && (argument.text[0] == '[' || has_prefix(argument, "map["));
	if (qualified && !composite)
		return named_may_be(types, argument, kind_of_literal(shape)); /* the underlying type is the shape */
	if (qualified)
		return shape.len && shape.text[0] == argument.text[0];
	return shape.len == argument.len && !memcmp(shape.text, argument.text, shape.len);
}

static bool arguments_may_have_shapes(const struct hb_types *types, struct hb_span arguments, struct hb_span shapes)
{
	while (arguments.len && shapes.len)
		if (!argument_may_have_shape(types, next_argument(&arguments), next_argument(&shapes)))
			return false;
	return !arguments.len && !shapes.len;
}

enum { MAX_INSTANCES = 4096 };

/* The only type that the receiver of this method can be; 0 when there are several (types local to functions, several
 * instances of one shape) or none. */
static uint32_t receiver_type(const struct receivers *receivers, const struct hb_func_name *name)
{
	char path[1024];
	if (hb_func_name_unescape(name->package, path, sizeof(path)) == sizeof(path) - 1)
		return 0;
	uint32_t at = hash_parts(path, name->receiver) & receivers->mask, found = 0;
	unsigned steps = 0;
	for (uint32_t id = receivers->heads[at]; id; id = receivers->next[id]) {
		if (++steps > MAX_INSTANCES)
			return 0;
		const struct hb_type *type = &receivers->types->list[id];
		struct hb_span arguments, bare = bare_name(type, &arguments);
		if (bare.len != name->receiver.len || memcmp(bare.text, name->receiver.text, bare.len) ||
		    strcmp(type->pkg_path, path))
			continue;
		/* Types of that shape, not the shape itself. */
		if (has_prefix(arguments, "go.shape.") ||
		    !arguments_may_have_shapes(receivers->types, arguments, name->arguments))
			continue;
		if (found)
			return 0;
		found = id;
	}
	return found;
}

static bool is_word_or_slice(const struct hb_type *type)
{
	switch (type->kind) {
	case HB_KIND_MAP:
	case HB_KIND_CHAN:
	case HB_KIND_FUNC:
	case HB_KIND_POINTER:
	case HB_KIND_SLICE:
		return true;
	default:
		return false;
	}
}

static void classify(struct hb_code_func *func, const char *text, const struct receivers *receivers, unsigned minor)
{
	func->kind = runtime_kind(text);
	if (func->kind == HB_CALL_GROW && minor <= 19) /* runtime/slice.go growslice(et *_type, old slice, cap int) */
		func->kind = HB_CALL_GROW_OLD;
	func->is_runtime = !strncmp(text, "runtime.", 8) || !strncmp(text, "internal/runtime/", 17);
	if (func->kind != HB_CALL_OTHER || !receivers->types)
		return;
	struct hb_func_name name;
	hb_func_name_parse(text, &name);
	if (!name.is_method)
		return;
	uint32_t type = receiver_type(receivers, &name);
	if (!type)
		return;
	if (name.pointer_receiver)
		func->kind = HB_CALL_POINTER_METHOD;
	else if (is_word_or_slice(&receivers->types->list[type]))
		func->kind = HB_CALL_VALUE_METHOD;
	else
		return;
	func->type = type;
}

/* --- The list --------------------------------------------------------------------------------------------------- */

static struct hb_error *read_list(const struct hb_go *go, const struct receivers *receivers, struct hb_code_funcs *ret)
{
	const struct hb_go_module *module = &go->modules[0];
	ret->text = module->text;
	uint64_t size = module->etext > module->text ? module->etext - module->text : 0;
	uint64_t last = 0;
	ret->list = calloc(hb_max(module->nftab, 1u), sizeof(*ret->list));
	if (!ret->list)
		return hb_error_nomem();
	for (uint32_t i = 0; i + 1 < module->nftab; i++) {
		struct hb_go_func func;
		if (!hb_go_func_by_index(go, module, i, &func) || func.entry < module->text || func.end <= func.entry)
			continue;
		uint64_t start = func.entry - module->text, end = func.end - module->text;
		if (start < last || end > size || end > UINT32_MAX)
			continue;
		struct hb_code_func *added = &ret->list[ret->n++];
		*added = (struct hb_code_func){.start = (uint32_t)start, .end = (uint32_t)end, .index = i};
		classify(added, func.name, receivers, go->version.minor);
		last = end;
	}
	return NULL;
}

struct hb_error *hb_code_funcs_read(const struct hb_go *go, const struct hb_types *types, struct hb_code_funcs *ret)
{
	*ret = (struct hb_code_funcs){0};
	if (!go->nmodules)
		return NULL;
	hb_cleanup(receivers_deinit) struct receivers receivers = {0};
	if (types)
		TRY(receivers_init(&receivers, types));
	struct hb_error *err = read_list(go, &receivers, ret);
	if (err)
		hb_code_funcs_deinit(ret);
	return err;
}

void hb_code_funcs_deinit(struct hb_code_funcs *funcs)
{
	free(funcs->list);
	*funcs = (struct hb_code_funcs){0};
}

const struct hb_code_func *hb_code_func_starting(const struct hb_code_funcs *funcs, uint64_t addr)
{
	if (addr < funcs->text)
		return NULL;
	uint64_t start = addr - funcs->text;
	uint32_t low = hb_partition_point(funcs->n, i, funcs->list[i].start < start);
	return low < funcs->n && funcs->list[low].start == start ? &funcs->list[low] : NULL;
}
