#include "leak/headers.h"

#include <string.h>

enum { MAX_NESTING = 32 };

bool hb_header_at(const struct hb_types *types, uint32_t type, uint64_t offset, struct hb_header *ret)
{
	*ret = (struct hb_header){0};
	for (int depth = 0; depth < MAX_NESTING && type && type < types->n; depth++) {
		const struct hb_type *at = &types->list[type];
		if (at->kind == HB_KIND_STRUCT) {
			const struct hb_field *field = hb_types_field_at(types, at, offset);
			if (!field)
				return false;
			if (at->pkg_path[0])
				ret->owner = type;
			offset -= field->offset;
			type = field->type;
		} else if (at->kind == HB_KIND_ARRAY && at->elem && types->list[at->elem].size) {
			offset %= types->list[at->elem].size;
			type = at->elem;
		} else {
			ret->type = type;
			ret->is_string = at->kind == HB_KIND_STRING;
			ret->elem = ret->is_string ? 1 : types->list[at->elem].size;
			return offset == 0 && (ret->is_string || (at->kind == HB_KIND_SLICE && at->elem && ret->elem));
		}
	}
	return false;
}

bool hb_type_is_of_library(const struct hb_types *types, uint32_t type)
{
	/* Roots of the standard library's import paths (1.27); other paths without a dot are programs' own. */
	static const char *const roots[] = {
	        "archive", "bufio",    "bytes",   "compress", "container", "context", "crypto",  "database",
	        "debug",   "encoding", "errors",  "expvar",   "flag",      "fmt",     "go",      "hash",
	        "html",    "image",    "index",   "internal", "io",        "iter",    "log",     "maps",
	        "math",    "mime",     "net",     "os",       "path",      "plugin",  "reflect", "regexp",
	        "runtime", "slices",   "sort",    "strconv",  "strings",   "sync",    "syscall", "testing",
	        "text",    "time",     "unicode", "unique",   "vendor",    "weak",
	};
	const char *path = types->list[type].pkg_path;
	size_t len = strcspn(path, "/");
	for (size_t i = 0; len && i < sizeof(roots) / sizeof(roots[0]); i++)
		if (strlen(roots[i]) == len && !strncmp(path, roots[i], len))
			return true;
	return false;
}
