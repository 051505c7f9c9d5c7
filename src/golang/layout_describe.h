/* Layouts from what a program says of itself, for a Go that is newer than any table: its DWARF (layout_dwarf.h), or the
 * type descriptors that even a stripped program has (layout_types.h). docs/finding-the-runtime.md.
 *
 *   source      where a program describes structs: names of structs and fields as Go has them, offsets, sizes
 *   described   a struct whose offsets come from a source
 *   taken over  one that has none: its offsets are those of the newest table
 */
#pragma once
#include "base/memory.h"
#include "golang/layout.h"

enum hb_layout_struct {
#define STRUCT(name, go_name) HB_STRUCT_##name,
#define FIELD(name, go_name)
#define END(name)
#include "golang/layout_fields.def"
#undef STRUCT
#undef FIELD
#undef END
	HB_LAYOUT_STRUCTS
};

struct hb_layout_field {
	uint64_t offset, size;
	uint64_t inner; /* the struct that its type is: what find() would give; 0: it is none */
	bool is_array;
};

struct hb_layout_source {
	void *ctx;
	/* A struct by name, with the full import path ("internal/abi.Type"); false when it is not described. */
	bool (*find)(void *ctx, const char *name, uint64_t *ret, uint64_t *ret_size);
	/* A field of a struct that find() gave. The name is not terminated. */
	bool (*field)(void *ctx, uint64_t of, const char *name, size_t len, struct hb_layout_field *ret);
};

struct hb_layout_described {
	bool structs[HB_LAYOUT_STRUCTS];
	unsigned count;
	struct hb_go_layout widths; /* of the fields of those; `size` is the struct's, even where sizes vary */
};

/* How many bytes wide the fields of the newest table are: what the code that reads them expects. 0: an array, or absent.
 * Generated beside the tables. */
extern const struct hb_go_layout hb_go_newest_widths;

/* Replaces every struct of layout that the source describes and that is not described yet. A field that such a struct
 * does not have is HB_ABSENT then. Sizes that the newest table leaves out ("size varies") stay out. */
void hb_layout_describe(const struct hb_layout_source *source, struct hb_go_layout *layout,
                        struct hb_layout_described *described);

/* Whether heldby's code may read what is described: it was written for the newest table. Each field that is read there
 * must be there, as wide, and inside of its struct; what that table does not have is HB_ABSENT. Structs must be described
 * as well, all of them by debug information, and by type descriptors those that the runtime keeps in the heap or leads to
 * from there. HB_ERR_UNSUPPORTED says what is not as it must be ("its runtime.g has no field goid"). */
struct hb_error *hb_layout_settle(struct hb_go_layout *layout, const struct hb_layout_described *described,
                                  bool debug_info) HB_MUST_CHECK;
