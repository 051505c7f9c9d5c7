/* The notes of a core: threads and registers, the process, file maps, and heldby's own records. */
#include "snapshot/snapshot.h"
#include "target/core.h"
#include "target/core_format.h"
#include "target/registers.h"

#include <elf.h>
#include <string.h>

enum {
	MAX_NOTES = 1 << 24,
	MAX_NAME = 16,        /* of a note: "CORE", "LINUX", "heldby" */
	MAX_AUXV = 64 * 1024, /* the kernel writes about 350 bytes */
	MAX_DESC = 1 << 28,   /* of NT_FILE (the kernel stops at 16 MB) and heldby's notes (16 MB each) */
	MAX_PATH = 4096,
	MAX_TEXTS = 1000,
	MAX_TEXT = 4096,
};

struct note {
	uint64_t offset; /* of the descriptor in the file */
	uint32_t size;
	uint32_t type;
	char name[MAX_NAME];
};

/* The descriptor, in memory that the caller frees. Empty when the file does not have it (never an allocation for it).
 */
static struct hb_error *load_desc(const struct hb_core *core, const struct note *note, struct hb_bytes *ret)
{
	*ret = (struct hb_bytes){0};
	if (!note->size || note->size > MAX_DESC || note->offset > core->size || note->size > core->size - note->offset)
		return NULL;
	uint8_t *data = malloc(note->size);
	if (!data)
		return hb_error_nomem();
	if (!hb_read_file_at(core->fd, note->offset, data, note->size)) {
		free(data);
		return NULL;
	}
	*ret = (struct hb_bytes){data, note->size};
	return NULL;
}

/* --- The kernel's notes --------------------------------------------------------------------------------------------
 */

static struct hb_error *add_thread(struct hb_core *core, struct hb_bytes desc)
{
	struct hb_thread thread;
	int signal;
	if (!hb_registers_from_prstatus(desc, &thread, &signal)) {
		hb_notes_add_partial(&core->target.notes, "the core records a thread without its registers");
		return NULL;
	}
	if (!core->threads.len)
		core->signal = signal;
	HB_VEC_PUSH(&core->threads, thread);
	return NULL;
}

/* struct elf_prpsinfo of linux/elfcore.h, x86-64. */
enum { PRPSINFO_PID = 24, PRPSINFO_FNAME = 40, PRPSINFO_FNAME_LEN = 16, PRPSINFO_SIZE = 136 };

static struct hb_error *set_text(char **text, const char *from, size_t max)
{
	char *copy = strndup(from, strnlen(from, max));
	if (!copy)
		return hb_error_nomem();
	free(*text);
	*text = copy;
	return NULL;
}

static struct hb_error *read_prpsinfo(struct hb_core *core, struct hb_bytes desc)
{
	if (desc.len < PRPSINFO_SIZE)
		return NULL;
	core->target.pid = (int)hb_load_u32(desc.data + PRPSINFO_PID);
	return set_text(&core->target.name, (const char *)desc.data + PRPSINFO_FNAME, PRPSINFO_FNAME_LEN);
}

static struct hb_error *read_auxv(struct hb_core *core, struct hb_bytes desc)
{
	size_t len = hb_min(desc.len, (size_t)MAX_AUXV);
	if (!len)
		return NULL;
	uint8_t *copy = hb_arena_alloc(&core->arena, len);
	if (!copy)
		return hb_error_nomem();
	memcpy(copy, desc.data, len);
	core->auxv = (struct hb_bytes){copy, len};
	return NULL;
}

bool hb_core_auxv(const struct hb_core *core, uint64_t type, uint64_t *ret)
{
	uint64_t key, value;
	for (uint64_t at = 0; hb_get_u64(core->auxv, at, &key) && hb_get_u64(core->auxv, at + 8, &value); at += 16) {
		if (key == AT_NULL)
			return false;
		if (key == type) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static int compare_maps(const void *a, const void *b)
{
	const struct hb_core_file_map *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static struct hb_error *add_file_map(struct hb_core *core, struct hb_core_file_map map, const char *path, size_t len)
{
	static const char suffix[] = " (deleted)";
	size_t cut = sizeof(suffix) - 1;
	map.deleted = len > cut && !memcmp(path + len - cut, suffix, cut);
	if (map.deleted)
		len -= cut;
	/* Consecutive maps are mostly of one file. */
	const struct hb_core_file_map *last =
	        core->file_maps.len ? &core->file_maps.data[core->file_maps.len - 1] : NULL;
	if (last && strlen(last->path) == len && !memcmp(last->path, path, len))
		map.path = last->path;
	else
		map.path = hb_arena_strndup(&core->arena, path, len);
	if (!map.path)
		return hb_error_nomem();
	HB_VEC_PUSH(&core->file_maps, map);
	return NULL;
}

/* NT_FILE (fs/binfmt_elf.c, fill_files_note): long count, long page_size, count × {start, end, offset in pages}, then
 * count NUL-terminated paths. */
static struct hb_error *read_file_maps(struct hb_core *core, struct hb_bytes desc)
{
	uint64_t count, unit;
	if (core->file_maps.len || !hb_get_u64(desc, 0, &count) || !hb_get_u64(desc, 8, &unit))
		return NULL;
	bool sane = count <= (desc.len - 16) / 24 && unit > 0 && unit <= (1 << 30);
	uint64_t text = 16 + 24 * count;
	for (uint64_t i = 0; sane && i < count; i++) {
		struct hb_core_file_map map = {0};
		const uint8_t *entry = desc.data + 16 + 24 * i;
		map.start = hb_load_u64(entry);
		map.end = hb_load_u64(entry + 8);
		size_t room = desc.len - text, len = strnlen((const char *)desc.data + text, room);
		sane = len < room && !hb_mul_overflows(hb_load_u64(entry + 16), unit, &map.offset);
		if (sane && len <= MAX_PATH && map.start < map.end && map.end <= HB_CORE_ADDRESS_END &&
		    !((map.start | map.end | map.offset) % HB_CORE_PAGE))
			TRY(add_file_map(core, map, (const char *)desc.data + text, len));
		text += len + 1;
	}
	if (!sane)
		hb_notes_add(&core->target.notes,
		             "the core's table of mapped files is damaged: some mappings have no name");
	if (core->file_maps.len)
		qsort(core->file_maps.data, core->file_maps.len, sizeof(*core->file_maps.data), compare_maps);
	return NULL;
}

static struct hb_error *take_core_note(struct hb_core *core, uint32_t type, struct hb_bytes desc)
{
	switch (type) {
	case NT_PRSTATUS:
		return add_thread(core, desc);
	case NT_FPREGSET:
		if (core->threads.len)
			(void)hb_registers_add_fpregset(desc, &core->threads.data[core->threads.len - 1].registers);
		return NULL;
	case NT_PRPSINFO:
		return read_prpsinfo(core, desc);
	case NT_AUXV:
		return read_auxv(core, desc);
	case NT_FILE:
		return read_file_maps(core, desc);
	}
	return NULL;
}

/* --- heldby's notes (core_format.h) --------------------------------------------------------------------------------
 */

static struct hb_error *take_record(struct hb_core *core, uint32_t key, struct hb_bytes value)
{
	struct hb_core_record *record = &core->record;
	struct hb_target *target = &core->target;
	const char *text = (const char *)value.data;
	uint64_t number = 0;
	(void)hb_get_u64(value, 0, &number);
	switch (key) {
	case HB_CORE_KEY_METHOD:
		record->method = hb_arena_strndup(&core->arena, text, strnlen(text, value.len));
		return record->method ? NULL : hb_error_nomem();
	case HB_CORE_KEY_PAUSE:
		record->pause_ns = number;
		return NULL;
	case HB_CORE_KEY_TAKEN:
		record->taken_ns = number;
		return NULL;
	case HB_CORE_KEY_COPIED:
		record->bytes_copied = number;
		return NULL;
	case HB_CORE_KEY_UNREAD:
		record->unread_bytes = number;
		return NULL;
	case HB_CORE_KEY_MEMORY:
		if (value.len >= 40)
			target->memory = (struct hb_target_memory){
			        .rss = hb_load_u64(value.data),
			        .rss_anon = hb_load_u64(value.data + 8),
			        .rss_file = hb_load_u64(value.data + 16),
			        .rss_shmem = hb_load_u64(value.data + 24),
			        .swap = hb_load_u64(value.data + 32),
			};
		return NULL;
	case HB_CORE_KEY_PID:
		target->pid = (int)number;
		return NULL;
	case HB_CORE_KEY_NAME:
		return set_text(&target->name, text, value.len);
	case HB_CORE_KEY_EXE_PATH:
		return set_text(&target->exe_path, text, value.len);
	}
	return NULL;
}

static struct hb_error *read_snapshot_note(struct hb_core *core, struct hb_bytes desc)
{
	uint32_t version, key, len;
	if (!hb_get_u32(desc, 0, &version))
		return NULL;
	if (version != HB_CORE_FORMAT_VERSION)
		return hb_error_create(
		        HB_ERR_UNSUPPORTED,
		        "'%s' was written by a newer heldby (format %u, this one reads %d): use that one", core->path,
		        version, HB_CORE_FORMAT_VERSION);
	core->writer = HB_CORE_HELDBY;
	for (uint64_t at = 8; hb_get_u32(desc, at, &key) && hb_get_u32(desc, at + 4, &len);) {
		struct hb_bytes value = hb_bytes_slice(desc, at + 8, len);
		if (len && !value.data)
			break;
		if (len)
			TRY(take_record(core, key, value));
		else if (key == HB_CORE_KEY_PARTIAL)
			core->target.notes.partial = true;
		at += 8 + (((uint64_t)len + 7) & ~UINT64_C(7));
	}
	return NULL;
}

/* Notes come in the order of their addresses: what goes back is dropped. */
static struct hb_error *read_pages_note(struct hb_core *core, struct hb_bytes desc)
{
	uint64_t start, npages, end;
	uint64_t taken = core->runs.len ? core->runs.data[core->runs.len - 1].end : 0;
	if (!hb_get_u64(desc, 0, &start) || !hb_get_u64(desc, 8, &npages) || start % HB_CORE_PAGE || start < taken ||
	    hb_mul_overflows(npages, (uint64_t)HB_CORE_PAGE, &end) || hb_add_overflows(start, end, &end) ||
	    end > HB_CORE_ADDRESS_END)
		return NULL;
	uint32_t run;
	for (uint64_t at = 16; start < end && hb_get_u32(desc, at, &run); at += 4) {
		uint64_t len = hb_min((uint64_t)(run >> 2) * HB_CORE_PAGE, end - start);
		if (len)
			HB_VEC_PUSH(&core->runs, (struct hb_core_run){start, start + len, (uint8_t)(run & 3)});
		start += len;
	}
	return NULL;
}

static struct hb_error *read_mappings_note(struct hb_core *core, struct hb_bytes desc)
{
	for (uint64_t at = 0; desc.len - at >= 48;) {
		const uint8_t *record = desc.data + at;
		uint32_t flags = hb_load_u32(record + 40), len = hb_load_u32(record + 44);
		struct hb_bytes path = hb_bytes_slice(desc, at + 48, len);
		if (len > MAX_PATH || (len && !path.data))
			break;
		struct hb_mapping mapping = {
		        .start = hb_load_u64(record),
		        .end = hb_load_u64(record + 8),
		        .file_offset = hb_load_u64(record + 16),
		        .inode = hb_load_u64(record + 24),
		        .rss = hb_load_u64(record + 32),
		        .readable = flags & HB_CORE_MAPPING_READ,
		        .writable = flags & HB_CORE_MAPPING_WRITE,
		        .executable = flags & HB_CORE_MAPPING_EXECUTE,
		        .shared = flags & HB_CORE_MAPPING_SHARED,
		        .path = hb_arena_strndup(&core->arena, len ? (const char *)path.data : "", len),
		};
		if (!mapping.path)
			return hb_error_nomem();
		uint64_t taken = core->recorded.len ? core->recorded.data[core->recorded.len - 1].end : 0;
		if (mapping.start >= taken && mapping.start < mapping.end)
			HB_VEC_PUSH(&core->recorded, mapping);
		uint64_t step = 48 + (((uint64_t)len + 7) & ~UINT64_C(7));
		if (step > desc.len - at)
			break;
		at += step;
	}
	return NULL;
}

static struct hb_error *take_heldby_note(struct hb_core *core, uint32_t type, struct hb_bytes desc)
{
	switch (type) {
	case HB_CORE_NOTE_SNAPSHOT:
		return read_snapshot_note(core, desc);
	case HB_CORE_NOTE_PAGES:
		return read_pages_note(core, desc);
	case HB_CORE_NOTE_MAPPINGS:
		return read_mappings_note(core, desc);
	case HB_CORE_NOTE_TEXT:
		if (desc.len > 4 && core->target.notes.texts.len < MAX_TEXTS)
			hb_notes_add(&core->target.notes, "%.*s", (int)hb_min(desc.len - 4, (size_t)MAX_TEXT),
			             (const char *)desc.data + 4);
		return NULL;
	case HB_CORE_NOTE_EXE:
		if (desc.len >= 16) {
			core->record.exe_offset = hb_load_u64(desc.data);
			core->record.exe_size = hb_load_u64(desc.data + 8);
		}
		return NULL;
	}
	return NULL;
}

/* --- All of them ---------------------------------------------------------------------------------------------------
 */

static bool is_wanted(const struct note *note)
{
	if (!strcmp(note->name, HB_CORE_NOTE_NAME))
		return true;
	if (strcmp(note->name, "CORE"))
		return false;
	return note->type == NT_PRSTATUS || note->type == NT_FPREGSET || note->type == NT_PRPSINFO ||
	       note->type == NT_AUXV || note->type == NT_FILE;
}

static struct hb_error *take_note(struct hb_core *core, const struct note *note)
{
	if (!is_wanted(note))
		return NULL;
	struct hb_bytes desc;
	TRY(load_desc(core, note, &desc));
	if (!desc.data)
		return NULL;
	struct hb_error *err = strcmp(note->name, "CORE") ? take_heldby_note(core, note->type, desc)
	                                                  : take_core_note(core, note->type, desc);
	free((void *)desc.data);
	return err;
}

struct hb_error *hb_core_read_notes(struct hb_core *core, uint64_t offset, uint64_t size)
{
	bool cut = offset > core->size || size > core->size - offset;
	uint64_t end = cut ? core->size : offset + size, at = offset;
	for (unsigned i = 0; i < MAX_NOTES && at < end && end - at >= sizeof(Elf64_Nhdr); i++) {
		Elf64_Nhdr header;
		struct note note = {0};
		if (!hb_read_file_at(core->fd, at, &header, sizeof(header)))
			break;
		if (!header.n_namesz && !header.n_descsz && !header.n_type)
			break; /* padding, or a hole */
		/* Names and descriptors are padded to 4 bytes, whatever the alignment of the segment says. */
		uint64_t name_at = at + sizeof(header);
		uint64_t desc_at = name_at + (((uint64_t)header.n_namesz + 3) & ~UINT64_C(3));
		uint64_t next = desc_at + (((uint64_t)header.n_descsz + 3) & ~UINT64_C(3));
		if (desc_at > end || header.n_descsz > end - desc_at) {
			cut = true;
			break;
		}
		if (header.n_namesz && header.n_namesz < MAX_NAME &&
		    !hb_read_file_at(core->fd, name_at, note.name, header.n_namesz))
			break;
		note.offset = desc_at;
		note.size = header.n_descsz;
		note.type = header.n_type;
		TRY(take_note(core, &note));
		at = next;
	}
	if (cut)
		hb_notes_add_partial(
		        &core->target.notes,
		        "the core's notes are cut short: some threads or names of mapped files are missing");
	return NULL;
}
