/* Reading little-endian values out of bytes that nobody vouches for.
 *
 * A `struct hb_bytes` is a borrowed view. Every getter checks its bounds and returns false past the end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hb_bytes {
	const uint8_t *data;
	size_t len;
};

#define HB_DEFINE_GET(name, T)                                                 \
	static inline bool name(struct hb_bytes view, uint64_t offset, T *ret) \
	{                                                                      \
		if (offset > view.len || view.len - offset < sizeof(T))        \
			return false;                                          \
		memcpy(ret, view.data + offset, sizeof(T));                    \
		return true;                                                   \
	}
HB_DEFINE_GET(hb_get_u8, uint8_t)
HB_DEFINE_GET(hb_get_u16, uint16_t)
HB_DEFINE_GET(hb_get_u32, uint32_t)
HB_DEFINE_GET(hb_get_i32, int32_t)
HB_DEFINE_GET(hb_get_u64, uint64_t)
#undef HB_DEFINE_GET

/* A part of a view; empty when it does not fit. */
static inline struct hb_bytes hb_bytes_slice(struct hb_bytes view, uint64_t offset, uint64_t len)
{
	if (offset > view.len || view.len - offset < len)
		return (struct hb_bytes){0};
	return (struct hb_bytes){view.data + offset, (size_t)len};
}

/* Unaligned loads from memory that is known to be long enough. */
static inline uint64_t hb_load_u64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint32_t hb_load_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}
static inline uint16_t hb_load_u16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Unsigned LEB128-style varint as Go's pclntab uses (7 bits a byte, low first). Advances *offset. */
static inline bool hb_get_uvarint32(struct hb_bytes view, uint64_t *offset, uint32_t *ret)
{
	uint32_t value = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		if (*offset >= view.len)
			return false;
		uint8_t byte = view.data[(*offset)++];
		value |= (uint32_t)(byte & 0x7f) << (shift & 31);
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}
