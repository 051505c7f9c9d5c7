/* What the DWARF of a Go program says of its runtime: structs, constants, and where two variables are.
 *
 * The linker describes all types of a program in the compile unit of package runtime, and constants in that of their
 * package (cmd/link/internal/ld/dwarf.go, 1.18-1.27): only the units of the packages that heldby reads are looked at.
 */
#pragma once
#include "golang/layout_describe.h"
#include "target/elf_image.h"

struct hb_layout_dwarf;

/* *ret is NULL when the image has no DWARF, or none of a Go runtime. The image is borrowed. */
struct hb_error *hb_layout_dwarf_read(const struct hb_elf_image *image, struct hb_layout_dwarf **ret) HB_MUST_CHECK;
void hb_layout_dwarf_destroy(struct hb_layout_dwarf *dwarf);
void hb_layout_dwarf_destroyp(struct hb_layout_dwarf **dwarf);

struct hb_layout_source hb_layout_dwarf_source(struct hb_layout_dwarf *dwarf);

/* An integer constant ("runtime._KindSpecialFinalizer"); false when it is not described. */
bool hb_layout_dwarf_constant(const struct hb_layout_dwarf *dwarf, const char *name, int64_t *ret);
/* runtime/mheap.go _KindSpecial…; HB_ABSENT where it is not described. */
void hb_layout_dwarf_special_kinds(const struct hb_layout_dwarf *dwarf, struct hb_go_special_kinds *ret);
/* Link-time address and size of a variable ("runtime.waitReasonStrings"); false when it is not described. */
bool hb_layout_dwarf_variable(const struct hb_layout_dwarf *dwarf, const char *name, uint64_t *ret, uint64_t *ret_size);
