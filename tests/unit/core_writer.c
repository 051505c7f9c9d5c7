#include "core_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A test that runs out of memory or disk has nothing to say. */
static void need(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

static void grow(void **data, size_t *cap, size_t elem, size_t want)
{
	if (want <= *cap)
		return;
	size_t cap_now = *cap ? *cap : 64;
	while (cap_now < want)
		cap_now *= 2;
	*data = reallocarray(*data, cap_now, elem);
	need(*data, "reallocarray");
	*cap = cap_now;
}

static void append(uint8_t **data, size_t *len, size_t *cap, const void *bytes, size_t n)
{
	grow((void **)data, cap, 1, *len + n + 8);
	if (n)
		memcpy(*data + *len, bytes, n);
	*len += n;
}

void core_writer_deinit(struct core_writer *writer)
{
	free(writer->loads);
	free(writer->notes);
	free(writer->files);
	free(writer->paths);
	free(writer->image);
	*writer = (struct core_writer){0};
}

void core_writer_load(struct core_writer *writer, uint64_t vaddr, uint64_t memsz, uint32_t flags, const void *bytes,
                      uint64_t filesz)
{
	grow((void **)&writer->loads, &writer->loads_cap, sizeof(*writer->loads), writer->nloads + 1);
	writer->loads[writer->nloads++] = (struct core_writer_load){vaddr, memsz, filesz, flags, bytes};
}

static void append_note(uint8_t **notes, size_t *notes_len, size_t *cap, const char *name, uint32_t type,
                        const void *desc, size_t len)
{
	static const uint8_t zeroes[4];
	Elf64_Nhdr header = {(uint32_t)strlen(name) + 1, (uint32_t)len, type};
	append(notes, notes_len, cap, &header, sizeof(header));
	append(notes, notes_len, cap, name, header.n_namesz);
	append(notes, notes_len, cap, zeroes, (4 - *notes_len % 4) % 4);
	append(notes, notes_len, cap, desc, len);
	append(notes, notes_len, cap, zeroes, (4 - *notes_len % 4) % 4);
}

void core_writer_note(struct core_writer *writer, const char *name, uint32_t type, const void *desc, size_t len)
{
	append_note(&writer->notes, &writer->notes_len, &writer->notes_cap, name, type, desc, len);
}

void core_writer_thread(struct core_writer *writer, int tid, uint64_t base, uint64_t orig_rax)
{
	uint8_t prstatus[336] = {0}, fpregset[512] = {0};
	uint16_t signal = 6;
	int32_t id = tid;
	memcpy(prstatus + 12, &signal, sizeof(signal));
	memcpy(prstatus + 32, &id, sizeof(id));
	for (unsigned i = 0; i < 27; i++) {
		uint64_t word = i == 15 ? orig_rax : base + i;
		memcpy(prstatus + 112 + 8 * i, &word, sizeof(word));
	}
	for (unsigned i = 0; i < 32; i++) {
		uint64_t half = base + 100 + i;
		memcpy(fpregset + 160 + 8 * i, &half, sizeof(half));
	}
	core_writer_note(writer, "CORE", NT_PRSTATUS, prstatus, sizeof(prstatus));
	core_writer_note(writer, "CORE", NT_FPREGSET, fpregset, sizeof(fpregset));
}

void core_writer_process(struct core_writer *writer, int pid, const char *comm)
{
	uint8_t info[136] = {0};
	int32_t id = pid;
	memcpy(info + 24, &id, sizeof(id));
	memcpy(info + 40, comm, strnlen(comm, 16));
	core_writer_note(writer, "CORE", NT_PRPSINFO, info, sizeof(info));
}

void core_writer_auxv(struct core_writer *writer, const uint64_t *words, size_t nwords)
{
	core_writer_note(writer, "CORE", NT_AUXV, words, nwords * sizeof(*words));
}

void core_writer_file(struct core_writer *writer, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	const uint64_t entry[3] = {start, end, offset / CORE_PAGE};
	append(&writer->files, &writer->files_len, &writer->files_cap, entry, sizeof(entry));
	append((uint8_t **)&writer->paths, &writer->paths_len, &writer->paths_cap, path, strlen(path) + 1);
	writer->nfiles++;
}

static void add_file_note(struct core_writer *writer)
{
	if (!writer->nfiles)
		return;
	uint8_t *desc = NULL;
	size_t len = 0, cap = 0;
	const uint64_t head[2] = {writer->nfiles, CORE_PAGE};
	append(&desc, &len, &cap, head, sizeof(head));
	append(&desc, &len, &cap, writer->files, writer->files_len);
	append(&desc, &len, &cap, writer->paths, writer->paths_len);
	core_writer_note(writer, "CORE", NT_FILE, desc, len);
	free(desc);
	writer->nfiles = 0;
}

Elf64_Ehdr *core_writer_header(struct core_writer *writer)
{
	return (Elf64_Ehdr *)(void *)writer->image;
}

Elf64_Phdr *core_writer_segment(struct core_writer *writer, size_t index)
{
	return (Elf64_Phdr *)(void *)(writer->image + sizeof(Elf64_Ehdr)) + index;
}

static size_t page_up(size_t value)
{
	return (value + CORE_PAGE - 1) / CORE_PAGE * CORE_PAGE;
}

static void fill_headers(struct core_writer *writer, size_t notes_at, size_t sections_at)
{
	Elf64_Ehdr *header = core_writer_header(writer);
	*header = (Elf64_Ehdr){
	        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	        .e_type = ET_CORE,
	        .e_machine = EM_X86_64,
	        .e_version = EV_CURRENT,
	        .e_phoff = sizeof(*header),
	        .e_ehsize = sizeof(*header),
	        .e_phentsize = sizeof(Elf64_Phdr),
	        .e_phnum = writer->xnum ? PN_XNUM : (uint16_t)(writer->nloads + 1),
	};
	if (writer->xnum) {
		header->e_shoff = sections_at;
		header->e_shnum = 1;
		header->e_shentsize = sizeof(Elf64_Shdr);
		*(Elf64_Shdr *)(void *)(writer->image + sections_at) =
		        (Elf64_Shdr){.sh_info = (uint32_t)writer->nloads + 1};
	}
	*core_writer_segment(writer, 0) =
	        (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = notes_at, .p_filesz = writer->notes_len};
}

void core_writer_build(struct core_writer *writer)
{
	add_file_note(writer);
	size_t notes_at = sizeof(Elf64_Ehdr) + (writer->nloads + 1) * sizeof(Elf64_Phdr);
	size_t sections_at = (notes_at + writer->notes_len + 7) / 8 * 8;
	size_t data_at = page_up(sections_at + sizeof(Elf64_Shdr)), at = data_at;
	for (size_t i = 0; i < writer->nloads; i++)
		at = page_up(at + writer->loads[i].filesz);
	writer->len = at;
	writer->image = calloc(1, writer->len);
	need(writer->image, "calloc");
	fill_headers(writer, notes_at, sections_at);
	if (writer->notes_len)
		memcpy(writer->image + notes_at, writer->notes, writer->notes_len);
	at = data_at;
	for (size_t i = 0; i < writer->nloads; i++) {
		const struct core_writer_load *load = &writer->loads[i];
		*core_writer_segment(writer, i + 1) = (Elf64_Phdr){.p_type = PT_LOAD,
		                                                   .p_flags = load->flags,
		                                                   .p_offset = at,
		                                                   .p_vaddr = load->vaddr,
		                                                   .p_filesz = load->filesz,
		                                                   .p_memsz = load->memsz,
		                                                   .p_align = CORE_PAGE};
		if (load->filesz)
			memcpy(writer->image + at, load->bytes, load->filesz);
		at = page_up(at + load->filesz);
	}
}

void core_writer_append(struct core_writer *writer, const void *bytes, size_t len)
{
	uint8_t *grown = realloc(writer->image, writer->len + len);
	need(grown, "realloc");
	memcpy(grown + writer->len, bytes, len);
	writer->image = grown;
	writer->len += len;
}

static void write_out(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		need(n > 0, "write");
		bytes += n;
		len -= (size_t)n;
	}
}

int core_writer_fd(const struct core_writer *writer, size_t len)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	need(fd >= 0, "memfd_create");
	write_out(fd, writer->image, len < writer->len ? len : writer->len);
	return fd;
}

void core_writer_save(const struct core_writer *writer, size_t len, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	need(fd >= 0, path);
	write_out(fd, writer->image, len < writer->len ? len : writer->len);
	close(fd);
}
