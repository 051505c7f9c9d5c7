/* Slices and buffered channels of a running process. Blocks of elements are sampled, the same blocks at every look, and more
 * of them as there are more elements. */
#include "growth/look.h"

enum { BLOCK = 32, SAMPLE = 512, MAX_ELEMENT = 128, MAX_BYTES = 1 << 20 };

static void choose(struct hb_sample_place *place, uint64_t count)
{
	if (!place->chosen)
		*place = (struct hb_sample_place){.chosen = true, .every = hb_max(count / SAMPLE, UINT64_C(1))};
}

/* Elements [from, from + n) of an array. What is larger than an element's place counts by its beginning. */
static bool take_run(struct hb_peek *peek, uint64_t addr, uint64_t from, uint64_t n, uint64_t stride,
                     struct hb_elements *elements)
{
	uint8_t bytes[BLOCK * MAX_ELEMENT];
	bool whole = stride * n <= sizeof(bytes);
	uint64_t start;
	if (hb_mul_overflows(from, stride, &start) || hb_add_overflows(start, addr, &start) || n > BLOCK)
		return false;
	if (whole && n && !hb_peek_read(peek, start, n * stride, bytes))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (!whole && !hb_peek_read(peek, start + i * stride, elements->size, bytes))
			return false;
		if (!hb_elements_add(elements, whole ? bytes + i * stride : bytes))
			return false;
	}
	return true;
}

static bool take_blocks(struct hb_peek *peek, uint64_t addr, uint64_t first, uint64_t count, uint64_t stride,
                        const struct hb_sample_place *place, struct hb_elements *elements)
{
	for (uint64_t at = first; at < first + count;) {
		uint64_t block = at / BLOCK, end = hb_min((block + 1) * BLOCK, first + count);
		if (block % place->every) {
			at = (block / place->every + 1) * place->every * BLOCK;
			continue;
		}
		if (!take_run(peek, addr, at, end - at, stride, elements))
			return false;
		at = end;
	}
	return true;
}

bool hb_look_at_slice(struct hb_peek *peek, const struct hb_types *types, const struct hb_population *population,
                      struct hb_sample_place *place, struct hb_elements *elements, struct hb_counted *ret)
{
	uint64_t words[3], bytes, stride = types->list[population->elem].size;
	*ret = (struct hb_counted){0};
	if (!hb_peek_read(peek, population->addr, sizeof(words), words) || words[1] > words[2] ||
	    hb_mul_overflows(words[2], stride, &bytes) || bytes >> 47 || (words[1] && !words[0]))
		return false;
	ret->count = words[1];
	ret->capacity = words[2];
	ret->known = true;
	if (!elements)
		return true;
	choose(place, words[1]);
	ret->sampled = take_blocks(peek, words[0], 0, words[1], stride, place, elements);
	return true;
}

/* runtime/chan.go, 1.18-1.27: a ring of dataqsiz places; the next one to be received is recvx. */
bool hb_look_at_channel(struct hb_peek *peek, const struct hb_types *types, const struct hb_population *population,
                        struct hb_sample_place *place, struct hb_elements *elements, struct hb_counted *ret)
{
	const struct hb_go_layout *layout = types->go->layout;
	uint64_t count, room, first, buffer, elem;
	*ret = (struct hb_counted){0};
	if (!hb_peek_u64(peek, population->addr + layout->hchan.qcount, &count) ||
	    !hb_peek_u64(peek, population->addr + layout->hchan.dataqsiz, &room) ||
	    !hb_peek_u64(peek, population->addr + layout->hchan.recvx, &first) ||
	    !hb_peek_u64(peek, population->addr + layout->hchan.buf, &buffer) ||
	    !hb_peek_u64(peek, population->addr + layout->hchan.elemtype, &elem) ||
	    elem != types->list[population->elem].addr || count > room || first > room || room >> 40)
		return false;
	ret->count = count; /* its room is no promise that it will be filled: no capacity */
	ret->known = true;
	if (!elements)
		return true;
	choose(place, count);
	/* What nobody receives stays in its place of the ring. */
	if (place->seed != first + 1) {
		ret->renewed = place->seed;
		if (!place->seed)
			place->seed = first + 1;
	}
	uint64_t stride = types->list[population->elem].size, before_end = hb_min(count, room - first);
	if (!stride || ret->renewed) {
		ret->sampled = true;
		for (uint64_t i = 0; !stride && i < hb_min(count, (uint64_t)SAMPLE); i++)
			ret->sampled &= hb_elements_add(elements, (const uint8_t *)"\0\0\0\0\0\0\0\0");
		return true;
	}
	ret->sampled = take_blocks(peek, buffer, first, before_end, stride, place, elements) &&
	               take_blocks(peek, buffer, 0, count - before_end, stride, place, elements);
	return true;
}
