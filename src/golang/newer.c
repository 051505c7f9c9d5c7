#include "golang/newer.h"
#include "golang/layout_dwarf.h"
#include "golang/layout_types.h"

#include <string.h>

/* --- Constants ---------------------------------------------------------------------------------------------------------
 */

/* What the code counts on and no table has, where DWARF says it: another value means another meaning. Constants that a
 * version does not have say nothing. As 1.27 names them. */
static const struct {
	const char *name;
	int64_t value;
} constants[] = {
        /* runtime/runtime2.go: goroutines.h */
        {"runtime._Gidle", 0},
        {"runtime._Grunnable", 1},
        {"runtime._Grunning", 2},
        {"runtime._Gsyscall", 3},
        {"runtime._Gwaiting", 4},
        {"runtime._Gdead", 6},
        {"runtime._Gcopystack", 8},
        {"runtime._Gpreempted", 9},
        {"runtime._Gleaked", 10},
        {"runtime._Gdeadextra", 11},
        {"runtime._Gscan", 0x1000},
        /* runtime/malloc.go, runtime/mheap.go, internal/runtime/gc/malloc.go: spans.c, heap.h */
        {"runtime.mSpanDead", 0},
        {"runtime.mSpanManual", 2},
        {"runtime.heapArenaBytes", 1 << 26},
        {"runtime.arenaL1Bits", 0},
        {"runtime.arenaBaseOffsetUintptr", (int64_t)0xffff800000000000},
        {"internal/runtime/gc.PageShift", 13},
        {"internal/runtime/gc.MinSizeForMallocHeader", 512},
        {"internal/runtime/gc.MallocHeaderSize", 8},
        {"internal/runtime/gc.MaxSmallSize", 32768},
        {"internal/runtime/gc.TinySize", 16},
        /* internal/abi/symtab.go: pclntab.h, frame_code.h */
        {"internal/abi.PCDATA_StackMapIndex", 1},
        {"internal/abi.PCDATA_InlTreeIndex", 2},
        {"internal/abi.FUNCDATA_ArgsPointerMaps", 0},
        {"internal/abi.FUNCDATA_LocalsPointerMaps", 1},
        {"internal/abi.FUNCDATA_StackObjects", 2},
        {"internal/abi.FUNCDATA_InlTree", 3},
        {"internal/abi.FuncFlagTopFrame", 1},
        {"internal/abi.FuncFlagSPWrite", 2},
        {"internal/abi.FuncFlagAsm", 4},
        /* internal/abi/type.go: types.h, type_descriptor.h */
        {"internal/abi.Bool", 1},
        {"internal/abi.Interface", 20},
        {"internal/abi.Map", 21},
        {"internal/abi.Struct", 25},
        {"internal/abi.UnsafePointer", 26},
        {"internal/abi.TFlagUncommon", 1},
        {"internal/abi.TFlagExtraStar", 2},
        {"internal/abi.TFlagNamed", 4},
        {"internal/abi.TFlagGCMaskOnDemand", 16},
        {"internal/abi.TFlagDirectIface", 32},
};

static struct hb_error *check_constants(const struct hb_layout_dwarf *dwarf)
{
	for (size_t i = 0; i < hb_countof(constants); i++) {
		int64_t value;
		if (hb_layout_dwarf_constant(dwarf, constants[i].name, &value) && value != constants[i].value)
			return hb_error_create(HB_ERR_UNSUPPORTED, "its %s is %lld, not %lld", constants[i].name,
			                       (long long)value, (long long)constants[i].value);
	}
	return NULL;
}

/* --- DWARF ---------------------------------------------------------------------------------------------------------- */

static struct hb_error *use_dwarf(struct hb_go_newer *newer, struct hb_layout_dwarf *dwarf)
{
	struct hb_layout_source source = hb_layout_dwarf_source(dwarf);
	struct hb_go_special_kinds *kinds = &newer->layout.kinds;
	uint64_t size;
	newer->has_dwarf = true;
	newer->layout.generated_from = "its debug information";
	hb_layout_describe(&source, &newer->layout, &newer->described);
	TRY(hb_layout_settle(&newer->layout, &newer->described, true));
	TRY(check_constants(dwarf));
	hb_layout_dwarf_special_kinds(dwarf, kinds);
	if (kinds->finalizer == HB_ABSENT || kinds->weak_handle == HB_ABSENT || kinds->profile == HB_ABSENT ||
	    kinds->cleanup == HB_ABSENT)
		return hb_error_create(HB_ERR_UNSUPPORTED, "its kinds of special records have other names");
	if (!hb_layout_dwarf_variable(dwarf, "runtime.firstmoduledata", &newer->firstmoduledata, &size) ||
	    !hb_layout_dwarf_variable(dwarf, "runtime.waitReasonStrings", &newer->wait_reasons,
	                              &newer->wait_reasons_size))
		newer->wait_reasons = 0;
	return NULL;
}

/* A separate debug file may be all there is of the program: a core may come without its executable. */
static struct hb_error *open_image(const struct hb_snapshot *snapshot, struct hb_elf_image **ret)
{
	int debug = snapshot->debug_fd ? snapshot->debug_fd : -1, exe = snapshot->exe_fd;
	*ret = NULL;
	if (exe < 0 && debug < 0)
		return NULL;
	struct hb_error *err = exe < 0 ? hb_elf_image_open(debug, -1, ret) : hb_elf_image_open(exe, debug, ret);
	if (!err || err->code != HB_ERR_UNSUPPORTED)
		return err;
	hb_error_destroy(err);
	return NULL;
}

struct hb_error *hb_go_newer_create(const struct hb_snapshot *snapshot, const struct hb_go_version *version,
                                    struct hb_arena *arena, struct hb_go_newer **ret)
{
	const struct hb_go_layout *newest = hb_go_layout(hb_go_newest_minor());
	hb_cleanup(hb_elf_image_closep) struct hb_elf_image *image = NULL;
	hb_cleanup(hb_layout_dwarf_destroyp) struct hb_layout_dwarf *dwarf = NULL;
	struct hb_go_newer *newer = hb_arena_alloc(arena, sizeof(*newer));
	if (!newer)
		return hb_error_nomem();
	newer->layout = *newest;
	newer->layout.minor = version->minor;
	*ret = newer;
	TRY(open_image(snapshot, &image));
	if (image)
		TRY(hb_layout_dwarf_read(image, &dwarf));
	return dwarf ? use_dwarf(newer, dwarf) : NULL;
}

/* --- Type descriptors ------------------------------------------------------------------------------------------------- */

/* True when the section that begins at `types` describes moduledata. */
static struct hb_error *try_section(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                    const struct hb_go_version *version, uint64_t start, uint64_t end, bool *found)
{
	hb_cleanup(hb_layout_types_destroyp) struct hb_layout_types *types = NULL;
	uint64_t of, size;
	*found = false;
	TRY(hb_layout_types_read(memory->snapshot, version, start, end, &types));
	if (!types)
		return NULL;
	struct hb_layout_source source = hb_layout_types_source(types);
	if (!source.find(source.ctx, "runtime.moduledata", &of, &size))
		return NULL;
	*found = true;
	hb_layout_describe(&source, &newer->layout, &newer->described);
	return hb_layout_settle(&newer->layout, &newer->described, false);
}

/* Where the mapping that holds addr ends, 0 when none does. */
static uint64_t end_of_mapping(const struct hb_snapshot *snapshot, uint64_t addr)
{
	for (size_t i = 0; i < snapshot->nmappings; i++)
		if (addr >= snapshot->mappings[i].start && addr < snapshot->mappings[i].end)
			return snapshot->mappings[i].end;
	return 0;
}

/* moduledata is not laid out as the newest table has it: one of its words is the address of the type section. */
static struct hb_error *search_section(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                       const struct hb_go_version *version, uint64_t head, bool *found)
{
	enum { WORDS = 128, MAX_SECTION = 1 << 30 };
	uint64_t tried = 0;
	for (unsigned i = 0; i < WORDS && !*found; i++) {
		uint64_t start, end;
		if (!hb_go_memory_u64(memory, head + i * 8, &start) || start % 8 || start == tried)
			continue;
		tried = start;
		end = hb_min(end_of_mapping(memory->snapshot, start), start + MAX_SECTION);
		if (end && hb_layout_types_may_begin(memory->snapshot, version, start, end))
			TRY(try_section(newer, memory, version, start, end, found));
	}
	return NULL;
}

struct hb_error *hb_go_newer_read_types(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                        const struct hb_go_version *version, uint64_t moduledata, const uint64_t *heads,
                                        size_t nheads)
{
	uint64_t start, end;
	bool found = false;
	newer->layout.generated_from = "its type descriptors and the newest table";
	if (moduledata && hb_go_memory_u64(memory, moduledata + newer->layout.moduledata.types, &start) &&
	    hb_go_memory_u64(memory, moduledata + newer->layout.moduledata.etypes, &end))
		TRY(try_section(newer, memory, version, start, end, &found));
	for (size_t i = 0; i < nheads && !found; i++)
		TRY(search_section(newer, memory, version, heads[i], &found));
	return found ? NULL
	             : hb_error_create(HB_ERR_UNSUPPORTED, "no type descriptors of its runtime were found in it");
}

/* --- Wait reasons ----------------------------------------------------------------------------------------------------- */

enum { MAX_REASONS = 256, MAX_REASON = 64 };

/* The string header at addr; false when it is none, or not of a reason. The one of number 0 is empty. */
static bool reason_at(const struct hb_snapshot *snapshot, uint64_t addr, struct hb_bytes *ret)
{
	const uint8_t *header = hb_snapshot_at(snapshot, addr, 16);
	uint64_t len = header ? hb_load_u64(header + 8) : MAX_REASON + 1;
	if (len > MAX_REASON)
		return false;
	*ret = hb_snapshot_view(snapshot, hb_load_u64(header), len);
	if (len && !ret->data)
		return false;
	for (size_t i = 0; i < len; i++)
		if (ret->data[i] < 0x20 || ret->data[i] > 0x7e)
			return false;
	ret->len = len;
	return true;
}

static bool is_reason(struct hb_bytes reason, const char *text)
{
	return reason.len == strlen(text) && !memcmp(reason.data, text, reason.len);
}

/* How many reasons begin at addr, which an empty one does; 0 when that is not runtime.waitReasonStrings. The last words
 * may belong to the next variable: no goroutine has such a number. */
static uint32_t count_reasons(const struct hb_snapshot *snapshot, uint64_t addr)
{
	static const char *const expected[] = {"chan receive", "chan send", "select", "select (no cases)", "sleep"};
	struct hb_bytes reason;
	uint32_t n = 0, found = 0;
	for (; n < MAX_REASONS && reason_at(snapshot, addr + n * 16, &reason) && (reason.len != 0) == (n != 0); n++)
		for (size_t i = 0; i < hb_countof(expected); i++)
			found += is_reason(reason, expected[i]);
	return found == hb_countof(expected) ? n : 0;
}

/* runtime/runtime2.go waitReasonStrings, 1.18-1.27: an array of strings in the program's data. */
static uint64_t search_reasons(const struct hb_snapshot *snapshot, uint64_t start, uint64_t end, uint32_t *n)
{
	struct hb_bytes reason;
	for (uint64_t at = (start + 7) & ~UINT64_C(7); at + 16 <= end; at += 8) {
		if (!reason_at(snapshot, at, &reason) || !is_reason(reason, "chan receive"))
			continue;
		uint64_t first = at;
		for (unsigned back = 0; back < MAX_REASONS && reason.len; back++)
			if (!reason_at(snapshot, first -= 16, &reason))
				break;
		*n = count_reasons(snapshot, first);
		if (*n)
			return first;
	}
	return 0;
}

static struct hb_error *copy_reasons(struct hb_go_newer *newer, const struct hb_snapshot *snapshot, uint64_t at,
                                     uint32_t n, struct hb_arena *arena)
{
	const char **list = hb_arena_alloc(arena, n * sizeof(*list));
	if (!list)
		return hb_error_nomem();
	for (uint32_t i = 0; i < n; i++) {
		struct hb_bytes reason;
		if (!reason_at(snapshot, at + i * 16, &reason))
			return NULL;
		list[i] = hb_arena_strndup(arena, (const char *)reason.data, reason.len);
		if (!list[i])
			return hb_error_nomem();
	}
	newer->layout.wait_reasons = list;
	newer->layout.nwait_reasons = n;
	return NULL;
}

struct hb_error *hb_go_newer_read_wait_reasons(struct hb_go_newer *newer, const struct hb_go_memory *memory,
                                               uint64_t moduledata, struct hb_arena *arena)
{
	const struct hb_snapshot *snapshot = memory->snapshot;
	uint64_t start, end, at = 0;
	uint32_t n = 0;
	if (newer->wait_reasons) {
		at = newer->wait_reasons + (moduledata - newer->firstmoduledata); /* where the program was loaded */
		n = (uint32_t)hb_min(newer->wait_reasons_size / 16, (uint64_t)MAX_REASONS);
		return copy_reasons(newer, snapshot, at, n, arena);
	}
	if (hb_go_memory_u64(memory, moduledata + newer->layout.moduledata.data, &start) &&
	    hb_go_memory_u64(memory, moduledata + newer->layout.moduledata.edata, &end))
		at = search_reasons(snapshot, start, end, &n);
	return at ? copy_reasons(newer, snapshot, at, n, arena) : NULL;
}

/* --- What errors mean ------------------------------------------------------------------------------------------------- */

struct hb_error *hb_go_newer_explain(const struct hb_go_newer *newer, const struct hb_go_version *version,
                                     struct hb_error *err)
{
	if (err->code != HB_ERR_UNSUPPORTED && err->code != HB_ERR_CORRUPT && err->code != HB_ERR_FAULT)
		return err;
	struct hb_error *explained = hb_error_create(
	        HB_ERR_UNSUPPORTED,
	        "this is a %s program, newer than any that heldby knows (newest: Go 1.%u), and its runtime is not as "
	        "that "
	        "one's: %s; a newer heldby may know it%s",
	        version->text, hb_go_newest_minor(), err->message,
	        newer->has_dwarf ? ""
	                         : ", and so may this one with its debug information (a build without -ldflags=-w, or "
	                           "--debug-file)");
	hb_error_destroy(err);
	return explained;
}
