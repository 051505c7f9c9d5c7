#include "report/sites.h"

#include <string.h>

static bool begins_with_any(const char *function, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strncmp(function, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

bool hb_function_is_runtime(const char *function)
{
	static const char *const prefixes[] = {"runtime.", "runtime/", "internal/", "_rt0_", "_cgo", "x_cgo"};
	return begins_with_any(function, prefixes, hb_countof(prefixes));
}

bool hb_function_is_plumbing(const char *function)
{
	static const char *const prefixes[] = {
	        "sync.", "sync/", "syscall.",   "reflect.", "time.",    "io.",      "io/",      "bufio.",
	        "net.",  "os.",   "os/",        "bytes.",   "strings.", "strconv.", "fmt.",     "slices.",
	        "maps.", "sort.", "container/", "unique.",  "errors.",  "iter.",    "context.",
	};
	return hb_function_is_runtime(function) || begins_with_any(function, prefixes, hb_countof(prefixes));
}

char *hb_site_text(struct hb_arena *arena, const struct hb_go_line *line)
{
	if (!line->file || !*line->file)
		return hb_arena_strdup(arena, line->function);
	if (!line->line)
		return hb_arena_printf(arena, "%s  %s", line->function, line->file);
	return hb_arena_printf(arena, "%s  %s:%d", line->function, line->file, line->line);
}

char *hb_creation_site(struct hb_arena *arena, const struct hb_go *go, const struct hb_goroutine *goroutine)
{
	struct hb_go_line line;
	/* gopc is the return address of the call of newproc: one before it is still in the statement. */
	if (!goroutine->gopc || !hb_go_lines(go, goroutine->gopc - 1, &line, 1) ||
	    hb_function_is_runtime(line.function))
		return hb_arena_strdup(arena, "");
	return hb_site_text(arena, &line);
}

/* The stack's lines without the runtime's at both ends. A call that was inlined has a pc of its own, so each stands for its
 * innermost function alone (runtime/traceback.go gentraceback with pcbuf, 1.18-1.20, tracebackPCs, 1.21-1.27). */
size_t hb_alloc_lines(const struct hb_go *go, const struct hb_alloc_sites *sites, uint32_t stack,
                      struct hb_go_line *ret, size_t max)
{
	const struct hb_alloc_stack *at = &sites->stacks.data[stack];
	size_t n = 0;
	for (uint32_t i = 0; i < at->npcs && n < max; i++)
		if (hb_go_lines(go, sites->pcs.data[at->first_pc + i] - 1, &ret[n], 1) &&
		    (n || !hb_function_is_runtime(ret[n].function)))
			n++;
	while (n && hb_function_is_runtime(ret[n - 1].function))
		n--;
	return n;
}

bool hb_alloc_place(const struct hb_go *go, const struct hb_alloc_sites *sites, uint32_t stack, struct hb_go_line *ret)
{
	enum { DEPTH = 64 };
	struct hb_go_line lines[DEPTH];
	size_t n = hb_alloc_lines(go, sites, stack, lines, DEPTH);
	if (!n)
		return false;
	*ret = lines[0];
	for (size_t i = 0; i < n; i++)
		if (!hb_function_is_plumbing(lines[i].function)) {
			*ret = lines[i];
			break;
		}
	return true;
}
