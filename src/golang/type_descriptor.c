#include "golang/type_descriptor.h"

/* A byte below 32 is no part of any identifier or type string; quotes in struct tags are escaped. */
static bool is_printable(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

struct hb_bytes hb_descriptor_name_at(const struct hb_go *go, uint64_t addr)
{
	const struct hb_bytes none = {0};
	/* One flag byte and one to three bytes of length (≤ 1.16 had two fixed bytes; not supported). */
	struct hb_bytes head = {0};
	for (uint64_t n = 4; n >= 2 && !head.data; n--)
		head = hb_snapshot_view(go->snapshot, addr, n);
	if (!head.data || head.data[0] > 15)
		return none;
	uint32_t len = 0;
	uint64_t at = 1;
	if (!hb_get_uvarint32(head, &at, &len) || !len || len > HB_TYPE_MAX_NAME)
		return none;
	struct hb_bytes text = hb_snapshot_view(go->snapshot, addr + at, len);
	return text.data && is_printable(text.data, text.len) ? text : none;
}

static struct hb_bytes name_by_offset(const struct hb_go *go, uint64_t descriptor, int32_t offset)
{
	const struct hb_go_module *module = hb_go_module_of_types(go, descriptor);
	if (!module || offset <= 0 || (uint64_t)offset >= module->etypes - module->types)
		return (struct hb_bytes){0};
	return hb_descriptor_name_at(go, module->types + (uint32_t)offset);
}

struct hb_bytes hb_descriptor_name(const struct hb_go *go, const struct hb_descriptor *descriptor)
{
	struct hb_bytes name = name_by_offset(go, descriptor->addr, descriptor->name_offset);
	if (descriptor->tflag & HB_TFLAG_EXTRA_STAR && name.len > 1 && name.data[0] == '*')
		return hb_bytes_slice(name, 1, name.len - 1);
	return name;
}

/* Where abi.UncommonType follows the descriptor of a kind (abi.Type.Uncommon). */
static uint32_t uncommon_offset(const struct hb_go *go, const struct hb_descriptor *descriptor, bool old_map)
{
	switch (descriptor->kind) {
	case HB_KIND_STRUCT:
	case HB_KIND_INTERFACE:
		return 80;
	case HB_KIND_POINTER:
	case HB_KIND_FUNC:
	case HB_KIND_SLICE:
		return 56;
	case HB_KIND_ARRAY:
		return 72;
	case HB_KIND_CHAN:
		return 64;
	case HB_KIND_MAP: /* internal/abi/map_noswiss.go; map.go: KeysOff … were added in 1.27 */
		return old_map ? 88 : go->version.minor >= 27 ? 136 : 112;
	default:
		return HB_TYPE_BYTES;
	}
}

struct hb_bytes hb_descriptor_package(const struct hb_go *go, const struct hb_descriptor *descriptor, bool old_map)
{
	if (descriptor->tflag & HB_TFLAG_UNCOMMON && descriptor->tflag & HB_TFLAG_NAMED) {
		uint32_t offset;
		uint64_t at = descriptor->addr + uncommon_offset(go, descriptor, old_map);
		if (hb_snapshot_u32(go->snapshot, at, &offset))
			return name_by_offset(go, descriptor->addr, (int32_t)offset);
	}
	if (descriptor->kind == HB_KIND_STRUCT && descriptor->pkg_name)
		return hb_descriptor_name_at(go, descriptor->pkg_name);
	return (struct hb_bytes){0};
}

bool hb_descriptor_field(const struct hb_go *go, const struct hb_descriptor *descriptor, uint32_t i,
                         struct hb_field_descriptor *ret)
{
	const uint8_t *at = hb_snapshot_at(go->snapshot, descriptor->fields + (uint64_t)i * HB_TYPE_FIELD_BYTES,
	                                   HB_TYPE_FIELD_BYTES);
	if (!at)
		return false;
	*ret = (struct hb_field_descriptor){
	        .name = hb_load_u64(at), .type = hb_load_u64(at + 8), .offset = hb_load_u64(at + 16)};
	/* That a field is embedded was a bit of its offset in 1.18 (runtime/type.go structfield.offsetAnon); since then it
	 * is a bit of its name. */
	if (go->version.minor <= 18) {
		ret->embedded = ret->offset & 1;
		ret->offset >>= 1;
	} else {
		uint8_t flags;
		ret->embedded = hb_snapshot_u8(go->snapshot, ret->name, &flags) && flags & 8;
	}
	return true;
}

/* Size of a value of a kind, 0 when it varies. */
static uint64_t size_of_kind(uint8_t kind)
{
	static const uint8_t sizes[HB_KIND_UNSAFE_POINTER + 1] = {
	        [HB_KIND_BOOL] = 1,    [HB_KIND_INT] = 8,     [HB_KIND_INT8] = 1,       [HB_KIND_INT16] = 2,
	        [HB_KIND_INT32] = 4,   [HB_KIND_INT64] = 8,   [HB_KIND_UINT] = 8,       [HB_KIND_UINT8] = 1,
	        [HB_KIND_UINT16] = 2,  [HB_KIND_UINT32] = 4,  [HB_KIND_UINT64] = 8,     [HB_KIND_UINTPTR] = 8,
	        [HB_KIND_FLOAT32] = 4, [HB_KIND_FLOAT64] = 8, [HB_KIND_COMPLEX64] = 8,  [HB_KIND_COMPLEX128] = 16,
	        [HB_KIND_CHAN] = 8,    [HB_KIND_FUNC] = 8,    [HB_KIND_INTERFACE] = 16, [HB_KIND_MAP] = 8,
	        [HB_KIND_POINTER] = 8, [HB_KIND_SLICE] = 24,  [HB_KIND_STRING] = 16,    [HB_KIND_UNSAFE_POINTER] = 8,
	};
	return sizes[kind];
}

/* Pointers and slices of types that are not in the heap have no pointers for the collector: 0 is possible there. */
static bool ptr_bytes_fit_kind(const struct hb_descriptor *d)
{
	switch (d->kind) {
	case HB_KIND_POINTER:
	case HB_KIND_SLICE:
		return !d->ptr_bytes || d->ptr_bytes == 8;
	case HB_KIND_STRING:
	case HB_KIND_CHAN:
	case HB_KIND_FUNC:
	case HB_KIND_MAP:
	case HB_KIND_UNSAFE_POINTER:
		return d->ptr_bytes == 8;
	case HB_KIND_INTERFACE:
		return d->ptr_bytes == 16;
	case HB_KIND_ARRAY:
	case HB_KIND_STRUCT:
		return true;
	default:
		return !d->ptr_bytes;
	}
}

/* The words after the common part, by kind. */
static bool read_kind(const struct hb_go *go, struct hb_descriptor *d)
{
	uint64_t after = d->kind == HB_KIND_ARRAY || d->kind == HB_KIND_MAP ? 24 : 8;
	if (d->kind == HB_KIND_STRUCT)
		after = 32;
	const uint8_t *rest = hb_snapshot_at(go->snapshot, d->addr + HB_TYPE_BYTES, after);
	if (!rest)
		return false;
	switch (d->kind) {
	case HB_KIND_ARRAY:
		d->elem = hb_load_u64(rest);
		d->len = hb_load_u64(rest + 16);
		return d->elem != 0;
	case HB_KIND_CHAN:
	case HB_KIND_POINTER:
	case HB_KIND_SLICE:
		d->elem = hb_load_u64(rest);
		return d->elem != 0;
	case HB_KIND_MAP:
		d->key = hb_load_u64(rest);
		d->elem = hb_load_u64(rest + 8);
		d->group = hb_load_u64(rest + 16); /* the bucket before swiss maps */
		return d->key && d->elem && d->group;
	case HB_KIND_STRUCT: {
		uint64_t n = hb_load_u64(rest + 16);
		d->pkg_name = hb_load_u64(rest);
		d->fields = hb_load_u64(rest + 8);
		if (n > HB_TYPE_MAX_FIELDS || n > hb_load_u64(rest + 24))
			return false;
		d->nfields = (uint32_t)n;
		return n || !d->size;
	}
	default:
		return true;
	}
}

/* Kind_ held KindDirectIface (32) up to 1.25 and KindGCProg (64) up to 1.23; TFlag holds the former from 1.26 on and
 * TFlagGCMaskOnDemand from 1.24 on. */
static bool mask_is_built(unsigned minor, uint8_t kind, uint8_t tflag)
{
	return minor <= 23 ? !(kind & 64) : !(tflag & HB_TFLAG_MASK_ON_DEMAND);
}

bool hb_descriptor_mask(unsigned minor, const uint8_t *descriptor, uint64_t *ret_mask, uint64_t *ret_len)
{
	uint64_t size = hb_load_u64(descriptor), ptr_bytes = hb_load_u64(descriptor + 8);
	*ret_mask = hb_load_u64(descriptor + 32);
	*ret_len = (ptr_bytes / 8 + 7) / 8;
	return ptr_bytes && ptr_bytes % 8 == 0 && ptr_bytes <= size && size <= HB_TYPE_MAX_SIZE && *ret_mask &&
	       mask_is_built(minor, descriptor[23], descriptor[20]);
}

bool hb_descriptor_read(const struct hb_go *go, uint64_t addr, struct hb_descriptor *ret)
{
	const uint8_t *p = addr % 8 ? NULL : hb_snapshot_at(go->snapshot, addr, HB_TYPE_BYTES);
	if (!p)
		return false;
	uint8_t kind = p[23];
	struct hb_descriptor d = {
	        .addr = addr,
	        .size = hb_load_u64(p),
	        .ptr_bytes = hb_load_u64(p + 8),
	        .hash = hb_load_u32(p + 16),
	        .tflag = p[20],
	        .align = p[21],
	        .kind = kind & 31,
	        .gcdata = hb_load_u64(p + 32),
	        .name_offset = (int32_t)hb_load_u32(p + 40),
	};
	unsigned minor = go->version.minor;
	uint8_t kind_flags = minor >= 26 ? 0 : minor >= 24 ? 32 : 96;
	uint8_t tflags = minor >= 26 ? 63 : minor >= 24 ? 31 : 15;
	if (kind & ~(31 | kind_flags) || d.tflag & ~tflags || d.kind < HB_KIND_BOOL || d.kind > HB_KIND_UNSAFE_POINTER)
		return false;
	d.direct_iface = minor >= 26 ? d.tflag & HB_TFLAG_DIRECT : kind & 32;
	d.mask_is_built = mask_is_built(minor, kind, d.tflag);
	if (d.ptr_bytes > d.size || d.ptr_bytes % 8 || d.size > HB_TYPE_MAX_SIZE || (d.ptr_bytes && !d.gcdata))
		return false;
	if ((d.align != 1 && d.align != 2 && d.align != 4 && d.align != 8) || p[22] != d.align || d.size % d.align)
		return false;
	uint64_t fixed = size_of_kind(d.kind);
	if ((fixed && d.size != fixed) || !ptr_bytes_fit_kind(&d) || !read_kind(go, &d))
		return false;
	*ret = d;
	return true;
}
