#include "random_heap.h"

uint64_t random_u64(struct random_source *random) /* splitmix64 */
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint32_t random_below(struct random_source *random, uint32_t n)
{
	return (uint32_t)((random_u64(random) >> 32) * n >> 32);
}

bool random_chance(struct random_source *random, uint32_t percent)
{
	return random_below(random, 100) < percent;
}

struct maker {
	struct random_heap *r;
	struct random_source random;
	const struct synthetic_type *types[12];
	unsigned ntypes;
	uint32_t first_object; /* node */
	uint32_t locality;     /* 0: targets are uniform; else most are within so many objects */
};

/* --- Spans and objects ------------------------------------------------------------------------------------------ */

static void make_types(struct maker *m)
{
	struct random_source *random = &m->random;
	static const uint32_t sizes[] = {1, 2, 3, 8, 20, 32, 33, 70, 100, 500, 1300, 4000};
	for (m->ntypes = 0; m->ntypes < hb_countof(m->types); m->ntypes++) {
		uint64_t size = sizes[m->ntypes], mask[64] = {0};
		uint64_t ptrs = 1 + random_below(random, (uint32_t)size);
		for (uint64_t i = 0; i < (ptrs + 63) / 64; i++) {
			mask[i] = random_u64(random);
			mask[i] &= random_u64(random); /* one word in four */
		}
		mask[0] |= 1;
		/* Garbage past the last pointer word must not be read. */
		if (ptrs % 64)
			mask[ptrs / 64] |= random_chance(random, 50) ? ~0ull << (ptrs % 64) : 0;
		bool known = m->ntypes != 5; /* type 5's mask is not in the table */
		m->types[m->ntypes] =
		        synthetic_type(&m->r->synthetic, size, random_chance(random, 5) ? 0 : ptrs, mask, known);
	}
}

struct shape {
	enum hb_span_kind kind;
	uint32_t elem_size, npages;
};

static struct shape random_shape(struct random_source *random)
{
	static const uint32_t bits[] = {8, 16, 24, 48, 64, 80, 208, 416, 512};
	static const struct shape header[] = {{HB_SPAN_HEADER, 576, 1},
	                                      {HB_SPAN_HEADER, 1408, 2},
	                                      {HB_SPAN_HEADER, 9472, 7},
	                                      {HB_SPAN_HEADER, 32768, 4}};
	static const struct shape leaf[] = {{HB_SPAN_NOSCAN, 8, 1},
	                                    {HB_SPAN_NOSCAN, 48, 1},
	                                    {HB_SPAN_NOSCAN, 1152, 1},
	                                    {HB_SPAN_NOSCAN, 27264, 10},
	                                    {HB_SPAN_NOSCAN, 40960, 5}};
	static const struct shape arena_bits[] = {{HB_SPAN_ARENA_BITS, 16, 1},
	                                          {HB_SPAN_ARENA_BITS, 112, 1},
	                                          {HB_SPAN_ARENA_BITS, 6784, 5},
	                                          {HB_SPAN_ARENA_BITS, 65536, 8},
	                                          {HB_SPAN_ARENA_BITS, 1048576, 128}};
	switch (random_below(random, 10)) {
	case 0:
	case 1:
	case 2:
		return leaf[random_below(random, hb_countof(leaf))];
	case 3:
	case 4:
		return header[random_below(random, hb_countof(header))];
	case 5: {
		uint32_t npages = 5 + random_below(random, 100);
		return (struct shape){HB_SPAN_LARGE, npages << HB_HEAP_PAGE_SHIFT, npages};
	}
	case 6:
		return arena_bits[random_below(random, hb_countof(arena_bits))];
	default:
		return (struct shape){HB_SPAN_BITS, bits[random_below(random, hb_countof(bits))], 1};
	}
}

static void add_object(struct maker *m, uint32_t span_index, uint32_t slot)
{
	struct random_heap *r = m->r;
	const struct hb_span *span = &r->synthetic.heap->spans[span_index];
	synthetic_alloc(&r->synthetic, span, slot);
	r->nodes[r->nnodes++] = (struct true_node){
	        .slot = slot,
	        .size = span->elem_size,
	        .leaf = span->kind == HB_SPAN_NOSCAN,
	        .cut = random_chance(&m->random, 4),
	        .span = span_index,
	};
}

static void make_objects(struct maker *m, uint32_t nobjects)
{
	struct random_heap *r = m->r;
	m->first_object = r->nnodes;
	while (r->nnodes < m->first_object + nobjects) {
		struct shape shape = random_shape(&m->random);
		if (random_chance(&m->random, 30))
			synthetic_skip(&r->synthetic, random_below(&m->random, 100));
		if (random_chance(&m->random, 3))
			synthetic_skip(&r->synthetic, 8000);
		const struct synthetic_type *type = m->types[random_below(&m->random, m->ntypes)];
		if (random_chance(&m->random, 5))
			type = NULL; /* a large object that is being allocated */
		if (!synthetic_span(&r->synthetic, shape.kind, shape.elem_size, shape.npages,
		                    random_chance(&m->random, 50) ? 0 : 1 + random_below(&m->random, 4), type))
			return;
		uint32_t index = r->synthetic.heap->nspans - 1;
		const struct hb_span *span = &r->synthetic.heap->spans[index];
		/* Neighbours at the end, where slots meet the bitmap, or anywhere. */
		uint32_t slot = span->first_slot;
		if (random_chance(&m->random, 50))
			slot += span->nelems > 6 ? span->nelems - 6 : 0;
		for (uint32_t i = 0; i < 6 && slot < span->first_slot + span->nelems; i++, slot++)
			if (r->nnodes < m->first_object + nobjects && random_chance(&m->random, 70))
				add_object(m, index, slot);
	}
}

/* --- Pointers --------------------------------------------------------------------------------------------------- */

static uint64_t interior(struct maker *m, uint32_t node)
{
	const struct true_node *object = &m->r->nodes[node];
	uint64_t offset = random_chance(&m->random, 50) ? 0 : random_below(&m->random, (uint32_t)object->size);
	return synthetic_addr(&m->r->synthetic, object->slot) + offset;
}

static uint32_t random_object(struct maker *m, uint32_t near)
{
	uint32_t n = m->r->nnodes - m->first_object;
	if (m->locality && near >= m->first_object && random_chance(&m->random, 85)) {
		uint32_t target = near + 1 + random_below(&m->random, m->locality);
		if (random_chance(&m->random, 15)) {
			uint32_t back = random_below(&m->random, 2 * m->locality);
			target = near - hb_min(near - m->first_object, back);
		}
		if (target < m->r->nnodes)
			return target;
	}
	return m->first_object + random_below(&m->random, n);
}

/* Something that points to no object: nil, free slots, tails, pages of no span, holes, outside, anything. */
static uint64_t no_pointer(struct maker *m)
{
	const struct hb_heap *heap = m->r->synthetic.heap;
	const struct hb_span *span = &heap->spans[random_below(&m->random, heap->nspans)];
	uint64_t size = (uint64_t)span->npages << HB_HEAP_PAGE_SHIFT;
	switch (random_below(&m->random, 6)) {
	case 0: {
		uint32_t slot = span->first_slot + random_below(&m->random, span->nelems);
		if (heap->allocated[slot / 64] >> (slot & 63) & 1)
			return 0;
		return span->base + (slot - span->first_slot) * span->elem_size;
	}
	case 1:
		return span->nelems > 1 && span->nelems * span->elem_size < size ? span->base + size - 1 : 0;
	case 2:
		return heap->low + (heap->arena_span << HB_ARENA_SHIFT) + random_below(&m->random, 1 << 30);
	case 3:
		return heap->low - 1 - random_below(&m->random, 1 << 30);
	case 4: /* a hole, if it is one */
		for (uint64_t i = 0; i < heap->arena_span; i++)
			if (!heap->arena_map[i])
				return heap->low + (i << HB_ARENA_SHIFT) +
				       random_below(&m->random, 1 << HB_ARENA_SHIFT);
		return 0;
	default:
		return random_u64(&m->random) | 1ull << 63;
	}
}

static void add_edge(struct random_heap *r, uint32_t from, uint32_t to)
{
	r->edges[r->nedges++] = (struct true_edge){from, to};
}

/* The collector's view of a word of an object whose type is an array of `type`. */
static bool is_typed_pointer(const struct synthetic_type *type, uint64_t word)
{
	uint64_t at = word % type->size_words;
	return at < type->ptr_words && type->mask[at / 64] >> (at % 64) & 1;
}

struct target_object {
	uint32_t node;
	const struct hb_span *span;
	const struct synthetic_type *type;
	uint64_t nwords;
};

static void fill_word(struct maker *m, const struct target_object *object, uint64_t word)
{
	struct random_heap *r = m->r;
	uint32_t slot = r->nodes[object->node].slot;
	bool bitmap = object->span->kind == HB_SPAN_BITS || object->span->kind == HB_SPAN_ARENA_BITS;
	bool pointer =
	        bitmap ? random_chance(&m->random, 70)
	               : object->type &&
	                         is_typed_pointer(object->type, object->span->kind == HB_SPAN_HEADER ? word - 1 : word);
	bool edge = random_chance(&m->random, 85);
	if (r->nedges + 64 > MAX_EDGES)
		edge = false;
	uint32_t target = random_object(m, object->node);
	if (bitmap)
		synthetic_set_bit(&r->synthetic, object->span, slot, word, pointer);
	synthetic_store(&r->synthetic, object->span, slot, word, edge ? interior(m, target) : no_pointer(m));
	if (pointer && edge && !r->nodes[object->node].unknown)
		add_edge(r, object->node, target);
}

static void fill_object(struct maker *m, uint32_t node)
{
	struct random_heap *r = m->r;
	struct true_node *truth = &r->nodes[node];
	struct target_object object = {.node = node, .span = &r->synthetic.heap->spans[truth->span]};
	object.nwords = object.span->elem_size / 8;
	uint64_t first = 0;
	if (object.span->kind == HB_SPAN_HEADER || object.span->kind == HB_SPAN_LARGE) {
		uint64_t addr = object.span->large_type;
		if (object.span->kind == HB_SPAN_HEADER) {
			first = 1;
			addr = random_chance(&m->random, 5) ? 0 : m->types[random_below(&m->random, m->ntypes)]->addr;
			synthetic_set_header(&r->synthetic, object.span, truth->slot, addr);
		}
		for (unsigned i = 0; i < m->ntypes; i++)
			if (m->types[i]->addr == addr)
				object.type = m->types[i];
		truth->unknown = object.type == m->types[5];
	}
	/* All words of small objects, some runs of wide ones. */
	uint64_t start = first;
	for (int runs = 0; start < object.nwords && runs < 6; runs++) {
		uint64_t n = object.nwords <= 8 ? object.nwords : 1 + random_below(&m->random, 8);
		if (random_chance(&m->random, 2))
			n = 200;
		for (uint64_t end = hb_min(start + n, object.nwords); start < end; start++)
			fill_word(m, &object, start);
		if (random_chance(&m->random, 20))
			start = hb_max(start, object.nwords - hb_min(object.nwords, 8u));
		else if (object.nwords > 16)
			start += random_below(&m->random, (uint32_t)object.nwords / 4);
	}
}

/* Slots that hold no object are full of pointers. */
static void fill_free_slots(struct maker *m)
{
	struct random_heap *r = m->r;
	for (uint32_t i = 0; i < r->synthetic.heap->nspans; i++) {
		const struct hb_span *span = &r->synthetic.heap->spans[i];
		uint32_t slot = span->first_slot + random_below(&m->random, span->nelems);
		if (r->synthetic.heap->allocated[slot / 64] >> (slot & 63) & 1)
			continue;
		synthetic_store(&r->synthetic, span, slot, 0, interior(m, random_object(m, 0)));
		if (span->kind == HB_SPAN_BITS || span->kind == HB_SPAN_ARENA_BITS)
			synthetic_set_bit(&r->synthetic, span, slot, 0, true);
	}
}

/* The inline mark bits behind the bitmaps, and the last words of one-page spans without bitmaps, are anything. */
static void fill_marks(struct maker *m)
{
	const struct hb_heap *heap = m->r->synthetic.heap;
	for (uint32_t i = 0; heap->inline_marks && i < heap->nspans; i++) {
		const struct hb_span *span = &heap->spans[i];
		if (span->kind == HB_SPAN_BITS && span->elem_size >= 16)
			memset(hb_heap_bytes(heap, span->base + 8192 - 128), 0xff, 128);
	}
}

/* --- Roots ------------------------------------------------------------------------------------------------------ */

static void make_roots(struct maker *m)
{
	struct random_heap *r = m->r;
	uint8_t phase = 0;
	r->nroots = 1 + random_below(&m->random, random_chance(&m->random, 50) ? 4 : 20);
	for (uint32_t i = 0; i < r->nroots; i++) {
		while (phase + 1 < HB_ROOT_PHASES && random_chance(&m->random, 20))
			phase++;
		uint32_t parent = i && random_chance(&m->random, 40) ? random_below(&m->random, i) : HB_ROOT_NONE;
		synthetic_root(&r->roots, phase, parent);
		r->nodes[r->nnodes++] =
		        (struct true_node){.phase = phase, .parent = parent == HB_ROOT_NONE ? 0 : parent + 1};
	}
}

static void make_root_edges(struct maker *m)
{
	struct random_heap *r = m->r;
	for (uint32_t i = 0; i < r->nroots; i++)
		for (uint32_t n = random_below(&m->random, 4); n > 0; n--) {
			bool edge = random_chance(&m->random, 80);
			uint32_t target = random_object(m, 0);
			synthetic_root_edge(&r->roots, i, edge ? interior(m, target) : no_pointer(m));
			if (edge)
				add_edge(r, i + 1, target);
		}
}

static void make_cuts(struct maker *m)
{
	struct random_heap *r = m->r;
	const struct hb_heap *heap = r->synthetic.heap;
	uint32_t node = m->first_object;
	for (uint32_t slot = 1; slot <= heap->nslots; slot++) {
		bool cut = false;
		if (node < r->nnodes && r->nodes[node].slot == slot)
			cut = r->nodes[node++].cut;
		else
			cut = random_below(&m->random, 1000) == 0; /* a free slot: no matter */
		uint32_t times = cut ? 1 + random_below(&m->random, 2) : 0;
		for (; times > 0; times--)
			if (!hb_vec_push(&r->roots.cut_targets, slot))
				exit(1);
	}
}

void random_heap_create(struct random_heap *r, uint64_t seed)
{
	static const uint32_t arenas[][5] = {{0, 1, 2, 3, 4}, {0, 2, 3, 7, 90}, {5, 6, 1000, 1001, 5000}};
	struct maker m = {.r = r, .random = {seed}};
	memset(r, 0, sizeof(*r));
	static const uint64_t bases[] = {0xc000000000, 0x7f0000000000, 0x40000000};
	synthetic_create(&r->synthetic, bases[random_below(&m.random, 3)], arenas[random_below(&m.random, 3)], 5,
	                 1 << 19, random_chance(&m.random, 50));
	r->synthetic.heap->bits_in_arenas = !r->synthetic.heap->inline_marks && random_chance(&m.random, 50);
	m.locality = random_chance(&m.random, 60) ? 1 + random_below(&m.random, 6) : 0;
	r->nnodes = 1;
	make_types(&m);
	make_roots(&m);
	make_objects(&m, 1 + random_below(&m.random, random_chance(&m.random, 70) ? 40 : MAX_NODES - 30));
	for (uint32_t node = m.first_object; node < r->nnodes; node++)
		if (!r->nodes[node].leaf)
			fill_object(&m, node);
	fill_free_slots(&m);
	fill_marks(&m);
	make_root_edges(&m);
	make_cuts(&m);
	synthetic_finish(&r->synthetic);
}

void random_heap_destroy(struct random_heap *r)
{
	synthetic_destroy(&r->synthetic);
	hb_roots_deinit(&r->roots);
}
