/* The Go runtime of a snapshot: version, modules (one binary, or several with plugins), and where its globals are.
 *
 * Vocabulary (Go's own)
 *   moduledata   what the linker records of one loaded module: text, data, bss, type and function tables
 *   pclntab      function table: names, files, lines, frame sizes, stack maps
 *   mheap        the page heap; allspans lists every span
 *   allgs        every goroutine that ever existed; dead ones are reused
 */
#pragma once
#include "golang/layout.h"
#include "snapshot/snapshot.h"

struct hb_go_version {
	unsigned minor, patch;
	char text[64];         /* "go1.26.8" as the target says it; "" unknown */
	char experiments[512]; /* "nogreenteagc,arenas": what GOEXPERIMENT changed when it was built; "" nothing */
};

/* Lists of what is due to run and keeps objects alive meanwhile. */
enum hb_go_queue { HB_GO_QUEUE_FINALIZERS, HB_GO_QUEUE_CLEANUPS, HB_GO_QUEUES };

struct hb_go_module {
	uint64_t moduledata;
	uint64_t text, etext;
	uint64_t data, edata, bss, ebss, noptrdata, enoptrdata, noptrbss, enoptrbss;
	uint64_t rodata, gofunc, types, etypes;
	uint64_t gcdatamask, gcbssmask; /* addresses of the bit masks: one bit a word of data/bss */
	/* Views into the snapshot (empty when not captured). */
	struct hb_bytes pclntable, funcnametab, cutab, filetab, pctab;
	struct hb_bytes ftab; /* pairs of u32: entry offset from text, offset into pclntable */
	uint32_t nftab;       /* entries, the last one a sentinel */
	char *name;           /* plugin path or "" */
};

struct hb_go {
	const struct hb_snapshot *snapshot; /* borrowed */
	const struct hb_go_layout *layout;
	const struct hb_go_newer *newer; /* golang/newer.h: the version is newer than any table; else NULL */
	struct hb_go_version version;
	struct hb_go_module *modules; /* modules[0] is the main program */
	size_t nmodules;
	uint64_t mheap;                /* address of runtime.mheap_ */
	uint64_t allgs;                /* address of runtime.allgs (a slice header) */
	uint64_t allp;                 /* address of runtime.allp, 0 if not found */
	uint64_t mbuckets;             /* value of runtime.mbuckets: first memory-profile bucket, 0 if none */
	uint64_t queues[HB_GO_QUEUES]; /* addresses of the words that head the lists, 0 if none: golang/queues.h */
	bool stripped;                 /* the executable has no symbol table */
	bool has_dwarf;
	char build_id[128];                 /* Go build id or GNU build-id, "" unknown */
	bool gc_marking;                    /* stopped in the middle of a mark phase */
	struct hb_frame_cache *frame_cache; /* golang/frame_code.h; NULL: work everything out anew */
	struct hb_arena arena;
	struct hb_notes *notes; /* borrowed: the snapshot's */
};

/* Recognises the runtime in a snapshot. HB_ERR_UNSUPPORTED says what the target looks like instead. */
struct hb_error *hb_go_open(struct hb_snapshot *snapshot, struct hb_go **ret) HB_MUST_CHECK;
void hb_go_destroy(struct hb_go *go);
void hb_go_destroyp(struct hb_go **go);

const struct hb_go_module *hb_go_module_of_text(const struct hb_go *go, uint64_t pc);
const struct hb_go_module *hb_go_module_of_types(const struct hb_go *go, uint64_t addr);
/* The module whose data, bss, noptrdata or noptrbss holds addr. */
const struct hb_go_module *hb_go_module_of_data(const struct hb_go *go, uint64_t addr);
