/* PT_NOTE of a saved snapshot: what debuggers need, then what heldby needs (target/core_format.h). */
#include "snapshot/save_internal.h"
#include "target/core_format.h"
#include "target/registers.h"

#include <elf.h>
#include <string.h>

enum {
	MAX_NOTE = 16 << 20, /* of one descriptor; long lists are split */
	MAX_AUXV = 64,       /* entries worked out here */
};

static struct hb_error *append(struct save_bytes *to, const void *bytes, size_t len)
{
	if (to->cap - to->len < len && !hb_vec_grow_((void **)&to->data, &to->cap, 1, to->len + len))
		return hb_error_nomem();
	if (len)
		memcpy(to->data + to->len, bytes, len);
	to->len += len;
	return NULL;
}

static struct hb_error *append_u32(struct save_bytes *to, uint32_t value)
{
	return append(to, &value, sizeof(value));
}

static struct hb_error *append_u64(struct save_bytes *to, uint64_t value)
{
	return append(to, &value, sizeof(value));
}

static struct hb_error *pad(struct save_bytes *to, size_t multiple)
{
	static const uint8_t zeroes[8];
	return append(to, zeroes, (multiple - to->len % multiple) % multiple);
}

static struct hb_error *append_note(struct save_bytes *to, const char *name, uint32_t type, const void *desc,
                                    size_t len)
{
	TRY(append_u32(to, (uint32_t)strlen(name) + 1));
	TRY(append_u32(to, (uint32_t)len));
	TRY(append_u32(to, type));
	TRY(append(to, name, strlen(name) + 1));
	TRY(pad(to, 4));
	TRY(append(to, desc, len));
	return pad(to, 4);
}

/* --- The kernel's notes --------------------------------------------------------------------------------------------
 */

static struct hb_error *append_thread(struct save_bytes *to, const struct hb_thread *thread)
{
	uint8_t prstatus[HB_PRSTATUS_SIZE], fpregset[HB_FPREGSET_SIZE];
	hb_registers_to_prstatus(thread, prstatus);
	TRY(append_note(to, "CORE", NT_PRSTATUS, prstatus, sizeof(prstatus)));
	if (thread->registers.ngeneral <= HB_GENERAL_COUNT)
		return NULL;
	hb_registers_to_fpregset(&thread->registers, fpregset);
	return append_note(to, "CORE", NT_FPREGSET, fpregset, sizeof(fpregset));
}

/* struct elf_prpsinfo of linux/elfcore.h, x86-64. */
static struct hb_error *append_prpsinfo(struct save_bytes *to, const struct hb_snapshot *snapshot)
{
	uint8_t info[136] = {0};
	int32_t pid = snapshot->pid;
	info[1] = 'R';
	memcpy(info + 24, &pid, sizeof(pid));
	memcpy(info + 40, snapshot->name, strnlen(snapshot->name, 15));
	memcpy(info + 56, snapshot->exe_path, strnlen(snapshot->exe_path, 79));
	return append_note(to, "CORE", NT_PRPSINFO, info, sizeof(info));
}

/* The parts of the auxiliary vector that debuggers use to place the program, from its headers in memory. */
static struct hb_error *append_auxv(struct save_bytes *to, const struct hb_snapshot *snapshot, struct hb_bytes auxv)
{
	if (auxv.len)
		return append_note(to, "CORE", NT_AUXV, auxv.data, auxv.len);
	for (size_t i = 0; i < snapshot->nmappings; i++) {
		const struct hb_mapping *mapping = &snapshot->mappings[i];
		const Elf64_Ehdr *raw;
		if (mapping->file_offset || strcmp(mapping->path, snapshot->exe_path) != 0 || !*mapping->path ||
		    !(raw = hb_snapshot_at(snapshot, mapping->start, sizeof(*raw))))
			continue;
		Elf64_Ehdr header;
		memcpy(&header, raw, sizeof(header));
		uint64_t bias = header.e_type == ET_DYN ? mapping->start : 0;
		const uint64_t words[] = {AT_PHDR,   mapping->start + header.e_phoff,
		                          AT_PHENT,  header.e_phentsize,
		                          AT_PHNUM,  header.e_phnum,
		                          AT_PAGESZ, HB_PAGE_SIZE,
		                          AT_ENTRY,  bias + header.e_entry,
		                          AT_NULL,   0};
		return append_note(to, "CORE", NT_AUXV, words, sizeof(words));
	}
	return NULL;
}

/* NT_FILE: count, page size, {start, end, offset in pages}, then the paths (fs/binfmt_elf.c, fill_files_note). */
static struct hb_error *build_file_maps(const struct hb_snapshot *snapshot, struct save_bytes *ret)
{
	uint64_t count = 0;
	for (size_t i = 0; i < snapshot->nmappings; i++)
		count += *snapshot->mappings[i].path == '/';
	TRY(append_u64(ret, count));
	TRY(append_u64(ret, HB_PAGE_SIZE));
	for (size_t i = 0; i < snapshot->nmappings; i++) {
		const struct hb_mapping *mapping = &snapshot->mappings[i];
		if (*mapping->path != '/')
			continue;
		TRY(append_u64(ret, mapping->start));
		TRY(append_u64(ret, mapping->end));
		TRY(append_u64(ret, mapping->file_offset / HB_PAGE_SIZE));
	}
	for (size_t i = 0; i < snapshot->nmappings; i++)
		if (*snapshot->mappings[i].path == '/')
			TRY(append(ret, snapshot->mappings[i].path, strlen(snapshot->mappings[i].path) + 1));
	return NULL;
}

/* --- heldby's notes ------------------------------------------------------------------------------------------------
 */

static struct hb_error *append_record(struct save_bytes *to, uint32_t key, const void *value, size_t len)
{
	TRY(append_u32(to, key));
	TRY(append_u32(to, (uint32_t)len));
	TRY(append(to, value, len));
	return pad(to, 8);
}

static struct hb_error *append_number(struct save_bytes *to, uint32_t key, uint64_t value)
{
	return append_record(to, key, &value, sizeof(value));
}

static struct hb_error *append_text(struct save_bytes *to, uint32_t key, const char *text)
{
	return append_record(to, key, text, strlen(text));
}

static struct hb_error *build_record(const struct hb_snapshot *snapshot, struct save_bytes *ret)
{
	const struct hb_target_memory *memory = &snapshot->memory;
	const uint64_t figures[5] = {memory->rss, memory->rss_anon, memory->rss_file, memory->rss_shmem, memory->swap};
	TRY(append_u32(ret, HB_CORE_FORMAT_VERSION));
	TRY(append_u32(ret, 0));
	TRY(append_text(ret, HB_CORE_KEY_METHOD, snapshot->method));
	TRY(append_number(ret, HB_CORE_KEY_PAUSE, snapshot->pause_ns));
	TRY(append_number(ret, HB_CORE_KEY_TAKEN, snapshot->taken_ns));
	TRY(append_number(ret, HB_CORE_KEY_COPIED, snapshot->bytes_copied));
	TRY(append_number(ret, HB_CORE_KEY_UNREAD, snapshot->unread_bytes));
	TRY(append_record(ret, HB_CORE_KEY_MEMORY, figures, sizeof(figures)));
	TRY(append_number(ret, HB_CORE_KEY_PID, (uint64_t)snapshot->pid));
	TRY(append_text(ret, HB_CORE_KEY_NAME, snapshot->name));
	if (snapshot->notes.partial)
		TRY(append_record(ret, HB_CORE_KEY_PARTIAL, NULL, 0));
	return append_text(ret, HB_CORE_KEY_EXE_PATH, snapshot->exe_path);
}

static struct hb_error *append_texts(struct save_bytes *to, const struct hb_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->notes.texts.len; i++) {
		struct save_bytes desc = {0};
		struct hb_error *err = append_u32(&desc, 0);
		if (!err)
			err = append(&desc, snapshot->notes.texts.data[i], strlen(snapshot->notes.texts.data[i]));
		if (!err)
			err = append_note(to, HB_CORE_NOTE_NAME, HB_CORE_NOTE_TEXT, desc.data, desc.len);
		free(desc.data);
		TRY(err);
	}
	return NULL;
}

static struct hb_error *append_mapping(struct save_bytes *to, const struct hb_mapping *mapping)
{
	const uint64_t words[5] = {mapping->start, mapping->end, mapping->file_offset, mapping->inode, mapping->rss};
	uint32_t len = (uint32_t)strlen(mapping->path);
	TRY(append(to, words, sizeof(words)));
	TRY(append_u32(to, (mapping->readable ? HB_CORE_MAPPING_READ : 0) |
	                           (mapping->writable ? HB_CORE_MAPPING_WRITE : 0) |
	                           (mapping->executable ? HB_CORE_MAPPING_EXECUTE : 0) |
	                           (mapping->shared ? HB_CORE_MAPPING_SHARED : 0)));
	TRY(append_u32(to, len));
	TRY(append(to, mapping->path, len));
	return pad(to, 8);
}

static struct hb_error *append_mappings(struct save_bytes *to, const struct hb_snapshot *snapshot)
{
	struct save_bytes desc = {0};
	struct hb_error *err = NULL;
	for (size_t i = 0; i < snapshot->nmappings && !err; i++) {
		err = append_mapping(&desc, &snapshot->mappings[i]);
		if (!err && (desc.len > MAX_NOTE || i + 1 == snapshot->nmappings)) {
			err = append_note(to, HB_CORE_NOTE_NAME, HB_CORE_NOTE_MAPPINGS, desc.data, desc.len);
			desc.len = 0;
		}
	}
	free(desc.data);
	return err;
}

/* The states of [first, ret) as runs; stops when the note is long. */
static struct hb_error *append_runs(struct save_bytes *to, const struct hb_region *region, uint64_t first,
                                    uint64_t *ret)
{
	const uint64_t longest = (UINT32_MAX >> 2);
	uint64_t npages = (region->end - region->start) >> HB_PAGE_SHIFT, page = first;
	while (page < npages && to->len < MAX_NOTE) {
		uint64_t run = page + 1;
		while (run < npages && region->pages[run] == region->pages[page] && run - page < longest)
			run++;
		TRY(append_u32(to, (uint32_t)(run - page) << 2 | region->pages[page]));
		page = run;
	}
	*ret = page;
	return NULL;
}

static struct hb_error *append_pages(struct save_bytes *to, const struct hb_region *region)
{
	uint64_t npages = (region->end - region->start) >> HB_PAGE_SHIFT;
	for (uint64_t page = 0; page < npages;) {
		struct save_bytes desc = {0};
		uint64_t next = page;
		struct hb_error *err = append_u64(&desc, region->start + (page << HB_PAGE_SHIFT));
		if (!err)
			err = append_u64(&desc, 0);
		if (!err)
			err = append_runs(&desc, region, page, &next);
		if (!err) {
			uint64_t covered = next - page;
			memcpy(desc.data + 8, &covered, sizeof(covered));
			err = append_note(to, HB_CORE_NOTE_NAME, HB_CORE_NOTE_PAGES, desc.data, desc.len);
		}
		free(desc.data);
		TRY(err);
		page = next;
	}
	return NULL;
}

/* --- All of them ---------------------------------------------------------------------------------------------------
 */

/* Debuggers take the first thread as the current one: the main thread, when it is there. */
static struct hb_error *append_threads(struct save_bytes *to, const struct hb_snapshot *snapshot)
{
	size_t main_thread = 0;
	for (size_t i = 0; i < snapshot->nthreads; i++)
		if (snapshot->threads[i].tid == snapshot->pid)
			main_thread = i;
	if (snapshot->nthreads)
		TRY(append_thread(to, &snapshot->threads[main_thread]));
	TRY(append_prpsinfo(to, snapshot));
	for (size_t i = 0; i < snapshot->nthreads; i++)
		if (i != main_thread)
			TRY(append_thread(to, &snapshot->threads[i]));
	return NULL;
}

static struct hb_error *append_built(struct save_bytes *to, const struct hb_snapshot *snapshot, const char *name,
                                     uint32_t type,
                                     struct hb_error *(*build)(const struct hb_snapshot *, struct save_bytes *))
{
	struct save_bytes desc = {0};
	struct hb_error *err = build(snapshot, &desc);
	if (!err)
		err = append_note(to, name, type, desc.data, desc.len);
	free(desc.data);
	return err;
}

struct hb_error *save_build_notes(const struct hb_snapshot *snapshot, struct hb_bytes auxv, uint64_t exe_offset,
                                  uint64_t exe_size, struct save_bytes *ret)
{
	TRY(append_threads(ret, snapshot));
	TRY(append_auxv(ret, snapshot, auxv));
	TRY(append_built(ret, snapshot, "CORE", NT_FILE, build_file_maps));
	TRY(append_built(ret, snapshot, HB_CORE_NOTE_NAME, HB_CORE_NOTE_SNAPSHOT, build_record));
	TRY(append_texts(ret, snapshot));
	TRY(append_mappings(ret, snapshot));
	for (size_t i = 0; i < snapshot->nregions; i++)
		TRY(append_pages(ret, &snapshot->regions[i]));
	const uint64_t exe[2] = {exe_offset, exe_size};
	return exe_size ? append_note(ret, HB_CORE_NOTE_NAME, HB_CORE_NOTE_EXE, exe, sizeof(exe)) : NULL;
}
