/* Special records, profile buckets, and what waits to run. The structs are in memory of the runtime's own and have no type
 * descriptors: each record that is there is looked at. Where there is none, there is nothing to misread. */
#include "golang/code_x86.h"
#include "golang/confirm_internal.h"
#include "golang/pclntab.h"
#include "golang/queues.h"
#include "golang/specials.h"

#include <inttypes.h>
#include <string.h>

static bool read_word(const struct hb_confirm *confirm, uint64_t addr, uint64_t *ret)
{
	return hb_snapshot_u64(confirm->go->snapshot, addr, ret);
}

bool hb_confirm_is_func_value(const struct hb_confirm *confirm, uint64_t value)
{
	struct hb_go_func func;
	uint64_t entry;
	if (read_word(confirm, value, &entry))
		return hb_go_func_at(confirm->go, entry, &func) && func.entry == entry;
	/* A closure may have no pointers; such objects need not be in the snapshot. */
	uint32_t slot = hb_heap_slot(confirm->heap, value);
	return slot && hb_heap_allocated(confirm->heap, slot);
}

static bool is_type(const struct hb_confirm *confirm, uint64_t addr)
{
	return !hb_go_module_of_types(confirm->go, addr) || hb_types_find(confirm->types, addr);
}

/* --- Records of one kind ------------------------------------------------------------------------------------------------ */

/* runtime/mheap.go specialfinalizer: the function, the types of its argument and of the object. */
static bool is_finalizer(const struct hb_confirm *confirm, uint64_t special)
{
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t fn, type;
	if (!read_word(confirm, special + layout->special_finalizer.fn, &fn) || !hb_confirm_is_func_value(confirm, fn))
		return false;
	if (layout->special_finalizer.fint != HB_ABSENT &&
	    (!read_word(confirm, special + layout->special_finalizer.fint, &type) || !is_type(confirm, type)))
		return false;
	return layout->special_finalizer.ot == HB_ABSENT ||
	       (read_word(confirm, special + layout->special_finalizer.ot, &type) && is_type(confirm, type));
}

/* runtime/mheap.go specialCleanup: the func value; from 1.26 on what calls it, the func value, and its argument. */
static bool is_cleanup(const struct hb_confirm *confirm, uint64_t special)
{
	const struct hb_go_layout *layout = confirm->layout;
	uint64_t at = special + layout->special_cleanup.fn, call, fn;
	if (layout->cleanup_fn.size == HB_ABSENT)
		return read_word(confirm, at, &fn) && hb_confirm_is_func_value(confirm, fn);
	if (layout->cleanup_fn.call == HB_ABSENT || layout->cleanup_fn.fn == HB_ABSENT)
		return true;
	return read_word(confirm, at + layout->cleanup_fn.call, &call) && hb_confirm_is_func_value(confirm, call) &&
	       read_word(confirm, at + layout->cleanup_fn.fn, &fn) && hb_confirm_is_func_value(confirm, fn);
}

/* runtime/mheap.go getOrAddWeakHandle: an object of 8 bytes, 16 from 1.27 on, that holds the address of the other. */
static bool is_weak_handle(const struct hb_confirm *confirm, uint64_t special, uint64_t object)
{
	uint64_t handle, value;
	if (!read_word(confirm, special + confirm->layout->special_weak.handle, &handle))
		return false;
	uint32_t slot = hb_heap_slot(confirm->heap, handle);
	if (!slot || !hb_heap_allocated(confirm->heap, slot))
		return false;
	const struct hb_span *span = &confirm->heap->spans[hb_heap_span_of_slot(confirm->heap, slot)];
	if (span->kind != HB_SPAN_NOSCAN || span->elem_size > 64) /* with -asan it has redzones */
		return false;
	/* Objects without pointers need not be in the snapshot. */
	return !read_word(confirm, handle, &value) || !value ||
	       hb_heap_slot(confirm->heap, value) == hb_heap_slot(confirm->heap, object);
}

/* runtime/mprof.go bucket: of kind memProfile, with the stack behind it; its size is that of the object. */
static bool is_sample(const struct hb_confirm *confirm, const struct hb_span *span, uint64_t special)
{
	const struct hb_go_layout *layout = confirm->layout;
	enum { MEM_PROFILE = 1, MAX_FRAMES = 1024 };
	uint64_t bucket, kind, size, nstk;
	if (!read_word(confirm, special + layout->special_profile.bucket, &bucket) ||
	    !read_word(confirm, bucket + layout->bucket.bytes, &size) ||
	    !read_word(confirm, bucket + layout->bucket.nstk, &nstk) || !nstk || nstk > MAX_FRAMES || !size)
		return false;
	/* Of a user arena's chunk, bitmap and all are counted. */
	if (!span->user_arena && (size > span->elem_size || size * 2 + 16 < span->elem_size))
		return false;
	if (layout->bucket.typ != HB_ABSENT &&
	    (!read_word(confirm, bucket + layout->bucket.typ, &kind) || kind != MEM_PROFILE))
		return false;
	for (uint64_t i = 0; i < nstk; i++) {
		uint64_t pc;
		struct hb_go_func func;
		if (!read_word(confirm, bucket + layout->bucket.size + i * 8, &pc) ||
		    !hb_go_func_at(confirm->go, pc - 1, &func))
			return false;
	}
	return true;
}

/* --- All records --------------------------------------------------------------------------------------------------------- */

static struct hb_error *check_special(const struct hb_confirm *confirm, const struct hb_span *span, uint64_t special,
                                      uint32_t kind, uint64_t offset)
{
	const struct hb_go_special_kinds *kinds = &confirm->layout->kinds;
	const uint32_t others[] = {kinds->reachable, kinds->pinner, kinds->check_finalizer, kinds->tinyblock,
	                           kinds->bubble};
	bool sane = false;
	if (kind == kinds->finalizer)
		sane = is_finalizer(confirm, special);
	else if (kind == kinds->cleanup)
		sane = is_cleanup(confirm, special);
	else if (kind == kinds->weak_handle)
		sane = is_weak_handle(confirm, special, span->base + offset);
	else if (kind == kinds->profile)
		sane = is_sample(confirm, span, special);
	for (size_t i = 0; i < hb_countof(others); i++)
		sane |= kind == others[i];
	return sane ? NULL : hb_disagrees("a special record of kind %u is not what that kind was", kind);
}

/* runtime/mheap.go specialFindSplicePoint: by offset, then by kind. */
static struct hb_error *check_span(const struct hb_confirm *confirm, const struct hb_span *span,
                                   struct hb_specials *specials)
{
	uint64_t before = 0;
	for (hb_specials_start(specials, span); hb_specials_next(specials);) {
		uint64_t key = specials->offset << 8 | specials->kind;
		if (specials->offset >= span->nelems * span->elem_size || key < before)
			return hb_disagrees("the special records of a heap span of %u slots are not in order",
			                    span->nelems);
		before = key;
		TRY(check_special(confirm, span, specials->addr, specials->kind, specials->offset));
	}
	return specials->broken ? hb_disagrees("a special record cannot be read") : NULL;
}

/* Where no span has any, the field may be another. os.Stdin and its like have a finalizer (os/file_unix.go newFile, 1.18-1.24) or
 * a cleanup (1.25-1.27). */
struct hb_error *hb_confirm_specials(const struct hb_confirm *confirm)
{
	struct hb_specials specials = hb_specials(confirm->go);
	bool any = false;
	for (uint32_t i = 0; i < confirm->heap->nspans; i++) {
		if (!confirm->heap->spans[i].specials)
			continue;
		any = true;
		TRY(check_span(confirm, &confirm->heap->spans[i], &specials));
	}
	if (!any && hb_types_by_name(confirm->types, "os.file", "os"))
		return hb_disagrees("no object has a special record, though files have");
	return NULL;
}

/* --- Finalizers that are due --------------------------------------------------------------------------------------------- */

/* A block of finalizers (runtime/mfinal.go finBlock, 4 KB outside the heap and the program's data, 1.18-1.27) that are to run
 * holds func values. */
static bool has_func_values(const struct hb_confirm *confirm, uint64_t block)
{
	enum { BLOCK = 4096 };
	const struct hb_go_module *module = confirm->module;
	uint64_t at, value;
	if (block % 8 || block < BLOCK || hb_heap_page(confirm->heap, block, &at) ||
	    (block >= module->text && block < module->enoptrbss))
		return false;
	for (uint64_t i = 0; i < BLOCK; i += 8)
		if (read_word(confirm, block + i, &value) && hb_confirm_is_func_value(confirm, value))
			return true;
	return false;
}

static bool is_in_bss(const struct hb_go_module *module, uint64_t addr)
{
	return (addr >= module->bss && addr < module->ebss) || (addr >= module->noptrbss && addr < module->enoptrbss);
}

/* What is queued is found by what it looks like, which an empty queue does not: the code of the function that queues
 * finalizers says which variables it has. If one of them leads to finalizers, the queue must have been found. */
static struct hb_error *check_queue_code(const struct hb_confirm *confirm, const struct hb_x86_decoder *decoder,
                                         const struct hb_go_func *func)
{
	const uint8_t *code = hb_snapshot_at(confirm->go->snapshot, func->entry, func->end - func->entry);
	uint64_t head = confirm->go->queues[HB_GO_QUEUE_FINALIZERS], value;
	bool found = !head;
	for (uint64_t pc = func->entry; code && pc < func->end;) {
		struct hb_x86 x86;
		if (!hb_x86_decode(decoder, code + (pc - func->entry), func->end - pc, pc, &x86)) {
			pc++;
			continue;
		}
		pc += x86.length;
		if (x86.base != HB_X86_RIP || !is_in_bss(confirm->module, x86.target))
			continue;
		found |= x86.target == head;
		if (!head && read_word(confirm, x86.target, &value) && has_func_values(confirm, value))
			return hb_disagrees("its queue of finalizers cannot be read");
	}
	return found ? NULL : hb_disagrees("its queue of finalizers is not where it was found");
}

struct hb_error *hb_confirm_queues(const struct hb_confirm *confirm)
{
	const struct hb_go_newer *newer = confirm->go->newer;
	if (newer && newer->described.structs[HB_STRUCT_finblock])
		return NULL;
	struct hb_x86_decoder *decoder = hb_x86_decoder_create();
	struct hb_error *err = decoder ? NULL : hb_error_nomem();
	bool found = false;
	for (uint32_t i = 0; i + 1 < confirm->module->nftab && !found && !err; i++) {
		struct hb_go_func func;
		found = hb_go_func_by_index(confirm->go, confirm->module, i, &func) &&
		        !strcmp(func.name, "runtime.queuefinalizer");
		if (found)
			err = check_queue_code(confirm, decoder, &func);
	}
	hb_x86_decoder_destroy(decoder);
	if (!err && !found)
		err = hb_disagrees("it has no runtime.queuefinalizer");
	return err;
}
