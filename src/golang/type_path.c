/* Paths inside a value: from a byte offset to the names of the fields on the way. */
#include "golang/types.h"

#include <stdio.h>

enum { MAX_NESTING = 32 };

const struct hb_field *hb_types_field_at(const struct hb_types *types, const struct hb_type *type, uint64_t offset)
{
	const struct hb_field *fields = types->fields + type->first_field;
	for (uint32_t i = type->nfields; i-- > 0;) {
		uint64_t size = types->list[fields[i].type].size;
		if (fields[i].offset <= offset && offset - fields[i].offset < size)
			return &fields[i];
	}
	return NULL;
}

uint32_t hb_type_path(const struct hb_types *types, uint32_t type, uint64_t offset, char *buf, size_t size)
{
	size_t used = 0;
	if (size)
		buf[0] = 0;
	for (int depth = 0; depth < MAX_NESTING && type < types->n; depth++) {
		const struct hb_type *at = &types->list[type];
		int wrote = 0;
		if (at->kind == HB_KIND_STRUCT) {
			const struct hb_field *field = hb_types_field_at(types, at, offset);
			if (!field)
				break;
			wrote = snprintf(buf + used, size - used, "%s%s", used ? "." : "", field->name);
			offset -= field->offset;
			type = field->type;
		} else if (at->kind == HB_KIND_ARRAY && at->elem && types->list[at->elem].size) {
			uint64_t elem = types->list[at->elem].size;
			if (offset / elem >= at->len)
				break;
			wrote = snprintf(buf + used, size - used, "[%llu]", (unsigned long long)(offset / elem));
			offset %= elem;
			type = at->elem;
		} else {
			break;
		}
		used = wrote < 0 ? used : hb_min(used + (size_t)wrote, size ? size - 1 : 0);
	}
	return type;
}
