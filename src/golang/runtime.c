#include "golang/runtime.h"
#include "golang/confirm.h"
#include "golang/frame_code.h"
#include "golang/locate.h"
#include "golang/newer.h"
#include "golang/queues.h"
#include "golang/version.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- Modules ---------------------------------------------------------------------------------------------------------
 */

static uint64_t word(const uint8_t *moduledata, uint32_t offset)
{
	return offset == HB_ABSENT ? 0 : hb_load_u64(moduledata + offset);
}

/* A slice field of moduledata as a view; empty when it is not in the snapshot. */
static struct hb_bytes slice(const struct hb_snapshot *snapshot, const uint8_t *moduledata, uint32_t offset,
                             uint64_t elem)
{
	uint64_t len;
	if (offset == HB_ABSENT || hb_mul_overflows(hb_load_u64(moduledata + offset + 8), elem, &len))
		return (struct hb_bytes){0};
	return hb_snapshot_view(snapshot, hb_load_u64(moduledata + offset), len);
}

static struct hb_error *read_module(struct hb_go *go, uint64_t address, struct hb_go_module *ret)
{
	const struct hb_go_layout *layout = go->layout;
	const uint8_t *at = hb_snapshot_at(go->snapshot, address, layout->moduledata.size);
	if (!at)
		return hb_error_create(HB_ERR_CORRUPT, "the module table at 0x%llx is not in the snapshot",
		                       (unsigned long long)address);
	*ret = (struct hb_go_module){
	        .moduledata = address,
	        .text = word(at, layout->moduledata.text),
	        .etext = word(at, layout->moduledata.etext),
	        .data = word(at, layout->moduledata.data),
	        .edata = word(at, layout->moduledata.edata),
	        .bss = word(at, layout->moduledata.bss),
	        .ebss = word(at, layout->moduledata.ebss),
	        .noptrdata = word(at, layout->moduledata.noptrdata),
	        .enoptrdata = word(at, layout->moduledata.enoptrdata),
	        .noptrbss = word(at, layout->moduledata.noptrbss),
	        .enoptrbss = word(at, layout->moduledata.enoptrbss),
	        .rodata = word(at, layout->moduledata.rodata),
	        .gofunc = word(at, layout->moduledata.gofunc),
	        .types = word(at, layout->moduledata.types),
	        .etypes = word(at, layout->moduledata.etypes),
	        .gcdatamask = word(at, layout->moduledata.gcdatamask + 8),
	        .gcbssmask = word(at, layout->moduledata.gcbssmask + 8),
	        .pclntable = slice(go->snapshot, at, layout->moduledata.pclntable, 1),
	        .funcnametab = slice(go->snapshot, at, layout->moduledata.funcnametab, 1),
	        .cutab = slice(go->snapshot, at, layout->moduledata.cutab, 4),
	        .filetab = slice(go->snapshot, at, layout->moduledata.filetab, 1),
	        .pctab = slice(go->snapshot, at, layout->moduledata.pctab, 1),
	        .ftab = slice(go->snapshot, at, layout->moduledata.ftab, 8),
	};
	ret->nftab = (uint32_t)hb_min(ret->ftab.len / 8, (size_t)UINT32_MAX);
	struct hb_bytes name = slice(go->snapshot, at, layout->moduledata.pluginpath, 1);
	ret->name =
	        hb_arena_strndup(&go->arena, (const char *)name.data, name.data ? hb_min(name.len, (size_t)4096) : 0);
	return ret->name ? NULL : hb_error_nomem();
}

/* --- The executable's file -------------------------------------------------------------------------------------------
 */

static void read_build_id(struct hb_go *go, Elf *elf, Elf_Scn *section)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Nhdr note;
	size_t name, desc;
	for (size_t at = 0; data && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0;) {
		const char *owner = (const char *)data->d_buf + name, *value = (const char *)data->d_buf + desc;
		if (note.n_namesz == 4 && !memcmp(owner, "Go\0", 3) && note.n_type == 4)
			snprintf(go->build_id, sizeof(go->build_id), "%.*s", (int)hb_min(note.n_descsz, 127u), value);
		else if (note.n_namesz == 4 && !memcmp(owner, "GNU", 4) && note.n_type == 3 && !go->build_id[0])
			for (size_t i = 0; i < note.n_descsz && i < 40; i++)
				snprintf(go->build_id + 2 * i, 3, "%02x", (unsigned char)value[i]);
	}
}

/* Symbols and debug information only add names: everything works without the file. */
static void read_executable(struct hb_go *go)
{
	go->stripped = true;
	if (go->snapshot->exe_fd < 0)
		return;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(go->snapshot->exe_fd, ELF_C_READ, NULL);
	size_t names;
	if (elf && !elf_getshdrstrndx(elf, &names)) {
		for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
			GElf_Shdr header;
			if (!gelf_getshdr(section, &header))
				continue;
			const char *name = elf_strptr(elf, names, header.sh_name);
			if (header.sh_type == SHT_SYMTAB)
				go->stripped = false;
			else if (header.sh_type == SHT_NOTE)
				read_build_id(go, elf, section);
			if (name && (!strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info")))
				go->has_dwarf = true;
		}
	}
	elf_end(elf);
}

/* --- Opening ---------------------------------------------------------------------------------------------------------
 */

/* Toolchains that others than the Go project make have experiments of their own. */
static void note_unknown_experiment(const struct hb_go *go)
{
	size_t len;
	const char *name = hb_go_unknown_experiment(go->version.experiments, &len);
	if (name)
		hb_notes_add(
		        go->notes,
		        "the program was built with GOEXPERIMENT=%.*s, of which heldby knows nothing: it is taken to "
		        "leave the runtime's structs as %s has them",
		        (int)len, name, go->layout->generated_from);
}

static struct hb_error *open_runtime(struct hb_snapshot *snapshot, struct hb_go *go)
{
	struct hb_go_location location;
	TRY(hb_go_locate(&(struct hb_go_memory){snapshot, NULL}, &snapshot->arena, &location));
	go->layout = location.layout;
	go->newer = location.newer;
	go->version = location.version;
	note_unknown_experiment(go);
	go->mheap = location.mheap;
	go->allgs = location.allgs;
	go->allp = location.allp;
	go->modules = calloc(location.nmodules, sizeof(*go->modules));
	if (!go->modules)
		return hb_error_nomem();
	for (size_t i = 0; i < location.nmodules; i++) {
		TRY(read_module(go, location.moduledata[i], &go->modules[i]));
		go->nmodules++;
	}
	if (location.modules_end_early)
		hb_notes_add_partial(
		        go->notes,
		        "a plugin or library with Go code is not in the snapshot: what its globals hold seems to be "
		        "held by nobody");
	for (unsigned queue = 0; queue < HB_GO_QUEUES; queue++)
		go->queues[queue] = hb_go_queue_find(&(struct hb_go_memory){snapshot, NULL}, &location, queue);
	read_executable(go);
	return NULL;
}

struct hb_error *hb_go_open(struct hb_snapshot *snapshot, struct hb_go **ret)
{
	struct hb_go *go = calloc(1, sizeof(*go));
	if (!go)
		return hb_error_nomem();
	go->snapshot = snapshot;
	go->notes = &snapshot->notes;
	go->frame_cache = hb_frame_cache_create();
	struct hb_error *err = open_runtime(snapshot, go);
	if (!err && go->newer)
		err = hb_go_confirm(go);
	if (err && go->newer)
		err = hb_go_newer_explain(go->newer, &go->version, err);
	if (err)
		hb_go_destroy(go);
	else
		*ret = go;
	return err;
}

void hb_go_destroy(struct hb_go *go)
{
	if (!go)
		return;
	hb_frame_cache_destroy(go->frame_cache);
	free(go->modules);
	hb_arena_deinit(&go->arena);
	free(go);
}

void hb_go_destroyp(struct hb_go **go)
{
	hb_go_destroy(*go);
	*go = NULL;
}

const struct hb_go_module *hb_go_module_of_text(const struct hb_go *go, uint64_t pc)
{
	for (size_t i = 0; i < go->nmodules; i++)
		if (pc >= go->modules[i].text && pc < go->modules[i].etext)
			return &go->modules[i];
	return NULL;
}

const struct hb_go_module *hb_go_module_of_types(const struct hb_go *go, uint64_t addr)
{
	for (size_t i = 0; i < go->nmodules; i++)
		if (addr >= go->modules[i].types && addr < go->modules[i].etypes)
			return &go->modules[i];
	return NULL;
}

const struct hb_go_module *hb_go_module_of_data(const struct hb_go *go, uint64_t addr)
{
	for (size_t i = 0; i < go->nmodules; i++) {
		const struct hb_go_module *module = &go->modules[i];
		if ((addr >= module->data && addr < module->edata) || (addr >= module->bss && addr < module->ebss) ||
		    (addr >= module->noptrdata && addr < module->enoptrdata) ||
		    (addr >= module->noptrbss && addr < module->enoptrbss))
			return module;
	}
	return NULL;
}
