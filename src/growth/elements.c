#include "base/order.h"
#include "growth/look.h"
#include "leak/headers.h"

enum {
	MAX_ELEMENTS = 32768, /* of one sample */
	MAX_STRINGS = 8,      /* in one element */
	MAX_CONTENTS = 256,   /* bytes of a string that count, with its length */
};

bool hb_elements_add(struct hb_elements *elements, const uint8_t *bytes)
{
	if (elements->n == MAX_ELEMENTS)
		return false;
	if (!hb_vec_reserve(&elements->bytes, elements->bytes.len + elements->size)) {
		elements->nomem = true;
		return false;
	}
	memcpy(elements->bytes.data + elements->bytes.len, bytes, elements->size);
	elements->bytes.len += elements->size;
	elements->n++;
	return true;
}

/* --- Ids ---------------------------------------------------------------------------------------------------------- */

struct strings { /* in a value: their offsets, rising */
	uint64_t at[MAX_STRINGS];
	unsigned n;
};

static struct strings find_strings(const struct hb_types *types, uint32_t type)
{
	struct strings strings = {0};
	struct hb_header header;
	for (uint64_t at = 0; at + 16 <= types->list[type].size && strings.n < MAX_STRINGS; at += 8)
		if (hb_header_at(types, type, at, &header) && header.is_string)
			strings.at[strings.n++] = at;
	return strings;
}

/* FNV-1a */
#define START UINT64_C(14695981039346656037)

static uint64_t mix(uint64_t hash, const uint8_t *bytes, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

/* The contents of strings do not change as long as the string is there, so they may be read while the program runs. */
static uint64_t mix_string(struct hb_peek *peek, uint64_t hash, const uint8_t *header)
{
	uint8_t contents[MAX_CONTENTS];
	uint64_t addr = hb_load_u64(header), len = hb_load_u64(header + 8), part = hb_min(len, (uint64_t)MAX_CONTENTS);
	hash = mix(hash, header + 8, 8);
	if (part && hb_peek_read(peek, addr, part, contents))
		return mix(hash, contents, part);
	return mix(hash, header, 8);
}

/* An interface: the contents of a string or of a small value without pointers, else the pointer. */
static uint64_t mix_interface(struct hb_peek *peek, const struct hb_types *types, uint64_t hash, const uint8_t *words)
{
	uint8_t value[64];
	uint32_t type = hb_types_find(types, hb_load_u64(words));
	const struct hb_type *at = &types->list[type];
	hash = mix(hash, words, 8);
	if (type && !at->direct_iface && at->size <= sizeof(value) && (at->kind == HB_KIND_STRING || !at->ptr_bytes) &&
	    hb_peek_read(peek, hb_load_u64(words + 8), at->size, value))
		return at->kind == HB_KIND_STRING ? mix_string(peek, hash, value) : mix(hash, value, at->size);
	return mix(hash, words + 8, 8);
}

static uint64_t identify_key(struct hb_peek *peek, const struct strings *strings, const uint8_t *bytes, uint64_t size)
{
	uint64_t hash = START, done = 0;
	for (unsigned i = 0; i < strings->n; i++) {
		if (strings->at[i] < done || strings->at[i] + 16 > size)
			break;
		hash = mix(hash, bytes + done, strings->at[i] - done);
		hash = mix_string(peek, hash, bytes + strings->at[i]);
		done = strings->at[i] + 16;
	}
	return mix(hash, bytes + done, size - done);
}

/* What an element of an array points to stays the same while its other fields may change. */
static uint64_t identify_element(const struct hb_type *type, const uint8_t *bytes, uint64_t size)
{
	uint64_t hash = START;
	bool any = false;
	for (uint64_t at = 0; type->mask && at + 8 <= size && at < type->ptr_bytes; at += 8)
		if (type->mask[at / 512] >> (at / 8 & 63) & 1) {
			hash = mix(hash, bytes + at, 8);
			any |= hb_load_u64(bytes + at) != 0;
		}
	return any ? hash : mix(START, bytes, size);
}

uint64_t hb_population_element(const struct hb_types *types, const struct hb_population *population)
{
	switch (population->kind) {
	case HB_POPULATION_MAP:
		return population->map.key_size;
	case HB_POPULATION_SLICE:
	case HB_POPULATION_CHANNEL:
		return hb_min(types->list[population->elem].size, UINT64_C(128));
	case HB_POPULATION_LIST:
		return 24; /* address, value */
	case HB_POPULATION_SYNC_MAP:
	case HB_POPULATION_TRIE:
		return 16; /* an interface */
	case HB_POPULATION_LINKED:
	case HB_POPULATION_KINDS:
		break;
	}
	return 8; /* address */
}

static uint64_t identify(struct hb_peek *peek, const struct hb_types *types, const struct hb_population *population,
                         const struct strings *strings, const uint8_t *bytes, uint64_t size)
{
	switch (population->kind) {
	case HB_POPULATION_SLICE:
	case HB_POPULATION_CHANNEL:
		return identify_element(&types->list[population->elem], bytes, size);
	case HB_POPULATION_SYNC_MAP:
	case HB_POPULATION_TRIE:
		return mix_interface(peek, types, START, bytes);
	default:
		return identify_key(peek, strings, bytes, size);
	}
}

struct hb_error *hb_elements_identify(struct hb_peek *peek, const struct hb_types *types,
                                      const struct hb_population *population, const struct hb_elements *elements,
                                      struct hb_counted *ret)
{
	struct strings strings = {0};
	if (population->kind == HB_POPULATION_MAP && types->list[population->elem].size == elements->size)
		strings = find_strings(types, population->elem);
	ret->ids = calloc(hb_max(elements->n, (size_t)1), sizeof(*ret->ids));
	if (!ret->ids)
		return hb_error_nomem();
	ret->nids = (uint32_t)elements->n;
	for (size_t i = 0; i < elements->n; i++)
		ret->ids[i] = identify(peek, types, population, &strings, elements->bytes.data + i * elements->size,
		                       elements->size);
	qsort(ret->ids, elements->n, sizeof(*ret->ids), hb_compare_u64);
	return NULL;
}
