#include "golang/threads.h"

#include <string.h>

static uint64_t field(const struct hb_go *go, uint64_t record, uint32_t offset)
{
	uint64_t value;
	return hb_snapshot_u64(go->snapshot, record + offset, &value) ? value : 0;
}

static struct hb_go_stack stack_of(const struct hb_go *go, uint64_t g)
{
	if (!g)
		return (struct hb_go_stack){0};
	uint64_t stack = g + go->layout->g.stack;
	return (struct hb_go_stack){field(go, stack, go->layout->stack.lo), field(go, stack, go->layout->stack.hi)};
}

/* In a call of the vDSO a thread has said where in Go code it was, on which of its stacks. Patch releases of one minor have the fields at
 * different places (runtime.m grew in 1.23 and 1.24): what is no such position is nothing, and the thread is read as a whole. */
static bool is_in_vdso(const struct hb_go *go, const struct hb_go_thread *thread)
{
	return hb_go_module_of_text(go, thread->vdso_pc) &&
	       (hb_go_stack_has(thread->g0_stack, thread->vdso_sp) ||
	        hb_go_stack_has(stack_of(go, thread->curg), thread->vdso_sp));
}

/* Reads the m at an address; false unless it is one: its g0 points back at it. */
static bool read_m(const struct hb_go *go, uint64_t m, struct hb_go_thread *ret)
{
	if (!m)
		return false;
	struct hb_go_thread thread = {
	        .m = m,
	        .g0 = field(go, m, go->layout->m.g0),
	        .gsignal = field(go, m, go->layout->m.gsignal),
	        .curg = field(go, m, go->layout->m.curg),
	        .vdso_sp = field(go, m, go->layout->m.vdso_sp),
	        .vdso_pc = field(go, m, go->layout->m.vdso_pc),
	};
	if (!thread.g0 || field(go, thread.g0, go->layout->g.m) != m)
		return false;
	thread.g0_stack = stack_of(go, thread.g0);
	thread.gsignal_stack = stack_of(go, thread.gsignal);
	if (!is_in_vdso(go, &thread))
		thread.vdso_sp = thread.vdso_pc = 0;
	*ret = thread;
	return true;
}

struct hb_go_stack hb_go_g0_stack(const struct hb_go *go, uint64_t m)
{
	struct hb_go_thread thread = {0};
	return read_m(go, m, &thread) ? thread.g0_stack : (struct hb_go_stack){0};
}

/* Whether g is what the thread of its m would have in its thread-local storage. */
static bool read_from_tls(const struct hb_go *go, uint64_t g, struct hb_go_thread *ret)
{
	struct hb_go_thread thread;
	if (!g || g % 8 || !read_m(go, field(go, g, go->layout->g.m), &thread) ||
	    (g != thread.g0 && g != thread.gsignal && g != thread.curg))
		return false;
	*ret = thread;
	return true;
}

/* The running g is in thread-local storage, right below the thread pointer in pure Go programs (runtime.settls,
 * runtime/sys_linux_amd64.s) and wherever the linker put runtime.tlsg with cgo: in the executable's block, which lies
 * next below the thread pointer. Holds for 1.18-1.27. */
static bool from_tls(const struct hb_go *go, const struct hb_thread *thread, struct hb_go_thread *ret)
{
	enum { TLS_BYTES = 4096 };
	for (uint64_t below = 8; below <= TLS_BYTES && below <= thread->registers.tls_base; below += 8) {
		uint64_t g;
		if (!hb_snapshot_u64(go->snapshot, thread->registers.tls_base - below, &g))
			return false;
		if (read_from_tls(go, g, ret))
			return true;
	}
	return false;
}

/* An m among the candidates that the thread may be: by thread id, which differs when the target has a pid namespace of
 * its own; else by the stack that the thread runs on. */
static bool from_candidates(const struct hb_go *go, const struct hb_thread *thread, const uint64_t *candidates,
                            size_t n, struct hb_go_thread *ret)
{
	for (size_t i = 0; i < n; i++)
		if (candidates[i] && field(go, candidates[i], go->layout->m.procid) == (uint64_t)thread->tid &&
		    read_m(go, candidates[i], ret))
			return true;
	for (size_t i = 0; i < n && thread->has_registers; i++) {
		struct hb_go_thread other;
		if (read_m(go, candidates[i], &other) &&
		    (hb_go_stack_has(other.g0_stack, thread->registers.sp) ||
		     hb_go_stack_has(other.gsignal_stack, thread->registers.sp) ||
		     hb_go_stack_has(stack_of(go, other.curg), thread->registers.sp))) {
			*ret = other;
			return true;
		}
	}
	return false;
}

struct hb_error *hb_go_threads_read(const struct hb_go *go, const uint64_t *candidates, size_t n,
                                    struct hb_go_thread **ret)
{
	const struct hb_snapshot *snapshot = go->snapshot;
	struct hb_go_thread *threads = calloc(hb_max(snapshot->nthreads, (size_t)1), sizeof(*threads));
	if (!threads)
		return hb_error_nomem();
	for (size_t i = 0; i < snapshot->nthreads; i++) {
		const struct hb_thread *thread = &snapshot->threads[i];
		if (!thread->has_registers || !from_tls(go, thread, &threads[i]))
			from_candidates(go, thread, candidates, n, &threads[i]);
	}
	*ret = threads;
	return NULL;
}
