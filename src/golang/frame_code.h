/* What pclntab says of a frame that stands at a pc, the same for every goroutine: function, frame size, which slots of
 * the frame hold live pointers. Many goroutines share their pcs, so the answers are kept in a cache; docs/stacks.md.
 *
 * runtime/stkframe.go getStackMap (runtime/traceback.go before 1.21), internal/abi/funcdata.go; 1.18-1.27.
 */
#pragma once
#include "golang/pclntab.h"

/* Functions that unwinding and scanning treat on their own. By name: funcIDs are renumbered between versions. */
enum hb_frame_kind {
	HB_FRAME_PLAIN,
	HB_FRAME_SIGPANIC,      /* injected by a fault: its caller did not stop at a call */
	HB_FRAME_ASYNC_PREEMPT, /* injected by a signal, or by a debugger; holds its caller's registers */
	HB_FRAME_CGO_CALLBACK,  /* writes SP, yet can be unwound */
	HB_FRAME_REFLECT_STUB,  /* its arguments are described by the value that it calls */
	HB_FRAME_IDLE,          /* parks a thread of the scheduler */
	HB_FRAME_BULK_BARRIER,  /* a write barrier whose call has no stack map */
	HB_FRAME_SWITCH,        /* below it on a system stack is nothing of use: it starts there anew */
	HB_FRAME_VDSO_CALLER,   /* runs on the g0 stack without saving the goroutine's position */
};

struct hb_pointer_mask { /* a bit a word; bits point into the snapshot */
	const uint8_t *bits;
	uint32_t words;
};

/* Slots that are live when the function goes on at a pc. */
struct hb_frame_maps {
	struct hb_pointer_mask locals; /* ends at varp */
	struct hb_pointer_mask args;   /* starts at argp */
	bool sane;                     /* false: the tables contradict themselves; scan conservatively */
};

struct hb_frame_code {
	uint64_t pc;
	struct hb_go_func func;
	enum hb_frame_kind kind;
	int32_t sp_delta;          /* bytes from sp to the return address */
	struct hb_frame_maps maps; /* for a frame that goes on at pc */
	struct hb_bytes objects;   /* stackObjectRecords */
	uint32_t nobjects;
};

/* Thread-safe: any number of threads may look up in one cache. */
struct hb_frame_cache;
struct hb_frame_cache *hb_frame_cache_create(void); /* NULL when out of memory: lookups work without one */
void hb_frame_cache_destroy(struct hb_frame_cache *cache);

/* The code at a frame's pc: from the cache (valid as long as go), or worked out into *scratch. NULL when pc is in no Go
 * function or its tables are not sane. */
const struct hb_frame_code *hb_frame_code(const struct hb_go *go, uint64_t pc, struct hb_frame_code *scratch);

/* Maps of a function that goes on at continuation, which need not be where it stands (after a fault). */
struct hb_frame_maps hb_frame_maps(const struct hb_go *go, const struct hb_go_func *func, uint64_t continuation);
