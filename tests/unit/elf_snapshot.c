#include "elf_snapshot.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hb_error *broken(const char *path, const char *what)
{
	return hb_error_create(HB_ERR_CORRUPT, "'%s': %s", path, what);
}

static struct hb_error *read_file(const char *path, int fd, uint8_t **ret, size_t *ret_len)
{
	struct stat st;
	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(Elf64_Ehdr))
		return broken(path, "no file, or too short");
	uint8_t *bytes = malloc((size_t)st.st_size);
	if (!bytes)
		return hb_error_nomem();
	for (off_t at = 0; at < st.st_size;) {
		ssize_t n = pread(fd, bytes + at, (size_t)(st.st_size - at), at);
		if (n <= 0) {
			free(bytes);
			return broken(path, "cannot read it");
		}
		at += n;
	}
	*ret = bytes;
	*ret_len = (size_t)st.st_size;
	return NULL;
}

static struct hb_error *load_segments(const char *path, const uint8_t *file, size_t len, struct hb_snapshot *snapshot)
{
	const Elf64_Ehdr *header = (const void *)file;
	snapshot->regions = calloc(header->e_phnum, sizeof(*snapshot->regions));
	if (!snapshot->regions)
		return hb_error_nomem();
	for (unsigned i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *segment = (const void *)(file + header->e_phoff + i * header->e_phentsize);
		if (segment->p_type != PT_LOAD || !segment->p_memsz)
			continue;
		if (segment->p_offset > len || len - segment->p_offset < segment->p_filesz)
			return broken(path, "a segment ends behind the file");
		struct hb_region *region = &snapshot->regions[snapshot->nregions];
		region->start = segment->p_vaddr & ~4095ull;
		region->end = (segment->p_vaddr + segment->p_memsz + 4095) & ~4095ull;
		region->bytes = hb_pages_map(region->end - region->start);
		region->pages = malloc((region->end - region->start) / HB_PAGE_SIZE);
		if (!region->bytes || !region->pages)
			return hb_error_nomem();
		snapshot->nregions++;
		memcpy(region->bytes + (segment->p_vaddr - region->start), file + segment->p_offset, segment->p_filesz);
		memset(region->pages, HB_PAGE_READ, (region->end - region->start) / HB_PAGE_SIZE);
	}
	return snapshot->nregions ? NULL : broken(path, "nothing to load");
}

static uint8_t *writable(struct hb_snapshot *snapshot, uint64_t addr, uint64_t len)
{
	const struct hb_region *region = hb_snapshot_region(snapshot, addr);
	return region && len <= region->end - addr ? region->bytes + (addr - region->start) : NULL;
}

static const Elf64_Shdr *find_section(const uint8_t *file, const char *name)
{
	const Elf64_Ehdr *header = (const void *)file;
	const Elf64_Shdr *sections = (const void *)(file + header->e_shoff);
	const char *names = (const char *)file + sections[header->e_shstrndx].sh_offset;
	for (unsigned i = 1; i < header->e_shnum; i++)
		if (!strcmp(names + sections[i].sh_name, name))
			return &sections[i];
	return NULL;
}

static void relocate(const uint8_t *file, struct hb_snapshot *snapshot)
{
	static const char *const names[] = {".rela", ".rela.dyn"};
	for (unsigned i = 0; i < 2; i++) {
		const Elf64_Shdr *section = find_section(file, names[i]);
		for (uint64_t at = 0; section && at + sizeof(Elf64_Rela) <= section->sh_size;
		     at += sizeof(Elf64_Rela)) {
			const Elf64_Rela *rela = (const void *)(file + section->sh_offset + at);
			uint8_t *to = writable(snapshot, rela->r_offset, 8);
			if (to && ELF64_R_TYPE(rela->r_info) == R_X86_64_RELATIVE)
				memcpy(to, &rela->r_addend, 8);
		}
	}
}

static uint64_t word(struct hb_snapshot *snapshot, uint64_t addr, uint32_t offset)
{
	uint64_t value = 0;
	if (offset != HB_ABSENT)
		(void)hb_snapshot_u64(snapshot, addr + offset, &value);
	return value;
}

/* The module table begins with the address of the function table (runtime/symtab.go, 1.18-1.27). */
static uint64_t find_moduledata(const uint8_t *file, struct hb_snapshot *snapshot, const struct hb_go_layout *layout)
{
	const Elf64_Shdr *pclntab = find_section(file, ".gopclntab");
	if (!pclntab) /* position-independent, up to 1.26 */
		pclntab = find_section(file, ".data.rel.ro.gopclntab");
	const Elf64_Shdr *text = find_section(file, ".text");
	for (size_t i = 0; pclntab && text && i < snapshot->nregions; i++) {
		const struct hb_region *region = &snapshot->regions[i];
		for (uint64_t at = region->start; at + layout->moduledata.size <= region->end; at += 8)
			if (word(snapshot, at, 0) == pclntab->sh_addr &&
			    word(snapshot, at, layout->moduledata.text) >= text->sh_addr &&
			    word(snapshot, at, layout->moduledata.text) < text->sh_addr + text->sh_size)
				return at;
	}
	return 0;
}

static struct hb_bytes view(struct hb_snapshot *snapshot, uint64_t module, uint32_t offset, uint64_t size)
{
	return hb_snapshot_view(snapshot, word(snapshot, module, offset), word(snapshot, module, offset + 8) * size);
}

static struct hb_error *fill_go(const char *path, const uint8_t *file, struct hb_snapshot *snapshot, unsigned minor,
                                struct hb_go *go)
{
	go->snapshot = snapshot;
	go->notes = &snapshot->notes;
	go->version.minor = minor;
	go->layout = hb_go_layout(minor);
	if (!go->layout)
		return broken(path, "a Go version without a layout");
	const struct hb_go_layout *layout = go->layout;
	uint64_t at = find_moduledata(file, snapshot, layout);
	go->modules = calloc(1, sizeof(*go->modules));
	if (!at || !go->modules)
		return broken(path, "no module table");
	go->nmodules = 1;
	go->stripped = !find_section(file, ".symtab");
	go->has_dwarf = find_section(file, ".debug_info") || find_section(file, ".zdebug_info");
	struct hb_go_module *module = go->modules;
	*module = (struct hb_go_module){.moduledata = at, .name = hb_arena_strdup(&go->arena, "")};
#define WORD(field) module->field = word(snapshot, at, layout->moduledata.field)
	WORD(text), WORD(etext), WORD(data), WORD(edata), WORD(bss), WORD(ebss);
	WORD(noptrdata), WORD(enoptrdata), WORD(noptrbss), WORD(enoptrbss);
	WORD(rodata), WORD(gofunc), WORD(types), WORD(etypes);
#undef WORD
	module->gcdatamask = word(snapshot, at, layout->moduledata.gcdatamask + 8);
	module->gcbssmask = word(snapshot, at, layout->moduledata.gcbssmask + 8);
	module->pclntable = view(snapshot, at, layout->moduledata.pclntable, 1);
	module->funcnametab = view(snapshot, at, layout->moduledata.funcnametab, 1);
	module->cutab = view(snapshot, at, layout->moduledata.cutab, 4);
	module->filetab = view(snapshot, at, layout->moduledata.filetab, 1);
	module->pctab = view(snapshot, at, layout->moduledata.pctab, 1);
	module->ftab = view(snapshot, at, layout->moduledata.ftab, 8);
	module->nftab = (uint32_t)(module->ftab.len / 8);
	return NULL;
}

/* "go1.26.8" of the build info: cmd/go/internal/version prints it, and it is text in the file. */
static unsigned minor_version(const uint8_t *file, size_t len)
{
	const uint8_t *found = memmem(file, len, "\xff Go buildinf:", 14);
	if (!found || file + len - found < 64)
		return 0;
	unsigned minor = 0;
	char text[32] = "";
	memcpy(text, found + 33, sizeof(text) - 1); /* 32 bytes of header, a length, the version */
	return sscanf(text, "go1.%u", &minor) == 1 ? minor : 0;
}

struct hb_error *elf_snapshot_open(const char *path, struct hb_snapshot **ret_snapshot, struct hb_go **ret_go)
{
	struct hb_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct hb_go *go = calloc(1, sizeof(*go));
	uint8_t *file = NULL;
	size_t len = 0;
	if (!snapshot || !go) {
		free(snapshot);
		free(go);
		return hb_error_nomem();
	}
	snapshot->exe_fd = open(path, O_RDONLY | O_CLOEXEC);
	snapshot->exe_path = hb_arena_strdup(&snapshot->arena, path);
	struct hb_error *err = read_file(path, snapshot->exe_fd, &file, &len);
	if (!err)
		err = load_segments(path, file, len, snapshot);
	if (!err) {
		relocate(file, snapshot);
		err = fill_go(path, file, snapshot, minor_version(file, len), go);
	}
	free(file);
	if (err) {
		hb_go_destroy(go);
		hb_snapshot_destroy(snapshot);
		return err;
	}
	*ret_snapshot = snapshot;
	*ret_go = go;
	return NULL;
}
