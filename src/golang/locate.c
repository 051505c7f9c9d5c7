#include "golang/locate.h"
#include "golang/newer.h"
#include "golang/version.h"

#include <string.h>

bool hb_go_memory_read(const struct hb_go_memory *memory, uint64_t addr, void *to, size_t len)
{
	const void *at = hb_snapshot_at(memory->snapshot, addr, len);
	if (at) {
		memcpy(to, at, len);
		return true;
	}
	if (!memory->target || addr < 4096 || addr >> 47)
		return false;
	struct hb_error *err = hb_target_read(memory->target, addr, to, len);
	hb_error_destroy(err);
	return !err;
}

bool hb_go_memory_u64(const struct hb_go_memory *memory, uint64_t addr, uint64_t *ret)
{
	return hb_go_memory_read(memory, addr, ret, sizeof(*ret));
}

static bool is_user_address(uint64_t addr)
{
	return addr >= 4096 && addr < UINT64_C(1) << 47;
}

/* --- pclntab and moduledata ------------------------------------------------------------------------------------------
 */

/* internal/abi/symtab.go (runtime/symtab.go before): 1.18-1.19 0xfffffff0, 1.20+ 0xfffffff1; then two zero bytes, the
 * instruction quantum (1 on x86) and the pointer size. */
static bool is_pclntab_header(const uint8_t *at)
{
	uint64_t head = hb_load_u64(at);
	if (head != UINT64_C(0x08010000fffffff1) && head != UINT64_C(0x08010000fffffff0))
		return false;
	uint64_t nfunc = hb_load_u64(at + 8), nfiles = hb_load_u64(at + 16);
	return nfunc > 10 && nfunc < 100000000 && nfiles < 100000000;
}

struct candidates {
	HB_VEC(uint64_t) list;
};

static struct hb_error *find_pclntabs(const struct hb_snapshot *snapshot, struct candidates *ret)
{
	for (size_t i = 0; i < snapshot->nregions; i++) {
		const struct hb_region *region = &snapshot->regions[i];
		uint64_t size = region->in_arenas ? 0 : region->end - region->start;
		for (uint64_t page = 0; page < size >> HB_PAGE_SHIFT; page++) {
			if (region->pages[page] != HB_PAGE_READ ||
			    !hb_snapshot_in_program(snapshot, region->start + (page << HB_PAGE_SHIFT)))
				continue;
			/* The table is aligned to 32 up to 1.25 and to 8 from 1.26 on. */
			const uint8_t *bytes = region->bytes + (page << HB_PAGE_SHIFT);
			for (unsigned at = 0; at < HB_PAGE_SIZE; at += 8) {
				if (bytes[at + 1] != 0xff || bytes[at + 7] != 8)
					continue;
				uint64_t addr = region->start + (page << HB_PAGE_SHIFT) + at;
				const uint8_t *header = hb_snapshot_at(snapshot, addr, 24);
				if (header && is_pclntab_header(header))
					HB_VEC_PUSH(&ret->list, addr);
			}
		}
	}
	return NULL;
}

static bool module_is_plausible(const struct hb_go_memory *memory, const struct hb_go_layout *layout,
                                uint64_t moduledata)
{
	uint8_t bytes[2048];
	if (layout->moduledata.size > sizeof(bytes) ||
	    !hb_go_memory_read(memory, moduledata, bytes, layout->moduledata.size))
		return false;
#define WORD(field) hb_load_u64(bytes + layout->moduledata.field)
	uint64_t text = WORD(text), etext = WORD(etext), minpc = WORD(minpc), maxpc = WORD(maxpc);
	if (!is_user_address(text) || etext <= text || minpc < text || minpc >= etext || maxpc <= minpc)
		return false;
	if (WORD(data) > WORD(edata) || WORD(bss) > WORD(ebss) || WORD(noptrdata) > WORD(enoptrdata) ||
	    WORD(noptrbss) > WORD(enoptrbss) || WORD(types) > WORD(etypes))
		return false;
	if (!is_user_address(WORD(data)) || !is_user_address(WORD(bss)) || !is_user_address(WORD(types)))
		return false;
	if (WORD(etypes) - WORD(types) > UINT64_C(1) << 30) /* descriptors of 1 GB: the linker refuses 2 */
		return false;
	if (WORD(edata) - WORD(data) > UINT64_C(1) << 36 || WORD(ebss) - WORD(bss) > UINT64_C(1) << 36)
		return false;
	return is_user_address(WORD(gcdatamask + 8)) && is_user_address(WORD(gcbssmask + 8)); /* bitvector.bytedata */
#undef WORD
}

/* Every 8-byte word of the program's pages that were read, but for the heap's. */
static const struct hb_region *next_words(const struct hb_snapshot *snapshot, size_t *region, uint64_t *page,
                                          const uint8_t **words, uint64_t *addr)
{
	for (; *region < snapshot->nregions; (*region)++, *page = 0) {
		const struct hb_region *r = &snapshot->regions[*region];
		uint64_t npages = r->in_arenas ? 0 : (r->end - r->start) >> HB_PAGE_SHIFT;
		for (; *page < npages; (*page)++)
			if (r->pages[*page] == HB_PAGE_READ &&
			    hb_snapshot_in_program(snapshot, r->start + (*page << HB_PAGE_SHIFT))) {
				*words = r->bytes + (*page << HB_PAGE_SHIFT);
				*addr = r->start + (*page << HB_PAGE_SHIFT);
				(*page)++;
				return r;
			}
	}
	return NULL;
}

static bool contains(const struct candidates *list, uint64_t value)
{
	for (size_t i = 0; i < list->list.len; i++)
		if (list->list.data[i] == value)
			return true;
	return false;
}

/* Addresses of words that point at a pclntab: a moduledata begins with one (pcHeader is its first field, 1.16-1.27). */
static struct hb_error *find_moduledata_heads(const struct hb_snapshot *snapshot, const struct candidates *pclntabs,
                                              struct candidates *ret)
{
	const uint8_t *words;
	uint64_t addr, low = UINT64_MAX, high = 0;
	for (size_t i = 0; i < pclntabs->list.len; i++) {
		low = hb_min(low, pclntabs->list.data[i]);
		high = hb_max(high, pclntabs->list.data[i]);
	}
	for (size_t region = 0, page = 0; next_words(snapshot, &region, &page, &words, &addr);)
		for (unsigned at = 0; at < HB_PAGE_SIZE; at += 8) {
			uint64_t value = hb_load_u64(words + at);
			if (value >= low && value <= high && contains(pclntabs, value))
				HB_VEC_PUSH(&ret->list, addr + at);
		}
	return NULL;
}

/* Follows moduledata.next from the main module. The main module is the one no other's `next` points to. */
static struct hb_error *order_modules(const struct hb_go_memory *memory, const struct hb_go_layout *layout,
                                      const struct candidates *heads, struct hb_go_location *ret)
{
	uint64_t first = 0;
	for (size_t i = 0; i < heads->list.len; i++) {
		uint64_t head = heads->list.data[i];
		if (!module_is_plausible(memory, layout, head))
			continue;
		bool pointed = false;
		for (size_t j = 0; j < heads->list.len; j++) {
			uint64_t next;
			if (j != i && module_is_plausible(memory, layout, heads->list.data[j]) &&
			    hb_go_memory_u64(memory, heads->list.data[j] + layout->moduledata.next, &next) &&
			    next == head)
				pointed = true;
		}
		if (!pointed && !first)
			first = head;
	}
	ret->nmodules = 0;
	uint64_t at = first;
	while (at && ret->nmodules < HB_GO_MAX_MODULES && module_is_plausible(memory, layout, at)) {
		ret->moduledata[ret->nmodules++] = at;
		if (!hb_go_memory_u64(memory, at + layout->moduledata.next, &at))
			break;
	}
	ret->modules_end_early = at != 0;
	return NULL;
}

/* --- Slices of pointers to runtime structs, by shape -----------------------------------------------------------------
 */

struct slice_search {
	const struct hb_go_memory *memory;
	const struct hb_go_layout *layout;
	uint64_t min_len, max_len;
	enum likeness {
		UNLIKE,
		LIKE,
		EMPTY
	} (*element)(const struct slice_search *search, uint64_t index, uint64_t pointer);
	unsigned samples; /* elements to look at */
	unsigned
	        min_good; /* per cent of the samples that are not empty that must be alike (a running target is torn) */
};

static bool slice_matches(const struct slice_search *search, uint64_t data, uint64_t len)
{
	uint64_t samples = hb_min(len, (uint64_t)search->samples), like = 0, unlike = 0;
	for (uint64_t i = 0; i < samples; i++) {
		/* The first few, then spread over the whole length. */
		uint64_t index = i < 4 || samples == len ? i : i * ((len - 1) / samples + 1) % len;
		uint64_t pointer;
		enum likeness likeness = UNLIKE;
		if (hb_go_memory_u64(search->memory, data + index * 8, &pointer) && is_user_address(pointer))
			likeness = search->element(search, index, pointer);
		like += likeness == LIKE;
		unlike += likeness == UNLIKE;
		if (unlike * 100 > samples * (100 - search->min_good))
			return false;
	}
	return like >= samples / 8 + 1 && unlike * 100 <= (like + unlike) * (100 - search->min_good);
}

/* The longest matching slice in [start, end). */
static void search_section(const struct slice_search *search, uint64_t start, uint64_t end, uint64_t *best,
                           uint64_t *best_len)
{
	const uint8_t *bytes;
	uint64_t addr = (start + 7) & ~UINT64_C(7), run;
	for (; (bytes = hb_snapshot_next_run(search->memory->snapshot, &addr, end, &run)); addr += run) {
		for (uint64_t i = 0; i + 24 <= run; i += 8) {
			uint64_t data = hb_load_u64(bytes + i), len = hb_load_u64(bytes + i + 8),
			         cap = hb_load_u64(bytes + i + 16);
			if (!is_user_address(data) || data % 8 || len < search->min_len || len > cap ||
			    cap > search->max_len || len <= *best_len || !slice_matches(search, data, len))
				continue;
			*best = addr + i;
			*best_len = len;
		}
	}
}

static uint64_t search_module(const struct slice_search *search, uint64_t moduledata)
{
	const struct hb_go_layout *layout = search->layout;
	const uint32_t starts[] = {layout->moduledata.bss, layout->moduledata.noptrbss, layout->moduledata.data,
	                           layout->moduledata.noptrdata};
	const uint32_t ends[] = {layout->moduledata.ebss, layout->moduledata.enoptrbss, layout->moduledata.edata,
	                         layout->moduledata.enoptrdata};
	uint64_t best = 0, best_len = 0;
	for (size_t i = 0; i < hb_countof(starts); i++) {
		uint64_t start, end;
		if (hb_go_memory_u64(search->memory, moduledata + starts[i], &start) &&
		    hb_go_memory_u64(search->memory, moduledata + ends[i], &end))
			search_section(search, start, end, &best, &best_len);
	}
	return best;
}

/* Each P takes 64 new mspans at a time, which allspans lists at once: in a small program many are still all zero
 * (runtime/mheap.go allocMSpanLocked, 1.24-1.27). */
static enum likeness looks_like_mspan(const struct slice_search *search, uint64_t index, uint64_t pointer)
{
	const struct hb_go_layout *layout = search->layout;
	uint64_t start, npages, elemsize;
	uint8_t state;
	if (!hb_go_memory_u64(search->memory, pointer + layout->mspan.start_addr, &start) ||
	    !hb_go_memory_u64(search->memory, pointer + layout->mspan.npages, &npages) ||
	    !hb_go_memory_u64(search->memory, pointer + layout->mspan.elemsize, &elemsize) ||
	    !hb_go_memory_read(search->memory, pointer + layout->mspan.state, &state, 1))
		return UNLIKE;
	if (!start && !npages && !elemsize && !state)
		return EMPTY;
	return state <= 2 && is_user_address(start) && start % 8192 == 0 && npages > 0 && npages < UINT64_C(1) << 32 &&
	                       elemsize <= npages << 13
	               ? LIKE
	               : UNLIKE;
}

static enum likeness looks_like_g(const struct slice_search *search, uint64_t index, uint64_t pointer)
{
	const struct hb_go_layout *layout = search->layout;
	uint64_t lo, hi, goid;
	uint32_t status;
	if (!hb_go_memory_u64(search->memory, pointer + layout->g.stack, &lo) ||
	    !hb_go_memory_u64(search->memory, pointer + layout->g.stack + 8, &hi) ||
	    !hb_go_memory_u64(search->memory, pointer + layout->g.goid, &goid) ||
	    !hb_go_memory_read(search->memory, pointer + layout->g.atomicstatus, &status, 4))
		return UNLIKE;
	if ((status & ~UINT32_C(0x1000)) > 16 || lo > hi || hi - lo > UINT64_C(1) << 40 || (lo && !is_user_address(lo)))
		return UNLIKE;
	/* Zeros say nothing: read at the offsets of a g, most mspans are like that. */
	if (!goid)
		return EMPTY;
	/* Only a dead g has no stack (_Gdead, _Gdeadextra; runtime/runtime2.go, 1.18-1.27). */
	if (!lo && status != 6 && status != 11)
		return UNLIKE;
	return (index ? goid > 1 : goid == 1) ? LIKE : UNLIKE; /* allgs[0] is main.main's goroutine and never goes */
}

/* One that is in use is of the class it stands for; the one that is always full, of which there is one, is of none. */
static bool looks_like_span_of(const struct slice_search *search, uint64_t span, unsigned span_class)
{
	const struct hb_go_layout *layout = search->layout;
	uint8_t state, class;
	return is_user_address(span) && span % 8 == 0 &&
	       hb_go_memory_read(search->memory, span + layout->mspan.state, &state, 1) &&
	       hb_go_memory_read(search->memory, span + layout->mspan.spanclass, &class, 1) && state <= 2 &&
	       (state == 0 || class == span_class);
}

/* An mcache has a span of every class, full or empty, never none (runtime/mcache.go allocmcache, 1.18-1.27). */
static bool looks_like_mcache(const struct slice_search *search, uint64_t mcache)
{
	enum { SPANS = 16 };
	uint64_t spans[SPANS];
	if (!is_user_address(mcache) || mcache % 8 ||
	    !hb_go_memory_read(search->memory, mcache + search->layout->mcache.alloc, spans, sizeof(spans)))
		return false;
	for (unsigned i = 0; i < SPANS; i++)
		if (!looks_like_span_of(search, spans[i], i))
			return false;
	return true;
}

/* A p has its mcache from its making until it is destroyed (status 4, _Pdead: runtime/proc.go procresize). Structs of a
 * program that are numbered 0, 1, 2 … do not. */
static enum likeness looks_like_p(const struct slice_search *search, uint64_t index, uint64_t pointer)
{
	const struct hb_go_layout *layout = search->layout;
	uint32_t id, status;
	uint64_t mcache;
	if (!hb_go_memory_read(search->memory, pointer + layout->p.id, &id, 4) || id != index ||
	    !hb_go_memory_read(search->memory, pointer + layout->p.status, &status, 4) || status > 4 ||
	    !hb_go_memory_u64(search->memory, pointer + layout->p.mcache, &mcache))
		return UNLIKE;
	return status == 4 || looks_like_mcache(search, mcache) ? LIKE : UNLIKE;
}

static struct hb_error *find_globals(const struct hb_go_memory *memory, struct hb_go_location *ret)
{
	struct slice_search search = {.memory = memory,
	                              .layout = ret->layout,
	                              .min_len = 4,
	                              .max_len = UINT64_C(1) << 32,
	                              .element = looks_like_mspan,
	                              .samples = 64,
	                              .min_good = 90};
	uint64_t allspans = search_module(&search, ret->moduledata[0]);
	search.element = looks_like_g;
	search.min_len = 2;
	ret->allgs = search_module(&search, ret->moduledata[0]);
	search.element = looks_like_p;
	search.min_len = 1;
	search.max_len = 1 << 16;
	search.min_good = 100;
	ret->allp = search_module(&search, ret->moduledata[0]);
	if ((!allspans || !ret->allgs) && ret->newer)
		return hb_error_create(HB_ERR_UNSUPPORTED, "its %s was not found",
		                       allspans ? "list of goroutines" : "heap");
	/* It has goroutines, and next to no spans: from 1.26 on those that a processor takes at once are nearly all unused then. */
	const char *why = !allspans && ret->allgs
	                          ? "its objects may be outside the Go heap, as GODEBUG=sbrk=1 puts them"
	                          : "it may not have started yet";
	if (!allspans || !ret->allgs)
		return hb_error_create(HB_ERR_UNSUPPORTED,
		                       "this is a Go program (%s), but its %s could not be found: %s, or its runtime "
		                       "is not as Go 1.%u's",
		                       ret->version.text[0] ? ret->version.text : "version unknown",
		                       allspans ? "list of goroutines" : "heap", why, ret->layout->minor);
	ret->mheap = allspans - ret->layout->mheap.allspans;
	return NULL;
}

/* --- All together ----------------------------------------------------------------------------------------------------
 */

static struct hb_error *not_go(const struct hb_snapshot *snapshot)
{
	const char *too_old = hb_go_too_old(snapshot);
	if (too_old)
		return hb_error_create(HB_ERR_UNSUPPORTED,
		                       "'%s' is a program of %s: heldby reads Go 1.%u to 1.%u; rebuild it with a newer "
		                       "Go to examine it",
		                       snapshot->name ? snapshot->name : "the target", too_old, hb_go_oldest_minor(),
		                       hb_go_newest_minor());
	return hb_error_create(HB_ERR_UNSUPPORTED,
	                       "'%s' is not a Go program: it looks like %s; heldby examines Go programs",
	                       snapshot->name ? snapshot->name : "the target", hb_go_looks_like(snapshot));
}

static struct hb_error *refuse_experiments(const struct hb_go_version *version)
{
	const char *name = hb_go_unread_experiment(version->experiments);
	return name ? hb_error_create(
	                      HB_ERR_UNSUPPORTED,
	                      "this is a %s program, whose GOEXPERIMENT=%s lays the runtime out in a way that heldby "
	                      "does not know; rebuild it without to examine it",
	                      version->text, name)
	            : NULL;
}

/* No table is that new: the program itself says. */
static struct hb_error *read_layout(const struct hb_go_memory *memory, const struct candidates *heads,
                                    struct hb_arena *arena, struct hb_go_location *ret)
{
	TRY(hb_go_newer_create(memory->snapshot, &ret->version, arena, &ret->newer));
	ret->layout = &ret->newer->layout;
	TRY(order_modules(memory, ret->layout, heads, ret));
	if (!ret->newer->has_dwarf) {
		TRY(hb_go_newer_read_types(ret->newer, memory, &ret->version, ret->nmodules ? ret->moduledata[0] : 0,
		                           heads->list.data, heads->list.len));
		TRY(order_modules(memory, ret->layout, heads, ret));
	}
	return ret->nmodules ? hb_go_newer_read_wait_reasons(ret->newer, memory, ret->moduledata[0], arena) : NULL;
}

/* The newest table comes first: when the version is unknown, layouts that validate are tried from there. */
static struct hb_error *choose_layout(const struct hb_go_memory *memory, const struct candidates *heads,
                                      struct hb_arena *arena, struct hb_go_location *ret)
{
	const struct hb_go_version *version = &ret->version;
	TRY(refuse_experiments(version));
	ret->layout = version->minor ? hb_go_layout_with(version->minor, version->experiments) : NULL;
	if (version->minor && version->minor < hb_go_oldest_minor())
		return hb_error_create(
		        HB_ERR_UNSUPPORTED,
		        "this is a %s program: heldby reads Go 1.%u to 1.%u so far; rebuild it with a newer Go "
		        "to examine it",
		        version->text, hb_go_oldest_minor(), hb_go_newest_minor());
	if (version->minor > hb_go_newest_minor())
		return read_layout(memory, heads, arena, ret);
	if (ret->layout)
		return order_modules(memory, ret->layout, heads, ret);
	for (unsigned i = hb_go_nlayouts; i-- > 0;) {
		TRY(order_modules(memory, &hb_go_layouts[i], heads, ret));
		if (!ret->nmodules)
			continue;
		/* Now the data sections are known: the runtime's own version string decides. */
		if (hb_go_version_from_data(memory, &hb_go_layouts[i], ret->moduledata[0], &ret->version))
			return choose_layout(memory, heads, arena, ret);
	}
	return hb_error_create(
	        HB_ERR_UNSUPPORTED,
	        "this looks like a Go program, but neither build info nor a version string was found in it: it "
	        "may be older than Go 1.%u or obfuscated",
	        hb_go_oldest_minor());
}

struct hb_error *hb_go_locate(const struct hb_go_memory *memory, struct hb_arena *arena, struct hb_go_location *ret)
{
	*ret = (struct hb_go_location){0};
	struct candidates pclntabs = {0}, heads = {0};
	hb_go_version_from_buildinfo(memory->snapshot, &ret->version);
	struct hb_error *err = find_pclntabs(memory->snapshot, &pclntabs);
	if (!err && !pclntabs.list.len && !ret->version.minor)
		err = not_go(memory->snapshot);
	if (!err)
		err = find_moduledata_heads(memory->snapshot, &pclntabs, &heads);
	if (!err && !heads.list.len && !ret->version.minor)
		err = not_go(memory->snapshot);
	if (!err)
		err = choose_layout(memory, &heads, arena, ret);
	if (!err && !ret->nmodules)
		err = ret->newer ? hb_error_create(HB_ERR_UNSUPPORTED, "its module table was not found")
		                 : hb_error_create(HB_ERR_UNSUPPORTED,
		                                   "this is a Go program (%s), but its module table was not found as "
		                                   "Go 1.%u lays it out",
		                                   ret->version.text, ret->layout->minor);
	if (!err)
		err = find_globals(memory, ret);
	if (err && ret->newer) {
		err = hb_go_newer_explain(ret->newer, &ret->version, err);
		ret->newer = NULL;
	}
	hb_vec_deinit(&pclntabs.list);
	hb_vec_deinit(&heads.list);
	return err;
}
