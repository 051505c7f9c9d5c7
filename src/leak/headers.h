/* Slice and string headers inside values: what a pointer-sized word of a type means. */
#pragma once
#include "golang/types.h"

struct hb_header {
	uint32_t type;  /* the slice or string type */
	uint32_t owner; /* the innermost named struct that the header is a field of, 0 none */
	uint64_t elem;  /* bytes of an element */
	bool is_string;
};
/* True when the word at a byte offset of a value of the type is the data pointer of a slice or string. */
bool hb_header_at(const struct hb_types *types, uint32_t type, uint64_t offset, struct hb_header *ret);

/* True for types of the standard library: they know why their buffers are larger than what is in them. */
bool hb_type_is_of_library(const struct hb_types *types, uint32_t type);
