#include "golang/confirm.h"
#include "golang/confirm_internal.h"
#include "golang/spans.h"

static struct hb_error *(*const checks[])(const struct hb_confirm *confirm) = {
        hb_confirm_functions,     hb_confirm_positions, hb_confirm_inlining,     hb_confirm_stack_maps,
        hb_confirm_stack_objects, hb_confirm_types,     hb_confirm_itabs,        hb_confirm_spans,
        hb_confirm_classes,       hb_confirm_allocated, hb_confirm_pointers,     hb_confirm_globals,
        hb_confirm_specials,      hb_confirm_queues,    hb_confirm_goroutines,   hb_confirm_stacks,
        hb_confirm_processors,    hb_confirm_threads,   hb_confirm_wait_reasons,
};

/* What every check needs; released by deinit. */
struct evidence {
	struct hb_types *types;
	struct hb_heap *heap;
	struct hb_goroutines goroutines;
	uint8_t *page_states;
};

static void evidence_deinit(struct evidence *evidence)
{
	if (evidence->page_states)
		hb_pages_unmap(evidence->page_states, hb_heap_npages(evidence->heap));
	hb_goroutines_deinit(&evidence->goroutines);
	hb_heap_destroy(evidence->heap);
	hb_types_destroy(evidence->types);
}

static struct hb_error *collect(const struct hb_go *go, struct evidence *evidence)
{
	TRY(hb_types_read(go, &evidence->types));
	TRY(hb_spans_read(go, &evidence->heap));
	TRY(hb_goroutines_read(go, &evidence->goroutines));
	evidence->page_states = hb_pages_map(hb_heap_npages(evidence->heap));
	return evidence->page_states ? NULL : hb_error_nomem();
}

static void say(const struct hb_go *go)
{
	const struct hb_go_newer *newer = go->newer;
	unsigned newest = hb_go_newest_minor(), n = hb_countof(checks);
	if (newer->has_dwarf)
		hb_notes_add(
		        go->notes,
		        "%s is newer than any that heldby knows (newest: Go 1.%u): where its runtime keeps things was "
		        "read from its debug information, and %u checks of it agree; what it does in a new way is not "
		        "known",
		        go->version.text, newest, n);
	else
		hb_notes_add(
		        go->notes,
		        "%s is newer than any that heldby knows (newest: Go 1.%u): its runtime was read with the "
		        "layout "
		        "of Go 1.%u, corrected by %u of its own type descriptors, and %u checks of it agree; what it "
		        "does in a new way is not known",
		        go->version.text, newest, newest, newer->described.count, n);
}

struct hb_error *hb_go_confirm(const struct hb_go *go)
{
	hb_cleanup(evidence_deinit) struct evidence evidence = {0};
	TRY(collect(go, &evidence));
	const struct hb_confirm confirm = {
	        .go = go,
	        .layout = go->layout,
	        .module = &go->modules[0],
	        .types = evidence.types,
	        .heap = evidence.heap,
	        .goroutines = &evidence.goroutines,
	        .page_states = evidence.page_states,
	};
	for (size_t i = 0; i < hb_countof(checks); i++)
		TRY(checks[i](&confirm));
	if (go->newer)
		say(go);
	return NULL;
}
