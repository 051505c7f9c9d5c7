/* Goroutines: every live g of allgs, with state, wait reason, creation site, and the thread it runs on. */
#pragma once
#include "golang/runtime.h"

/* runtime/runtime2.go, stable 1.18-1.27 (leaked: 1.26+). */
enum hb_g_status {
	HB_G_IDLE = 0,
	HB_G_RUNNABLE = 1,
	HB_G_RUNNING = 2,
	HB_G_SYSCALL = 3,
	HB_G_WAITING = 4,
	HB_G_DEAD = 6,
	HB_G_COPYSTACK = 8,
	HB_G_PREEMPTED = 9,
	HB_G_LEAKED = 10,
	HB_G_DEADEXTRA = 11,
};
enum { HB_MOST_GOROUTINES = 1 << 26 }; /* that a list of them is believed to have */
enum { HB_G_SCAN = 0x1000 };           /* set beside the status while the collector looks at the goroutine */

struct hb_goroutine {
	uint64_t g;  /* address of the g struct */
	uint64_t id; /* goid */
	uint64_t stack_lo, stack_hi;
	uint64_t sp, pc; /* where it is parked; its thread's registers while it runs on its own stack; where it
	                  * entered a system call */
	uint64_t ctxt;   /* sched.ctxt */
	uint64_t syscallsp, syscallpc;
	uint64_t waiting, defer, panic, param, m;
	uint64_t gopc, startpc; /* creating `go` statement; function started */
	uint64_t parent_id;     /* 0 unknown */
	int64_t waitsince;      /* runtime nanotime of the block, 0 unknown (only set by GC) */
	uint32_t select_done;
	enum hb_g_status status;
	uint8_t wait_reason_number;
	const char *wait_reason; /* "chan receive", "" when not waiting */
	bool system;             /* runtime's own (not counted by NumGoroutine) */
	int thread;              /* index in snapshot->threads while running or in a syscall, −1 otherwise */
	bool on_own_stack;       /* running, and sp and pc are its thread's registers */
};

struct hb_goroutines {
	struct hb_goroutine *list; /* live only, by goid; dead ones are counted */
	size_t n;
	size_t ndead;
	uint64_t *dead_gs;            /* addresses of dead g structs (they are still allocated) */
	struct hb_go_thread *threads; /* one for each of snapshot->threads (golang/threads.h) */
	int64_t now;                  /* the runtime's clock at the stop, 0 unknown */
};
struct hb_error *hb_goroutines_read(const struct hb_go *go, struct hb_goroutines *ret) HB_MUST_CHECK;
void hb_goroutines_deinit(struct hb_goroutines *goroutines);
const char *hb_g_status_name(enum hb_g_status status); /* "running", "waiting" … */
bool hb_g_is_live(enum hb_g_status status);
/* By its first function: one of the runtime's own, which NumGoroutine does not count. */
bool hb_goroutine_is_system(const struct hb_go *go, uint64_t startpc);
