#include "target/elf_image.h"
#include "base/bytes.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>

struct hb_elf_image {
	Elf *elf, *debug_elf; /* debug_elf: where symbols and DWARF are; the same as elf without a debug file */
	Dwarf *dwarf;
	const char *info, *info_end; /* .debug_info as libdw has it */
	GElf_Ehdr header;
	size_t nsections;
	bool has_symbols;
	char build_id[128];
};

enum { /* cmd/internal/dwarf/dwarf.go, 1.18-1.27 */
       DW_AT_go_runtime_type_ = 0x2904,
       DW_LANG_Go_ = 0x16,
};
static const uint64_t max_contents = 1ull << 30;

/* --- Build id --------------------------------------------------------------------------------------------------- */

static void note_build_id(Elf_Data *data, char go_id[128], char gnu_id[128])
{
	GElf_Nhdr note;
	size_t name, desc, next;
	for (size_t at = 0; data && (next = gelf_getnote(data, at, &note, &name, &desc)) > 0; at = next) {
		const char *owner = (const char *)data->d_buf + name;
		const uint8_t *value = (const uint8_t *)data->d_buf + desc;
		/* "Go\0\0", type 4: cmd/internal/buildid/note.go. */
		if (note.n_namesz == 4 && !memcmp(owner, "Go\0", 4) && note.n_type == 4)
			snprintf(go_id, 128, "%.*s", (int)hb_min(note.n_descsz, 127u), (const char *)value);
		if (note.n_namesz == 4 && !memcmp(owner, "GNU", 4) && note.n_type == NT_GNU_BUILD_ID)
			for (size_t i = 0; i < note.n_descsz && i < 40; i++)
				snprintf(gnu_id + 2 * i, 3, "%02x", value[i]);
	}
}

static void read_build_ids(Elf *elf, char go_id[128], char gnu_id[128])
{
	go_id[0] = gnu_id[0] = 0;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_NOTE)
			note_build_id(elf_getdata(section, NULL), go_id, gnu_id);
	}
}

/* --- Opening ---------------------------------------------------------------------------------------------------- */

static bool has_section(Elf *elf, uint32_t type)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) && header.sh_type == type)
			return true;
	}
	return false;
}

static bool open_elf(int fd, Elf **ret, GElf_Ehdr *header)
{
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 && gelf_getehdr(elf, header) &&
	    header->e_ident[EI_DATA] == ELFDATA2LSB) {
		*ret = elf;
		return true;
	}
	elf_end(elf);
	return false;
}

/* The debug file must be of this build; Go's id is kept by objcopy, as the GNU one is. */
static bool belongs_together(Elf *elf, Elf *debug)
{
	char go_id[2][128], gnu_id[2][128];
	read_build_ids(elf, go_id[0], gnu_id[0]);
	read_build_ids(debug, go_id[1], gnu_id[1]);
	if (gnu_id[0][0] && gnu_id[1][0])
		return !strcmp(gnu_id[0], gnu_id[1]);
	return !go_id[0][0] || !go_id[1][0] || !strcmp(go_id[0], go_id[1]);
}

/* libdw has decompressed it by now. */
static void find_debug_info(struct hb_elf_image *image)
{
	size_t names;
	if (!image->dwarf || elf_getshdrstrndx(image->debug_elf, &names))
		return;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->debug_elf, section));) {
		GElf_Shdr header;
		const char *name =
		        gelf_getshdr(section, &header) ? elf_strptr(image->debug_elf, names, header.sh_name) : NULL;
		if (!name || (strcmp(name, ".debug_info") != 0 && strcmp(name, ".zdebug_info") != 0))
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		if (data && data->d_buf) {
			image->info = data->d_buf;
			image->info_end = image->info + data->d_size;
		}
		return;
	}
}

struct hb_error *hb_elf_image_open(int fd, int debug_fd, struct hb_elf_image **ret)
{
	elf_version(EV_CURRENT);
	hb_cleanup(hb_elf_image_closep) struct hb_elf_image *image = calloc(1, sizeof(*image));
	if (!image)
		return hb_error_nomem();
	if (!open_elf(fd, &image->elf, &image->header) || elf_getshdrnum(image->elf, &image->nsections))
		return hb_error_create(HB_ERR_UNSUPPORTED, "the executable is not a 64-bit ELF file");
	GElf_Ehdr debug_header;
	if (debug_fd < 0) {
		image->debug_elf = image->elf;
	} else if (!open_elf(debug_fd, &image->debug_elf, &debug_header)) {
		image->debug_elf = image->elf;
		return hb_error_create(HB_ERR_USAGE, "the debug file is not a 64-bit ELF file");
	} else if (!belongs_together(image->elf, image->debug_elf)) {
		elf_end(image->debug_elf);
		image->debug_elf = image->elf;
		return hb_error_create(HB_ERR_USAGE, "the debug file is of another build than the executable");
	}
	image->has_symbols = has_section(image->debug_elf, SHT_SYMTAB);
	image->dwarf = dwarf_begin_elf(image->debug_elf, DWARF_C_READ, NULL);
	find_debug_info(image);
	char go_id[128], gnu_id[128];
	read_build_ids(image->elf, go_id, gnu_id);
	memcpy(image->build_id, go_id[0] ? go_id : gnu_id, sizeof(image->build_id));
	*ret = hb_take(image);
	return NULL;
}

void hb_elf_image_close(struct hb_elf_image *image)
{
	if (!image)
		return;
	dwarf_end(image->dwarf);
	if (image->debug_elf != image->elf)
		elf_end(image->debug_elf);
	elf_end(image->elf);
	free(image);
}

void hb_elf_image_closep(struct hb_elf_image **image)
{
	hb_elf_image_close(*image);
	*image = NULL;
}

bool hb_elf_image_is_stripped(const struct hb_elf_image *image)
{
	return !image->has_symbols;
}

bool hb_elf_image_has_dwarf(const struct hb_elf_image *image)
{
	Dwarf_CU *unit = NULL;
	uint8_t type;
	return image->dwarf && dwarf_get_units(image->dwarf, NULL, &unit, NULL, &type, NULL, NULL) == 0;
}

struct Dwarf *hb_elf_image_dwarf(const struct hb_elf_image *image)
{
	return image->dwarf;
}

bool hb_elf_image_is_relocatable(const struct hb_elf_image *image)
{
	return image->header.e_type == ET_DYN;
}

uint64_t hb_elf_image_base(const struct hb_elf_image *image)
{
	uint64_t lowest = UINT64_MAX;
	for (size_t i = 0; i < image->header.e_phnum; i++) {
		GElf_Phdr segment;
		if (gelf_getphdr(image->elf, (int)i, &segment) && segment.p_type == PT_LOAD)
			lowest = hb_min(lowest, segment.p_vaddr);
	}
	return lowest == UINT64_MAX ? 0 : lowest & ~UINT64_C(4095);
}

const char *hb_elf_image_build_id(const struct hb_elf_image *image)
{
	return image->build_id;
}

/* --- Sections --------------------------------------------------------------------------------------------------- */

/* "a|b|c" lists name. */
static bool is_listed(const char *names, const char *name)
{
	size_t len = strlen(name);
	for (const char *p = names; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == len && !memcmp(p, name, len))
			return true;
	return false;
}

static Elf_Scn *find_section(const struct hb_elf_image *image, const char *names, GElf_Shdr *ret, const char **ret_name)
{
	size_t strings;
	if (elf_getshdrstrndx(image->elf, &strings))
		return NULL;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		if (!gelf_getshdr(section, ret))
			continue;
		const char *name = elf_strptr(image->elf, strings, ret->sh_name);
		if (!name || !is_listed(names, name))
			continue;
		*ret_name = name;
		return section;
	}
	return NULL;
}

bool hb_elf_image_section(const struct hb_elf_image *image, const char *names, struct hb_elf_section *ret)
{
	GElf_Shdr header;
	const char *name;
	if (!find_section(image, names, &header, &name))
		return false;
	*ret = (struct hb_elf_section){
	        .name = name,
	        .addr = header.sh_addr,
	        .size = header.sh_size,
	        .writable = header.sh_flags & SHF_WRITE,
	        .allocated = header.sh_flags & SHF_ALLOC,
	};
	return true;
}

static void apply_relocations(const struct hb_elf_image *image, uint8_t *bytes, uint64_t addr, uint64_t size)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section));) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA || !(header.sh_flags & SHF_ALLOC))
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		size_t n = data ? data->d_size / sizeof(Elf64_Rela) : 0;
		for (size_t i = 0; i < n && i < INT32_MAX; i++) {
			GElf_Rela rela;
			if (!gelf_getrela(data, (int)i, &rela) || GELF_R_TYPE(rela.r_info) != R_X86_64_RELATIVE)
				continue;
			if (rela.r_offset >= addr && size >= 8 && rela.r_offset - addr <= size - 8)
				memcpy(bytes + (rela.r_offset - addr), &rela.r_addend, 8);
		}
	}
}

bool hb_elf_image_contents(const struct hb_elf_image *image, const char *names, uint8_t **ret, uint64_t *ret_addr,
                           uint64_t *ret_size)
{
	GElf_Shdr header;
	const char *name;
	Elf_Scn *section = find_section(image, names, &header, &name);
	if (!section || header.sh_type == SHT_NOBITS || !header.sh_size || header.sh_size > max_contents)
		return false;
	Elf_Data *data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf || data->d_size != header.sh_size)
		return false;
	uint8_t *bytes = malloc(header.sh_size);
	if (!bytes)
		return false;
	memcpy(bytes, data->d_buf, header.sh_size);
	if (image->header.e_type == ET_DYN)
		apply_relocations(image, bytes, header.sh_addr, header.sh_size);
	*ret = bytes;
	*ret_addr = header.sh_addr;
	*ret_size = header.sh_size;
	return true;
}

/* --- Symbols ---------------------------------------------------------------------------------------------------- */

static bool is_writable_section(Elf *elf, size_t index)
{
	GElf_Shdr header;
	Elf_Scn *section = index && index < SHN_LORESERVE ? elf_getscn(elf, index) : NULL;
	return section && gelf_getshdr(section, &header) && (header.sh_flags & SHF_WRITE);
}

static struct hb_error *visit_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                                      struct hb_error *(*visit)(void *ctx, const struct hb_elf_symbol *symbol),
                                      void *ctx)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t n = data ? data->d_size / sizeof(Elf64_Sym) : 0;
	size_t last = 0;
	bool writable = false;
	for (size_t i = 0; i < n && i < INT32_MAX; i++) {
		GElf_Sym symbol;
		if (!gelf_getsym(data, (int)i, &symbol) || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT ||
		    !symbol.st_size)
			continue;
		if (symbol.st_shndx != last) {
			last = symbol.st_shndx;
			writable = is_writable_section(elf, last);
		}
		const char *name = writable ? elf_strptr(elf, header->sh_link, symbol.st_name) : NULL;
		if (name && *name)
			TRY(visit(ctx, &(struct hb_elf_symbol){name, symbol.st_value, symbol.st_size}));
	}
	return NULL;
}

struct hb_error *hb_elf_image_objects(const struct hb_elf_image *image,
                                      struct hb_error *(*visit)(void *ctx, const struct hb_elf_symbol *symbol),
                                      void *ctx)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(image->debug_elf, section));) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
			TRY(visit_symbols(image->debug_elf, section, &header, visit, ctx));
	}
	return NULL;
}

/* --- DWARF -------------------------------------------------------------------------------------------- */

/* libdw does not look whether a string that stands in the entry itself, as Go's do, ends before the section does. */
static const char *terminated(const struct hb_elf_image *image, Dwarf_Attribute *attribute)
{
	const char *text = dwarf_formstring(attribute);
	if (!text || dwarf_whatform(attribute) != DW_FORM_string)
		return text;
	/* As numbers: it may be in another section. */
	uintptr_t at = (uintptr_t)text, start = (uintptr_t)image->info, end = (uintptr_t)image->info_end;
	return at >= start && at < end && memchr(text, 0, end - at) ? text : NULL;
}

const char *hb_dwarf_name(const struct hb_elf_image *image, void *die)
{
	Dwarf_Attribute attribute;
	/* A C definition may refer to an earlier declaration for its name: dwarf_attr_integrate follows that. */
	return dwarf_attr_integrate(die, DW_AT_name, &attribute) ? terminated(image, &attribute) : NULL;
}

/* A location that is one fixed address. Go writes it as a plain block even in DWARF 5, where libdw does not take that
 * for a location (cmd/internal/dwarf/dwarf.go, DW_ABRV_VARIABLE: DW_FORM_block1, 1.18-1.27). */
bool hb_dwarf_fixed_address(void *die, uint64_t *ret)
{
	Dwarf_Attribute attribute, address;
	Dwarf_Block block;
	Dwarf_Op *ops;
	size_t nops;
	Dwarf_Addr value;
	if (!dwarf_attr(die, DW_AT_location, &attribute) || dwarf_formblock(&attribute, &block))
		return false;
	if (block.length == 1 + sizeof(*ret) && block.data[0] == DW_OP_addr) {
		memcpy(ret, block.data + 1, sizeof(*ret));
		return true;
	}
	if (dwarf_getlocation(&attribute, &ops, &nops) || nops != 1 || ops[0].atom != DW_OP_addrx ||
	    dwarf_getlocation_attr(&attribute, ops, &address) || dwarf_formaddr(&address, &value))
		return false;
	*ret = value;
	return true;
}

static uint64_t number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;
	if (!dwarf_attr(die, name, &attribute))
		return 0;
	if (dwarf_whatform(&attribute) == DW_FORM_addr || dwarf_whatform(&attribute) == DW_FORM_addrx) {
		Dwarf_Addr address;
		return dwarf_formaddr(&attribute, &address) ? 0 : address;
	}
	return dwarf_formudata(&attribute, &value) ? 0 : value;
}

/* A named type is a typedef of a DIE with the same name, and either may carry the attribute. */
static uint64_t go_type(const struct hb_elf_image *image, Dwarf_Die *type)
{
	Dwarf_Die die = *type;
	const char *name = hb_dwarf_name(image, type);
	for (int depth = 0; depth < 4 && name; depth++) {
		uint64_t offset = number(&die, DW_AT_go_runtime_type_);
		Dwarf_Attribute attribute;
		Dwarf_Die next;
		if (offset || dwarf_tag(&die) != DW_TAG_typedef)
			return offset;
		if (!dwarf_attr(&die, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &next))
			return 0;
		const char *next_name = hb_dwarf_name(image, &next);
		if (!next_name || strcmp(next_name, name))
			return 0;
		die = next;
	}
	return 0;
}

static bool read_variable(const struct hb_elf_image *image, Dwarf_Die *die, struct hb_dwarf_variable *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Die type;
	Dwarf_Word size;
	if (!hb_dwarf_fixed_address(die, &ret->addr))
		return false;
	ret->name = hb_dwarf_name(image, die);
	if (!ret->name || !*ret->name)
		return false;
	ret->type_name = "";
	if (!dwarf_attr_integrate(die, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &type))
		return true;
	const char *type_name = hb_dwarf_name(image, &type);
	if (type_name)
		ret->type_name = type_name;
	if (!dwarf_aggregate_size(&type, &size))
		ret->size = size;
	ret->go_type = go_type(image, &type);
	return true;
}

static struct hb_error *unit_variables(const struct hb_elf_image *image, Dwarf_Die *unit,
                                       struct hb_error *(*visit)(void *ctx, const struct hb_dwarf_variable *variable),
                                       void *ctx)
{
	bool is_go = dwarf_srclang(unit) == DW_LANG_Go_;
	Dwarf_Die die;
	if (dwarf_child(unit, &die))
		return NULL;
	do {
		struct hb_dwarf_variable variable = {.is_go = is_go};
		if (dwarf_tag(&die) == DW_TAG_variable && read_variable(image, &die, &variable))
			TRY(visit(ctx, &variable));
	} while (!dwarf_siblingof(&die, &die));
	return NULL;
}

struct hb_error *hb_elf_image_variables(const struct hb_elf_image *image,
                                        struct hb_error *(*visit)(void *ctx, const struct hb_dwarf_variable *variable),
                                        void *ctx)
{
	if (!image->dwarf)
		return NULL;
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	while (!dwarf_get_units(image->dwarf, unit, &unit, NULL, &type, &die, NULL))
		if (type == DW_UT_compile)
			TRY(unit_variables(image, &die, visit, ctx));
	return NULL;
}

/* --- Who made a file --------------------------------------------------------------------------------------------- */

/* A note of owner "Go" (cmd/link/internal/ld/elf.go: build id, or list of packages; 1.18-1.27). */
static bool has_go_note(struct hb_bytes notes)
{
	uint32_t namesz, descsz;
	for (uint64_t at = 0; hb_get_u32(notes, at, &namesz) && hb_get_u32(notes, at + 4, &descsz);) {
		struct hb_bytes name = hb_bytes_slice(notes, at + 12, namesz);
		if (name.data && namesz == 4 && !memcmp(name.data, "Go\0", 4))
			return true;
		at += 12 + (((uint64_t)namesz + 3) & ~UINT64_C(3)) + (((uint64_t)descsz + 3) & ~UINT64_C(3));
	}
	return false;
}

struct file_head {
	bool (*read)(void *ctx, uint64_t offset, void *to, size_t len);
	void *ctx;
	Elf64_Ehdr header;
};

enum { MAX_HEADERS = 256, MAX_NOTES = 4096, MAX_NAMES = 4096 };

static bool read_entry(const struct file_head *file, uint64_t table, unsigned i, void *to, size_t size)
{
	uint64_t at;
	return !hb_add_overflows(table, (uint64_t)i * size, &at) && file->read(file->ctx, at, to, size);
}

static bool has_go_notes(const struct file_head *file)
{
	Elf64_Phdr segment;
	uint8_t notes[MAX_NOTES];
	for (unsigned i = 0; i < file->header.e_phnum && i < MAX_HEADERS; i++) {
		if (!read_entry(file, file->header.e_phoff, i, &segment, sizeof(segment)))
			return false;
		size_t len = (size_t)hb_min(segment.p_filesz, (uint64_t)MAX_NOTES);
		if (segment.p_type == PT_NOTE && file->read(file->ctx, segment.p_offset, notes, len) &&
		    has_go_note((struct hb_bytes){notes, len}))
			return true;
	}
	return false;
}

/* The section of variables that are no pointers (cmd/link/internal/ld/data.go, 1.18-1.27), which no other language has. */
static bool has_go_section(const struct file_head *file)
{
	static const char wanted[] = ".noptrdata";
	Elf64_Shdr section;
	char names[MAX_NAMES];
	if (file->header.e_shstrndx >= file->header.e_shnum ||
	    !read_entry(file, file->header.e_shoff, file->header.e_shstrndx, &section, sizeof(section)))
		return false;
	size_t len = (size_t)hb_min(section.sh_size, (uint64_t)MAX_NAMES);
	if (!file->read(file->ctx, section.sh_offset, names, len))
		return false;
	for (unsigned i = 0; i < file->header.e_shnum && i < MAX_HEADERS; i++) {
		if (!read_entry(file, file->header.e_shoff, i, &section, sizeof(section)))
			return false;
		if (section.sh_name < len && len - section.sh_name >= sizeof(wanted) &&
		    !memcmp(names + section.sh_name, wanted, sizeof(wanted)))
			return true;
	}
	return false;
}

bool hb_elf_is_made_by_go(bool (*read)(void *ctx, uint64_t offset, void *to, size_t len), void *ctx)
{
	struct file_head file = {.read = read, .ctx = ctx};
	const Elf64_Ehdr *header = &file.header;
	if (!read(ctx, 0, &file.header, sizeof(file.header)) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	/* Who builds with -ldflags=-buildid= has a library without the note. */
	return has_go_notes(&file) || has_go_section(&file);
}
