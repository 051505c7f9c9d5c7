/* Types that the standard library hides behind unsafe pointers and conversions: facts-like knowledge of its source. */
#include "golang/typing_internal.h"

#include <stdio.h>
#include <string.h>

void hb_typer_find_known(struct hb_typer *typer)
{
	struct hb_types *types = typer->types;
	struct hb_known_types *known = &typer->known;
	known->uint8 = hb_types_by_name(types, "uint8", "");
	known->time_timer = hb_types_by_name(types, "runtime.timeTimer", "runtime"); /* 1.23+ */
	known->runtime_timer = hb_types_by_name(types, "runtime.timer", "runtime");
	known->pool_local = hb_types_by_name(types, "sync.poolLocal", "sync");
	known->sudog = hb_types_by_name(types, "runtime.sudog", "runtime");
	known->g = hb_types_by_name(types, "runtime.g", "runtime");
	known->hchan = hb_types_by_name(types, "runtime.hchan", "runtime");
	known->inner_timer_offset = typer->go->layout->time_timer.timer;
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
	if (!strcmp(type->pkg_path, "internal/sync") && starts_with(type->name, "sync.node["))
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

static const struct hb_field *field_named(const struct hb_types *types, const struct hb_type *type, const char *name)
{
	for (uint32_t i = 0; i < type->nfields; i++)
		if (!strcmp(types->fields[type->first_field + i].name, name))
			return &types->fields[type->first_field + i];
	return NULL;
}

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
	const struct hb_field *value = field_named(types, type, "v");
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
	const struct hb_field *local = field_named(typer->types, type, "local");
	const struct hb_field *local_size = field_named(typer->types, type, "localSize");
	const struct hb_field *victim = field_named(typer->types, type, "victim");
	const struct hb_field *victim_size = field_named(typer->types, type, "victimSize");
	const struct hb_field *new = field_named(typer->types, type, "New");
	if (!local || !local_size || !victim || !victim_size || !new || !typer->known.pool_local ||
	    local_size->offset != local->offset + 8 || victim_size->offset != victim->offset + 8)
		return false;
	add(typer, HB_STEP_COUNTED, offset + local->offset, typer->known.pool_local);
	add(typer, HB_STEP_COUNTED, offset + victim->offset, typer->known.pool_local);
	add(typer, HB_STEP_FUNC, offset + new->offset, 0);
	return true;
}

bool hb_typer_rule_steps(struct hb_typer *typer, uint32_t id, uint32_t offset)
{
	const struct hb_type *type = &typer->types->list[id];
	if (!strcmp(type->pkg_path, "sync/atomic") && starts_with(type->name, "atomic.Pointer["))
		return atomic_pointer(typer, type, offset);
	if (!strcmp(type->pkg_path, "sync") && !strcmp(type->name, "sync.Pool"))
		return pool(typer, type, offset);
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

/* internal/sync/hashtriemap.go, 1.24-1.27: a node is an entry or an indirect; its first byte says which. */
static bool trie_node(struct hb_typer *typer, struct hb_claim *claim)
{
	const char *arguments = strchr(typer->types->list[claim->type].name, '[');
	if (claim->kind == HB_SPAN_NOSCAN || claim->offset != hb_typer_header(claim) || !arguments)
		return false;
	bool is_entry = typer->heap->memory[claim->word * 8 + claim->offset];
	size_t size = sizeof("sync.indirect") + strlen(arguments);
	hb_autofree char *real = malloc(size);
	if (!real) {
		typer->nomem = true;
		return false;
	}
	snprintf(real, size, "%s%s", is_entry ? "sync.entry" : "sync.indirect", arguments);
	claim->type = hb_types_by_name(typer->types, real, "internal/sync");
	return claim->type;
}

/* time/sleep.go: a Timer or Ticker is the head of a runtime.timeTimer (1.23+); others point at the timer inside. */
static bool timer(struct hb_typer *typer, struct hb_claim *claim, uint64_t inner_offset)
{
	uint32_t whole = typer->known.time_timer;
	if (!whole || claim->n != 1 || claim->offset != hb_typer_header(claim) + inner_offset ||
	    !hb_typer_would_fill(typer, claim, whole))
		return true; /* taken literally */
	claim->type = whole;
	claim->offset -= inner_offset;
	claim->addr -= inner_offset;
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
		return timer(typer, claim, 0);
	case HB_RULE_INNER_TIMER:
		return timer(typer, claim, typer->known.inner_timer_offset);
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
