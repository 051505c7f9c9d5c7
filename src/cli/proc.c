#include "cli/proc.h"
#include "base/bytes.h"
#include "base/memory.h"

#include <gelf.h>
#include <stdio.h>
#include <string.h>

bool hb_read_line(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool read = fgets(buf, (int)size, file);
	fclose(file);
	if (read)
		buf[strcspn(buf, "\n")] = 0;
	return read;
}

/* --- Program files ---------------------------------------------------------------------------------------------- */

/* debug/buildinfo, Go 1.18 and later: magic, pointer size, flags; with flag 2 the version follows at offset 32 as a
 * varint length and bytes. */
static void read_version(Elf *elf, Elf_Scn *section, char *buf, size_t size)
{
	Elf_Data *data = elf_rawdata(section, NULL);
	struct hb_bytes view = {data ? data->d_buf : NULL, data && data->d_buf ? data->d_size : 0};
	uint8_t flags;
	uint32_t len;
	uint64_t at = 32;
	(void)elf;
	if (view.len < 33 || memcmp(view.data, "\xff Go buildinf:", 14) != 0 || !hb_get_u8(view, 15, &flags) ||
	    !(flags & 2) || !hb_get_uvarint32(view, &at, &len))
		return;
	struct hb_bytes text = hb_bytes_slice(view, at, len);
	snprintf(buf, size, "%.*s", (int)hb_min(text.len, size - 1), text.data ? (const char *)text.data : "");
}

static void read_section(Elf *elf, Elf_Scn *section, const char *name, struct hb_program *ret)
{
	if (!strcmp(name, ".go.buildinfo")) {
		ret->is_go = true;
		read_version(elf, section, ret->go_version, sizeof(ret->go_version));
	} else if (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab")) {
		ret->is_go = true;
	} else if (!strcmp(name, ".symtab")) {
		ret->has_symbols = true;
	} else if (!strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info")) {
		ret->has_dwarf = true;
	}
}

bool hb_program_read(int fd, struct hb_program *ret)
{
	*ret = (struct hb_program){0};
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	size_t names;
	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) != 0) {
		elf_end(elf);
		return false;
	}
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (name)
			read_section(elf, section, name, ret);
	}
	elf_end(elf);
	return true;
}
