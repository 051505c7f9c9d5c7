#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

bool hb_vec_grow_(void **data, size_t *cap, size_t elem, size_t want)
{
	size_t new_cap = *cap ? *cap : 8;
	while (new_cap < want)
		if (hb_mul_overflows(new_cap, (size_t)2, &new_cap))
			return false;
	void *grown = reallocarray(*data, new_cap, elem);
	if (!grown)
		return false;
	*data = grown;
	*cap = new_cap;
	return true;
}

struct hb_arena_block {
	struct hb_arena_block *next;
	size_t cap, used;
	_Alignas(16) unsigned char bytes[];
};

enum { ARENA_BLOCK = 64 * 1024 };

void *hb_arena_alloc(struct hb_arena *arena, size_t size)
{
	size_t need;
	if (hb_add_overflows(size, (size_t)15, &need))
		return NULL;
	need &= ~(size_t)15;
	struct hb_arena_block *block = arena->head;
	if (!block || block->cap - block->used < need) {
		size_t cap = hb_max(need, (size_t)ARENA_BLOCK), whole;
		if (hb_add_overflows(cap, sizeof(*block), &whole))
			return NULL;
		block = calloc(1, whole);
		if (!block)
			return NULL;
		block->cap = cap;
		if (arena->head && need > ARENA_BLOCK / 2) { /* keep filling the current block */
			block->next = arena->head->next;
			arena->head->next = block;
		} else {
			block->next = arena->head;
			arena->head = block;
		}
	}
	void *memory = block->bytes + block->used;
	block->used += need;
	arena->used += need;
	return memory;
}

char *hb_arena_strndup(struct hb_arena *arena, const char *text, size_t len)
{
	size_t size;
	if (hb_add_overflows(len, (size_t)1, &size))
		return NULL;
	char *copy = hb_arena_alloc(arena, size);
	if (copy && len) /* text may be NULL then */
		memcpy(copy, text, len);
	return copy;
}

char *hb_arena_strdup(struct hb_arena *arena, const char *text)
{
	return hb_arena_strndup(arena, text, strlen(text));
}

char *hb_arena_printf(struct hb_arena *arena, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return NULL;
	char *copy = hb_arena_strndup(arena, text, (size_t)n);
	free(text);
	return copy;
}

void hb_arena_deinit(struct hb_arena *arena)
{
	for (struct hb_arena_block *block = arena->head, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	*arena = (struct hb_arena){0};
}

static size_t page_round(size_t bytes)
{
	return (bytes + 4095) & ~(size_t)4095;
}

void *hb_pages_map(size_t bytes)
{
	if (!bytes || bytes > SIZE_MAX - 4095)
		return NULL;
	void *pages = mmap(NULL, page_round(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	                   -1, 0);
	return pages == MAP_FAILED ? NULL : pages;
}

void hb_pages_unmap(void *pages, size_t bytes)
{
	if (pages)
		munmap(pages, page_round(bytes));
}

void hb_pages_discard(void *pages, size_t bytes)
{
	if (pages)
		madvise(pages, page_round(bytes), MADV_DONTNEED);
}

uint64_t hb_memory_peak(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_maxrss * 1024;
}
