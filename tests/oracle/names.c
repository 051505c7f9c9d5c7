/* Writes the global variables that heldby sees in an executable's file, or in a process or core (-p), one a line; -x:
 * as if the executable's file were not to be had.
 *
 *   global ADDR SIZE CERTAIN RUNTIME STATIC_OF TYPE<tab>NAME<tab>PACKAGE<tab>TYPE NAME
 *   holds ADDR: this word of data or bss points into the Go heap (processes and cores)
 *   closure FUNCTION<tab>TYPE NAME
 *   code TEXT_BYTES DECODED_BYTES CODE_US NAMES_US REFS VOTES CLOSURES UNDECODABLE
 * Addresses are hexadecimal, the rest is decimal; times are CPU time.
 */
#include "golang/names.h"
#include "base/progress.h"
#include "elf_snapshot.h"
#include "snapshot/capture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool ignore_file;

static void print_global(const struct hb_types *types, const struct hb_global *global)
{
	uint32_t id = global->type ? hb_types_find(types, global->type) : 0;
	printf("global %" PRIx64 " %" PRIu64 " %d %d %" PRIx64 " %" PRIx64 "\t%s\t%s\t%s\n", global->addr, global->size,
	       global->certain, global->runtime_internal, global->static_of, global->type, global->name,
	       global->package, id ? types->list[id].name : "");
}

static void print_code(const struct hb_go *go, const struct hb_types *types, const struct hb_code_facts *facts,
                       uint64_t code_ns, uint64_t names_ns)
{
	for (size_t i = 0; i < facts->closures.len; i++) {
		struct hb_go_func func;
		uint32_t id = hb_types_find(types, facts->closures.data[i].type);
		if (hb_go_func_at(go, facts->closures.data[i].fn, &func))
			printf("closure %s\t%s\n", func.name, types->list[id].name);
	}
	printf("code %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu %zu %zu %" PRIu64 "\n", facts->text_bytes,
	       facts->decoded_bytes, code_ns / 1000, names_ns / 1000, facts->refs.len, facts->votes.len,
	       facts->closures.len, facts->undecodable);
}

static bool is_in_heap(const struct hb_snapshot *snapshot, uint64_t addr)
{
	for (uint32_t i = 0; i < snapshot->arenas.n; i++)
		if (addr - snapshot->arenas.addr[i] < UINT64_C(64) << 20)
			return true;
	return false;
}

static void print_holders(const struct hb_go *go, uint64_t start, uint64_t end)
{
	uint64_t word;
	for (uint64_t at = (start + 7) & ~7ull; at + 8 <= end; at += 8)
		if (hb_snapshot_u64(go->snapshot, at, &word) && is_in_heap(go->snapshot, word))
			printf("holds %" PRIx64 "\n", at);
}

static struct hb_error *print_all(const struct hb_go *go, int debug_fd)
{
	hb_cleanup(hb_types_destroyp) struct hb_types *types = NULL;
	hb_cleanup(hb_code_facts_destroyp) struct hb_code_facts *facts = NULL;
	hb_cleanup(hb_globals_destroyp) struct hb_globals *globals = NULL;
	TRY(hb_types_read(go, &types));
	uint64_t start = hb_cpu_ns();
	TRY(hb_code_analyse(go, types, &facts));
	uint64_t code_ns = hb_cpu_ns() - start;
	start = hb_cpu_ns();
	TRY(hb_globals_read_with(go, types, facts, debug_fd, &globals));
	uint64_t names_ns = hb_cpu_ns() - start;
	if (!hb_globals_are_valid(globals))
		return hb_error_create(HB_ERR_CORRUPT, "the list of globals contradicts itself");
	for (size_t i = 0; i < globals->n; i++)
		print_global(types, &globals->list[i]);
	print_holders(go, go->modules[0].data, go->modules[0].edata);
	print_holders(go, go->modules[0].bss, go->modules[0].ebss);
	print_code(go, types, facts, code_ns, names_ns);
	return NULL;
}

static struct hb_error *examine_file(const char *path, int debug_fd)
{
	hb_cleanup(hb_snapshot_destroyp) struct hb_snapshot *snapshot = NULL;
	hb_cleanup(hb_go_destroyp) struct hb_go *go = NULL;
	TRY(elf_snapshot_open(path, &snapshot, &go));
	return print_all(go, debug_fd);
}

static struct hb_error *examine_process(const char *spec, int debug_fd)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_snapshot_destroyp) struct hb_snapshot *snapshot = NULL;
	hb_cleanup(hb_go_destroyp) struct hb_go *go = NULL;
	TRY(hb_target_open(spec, &target));
	TRY(hb_capture(target, &(struct hb_capture_options){0}, &snapshot));
	if (ignore_file && snapshot->exe_fd >= 0) {
		close(snapshot->exe_fd);
		snapshot->exe_fd = -1;
	}
	TRY(hb_go_open(snapshot, &go));
	return print_all(go, debug_fd);
}

int main(int argc, char **argv)
{
	bool process = false, wrong = false;
	int option;
	while ((option = getopt(argc, argv, "px")) != -1) {
		process |= option == 'p';
		ignore_file |= option == 'x';
		wrong |= option == '?';
	}
	if (wrong || argc - optind < 1 || argc - optind > 2) {
		fprintf(stderr, "usage: oracle-names [-p] [-x] FILE|TARGET [DEBUG_FILE]\n");
		return 2;
	}
	int debug_fd = argc - optind == 2 ? open(argv[optind + 1], O_RDONLY | O_CLOEXEC) : -1;
	struct hb_error *err = (process ? examine_process : examine_file)(argv[optind], debug_fd);
	if (debug_fd >= 0)
		close(debug_fd);
	if (!err)
		return 0;
	fprintf(stderr, "oracle-names: %s\n", err->message);
	int status = hb_error_exit_status(err);
	hb_error_destroy(err);
	return status;
}
