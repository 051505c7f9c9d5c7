/* Pointer masks of types that reflect made: bytes of pointer-free memory, which the stop does not read.
 *
 * The buckets of a map that reflect.MapOf made have a type without fields (reflect/map_noswiss.go bucketOf, up to 1.23), the
 * frames of reflect.Value.Call one without a kind (reflect/type.go funcLayout): nothing but the mask says where their
 * pointers are. From 1.22 on objects above 512 bytes refer to such a type. Neither type nor mask ever changes, and reflect
 * keeps both for good, so that the masks can be read when the target runs again.
 */
#include "base/progress.h"
#include "golang/type_descriptor.h"
#include "snapshot/capture_internal.h"

#include <string.h>

enum { MAX_SPANS = 1u << 28, MAX_TYPES = 4096, MAX_MASK = 1 << 16, LARGEST_WITH_BITS = 512 };

struct masks {
	struct capture *capture;
	HB_VEC(uint64_t) seen; /* types in the heap */
	uint64_t last;
};

static bool is_new(struct masks *masks, uint64_t type)
{
	for (size_t i = masks->seen.len; i-- > 0;)
		if (masks->seen.data[i] == type)
			return false;
	return masks->seen.len < MAX_TYPES && hb_vec_push(&masks->seen, type);
}

/* The mask of a type in the heap, as long as the target still has that very type there. */
static struct hb_error *read_mask(struct masks *masks, uint64_t type)
{
	struct capture *capture = masks->capture;
	uint8_t now[HB_TYPE_BYTES];
	const uint8_t *then = hb_snapshot_at(capture->snapshot, type, HB_TYPE_BYTES);
	uint64_t mask, len;
	if (!then || !hb_descriptor_mask(capture->go.layout->minor, then, &mask, &len) || len > MAX_MASK ||
	    hb_snapshot_at(capture->snapshot, mask, len))
		return NULL;
	struct hb_error *err = hb_target_read(capture->target, type, now, sizeof(now));
	if (err || memcmp(now, then, sizeof(now)) != 0) {
		hb_error_destroy(err);
		return NULL;
	}
	return capture_read_late(capture, mask, len);
}

static struct hb_error *look_at(struct masks *masks, uint64_t type)
{
	if (!type || type == masks->last || type % 8)
		return NULL;
	masks->last = type;
	return hb_snapshot_in_arenas(masks->capture->snapshot, type) && is_new(masks, type) ? read_mask(masks, type)
	                                                                                    : NULL;
}

static struct hb_error *look_at_span(struct masks *masks, const uint8_t *span)
{
	const struct hb_go_layout *layout = masks->capture->go.layout;
	uint64_t size = hb_load_u64(span + layout->mspan.elemsize), n = hb_load_u16(span + layout->mspan.nelems);
	uint64_t base = hb_load_u64(span + layout->mspan.start_addr);
	uint8_t class = span[layout->mspan.spanclass];
	if (span[layout->mspan.state] != 1 || class & 1 || size <= LARGEST_WITH_BITS)
		return NULL;
	if (class >> 1 == 0)
		return look_at(masks, hb_load_u64(span + layout->mspan.large_type));
	const uint8_t *bytes = hb_snapshot_at(masks->capture->snapshot, base, n * size);
	for (uint64_t i = 0; bytes && i < n; i++)
		TRY(look_at(masks, hb_load_u64(bytes + i * size)));
	return NULL;
}

static struct hb_error *look_at_spans(struct masks *masks)
{
	const struct hb_snapshot *snapshot = masks->capture->snapshot;
	const struct hb_go_layout *layout = masks->capture->go.layout;
	uint64_t data, n;
	if (!hb_snapshot_slice(snapshot, masks->capture->go.mheap + layout->mheap.allspans, MAX_SPANS, &data, &n))
		return NULL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t addr;
		const uint8_t *span = NULL;
		if (hb_snapshot_u64(snapshot, data + i * 8, &addr))
			span = hb_snapshot_at(snapshot, addr, layout->mspan.size);
		if (span)
			TRY(look_at_span(masks, span));
		if ((i & 0xffff) == 0xffff && hb_interrupted())
			return hb_interrupted_error();
	}
	return NULL;
}

struct hb_error *capture_go_masks(struct capture *capture)
{
	struct masks masks = {.capture = capture};
	if (capture->go.layout->mspan.large_type == HB_ABSENT) /* up to 1.21 no object refers to its type */
		return NULL;
	struct hb_error *err = look_at_spans(&masks);
	hb_vec_deinit(&masks.seen);
	return err;
}
