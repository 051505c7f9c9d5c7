/* Memory: growable arrays, arenas, and large zeroed page arrays.
 *
 * Stages own flat arrays (hb_pages for what scales with the heap, HB_VEC for the rest) and one arena for strings.
 * Nothing is reference-counted.
 */
#pragma once
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Overflow-checked sizes. Return true when the result does not fit. */
#define hb_mul_overflows(a, b, ret) __builtin_mul_overflow(a, b, ret)
#define hb_add_overflows(a, b, ret) __builtin_add_overflow(a, b, ret)

/* Of n things, those for which `before` holds being first: the index of the first one for which it does not, n when there is
 * none. `before` is an expression in i, the index to look at. */
#define hb_partition_point(n, i, before)                            \
	({                                                          \
		typeof((n) + 0) low_ = 0, high_ = (n);              \
		while (low_ < high_) {                              \
			typeof(low_) i = low_ + (high_ - low_) / 2; \
			if (before)                                 \
				low_ = i + 1;                       \
			else                                        \
				high_ = i;                          \
		}                                                   \
		low_;                                               \
	})

#define hb_countof(array) (sizeof(array) / sizeof((array)[0]))
#define hb_min(a, b)      ((a) < (b) ? (a) : (b))
#define hb_max(a, b)      ((a) > (b) ? (a) : (b))

/* Scope guards: `hb_autofree char *s = …;` and `hb_cleanup(fn) T x = …;`. hb_take() hands the value out. */
#define hb_cleanup(fn) __attribute__((cleanup(fn)))
static inline void hb_freep(void *pointer)
{
	free(*(void **)pointer);
}
#define hb_autofree hb_cleanup(hb_freep)
#define hb_take(variable)                             \
	__extension__({                               \
		__auto_type take_value_ = (variable); \
		(variable) = NULL;                    \
		take_value_;                          \
	})

/* --- Growable arrays: `HB_VEC(uint64_t) v = {0};` zero-initialised, free with hb_vec_deinit. -------------------- */
#define HB_VEC(T)           \
	struct {            \
		T *data;    \
		size_t len; \
		size_t cap; \
	}
bool hb_vec_grow_(void **data, size_t *cap, size_t elem, size_t want); /* false: out of memory */
#define hb_vec_reserve(v, n) ((n) <= (v)->cap || hb_vec_grow_((void **)&(v)->data, &(v)->cap, sizeof(*(v)->data), (n)))
/* Appends a value; false when out of memory (the array is unchanged). */
#define hb_vec_push(v, ...) (hb_vec_reserve(v, (v)->len + 1) ? ((v)->data[(v)->len++] = (__VA_ARGS__), true) : false)
/* Like hb_vec_push for functions that return errors. */
#define HB_VEC_PUSH(v, ...)                       \
	do {                                      \
		if (!hb_vec_push(v, __VA_ARGS__)) \
			return hb_error_nomem();  \
	} while (0)
#define hb_vec_deinit(v)                 \
	do {                             \
		free((v)->data);         \
		(v)->data = NULL;        \
		(v)->len = (v)->cap = 0; \
	} while (0)

/* --- Arena: many small allocations, one release. ---------------------------------------------------------------- */
struct hb_arena {
	struct hb_arena_block *head;
	size_t used; /* bytes handed out, for accounting */
};
/* Zeroed, 16-byte aligned; NULL when out of memory. */
void *hb_arena_alloc(struct hb_arena *arena, size_t size);
char *hb_arena_strndup(struct hb_arena *arena, const char *text, size_t len);
char *hb_arena_strdup(struct hb_arena *arena, const char *text);
char *hb_arena_printf(struct hb_arena *arena, const char *fmt, ...) HB_PRINTF(2, 3);
void hb_arena_deinit(struct hb_arena *arena);

/* --- Page arrays: zeroed, lazily faulted, for what scales with the heap. ---------------------------------------- */
/* NULL when out of address space or bytes == 0. Untouched pages cost nothing. */
void *hb_pages_map(size_t bytes);
void hb_pages_unmap(void *pages, size_t bytes);
/* Gives the pages' memory back to the system; they read as zero afterwards. */
void hb_pages_discard(void *pages, size_t bytes);

/* Peak resident set of this process in bytes, from the kernel. */
uint64_t hb_memory_peak(void);
