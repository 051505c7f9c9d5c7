/* Types that the standard library hides behind unsafe pointers and conversions: facts-like knowledge of its source. */
#include "golang/typing_internal.h"

#include <stdio.h>
#include <string.h>

/* time/sleep.go, time/tick.go: since 1.23 a Timer or Ticker is the head of a runtime.timeTimer (runtime/time.go); before,
 * it has the runtime's timer as its field r, with a period if it is a Ticker. */
static void find_timers(const struct hb_types *types, const struct hb_go *go, struct hb_known_types *known)
{
	known->runtime_timer = hb_types_by_name(types, "runtime.timer", "runtime");
	if (go->layout->time_timer.size != HB_ABSENT) {
		known->once = known->periodic = hb_types_by_name(types, "runtime.timeTimer", "runtime");
		known->inner_timer_offset = go->layout->time_timer.timer;
		return;
	}
	known->once = hb_types_by_name(types, "time.Timer", "time");
	known->periodic = hb_types_by_name(types, "time.Ticker", "time");
	const struct hb_field *inner = hb_types_field(types, &types->list[known->once], "r");
	known->inner_timer_offset = inner ? inner->offset : 0;
}

void hb_typer_find_known(struct hb_typer *typer)
{
	struct hb_types *types = typer->types;
	struct hb_known_types *known = &typer->known;
	known->uint8 = hb_types_by_name(types, "uint8", "");
	known->any = hb_types_by_name(types, "interface {}", "");
	find_timers(types, typer->go, known);
	known->pool_local = hb_types_by_name(types, "sync.poolLocal", "sync");
	known->sudog = hb_types_by_name(types, "runtime.sudog", "runtime");
	known->g = hb_types_by_name(types, "runtime.g", "runtime");
	known->hchan = hb_types_by_name(types, "runtime.hchan", "runtime");
	known->string = hb_typer_pseudo(typer, HB_ROLE_STRING, 0);
	known->tiny = hb_typer_pseudo(typer, HB_ROLE_TINY, 0);
	known->map = hb_typer_pseudo(typer, HB_ROLE_MAP, 0);
	known->closure = hb_typer_pseudo(typer, HB_ROLE_UNKNOWN_CLOSURE, 0);
}

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

enum hb_rule hb_typer_rule_of(const struct hb_typer *typer, uint32_t id)
{
	const struct hb_type *type = &typer->types->list[id];
	if ((!strcmp(type->pkg_path, "internal/sync") && starts_with(type->name, "sync.node[")) ||
	    (!strcmp(type->pkg_path, "internal/concurrent") && starts_with(type->name, "concurrent.node[")))
		return HB_RULE_TRIE_NODE;
	if (!strcmp(type->pkg_path, "time") &&
	    (!strcmp(type->name, "time.Timer") || !strcmp(type->name, "time.Ticker")))
		return HB_RULE_TIMER;
	if (!strcmp(type->pkg_path, "internal/runtime/maps") && !strcmp(type->name, "maps.Map"))
		return HB_RULE_MAP_HEADER;
	if (strcmp(type->pkg_path, "runtime"))
		return HB_RULE_NONE;
	if (!strcmp(type->name, "runtime.hmap"))
		return HB_RULE_MAP_HEADER;
	if (!strcmp(type->name, "runtime.timer"))
		return HB_RULE_INNER_TIMER;
	if (!strcmp(type->name, "runtime.hchan"))
		return HB_RULE_HCHAN;
	return strcmp(type->name, "runtime.funcval") ? HB_RULE_NONE : HB_RULE_CLOSURE;
}

/* --- Fields that are more than their types say ---------------------------------------------------------------------
 */

static void add(struct hb_typer *typer, enum hb_step_kind kind, uint64_t offset, uint32_t type)
{
	if (offset <= UINT32_MAX &&
	    !hb_vec_push(&typer->steps, (struct hb_step){(uint32_t)offset, type, 0, (uint8_t)kind}))
		typer->nomem = true;
}

/* sync/atomic/type.go: Pointer[T] is {_ [0]*T; _ noCopy; v unsafe.Pointer}, 1.19-1.27. */
static bool atomic_pointer(struct hb_typer *typer, const struct hb_type *type, uint32_t offset)
{
	const struct hb_types *types = typer->types;
	const struct hb_field *value = hb_types_field(types, type, "v");
	for (uint32_t i = 0; value && i < type->nfields; i++) {
		const struct hb_type *field = &types->list[types->fields[type->first_field + i].type];
		if (field->kind != HB_KIND_ARRAY || field->len || types->list[field->elem].kind != HB_KIND_POINTER)
			continue;
		add(typer, HB_STEP_POINTER, offset + value->offset, types->list[field->elem].elem);
		return true;
	}
	return false;
}

/* sync/pool.go: local and victim are arrays of poolLocal, their sizes follow them, 1.13-1.27. */
static bool pool(struct hb_typer *typer, const struct hb_type *type, uint32_t offset)
{
	const struct hb_field *local = hb_types_field(typer->types, type, "local");
	const struct hb_field *local_size = hb_types_field(typer->types, type, "localSize");
	const struct hb_field *victim = hb_types_field(typer->types, type, "victim");
	const struct hb_field *victim_size = hb_types_field(typer->types, type, "victimSize");
	const struct hb_field *new = hb_types_field(typer->types, type, "New");
	if (!local || !local_size || !victim || !victim_size || !new || !typer->known.pool_local ||
	    local_size->offset != local->offset + 8 || victim_size->offset != victim->offset + 8)
		return false;
	add(typer, HB_STEP_COUNTED, offset + local->offset, typer->known.pool_local);
	add(typer, HB_STEP_COUNTED, offset + victim->offset, typer->known.pool_local);
	add(typer, HB_STEP_FUNC, offset + new->offset, 0);
	return true;
}

/* sync/map.go, up to 1.19: entry.p is an unsafe.Pointer to an any; 1.20-1.23: an atomic.Pointer. */
static bool sync_map_entry(struct hb_typer *typer, const struct hb_type *type, uint32_t offset)
{
	const struct hb_field *value = hb_types_field(typer->types, type, "p");
	if (!value || typer->types->list[value->type].kind != HB_KIND_UNSAFE_POINTER || !typer->known.any)
		return false;
	add(typer, HB_STEP_POINTER, offset + value->offset, typer->known.any);
	return true;
}

bool hb_typer_rule_steps(struct hb_typer *typer, uint32_t id, uint32_t offset)
{
	const struct hb_type *type = &typer->types->list[id];
	if (!strcmp(type->pkg_path, "sync/atomic") && starts_with(type->name, "atomic.Pointer["))
		return atomic_pointer(typer, type, offset);
	if (!strcmp(type->pkg_path, "sync") && !strcmp(type->name, "sync.Pool"))
		return pool(typer, type, offset);
	if (!strcmp(type->pkg_path, "sync") && !strcmp(type->name, "sync.entry"))
		return sync_map_entry(typer, type, offset);
	if (!strcmp(type->pkg_path, "sync") && !strcmp(type->name, "sync.eface") && type->size == 16) {
		add(typer, HB_STEP_INTERFACE, offset, 0); /* sync/poolqueue.go: the words of an interface */
		return true;
	}
	if (!strcmp(type->pkg_path, "reflect") && !strcmp(type->name, "reflect.Value") && type->size == 24) {
		add(typer, HB_STEP_REFLECTED, offset, 0);
		return true;
	}
	return false;
}

/* --- Claims that stand for others ----------------------------------------------------------------------------------
 */

/* internal/sync/hashtriemap.go, 1.24-1.27; internal/concurrent/hashtriemap.go, 1.23: a node is an entry or an indirect;
 * its first byte says which. */
static bool trie_node(struct hb_typer *typer, struct hb_claim *claim)
{
	const struct hb_type *node = &typer->types->list[claim->type];
	const char *dot = strchr(node->name, '.'), *arguments = strchr(node->name, '[');
	if (claim->kind == HB_SPAN_NOSCAN || claim->offset != hb_typer_header(claim) || !dot || !arguments)
		return false;
	bool is_entry = typer->heap->memory[claim->word * 8 + claim->offset];
	size_t size = strlen(node->name) + sizeof("indirect");
	hb_autofree char *real = malloc(size);
	if (!real) {
		typer->nomem = true;
		return false;
	}
	snprintf(real, size, "%.*s%s%s", (int)(dot + 1 - node->name), node->name, is_entry ? "entry" : "indirect",
	         arguments);
	claim->type = hb_types_by_name(typer->types, real, node->pkg_path);
	return claim->type;
}

/* Someone points at the timer inside of a Timer or Ticker. */
static bool inner_timer(struct hb_typer *typer, struct hb_claim *claim)
{
	const struct hb_known_types *known = &typer->known;
	const uint8_t *timer = typer->heap->memory + claim->word * 8 + claim->offset;
	if (claim->n != 1 || claim->offset != hb_typer_header(claim) + known->inner_timer_offset || !known->once ||
	    !hb_typer_would_fill(typer, claim, known->once))
		return true; /* taken literally */
	uint32_t whole = hb_load_u64(timer + typer->go->layout->timer.period) ? known->periodic : known->once;
	if (!whole)
		return true;
	claim->type = whole;
	claim->offset -= known->inner_timer_offset;
	claim->addr -= known->inner_timer_offset;
	return true;
}

/* Someone points at a Timer or Ticker. */
static bool timer(struct hb_typer *typer, struct hb_claim *claim)
{
	bool wrapped = typer->go->layout->time_timer.size != HB_ABSENT;
	if (wrapped && claim->n == 1 && claim->offset == hb_typer_header(claim) && typer->known.once &&
	    hb_typer_would_fill(typer, claim, typer->known.once))
		claim->type = typer->known.once;
	return true;
}

static bool channel(struct hb_typer *typer, struct hb_claim *claim)
{
	const struct hb_go_layout *layout = typer->go->layout;
	uint64_t at = claim->word * 8 + claim->offset;
	if (claim->kind != HB_SPAN_BITS || claim->offset || hb_typer_slot_size(typer, claim) < layout->hchan.size)
		return false;
	uint32_t elem = hb_types_find(typer->types, hb_load_u64(typer->heap->memory + at + layout->hchan.elemtype));
	claim->type = elem ? hb_typer_pseudo(typer, HB_ROLE_CHAN, elem) : 0;
	return claim->type;
}

static bool closure(struct hb_typer *typer, struct hb_claim *claim)
{
	bool is_closure = claim->kind == HB_SPAN_NOSCAN && !claim->offset;
	uint32_t type = is_closure ? 0 : hb_typer_closure_type(typer, claim, &is_closure);
	if (type) {
		claim->type = type;
		claim->source = HB_CLAIM_CLOSURE;
		return true;
	}
	if (is_closure)
		hb_typer_set_weakly(typer, claim->slot, typer->known.closure, HB_CLAIM_CLOSURE);
	return false;
}

/* A map by a pointer that does not know of what: iterators have such. */
static void map_header(struct hb_typer *typer, const struct hb_claim *claim)
{
	if (claim->kind == HB_SPAN_BITS && !claim->offset)
		hb_typer_set_weakly(typer, claim->slot, typer->known.map, claim->source);
}

bool hb_typer_substitute(struct hb_typer *typer, enum hb_rule rule, struct hb_claim *claim)
{
	switch (rule) {
	case HB_RULE_TRIE_NODE:
		return trie_node(typer, claim);
	case HB_RULE_TIMER:
		return timer(typer, claim);
	case HB_RULE_INNER_TIMER:
		return inner_timer(typer, claim);
	case HB_RULE_HCHAN:
		return channel(typer, claim);
	case HB_RULE_CLOSURE:
		return closure(typer, claim);
	case HB_RULE_MAP_HEADER:
		map_header(typer, claim);
		return false;
	case HB_RULE_NONE:
		break;
	}
	return true;
}
