#include "leak/wording.h"
#include "leak/trail.h"
#include "report/sites.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char *hb_say(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return text;
}

struct hb_error *hb_finding_title(struct hb_finding *finding, char *text)
{
	free(finding->title);
	finding->title = text;
	return text ? NULL : hb_error_nomem();
}

#define APPEND(list, text)                                 \
	do {                                               \
		if (!(text) || !hb_vec_push(list, text)) { \
			free(text);                        \
			return hb_error_nomem();           \
		}                                          \
		return NULL;                               \
	} while (0)

struct hb_error *hb_finding_because(struct hb_finding *finding, char *text)
{
	APPEND(&finding->evidence, text);
}

struct hb_error *hb_finding_step(struct hb_finding *finding, char *text)
{
	APPEND(&finding->path, text);
}

struct hb_error *hb_finding_created(struct hb_finding *finding, const char *site)
{
	if (site && !*site)
		return NULL;
	char *copy = site ? strdup(site) : NULL;
	APPEND(&finding->created_at, copy);
}

struct hb_error *hb_finding_blocked(struct hb_finding *finding, const char *site)
{
	if (site && !*site)
		return NULL;
	char *copy = site ? strdup(site) : NULL;
	APPEND(&finding->blocked_at, copy);
}

struct hb_error *hb_finding_help(struct hb_finding *finding, const char *text)
{
	free(finding->help);
	finding->help = strdup(text);
	return finding->help ? NULL : hb_error_nomem();
}

bool hb_finding_may_be_proven(const struct hb_analysis *analysis)
{
	return !analysis->go->newer && !analysis->snapshot->notes.partial;
}

struct hb_error *hb_finding_holder(const struct hb_analysis *analysis, uint32_t node, struct hb_finding *finding)
{
	char text[1024] = "";
	if (node != HB_ROOT_NONE)
		hb_trail_holder(analysis, node, text, sizeof(text));
	free(finding->holder);
	finding->holder = strdup(text);
	return finding->holder ? NULL : hb_error_nomem();
}

/* --- Sites -------------------------------------------------------------------------------------------------------- */

/* From the program's own innermost frame on, and the library's call that it made before it. */
static struct hb_error *add_lines(const struct hb_analysis *analysis, uint32_t stack, const char *library,
                                  struct hb_finding *finding)
{
	enum { LINES = 4, DEPTH = 64 };
	struct hb_go_line lines[DEPTH];
	size_t n = hb_alloc_lines(analysis->go, analysis->sites, stack, lines, DEPTH), own = 0;
	while (own < n && (hb_function_is_plumbing(lines[own].function) ||
	                   (library && !strncmp(lines[own].function, library, strlen(library)))))
		own++;
	size_t first = own && own < n ? own - 1 : 0;
	for (size_t i = first; i < n && i < first + LINES; i++) {
		char *text = hb_say("%s  %s:%d", lines[i].function, lines[i].file, lines[i].line);
		if (!text || !hb_vec_push(&finding->allocated_at, text)) {
			free(text);
			return hb_error_nomem();
		}
	}
	return NULL;
}

static struct hb_error *add_sites(const struct hb_analysis *analysis, const char *library, const uint32_t *slots,
                                  const uint64_t *bytes, size_t n, struct hb_finding *finding)
{
	const struct hb_alloc_sites *sites = analysis->sites;
	if (!sites || !sites->samples.len)
		return NULL;
	hb_autofree uint64_t *sums = calloc(sites->stacks.len + 1, sizeof(*sums));
	if (!sums)
		return hb_error_nomem();
	size_t best = sites->stacks.len;
	for (size_t i = 0, s = 0; i < n; i++) {
		while (s < sites->samples.len && sites->samples.data[s].slot < slots[i])
			s++;
		if (s == sites->samples.len || sites->samples.data[s].slot != slots[i])
			continue;
		uint32_t stack = sites->samples.data[s].stack;
		sums[stack] += bytes ? bytes[i] : 1;
		if (best == sites->stacks.len || sums[stack] > sums[best])
			best = stack;
	}
	return best < sites->stacks.len ? add_lines(analysis, (uint32_t)best, library, finding) : NULL;
}

struct hb_error *hb_finding_sites(const struct hb_analysis *analysis, const uint32_t *slots, const uint64_t *bytes,
                                  size_t n, struct hb_finding *finding)
{
	return add_sites(analysis, NULL, slots, bytes, n, finding);
}

struct hb_error *hb_finding_sites_beyond(const struct hb_analysis *analysis, const char *library, const uint32_t *slots,
                                         size_t n, struct hb_finding *finding)
{
	return add_sites(analysis, library, slots, NULL, n, finding);
}

struct hb_error *hb_findings_add(struct hb_findings *findings, struct hb_finding *finding, struct hb_error *err)
{
	if (!err && !hb_vec_push(&findings->list, *finding))
		err = hb_error_nomem();
	if (err)
		hb_finding_deinit(finding);
	return err;
}
