#include "growth/look.h"
#include "leak/headers.h"

enum {
	MAX_ELEMENTS = 4096, /* of one sample */
	MAX_STRINGS = 8,     /* in one element */
	MAX_CONTENTS = 256,  /* bytes of a string that count, with its length */
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

static uint64_t mix(uint64_t hash, const uint8_t *bytes, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(1099511628211); /* FNV-1a */
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

static uint64_t identify(struct hb_peek *peek, const struct strings *strings, const uint8_t *bytes, uint64_t size)
{
	uint64_t hash = UINT64_C(14695981039346656037), done = 0;
	for (unsigned i = 0; i < strings->n; i++) {
		if (strings->at[i] < done || strings->at[i] + 16 > size)
			break;
		hash = mix(hash, bytes + done, strings->at[i] - done);
		hash = mix_string(peek, hash, bytes + strings->at[i]);
		done = strings->at[i] + 16;
	}
	return mix(hash, bytes + done, size - done);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

struct hb_error *hb_elements_identify(struct hb_peek *peek, const struct hb_types *types, uint32_t type,
                                      const struct hb_elements *elements, struct hb_counted *ret)
{
	struct strings strings = {0};
	if (type && type < types->n && types->list[type].size == elements->size)
		strings = find_strings(types, type);
	ret->ids = calloc(hb_max(elements->n, (size_t)1), sizeof(*ret->ids));
	if (!ret->ids)
		return hb_error_nomem();
	ret->nids = (uint32_t)elements->n;
	for (size_t i = 0; i < elements->n; i++)
		ret->ids[i] = identify(peek, &strings, elements->bytes.data + i * elements->size, elements->size);
	qsort(ret->ids, elements->n, sizeof(*ret->ids), compare);
	return NULL;
}
