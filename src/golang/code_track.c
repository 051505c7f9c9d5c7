#include "golang/code_track.h"

#include <string.h>

void hb_code_sink_deinit(struct hb_code_sink *sink)
{
	hb_vec_deinit(&sink->refs);
	hb_vec_deinit(&sink->votes);
	hb_vec_deinit(&sink->closures);
	hb_vec_deinit(&sink->results);
	hb_vec_deinit(&sink->returns);
}

/* --- Values: what a register or stack slot holds ---------------------------------------------------------------- */

enum value_kind {
	UNKNOWN,
	NUMBER,
	ADDRESS, /* of code, a type or a global */
	LOADED,  /* from a global */
	ELEMENT, /* loaded from a global array; the address is that of element 0 */
	NEW,     /* what an allocation returned: a type */
	NEW_ARRAY,
	NEW_MAP,
	SMALL_MAP, /* one of a type that its use will tell; which one of the function */
	NEW_CHAN,
	RESULT, /* of the function that starts there, from the module's text */
};

/* Kind in the top byte, an address or number below; 0 = unknown. */
typedef hb_code_value value;
static const unsigned value_shift = 56;

static value make(enum value_kind kind, uint64_t of)
{
	return of >> value_shift ? 0 : (uint64_t)kind << value_shift | of;
}
static enum value_kind kind_of(value v)
{
	return (enum value_kind)(v >> value_shift);
}
static uint64_t payload(value v)
{
	return v & ((1ull << value_shift) - 1);
}

/* --- State ------------------------------------------------------------------------------------------------------ */

enum { MAX_SLOTS = 24, MAX_PENDING = 32, MAX_LOOPS = 8 };

struct slot {
	int32_t disp; /* from rsp */
	value v;
};
struct state {
	value regs[HB_X86_NREGS];
	struct slot slots[MAX_SLOTS];
	unsigned nslots;
};
struct pending { /* a branch, and the state that it takes along */
	uint64_t target;
	struct state state;
};
struct tracker {
	const struct hb_code_view *view;
	const struct hb_code_func *func;
	struct hb_code_sink *sink;
	struct state now;
	bool cut_off; /* the instruction before does not fall through */
	unsigned nsmall_maps;
	struct pending pending[MAX_PENDING];
	unsigned npending;
	struct pending loops[MAX_LOOPS]; /* branches back; taken on a second time through the function */
	unsigned nloops;
	bool again;
	uint64_t end;
};

static bool knows_anything(const struct state *state)
{
	value all = 0;
	for (unsigned i = 0; i < HB_X86_NREGS; i++)
		all |= state->regs[i];
	return all || state->nslots;
}

static value slot_get(const struct state *state, int64_t disp)
{
	for (unsigned i = 0; i < state->nslots; i++)
		if (state->slots[i].disp == disp)
			return state->slots[i].v;
	return 0;
}

/* Forgets the slots that len bytes at disp overwrite. */
static void slots_forget(struct state *state, int64_t disp, unsigned len)
{
	for (unsigned i = 0; i < state->nslots;) {
		int64_t at = state->slots[i].disp;
		if (at + 8 <= disp || at >= disp + len)
			i++;
		else
			state->slots[i] = state->slots[--state->nslots];
	}
}

static void slot_set(struct state *state, int64_t disp, value v)
{
	slots_forget(state, disp, 8);
	if (!v || disp < INT32_MIN || disp > INT32_MAX)
		return;
	if (state->nslots == MAX_SLOTS) { /* the oldest goes */
		memmove(state->slots, state->slots + 1, (MAX_SLOTS - 1) * sizeof(struct slot));
		state->nslots--;
	}
	state->slots[state->nslots++] = (struct slot){(int32_t)disp, v};
}

/* What was learned of a value holds wherever it is. */
static void replace(struct state *state, value old, value new)
{
	for (unsigned i = 0; i < HB_X86_NREGS; i++)
		if (state->regs[i] == old)
			state->regs[i] = new;
	for (unsigned i = 0; i < state->nslots; i++)
		if (state->slots[i].v == old)
			state->slots[i].v = new;
}

/* A copy without the unused slots. */
static void state_copy(struct state *to, const struct state *from)
{
	memcpy(to->regs, from->regs, sizeof(to->regs));
	memcpy(to->slots, from->slots, from->nslots * sizeof(struct slot));
	to->nslots = from->nslots;
}

static void state_clear(struct state *state)
{
	memset(state->regs, 0, sizeof(state->regs));
	state->nslots = 0;
}

static void add_branch(struct pending *list, unsigned *n, unsigned max, uint64_t target, const struct state *state)
{
	for (unsigned i = 0; i < *n; i++)
		if (list[i].target == target)
			return;
	if (*n == max)
		return;
	list[*n].target = target;
	state_copy(&list[(*n)++].state, state);
}

static void branch_to(struct tracker *t, uint64_t pc, uint64_t target)
{
	if (target < t->view->text + t->func->start || target >= t->end || !knows_anything(&t->now))
		return;
	if (target > pc)
		add_branch(t->pending, &t->npending, MAX_PENDING, target, &t->now);
	else if (t->sink->wants_returns && !t->again)
		add_branch(t->loops, &t->nloops, MAX_LOOPS, target, &t->now);
}

/* At pc on the second time: as if a loop had come around to it, which is a path like any other. */
static void come_around(struct tracker *t, uint64_t pc)
{
	for (unsigned i = 0; t->again && i < t->nloops; i++) {
		if (t->loops[i].target != pc)
			continue;
		state_copy(&t->now, &t->loops[i].state);
		t->cut_off = false;
	}
}

static void cut_off(struct tracker *t)
{
	state_clear(&t->now);
	t->cut_off = true;
}

/* At pc, which nothing falls into: take up what a branch brought. Passed branches are dropped on the way. */
static void arrive(struct tracker *t, uint64_t pc)
{
	for (unsigned i = 0; i < t->npending;) {
		struct pending *pending = &t->pending[i];
		if (pending->target == pc) {
			state_copy(&t->now, &pending->state);
			t->cut_off = false;
		}
		if (pending->target > pc)
			i++;
		else if (i != --t->npending) {
			pending->target = t->pending[t->npending].target;
			state_copy(&pending->state, &t->pending[t->npending].state);
		}
	}
}

/* --- What is learned -------------------------------------------------------------------------------------------- */

static bool is_data(const struct hb_code_view *view, uint64_t addr)
{
	return addr >= view->data && addr < view->edata;
}

static bool is_type(const struct hb_code_view *view, uint64_t addr)
{
	return view->types ? hb_types_find(view->types, addr) != 0 : addr >= view->type_start && addr < view->type_end;
}

static bool type_in(const struct tracker *t, value v, uint64_t *ret)
{
	if (kind_of(v) != ADDRESS || !is_type(t->view, payload(v)))
		return false;
	*ret = payload(v);
	return true;
}

static struct hb_error *refer(struct tracker *t, const struct hb_x86 *insn, uint64_t pc)
{
	if (!is_data(t->view, insn->target) || insn->target == t->view->ignored)
		return NULL;
	bool address = insn->op == HB_X86_LEA;
	struct hb_code_ref ref = {
	        .data = insn->target,
	        .func = t->func->index,
	        .pc = (uint32_t)(pc - t->view->text),
	        .how = address               ? 'L'
	               : insn->writes_memory ? 'W'
	                                     : 'M',
	        .width = address ? 0 : insn->width,
	};
	HB_VEC_PUSH(&t->sink->refs, ref);
	return NULL;
}

static struct hb_error *vote(struct tracker *t, uint64_t data, uint64_t type, enum hb_code_shape shape, bool partial)
{
	if (!is_data(t->view, data))
		return NULL;
	HB_VEC_PUSH(&t->sink->votes, (struct hb_code_vote){data, type, t->func->index, (uint8_t)shape, partial});
	return NULL;
}

/* What was loaded from a global has this type. */
static struct hb_error *vote_loaded(struct tracker *t, value v, uint64_t type, enum hb_code_shape shape)
{
	if (kind_of(v) != LOADED && kind_of(v) != ELEMENT)
		return NULL;
	return vote(t, payload(v), type, shape, kind_of(v) == ELEMENT);
}

/* The interface type of an itab, and the type in it; false when it is none. abi.ITab: Inter, Type (runtime/runtime2.go
 * itab up to 1.21). */
static bool read_itab(const struct hb_types *types, uint64_t addr, uint64_t *inter, uint64_t *type)
{
	if (!hb_snapshot_u64(types->go->snapshot, addr, inter) || !hb_snapshot_u64(types->go->snapshot, addr + 8, type))
		return false;
	uint32_t id = hb_types_find(types, *inter);
	return id && types->list[id].kind == HB_KIND_INTERFACE && hb_types_find(types, *type);
}

/* The word at a global's address takes a value. */
static struct hb_error *stored(struct tracker *t, uint64_t data, value v, bool partial)
{
	uint64_t inter, type;
	switch (kind_of(v)) {
	case ADDRESS:
		if (!t->view->types || is_data(t->view, payload(v)) ||
		    !read_itab(t->view->types, payload(v), &inter, &type))
			return NULL;
		return vote(t, data, inter, HB_CODE_VALUE, partial);
	case NEW:
		return vote(t, data, payload(v), HB_CODE_POINTER_TO, partial);
	case NEW_ARRAY:
		return vote(t, data, payload(v), HB_CODE_SLICE_OF, partial);
	case NEW_MAP:
		return vote(t, data, payload(v), HB_CODE_MAP, partial);
	case NEW_CHAN:
		return vote(t, data, payload(v), HB_CODE_CHAN, partial);
	case RESULT:
		if (is_data(t->view, data))
			HB_VEC_PUSH(&t->sink->results,
			            (struct hb_code_result){data, (uint32_t)payload(v), t->func->index, partial});
		return NULL;
	default:
		return NULL;
	}
}

/* A register is the pointer to a value of this type: the address of a global, or what was loaded from one. */
static struct hb_error *points_to(struct tracker *t, value v, uint64_t type)
{
	if (kind_of(v) == ADDRESS)
		return vote(t, payload(v), type, HB_CODE_VALUE, false);
	return vote_loaded(t, v, type, HB_CODE_POINTER_TO);
}

/* --- Calls ------------------------------------------------------------------------------------------------------ */

/* mallocgc also makes backing arrays: then the size is not the type's. */
static value malloced(const struct tracker *t, uint64_t type, value size)
{
	if (!t->view->types)
		return make(NEW, type);
	uint64_t one = t->view->types->list[hb_types_find(t->view->types, type)].size;
	if (kind_of(size) != NUMBER || !one || payload(size) % one)
		return 0;
	return make(payload(size) == one ? NEW : NEW_ARRAY, type);
}

static value result_of(struct tracker *t, const struct hb_code_func *callee)
{
	const value *regs = t->now.regs;
	uint64_t type;
	switch (callee->kind) {
	case HB_CALL_NEW:
		return type_in(t, regs[HB_X86_RAX], &type) ? make(NEW, type) : 0;
	case HB_CALL_MALLOC:
		return type_in(t, regs[HB_X86_RBX], &type) ? malloced(t, type, regs[HB_X86_RAX]) : 0;
	case HB_CALL_SLICE:
	case HB_CALL_GROW_OLD:
		return type_in(t, regs[HB_X86_RAX], &type) ? make(NEW_ARRAY, type) : 0;
	case HB_CALL_GROW:
		return type_in(t, regs[HB_X86_RSI], &type) ? make(NEW_ARRAY, type) : 0;
	case HB_CALL_MAKE_MAP:
		return type_in(t, regs[HB_X86_RAX], &type) ? make(NEW_MAP, type) : 0;
	case HB_CALL_SMALL_MAP:
		return make(SMALL_MAP, ++t->nsmall_maps);
	case HB_CALL_MAKE_CHAN:
		return type_in(t, regs[HB_X86_RAX], &type) ? make(NEW_CHAN, type) : 0;
	case HB_CALL_OTHER:
	case HB_CALL_POINTER_METHOD:
	case HB_CALL_VALUE_METHOD:
		return callee->is_runtime ? 0 : make(RESULT, callee->start);
	default:
		return 0;
	}
}

/* A value receiver of one word is in rax; a slice's header is in rax, rbx, rcx. */
static struct hb_error *value_receiver(struct tracker *t, const struct hb_code_func *callee)
{
	const struct hb_type *type = &t->view->types->list[callee->type];
	value v = t->now.regs[HB_X86_RAX];
	if (type->kind == HB_KIND_SLICE && t->now.regs[HB_X86_RBX] != make(LOADED, payload(v) + 8))
		return NULL;
	return vote_loaded(t, v, type->addr, HB_CODE_VALUE);
}

static struct hb_error *learn_from_arguments(struct tracker *t, const struct hb_code_func *callee)
{
	const value *regs = t->now.regs;
	value first = regs[HB_X86_RAX], second = regs[HB_X86_RBX], third = regs[HB_X86_RCX];
	uint64_t type;
	switch (callee->kind) {
	case HB_CALL_POINTER_METHOD:
		return points_to(t, first, t->view->types->list[callee->type].addr);
	case HB_CALL_VALUE_METHOD:
		return value_receiver(t, callee);
	case HB_CALL_MAP:
		if (!type_in(t, first, &type))
			return NULL;
		if (kind_of(second) == SMALL_MAP)
			replace(&t->now, second, make(NEW_MAP, type));
		return vote_loaded(t, second, type, HB_CODE_MAP);
	case HB_CALL_MOVE:
		if (!type_in(t, first, &type))
			return NULL;
		TRY(points_to(t, second, type));
		return points_to(t, third, type);
	case HB_CALL_CLEAR:
		return type_in(t, first, &type) ? points_to(t, second, type) : NULL;
	case HB_CALL_GROW_OLD:
	case HB_CALL_SLICE_COPY:
		return type_in(t, first, &type) ? vote_loaded(t, second, type, HB_CODE_SLICE_OF) : NULL;
	case HB_CALL_GROW:
		return type_in(t, regs[HB_X86_RSI], &type) ? vote_loaded(t, first, type, HB_CODE_SLICE_OF) : NULL;
	case HB_CALL_ATOMIC:
		return kind_of(first) == ADDRESS ? stored(t, payload(first), second, true) : NULL;
	case HB_CALL_ATOMIC_SWAP:
		return kind_of(first) == ADDRESS ? stored(t, payload(first), third, true) : NULL;
	default:
		return NULL;
	}
}

/* Two adjacent words that make an interface: an itab or type, and what was loaded from a global. The global then holds
 * a value of that type, when the data word is the value itself (pointers, maps, channels, functions). */
static struct hb_error *interface_pair(struct tracker *t, value head, value data)
{
	const struct hb_types *types = t->view->types;
	if (kind_of(head) != ADDRESS || (kind_of(data) != LOADED && kind_of(data) != ELEMENT) || !types ||
	    is_data(t->view, payload(head)))
		return NULL;
	uint64_t inter, type = payload(head);
	uint32_t id = hb_types_find(types, type);
	if (!id && read_itab(types, payload(head), &inter, &type))
		id = hb_types_find(types, type);
	return id && types->list[id].direct_iface ? vote_loaded(t, data, type, HB_CODE_VALUE) : NULL;
}

/* Arguments of interface type take two registers. */
static struct hb_error *interface_arguments(struct tracker *t)
{
	static const uint8_t order[] = {HB_X86_RAX, HB_X86_RBX, HB_X86_RCX, HB_X86_RDI, HB_X86_RSI,
	                                HB_X86_R8,  HB_X86_R9,  HB_X86_R10, HB_X86_R11};
	for (size_t i = 0; i + 1 < hb_countof(order); i++)
		TRY(interface_pair(t, t->now.regs[order[i]], t->now.regs[order[i + 1]]));
	return NULL;
}

static struct hb_error *call(struct tracker *t, const struct hb_x86 *insn)
{
	const struct hb_code_func *callee =
	        insn->op == HB_X86_CALL ? hb_code_func_starting(t->view->funcs, insn->target) : NULL;
	value result = 0;
	if (callee) {
		switch (callee->kind) {
		case HB_CALL_BARRIER:
			t->now.regs[HB_X86_R11] = 0;
			return NULL;
		case HB_CALL_DUFF:
			t->now.regs[HB_X86_RDI] = t->now.regs[HB_X86_RSI] = 0;
			return NULL;
		case HB_CALL_PANIC:
			cut_off(t);
			return NULL;
		default:
			TRY(learn_from_arguments(t, callee));
			result = result_of(t, callee);
		}
	}
	/* The runtime's functions take (type, pointer) pairs that are no interfaces. */
	if (!callee || !callee->is_runtime)
		TRY(interface_arguments(t));
	memset(t->now.regs, 0, sizeof(t->now.regs)); /* the Go ABI saves none */
	t->now.regs[HB_X86_RAX] = result;
	return NULL;
}

/* --- Moves ------------------------------------------------------------------------------------------------------ */

/* The static address of a memory operand or lea, when that is known; an index is taken as 0: element 0 stands for all.
 */
static bool static_address(const struct tracker *t, const struct hb_x86 *insn, uint64_t *ret)
{
	if (insn->base == HB_X86_RIP) {
		*ret = insn->target;
		return true;
	}
	if (insn->base >= HB_X86_NREGS || kind_of(t->now.regs[insn->base]) != ADDRESS)
		return false;
	*ret = payload(t->now.regs[insn->base]) + (uint64_t)insn->disp;
	return true;
}

static bool is_stack(const struct hb_x86 *insn)
{
	return insn->base == HB_X86_RSP && insn->index == HB_X86_NONE;
}

static value loaded(const struct tracker *t, const struct hb_x86 *insn)
{
	uint64_t addr;
	if (is_stack(insn))
		return slot_get(&t->now, insn->disp);
	if (static_address(t, insn, &addr) && is_data(t->view, addr))
		return make(insn->index == HB_X86_NONE ? LOADED : ELEMENT, addr);
	return 0;
}

/* A register goes to memory: to a stack slot, a global, or the first word of a new object (a closure's function). */
static struct hb_error *store(struct tracker *t, const struct hb_x86 *insn)
{
	value v = t->now.regs[insn->reg];
	uint64_t addr;
	if (is_stack(insn)) {
		slot_set(&t->now, insn->disp, v);
		TRY(interface_pair(t, slot_get(&t->now, insn->disp - 8), v));
		return interface_pair(t, v, slot_get(&t->now, insn->disp + 8));
	}
	if (static_address(t, insn, &addr)) {
		TRY(stored(t, addr, v, insn->index != HB_X86_NONE || insn->op == HB_X86_EXCHANGE));
		/* From here on the register is the global's value. */
		if (!is_data(t->view, addr) || insn->index != HB_X86_NONE)
			return NULL;
		if (kind_of(v) == SMALL_MAP)
			replace(&t->now, v, make(LOADED, addr));
		else if (!v)
			t->now.regs[insn->reg] = make(LOADED, addr);
		return NULL;
	}
	if (insn->base >= HB_X86_NREGS || insn->index != HB_X86_NONE || insn->disp || kind_of(v) != ADDRESS ||
	    kind_of(t->now.regs[insn->base]) != NEW || payload(v) < t->view->text || payload(v) >= t->view->etext ||
	    !hb_code_func_starting(t->view->funcs, payload(v)))
		return NULL;
	HB_VEC_PUSH(&t->sink->closures, (struct hb_code_closure){payload(v), payload(t->now.regs[insn->base])});
	return NULL;
}

static void forget_memory(struct tracker *t, const struct hb_x86 *insn)
{
	if (insn->base != HB_X86_RSP)
		return;
	if (insn->index != HB_X86_NONE || !insn->width)
		t->now.nslots = 0;
	else
		slots_forget(&t->now, insn->disp, insn->width);
}

static value computed(const struct tracker *t, const struct hb_x86 *insn)
{
	uint64_t addr;
	switch (insn->op) {
	case HB_X86_MOVE:
		return t->now.regs[insn->source];
	case HB_X86_LOAD:
		return loaded(t, insn);
	case HB_X86_LEA:
		return static_address(t, insn, &addr) && insn->index == HB_X86_NONE ? make(ADDRESS, addr) : 0;
	case HB_X86_CONSTANT:
		return make(NUMBER, insn->imm);
	default:
		return 0;
	}
}

static void spoil(struct tracker *t, unsigned regs)
{
	if (regs & 1u << HB_X86_RSP) /* the frame grows or shrinks: slots are elsewhere */
		t->now.nslots = 0;
	for (; regs; regs &= regs - 1)
		t->now.regs[__builtin_ctz(regs)] = 0;
}

static struct hb_error *returned(struct tracker *t)
{
	value v = t->now.regs[HB_X86_RAX];
	if (t->sink->wants_returns && kind_of(v) >= NEW && kind_of(v) != SMALL_MAP)
		HB_VEC_PUSH(&t->sink->returns, (struct hb_code_return){t->func->start, v});
	return NULL;
}

static struct hb_error *step(struct tracker *t, const struct hb_x86 *insn, uint64_t pc)
{
	if (insn->base == HB_X86_RIP && (insn->reads || insn->writes_memory || insn->op == HB_X86_LEA))
		TRY(refer(t, insn, pc));
	switch (insn->op) {
	case HB_X86_CALL:
	case HB_X86_CALL_INDIRECT:
		return call(t, insn);
	case HB_X86_BRANCH:
		spoil(t, insn->spoils);
		branch_to(t, pc, insn->target);
		return NULL;
	case HB_X86_RETURN:
		TRY(returned(t));
		cut_off(t);
		return NULL;
	case HB_X86_JUMP:
		branch_to(t, pc, insn->target);
		cut_off(t);
		return NULL;
	case HB_X86_END:
		cut_off(t);
		return NULL;
	case HB_X86_STORE:
		return store(t, insn);
	case HB_X86_EXCHANGE:
		TRY(store(t, insn));
		break;
	default:
		if (insn->writes_memory)
			forget_memory(t, insn);
	}
	value v = computed(t, insn);
	spoil(t, insn->spoils);
	if (insn->op >= HB_X86_MOVE && insn->op <= HB_X86_CONSTANT && insn->op != HB_X86_EXCHANGE &&
	    insn->reg != HB_X86_RSP)
		t->now.regs[insn->reg] = v;
	return NULL;
}

/* Once through the function, from its start to its end or until nothing more can be learned. */
static struct hb_error *pass(struct tracker *t, const struct hb_x86_decoder *decoder, uint32_t last)
{
	const struct hb_code_view *view = t->view;
	t->npending = 0;
	t->nsmall_maps = 0;
	t->cut_off = false;
	state_clear(&t->now);
	if (t->func->kind == HB_CALL_POINTER_METHOD) /* the receiver is a pointer to its type, as if it were new */
		t->now.regs[HB_X86_RAX] = make(NEW, view->types->list[t->func->type].addr);
	for (uint32_t at = t->func->start; at < t->func->end;) {
		uint64_t pc = view->text + at;
		struct hb_x86 insn;
		if (t->cut_off) {
			arrive(t, pc);
			if (at > last && !t->npending && !knows_anything(&t->now))
				break;
		}
		come_around(t, pc);
		if (!hb_x86_decode(decoder, view->bytes + at, t->func->end - at, pc, &insn)) {
			t->sink->undecodable++;
			cut_off(t);
			at++;
			continue;
		}
		t->sink->instructions++;
		TRY(step(t, &insn, pc));
		at += insn.length;
	}
	return NULL;
}

struct hb_error *hb_code_track(const struct hb_code_view *view, const struct hb_x86_decoder *decoder,
                               const struct hb_code_func *func, uint32_t last, struct hb_code_sink *sink)
{
	struct tracker t;
	t.view = view;
	t.func = func;
	t.sink = sink;
	t.end = view->text + func->end;
	t.nloops = 0;
	t.again = false;
	TRY(pass(&t, decoder, last));
	t.again = t.nloops > 0;
	return t.again ? pass(&t, decoder, last) : NULL;
}

bool hb_code_value_is_result(hb_code_value v, uint32_t *ret)
{
	*ret = (uint32_t)payload(v);
	return kind_of(v) == RESULT;
}

struct hb_error *hb_code_vote_result(const struct hb_code_view *view, const struct hb_code_result *result,
                                     hb_code_value v, struct hb_code_sink *sink)
{
	struct hb_code_func caller = {.index = result->func};
	struct tracker t = {.view = view, .func = &caller, .sink = sink};
	return stored(&t, result->data, v, result->partial);
}
