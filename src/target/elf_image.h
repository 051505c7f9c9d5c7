/* The executable's file: sections, symbols, build id, and the variables that its debug information describes.
 *
 * Addresses are the file's own (link time); a position-independent executable is loaded `bias` above them. The file
 * comes from the target, so nothing in it is trusted; what is broken is left out. libelf and libdw only read.
 */
#pragma once
#include "base/memory.h"

#include <stdint.h>

/* Whether it is an ELF file with a note of Go's linker, or with its section, which programs, libraries and plugins have. read: len
 * bytes at an offset of the file; false when they are not there. */
bool hb_elf_is_made_by_go(bool (*read)(void *ctx, uint64_t offset, void *to, size_t len), void *ctx);

struct hb_elf_image;

/* fd is borrowed and must stay open as long as the image. debug_fd: a separate debug file (objcopy --only-keep-debug),
 * −1 for none; its symbols and DWARF are used when it has the executable's build id or no id is there to compare.
 * HB_ERR_UNSUPPORTED: not a 64-bit little-endian ELF file; HB_ERR_USAGE: the debug file is none, or of another build.
 */
struct hb_error *hb_elf_image_open(int fd, int debug_fd, struct hb_elf_image **ret) HB_MUST_CHECK;
void hb_elf_image_close(struct hb_elf_image *image);
void hb_elf_image_closep(struct hb_elf_image **image);

struct hb_elf_section {
	const char *name; /* as long as the image */
	uint64_t addr, size;
	bool writable, allocated;
};
/* The first section with one of these names ("|" between them); false when there is none. */
bool hb_elf_image_section(const struct hb_elf_image *image, const char *names, struct hb_elf_section *ret);

bool hb_elf_image_is_stripped(const struct hb_elf_image *image); /* no symbol table */
bool hb_elf_image_has_dwarf(const struct hb_elf_image *image);
bool hb_elf_image_is_relocatable(const struct hb_elf_image *image); /* ET_DYN: loaded anywhere */
/* Where its lowest segment is loaded, rounded down to a page. */
uint64_t hb_elf_image_base(const struct hb_elf_image *image);
/* The Go build id ("aJcO…/…"), else the GNU one in hex, else "". */
const char *hb_elf_image_build_id(const struct hb_elf_image *image);

struct hb_elf_symbol {
	const char *name; /* as long as the image */
	uint64_t addr, size;
};
/* Data symbols (STT_OBJECT) with a size in writable sections, in the table's order, until visit returns an error. */
struct hb_error *hb_elf_image_objects(const struct hb_elf_image *image,
                                      struct hb_error *(*visit)(void *ctx, const struct hb_elf_symbol *symbol),
                                      void *ctx) HB_MUST_CHECK;

/* libdw's handle of the debug information, NULL when there is none; as long as the image. */
struct Dwarf *hb_elf_image_dwarf(const struct hb_elf_image *image);

/* Of an entry (a Dwarf_Die), for dwarf_diename() trusts the file; NULL: it has none. As long as the image. */
const char *hb_dwarf_name(const struct hb_elf_image *image, void *die);
/* The address of a variable (a Dwarf_Die) that has one for good, link-time. */
bool hb_dwarf_fixed_address(void *die, uint64_t *ret);

struct hb_dwarf_variable {
	const char *name;      /* "example.org/x/yaml%2ev3.cache", as long as the image */
	const char *type_name; /* with full import paths; "" unknown */
	uint64_t addr;
	uint64_t size;    /* of the type; 0 unknown */
	uint64_t go_type; /* DW_AT_go_runtime_type, 0 absent: the descriptor's offset in the type section */
	bool is_go;       /* else C or another language */
};
/* Variables with a fixed address, by compilation unit. Does nothing when there is no DWARF. */
struct hb_error *hb_elf_image_variables(const struct hb_elf_image *image,
                                        struct hb_error *(*visit)(void *ctx, const struct hb_dwarf_variable *variable),
                                        void *ctx) HB_MUST_CHECK;

/* The initial contents of a data section, as the loader leaves it (relative relocations applied, without bias), read
 * into a fresh buffer that the caller frees. False when the section has no contents in the file or is above 1 GB. */
bool hb_elf_image_contents(const struct hb_elf_image *image, const char *names, uint8_t **ret, uint64_t *ret_addr,
                           uint64_t *ret_size);
