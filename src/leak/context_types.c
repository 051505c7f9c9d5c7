#include "leak/context_types.h"

unsigned hb_context_types(const struct hb_types *types, struct hb_context_type ret[static HB_CONTEXT_TYPES])
{
	static const char *const names[HB_CONTEXT_TYPES] = {"context.cancelCtx", "context.timerCtx",
	                                                    "context.afterFuncCtx"};
	uint32_t base = hb_types_by_name(types, names[0], "context");
	const struct hb_field *children = base ? hb_types_field(types, &types->list[base], "children") : NULL;
	uint64_t done;
	unsigned n = 0;
	if (!children || !hb_types_offset(types, base, "done", 16, &done))
		return 0;
	for (size_t i = 0; i < HB_CONTEXT_TYPES; i++) {
		uint32_t type = hb_types_by_name(types, names[i], "context");
		const struct hb_field *inner =
		        type && type != base ? hb_types_field(types, &types->list[type], "cancelCtx") : NULL;
		if (!type || (type != base && (!inner || inner->type != base)))
			continue;
		uint64_t at = inner ? inner->offset : 0;
		ret[n++] = (struct hb_context_type){type, children->type, at + children->offset, at + done};
	}
	return n;
}
