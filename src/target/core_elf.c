/* The ELF header and program headers of a core. Every number in them may be a lie: nothing is allocated by them, only
 * by what the file really holds. */
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	/* The kernel allows 2^31 mappings at most and 65,530 unless vm.max_map_count is raised; nothing real has 4 M.
	 */
	MAX_SEGMENTS = 1 << 22,
	MAX_NOTE_SEGMENTS = 16, /* every writer uses one */
	HEADERS_AT_ONCE = 512,
};

bool hb_read_file_at(int fd, uint64_t offset, void *to, size_t len)
{
	char *at = to;
	while (len) {
		if (offset > INT64_MAX - len)
			return false;
		ssize_t n = pread(fd, at, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* --- What is it? ---------------------------------------------------------------------------------------------------
 */

static const struct {
	const char *magic;
	size_t len;
	const char *what;
} other_formats[] = {
        {"\x1f\x8b", 2, "compressed with gzip: unpack it first (gunzip)"},
        {"\xfd"
         "7zXZ",
         5, "compressed with xz: unpack it first (unxz)"},
        {"BZh", 3, "compressed with bzip2: unpack it first (bunzip2)"},
        {"\x04\x22\x4d\x18", 4, "compressed with lz4: unpack it first (unlz4)"},
        {"PK\x03\x04", 4, "a zip archive: unpack it first"},
        {"go1.7 heap dump\n", 16,
         "a heap dump of runtime/debug.WriteHeapDump, which heldby does not read: take a core (heldby snapshot, "
         "gcore)"},
        {"MDMP", 4, "a minidump, which holds no heap"},
        {"KDUMP", 5, "a dump of a kernel"},
        {"SQLite format 3", 15, "an SQLite database"},
};

static struct hb_error *not_elf(const struct hb_core *core, const uint8_t *head, size_t len)
{
	for (size_t i = 0; i < hb_countof(other_formats); i++)
		if (len >= other_formats[i].len && !memcmp(head, other_formats[i].magic, other_formats[i].len))
			return hb_error_create(HB_ERR_UNSUPPORTED, "'%s' is not a core file: it is %s", core->path,
			                       other_formats[i].what);
	return hb_error_create(HB_ERR_UNSUPPORTED,
	                       "'%s' is not a core file (no ELF header): give a pid, a process name, or an ELF core",
	                       core->path);
}

static const char *machine_name(unsigned machine)
{
	switch (machine) {
	case EM_386:
		return "32-bit x86";
	case EM_AARCH64:
		return "arm64";
	case EM_ARM:
		return "32-bit arm";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	case EM_RISCV:
		return "riscv64";
	case EM_LOONGARCH:
		return "loong64";
	case EM_MIPS:
		return "mips";
	}
	return NULL;
}

static struct hb_error *check_machine(const struct hb_core *core, unsigned machine)
{
	if (machine == EM_X86_64)
		return NULL;
	const char *name = machine_name(machine);
	if (name)
		return hb_error_create(HB_ERR_UNSUPPORTED, "'%s' is a core of a %s program: heldby reads x86-64 only",
		                       core->path, name);
	return hb_error_create(HB_ERR_UNSUPPORTED,
	                       "'%s' is a core of an unknown machine (ELF number %u): heldby reads x86-64 only",
	                       core->path, machine);
}

static struct hb_error *check_type(const struct hb_core *core, unsigned type)
{
	switch (type) {
	case ET_CORE:
		return NULL;
	case ET_EXEC:
	case ET_DYN:
		return hb_error_create(
		        HB_ERR_UNSUPPORTED,
		        "'%s' is a program or library, not a core: run it with `heldby exec -- %s`, or give "
		        "the pid of a process that runs it",
		        core->path, core->path);
	case ET_REL:
		return hb_error_create(HB_ERR_UNSUPPORTED, "'%s' is an object file, not a core", core->path);
	}
	return hb_error_create(HB_ERR_UNSUPPORTED, "'%s' is an ELF file of type %u, not a core", core->path, type);
}

static struct hb_error *read_elf_header(const struct hb_core *core, Elf64_Ehdr *ret)
{
	uint8_t head[64] = {0};
	size_t len = hb_min(core->size, sizeof(head));
	if (!len)
		return hb_error_create(
		        HB_ERR_CORRUPT,
		        "'%s' is empty: the disk may have been full, or the size limit (ulimit -c) too low, when "
		        "it was written",
		        core->path);
	if (!hb_read_file_at(core->fd, 0, head, len))
		return hb_error_create(HB_ERR_ATTACH, "cannot read '%s': %s", core->path, strerror(errno));
	if (len < SELFMAG || memcmp(head, ELFMAG, SELFMAG))
		return not_elf(core, head, len);
	if (len < EI_NIDENT + 4)
		return hb_error_create(HB_ERR_CORRUPT, "'%s' ends inside its ELF header", core->path);
	if (head[EI_DATA] == ELFDATA2MSB)
		return hb_error_create(HB_ERR_UNSUPPORTED, "'%s' is of a big-endian machine: heldby reads x86-64 only",
		                       core->path);
	/* Type and machine are at the same place in both classes. */
	TRY(check_type(core, hb_load_u16(head + offsetof(Elf64_Ehdr, e_type))));
	if (head[EI_CLASS] == ELFCLASS32)
		return hb_error_create(HB_ERR_UNSUPPORTED,
		                       "'%s' is a core of a 32-bit program: heldby reads x86-64 only", core->path);
	TRY(check_machine(core, hb_load_u16(head + offsetof(Elf64_Ehdr, e_machine))));
	if (len < sizeof(*ret))
		return hb_error_create(HB_ERR_CORRUPT, "'%s' ends inside its ELF header", core->path);
	memcpy(ret, head, sizeof(*ret));
	if (ret->e_phentsize != sizeof(Elf64_Phdr))
		return hb_error_create(HB_ERR_CORRUPT, "'%s' has program headers of %u bytes instead of %zu",
		                       core->path, ret->e_phentsize, sizeof(Elf64_Phdr));
	return NULL;
}

/* --- Program headers -----------------------------------------------------------------------------------------------
 */

/* More than 65,534 segments: e_phnum is PN_XNUM and the number is in sh_info of section header 0 (elf(5)). */
static struct hb_error *count_segments(const struct hb_core *core, const Elf64_Ehdr *header, uint64_t *ret)
{
	*ret = header->e_phnum;
	if (header->e_phnum == PN_XNUM) {
		Elf64_Shdr section;
		if (!hb_read_file_at(core->fd, header->e_shoff, &section, sizeof(section)))
			return hb_error_create(HB_ERR_CORRUPT,
			                       "'%s' has more than 65,534 segments and ends before it says how many",
			                       core->path);
		*ret = section.sh_info;
	}
	if (*ret > MAX_SEGMENTS)
		return hb_error_create(HB_ERR_CORRUPT, "'%s' claims %" PRIu64 " segments: more than any process has",
		                       core->path, *ret);
	if (!*ret)
		return hb_error_create(HB_ERR_CORRUPT, "'%s' has no segments: it holds no memory", core->path);
	return NULL;
}

struct segment_trouble { /* what was wrong, counted: one note each, not one a segment */
	uint64_t unaligned, wrapped, overlapping, missing;
};

static struct hb_error *add_segment(struct hb_core *core, const Elf64_Phdr *header, struct segment_trouble *trouble)
{
	uint64_t end;
	if (!header->p_memsz && !header->p_filesz)
		return NULL;
	/* The vsyscall page is the kernel's: every core lists it, no program data is there. */
	if (header->p_vaddr >= UINT64_C(0xffffffff00000000))
		return NULL;
	uint64_t memsz = hb_max(header->p_memsz, header->p_filesz);
	if (hb_add_overflows(header->p_vaddr, memsz, &end) || end > HB_CORE_ADDRESS_END) {
		trouble->wrapped++;
		return NULL;
	}
	if (header->p_vaddr % HB_CORE_PAGE) {
		trouble->unaligned++;
		return NULL;
	}
	end = (end + HB_CORE_PAGE - 1) & ~(uint64_t)(HB_CORE_PAGE - 1);
	uint64_t filesz = header->p_filesz;
	uint64_t there = header->p_offset < core->size ? core->size - header->p_offset : 0;
	if (filesz > there) {
		if (hb_add_overflows(trouble->missing, filesz - there, &trouble->missing))
			trouble->missing = UINT64_MAX;
		/* The last, half page is of no use to anyone. */
		filesz = there & ~(uint64_t)(HB_CORE_PAGE - 1);
	}
	HB_VEC_PUSH(&core->segments, (struct hb_core_segment){.start = header->p_vaddr,
	                                                      .end = end,
	                                                      .offset = header->p_offset,
	                                                      .filesz = filesz,
	                                                      .flags = header->p_flags});
	return NULL;
}

static int compare_start(const void *a, const void *b)
{
	const struct hb_core_segment *x = a, *y = b;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->filesz < y->filesz ? 1 : x->filesz > y->filesz ? -1 : 0;
}

/* Sorts. A segment ends where the next one starts, so that one lying size does not take the others' place; of those
 * that start together the one with the most contents stays. */
static void make_disjoint(struct hb_core *core, struct segment_trouble *trouble)
{
	if (!core->segments.len)
		return;
	qsort(core->segments.data, core->segments.len, sizeof(*core->segments.data), compare_start);
	size_t kept = 0;
	for (size_t i = 0; i < core->segments.len; i++) {
		struct hb_core_segment segment = core->segments.data[i];
		struct hb_core_segment *last = kept ? &core->segments.data[kept - 1] : NULL;
		if (last && segment.start < last->end) {
			trouble->overlapping++;
			if (segment.start == last->start)
				continue;
			last->end = segment.start;
			last->filesz = hb_min(last->filesz, last->end - last->start);
		}
		core->segments.data[kept++] = segment;
	}
	core->segments.len = kept;
}

static void tell_trouble(struct hb_core *core, const struct segment_trouble *trouble)
{
	struct hb_notes *notes = &core->target.notes;
	core->missing = trouble->missing;
	if (trouble->missing)
		hb_notes_add_partial(notes,
		                     "the core is cut short: %" PRIu64 " of the %" PRIu64
		                     " MB that it claims are missing (disk "
		                     "full, size limit, or an interrupted copy); what is there is examined",
		                     (trouble->missing >> 20) + 1, ((core->size + trouble->missing) >> 20) + 1);
	if (trouble->overlapping)
		hb_notes_add_partial(
		        notes, "%" PRIu64 " segments of the core overlap others: each is cut where the next one starts",
		        trouble->overlapping);
	if (trouble->wrapped)
		hb_notes_add_partial(notes,
		                     "%" PRIu64 " segments of the core lie outside of user memory and are ignored",
		                     trouble->wrapped);
	if (trouble->unaligned)
		hb_notes_add_partial(notes, "%" PRIu64 " segments of the core do not start at a page and are ignored",
		                     trouble->unaligned);
}

static struct hb_error *read_segments(struct hb_core *core, const Elf64_Ehdr *header, uint64_t count)
{
	struct segment_trouble trouble = {0};
	unsigned note_segments = 0;
	static _Thread_local Elf64_Phdr headers[HEADERS_AT_ONCE]; /* 28 KB */
	for (uint64_t i = 0; i < count;) {
		size_t n = (size_t)hb_min(count - i, (uint64_t)HEADERS_AT_ONCE);
		uint64_t offset;
		if (hb_add_overflows(header->e_phoff, i * sizeof(*headers), &offset) ||
		    !hb_read_file_at(core->fd, offset, headers, n * sizeof(*headers)))
			return hb_error_create(HB_ERR_CORRUPT, "'%s' ends inside its %" PRIu64 " program headers",
			                       core->path, count);
		for (size_t k = 0; k < n; k++) {
			const Elf64_Phdr *one = &headers[k];
			if (one->p_type == PT_LOAD)
				TRY(add_segment(core, one, &trouble));
			else if (one->p_type == PT_NOTE && note_segments++ < MAX_NOTE_SEGMENTS)
				TRY(hb_core_read_notes(core, one->p_offset, one->p_filesz));
		}
		i += n;
	}
	make_disjoint(core, &trouble);
	tell_trouble(core, &trouble);
	if (!core->segments.len)
		return hb_error_create(HB_ERR_CORRUPT,
		                       "'%s' holds no memory: none of its %" PRIu64 " segments can be used", core->path,
		                       count);
	return NULL;
}

/* gdb writes section headers and puts NT_PRPSINFO first; the kernel writes none (one for PN_XNUM). */
static void recognise_writer(struct hb_core *core, const Elf64_Ehdr *header)
{
	if (core->writer != HB_CORE_UNKNOWN)
		return;
	if (header->e_shnum > 1)
		core->writer = HB_CORE_GCORE;
	else if (core->threads.len)
		core->writer = HB_CORE_KERNEL;
}

struct hb_error *hb_core_read_headers(struct hb_core *core)
{
	Elf64_Ehdr header = {0};
	uint64_t count;
	TRY(read_elf_header(core, &header));
	TRY(count_segments(core, &header, &count));
	TRY(read_segments(core, &header, count));
	recognise_writer(core, &header);
	return NULL;
}
