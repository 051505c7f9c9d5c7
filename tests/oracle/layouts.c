/* Compares what an executable says of its runtime's structs with the table of its version, number by number.
 *
 *   dwarf EXE        its debug information: structs, kinds of specials, wait reasons; of the newest version widths, too, and
 *                    all that makes a layout for a version without a table
 *   types EXE        its type descriptors: structs; and wait reasons, found by what they look like
 *   confirm TARGET   instead: whether all that is checked of a version without a table holds for it
 *
 * Prints one line a difference, then "same N" for the structs that do not differ. What the program does not describe is
 * printed as "without NAME".
 */
#include "elf_snapshot.h"
#include "golang/confirm.h"
#include "golang/layout_describe.h"
#include "golang/layout_dwarf.h"
#include "golang/layout_types.h"
#include "golang/newer.h"
#include "snapshot/capture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void check(struct hb_error *err)
{
	if (err) {
		fprintf(stderr, "oracle-layouts: %s\n", err->message);
		exit(hb_error_exit_status(err));
	}
}

struct line {
	const char *of, *name; /* name NULL: a struct begins */
	size_t at;             /* in struct hb_go_layout */
};
static const struct line lines[] = {
#define STRUCT(name, go_name) {#name, NULL, offsetof(struct hb_go_layout, name.size)},
#define FIELD(name, go_name)  {NULL, #name, 0},
#define END(name)
#include "golang/layout_fields.def"
};

static uint32_t number(const struct hb_go_layout *layout, size_t line)
{
	size_t first = line;
	while (lines[first].name)
		first--;
	uint32_t value;
	memcpy(&value, (const char *)layout + lines[first].at + (line - first) * sizeof(value), sizeof(value));
	return value;
}

static bool exists(const struct hb_go_layout *layout, size_t first)
{
	for (size_t i = first; i == first || (i < hb_countof(lines) && lines[i].name); i++)
		if (number(layout, i) != HB_ABSENT)
			return true;
	return false;
}

static unsigned compare(const struct hb_go_layout *table, const struct hb_go_layout *found,
                        const struct hb_layout_described *described)
{
	unsigned same = 0;
	size_t index = 0;
	for (size_t first = 0, i; first < hb_countof(lines); first = i, index++) {
		bool differs = false;
		i = first + 1;
		if (!described->structs[index] && exists(table, first))
			printf("without %s\n", lines[first].of);
		for (i = first; i == first || (i < hb_countof(lines) && lines[i].name); i++) {
			uint32_t expected = number(table, i), got = number(found, i);
			uint32_t width = number(&described->widths, i), known = number(&hb_go_newest_widths, i);
			const char *name = lines[i].name ? lines[i].name : "size";
			if (!described->structs[index])
				continue;
			if (expected != got) {
				printf("%s.%s is %d, not %d\n", lines[first].of, name, (int)got, (int)expected);
				differs = true;
			}
			if (table->minor == hb_go_newest_minor() && i != first && expected != HB_ABSENT &&
			    width != known) {
				printf("%s.%s takes %u bytes, not %u\n", lines[first].of, name, width, known);
				differs = true;
			}
		}
		same += described->structs[index] && !differs;
	}
	return same;
}

static const struct {
	const char *name;
	size_t at;
} kinds[] = {
        {"finalizer", offsetof(struct hb_go_special_kinds, finalizer)},
        {"weak_handle", offsetof(struct hb_go_special_kinds, weak_handle)},
        {"profile", offsetof(struct hb_go_special_kinds, profile)},
        {"reachable", offsetof(struct hb_go_special_kinds, reachable)},
        {"pinner", offsetof(struct hb_go_special_kinds, pinner)},
        {"cleanup", offsetof(struct hb_go_special_kinds, cleanup)},
        {"check_finalizer", offsetof(struct hb_go_special_kinds, check_finalizer)},
        {"tinyblock", offsetof(struct hb_go_special_kinds, tinyblock)},
        {"bubble", offsetof(struct hb_go_special_kinds, bubble)},
};

static void compare_kinds(const struct hb_go_layout *table, const struct hb_go_special_kinds *found)
{
	for (size_t i = 0; i < hb_countof(kinds); i++) {
		uint32_t expected, got;
		memcpy(&expected, (const char *)&table->kinds + kinds[i].at, sizeof(expected));
		memcpy(&got, (const char *)found + kinds[i].at, sizeof(got));
		if (expected != got)
			printf("special %s is %d, not %d\n", kinds[i].name, (int)got, (int)expected);
	}
}

/* exact: as many as the table has; else more may follow. */
static void compare_reasons(const struct hb_go_layout *table, const struct hb_go_layout *found, bool exact)
{
	if (found->wait_reasons == table->wait_reasons)
		printf("no wait reasons were found\n");
	if (found->nwait_reasons < table->nwait_reasons || (exact && found->nwait_reasons > table->nwait_reasons))
		printf("%u wait reasons, not %u\n", found->nwait_reasons, table->nwait_reasons);
	for (uint32_t i = 0; i < hb_min(found->nwait_reasons, table->nwait_reasons); i++)
		if (strcmp(found->wait_reasons[i], table->wait_reasons[i]) != 0)
			printf("wait reason %u is '%s', not '%s'\n", i, found->wait_reasons[i], table->wait_reasons[i]);
}

/* As if the version had no table. */
static void compare_newer(struct hb_snapshot *snapshot, const struct hb_go *go)
{
	static struct hb_go_newer *newer;
	check(hb_go_newer_create(snapshot, &go->version, &snapshot->arena, &newer));
	if (!newer->has_dwarf)
		printf("a new version would not be read from the debug information\n");
	compare(go->layout, &newer->layout, &newer->described);
	compare_kinds(go->layout, &newer->layout.kinds);
}

/* source.find is NULL when the program describes nothing. */
struct described {
	struct hb_elf_image *image;
	struct hb_layout_dwarf *dwarf;
	struct hb_layout_types *types;
	struct hb_layout_source source;
};

static struct described describe(const struct hb_snapshot *snapshot, const struct hb_go *go, bool dwarf)
{
	struct described ret = {0};
	if (dwarf) {
		check(hb_elf_image_open(snapshot->exe_fd, -1, &ret.image));
		check(hb_layout_dwarf_read(ret.image, &ret.dwarf));
		if (ret.dwarf)
			ret.source = hb_layout_dwarf_source(ret.dwarf);
	} else {
		check(hb_layout_types_read(snapshot, &go->version, go->modules[0].types, go->modules[0].etypes,
		                           &ret.types));
		if (ret.types)
			ret.source = hb_layout_types_source(ret.types);
	}
	return ret;
}

static void compare_program(const char *path, bool dwarf)
{
	struct hb_snapshot *snapshot;
	struct hb_go *go;
	check(elf_snapshot_open(path, &snapshot, &go));
	struct described program = describe(snapshot, go, dwarf);
	struct hb_go_memory memory = {snapshot, NULL};
	static struct hb_go_newer newer;
	uint64_t size;
	if (!program.source.find) {
		printf("nothing is described\n");
		return;
	}
	newer.layout = *hb_go_layout(hb_go_newest_minor());
	hb_layout_describe(&program.source, &newer.layout, &newer.described);
	unsigned same = compare(go->layout, &newer.layout, &newer.described);
	newer.layout = *go->layout;
	if (dwarf) {
		hb_layout_dwarf_special_kinds(program.dwarf, &newer.layout.kinds);
		compare_kinds(go->layout, &newer.layout.kinds);
		if (!hb_layout_dwarf_variable(program.dwarf, "runtime.firstmoduledata", &newer.firstmoduledata,
		                              &size) ||
		    !hb_layout_dwarf_variable(program.dwarf, "runtime.waitReasonStrings", &newer.wait_reasons,
		                              &newer.wait_reasons_size))
			printf("no variables are described\n");
	}
	check(hb_go_newer_read_wait_reasons(&newer, &memory, go->modules[0].moduledata, &snapshot->arena));
	compare_reasons(go->layout, &newer.layout, dwarf);
	if (dwarf && go->version.minor == hb_go_newest_minor())
		compare_newer(snapshot, go);
	printf("same %u\n", same);
	hb_layout_types_destroy(program.types);
	hb_layout_dwarf_destroy(program.dwarf);
	hb_elf_image_close(program.image);
	hb_go_destroy(go);
	hb_snapshot_destroy(snapshot);
}

/* Of a known release every check must hold: what refuses it would refuse a later one for nothing. */
static void confirm(const char *spec)
{
	struct hb_target *target;
	struct hb_snapshot *snapshot;
	struct hb_go *go;
	check(hb_target_open(spec, &target));
	check(hb_capture(target, NULL, &snapshot));
	check(hb_go_open(snapshot, &go));
	check(hb_go_confirm(go));
	printf("confirmed\n");
	hb_go_destroy(go);
	hb_snapshot_destroy(snapshot);
	hb_target_destroy(target);
}

int main(int argc, char **argv)
{
	bool dwarf = argc == 3 && !strcmp(argv[1], "dwarf");
	if (argc == 3 && !strcmp(argv[1], "confirm")) {
		confirm(argv[2]);
	} else if (dwarf || (argc == 3 && !strcmp(argv[1], "types"))) {
		compare_program(argv[2], dwarf);
	} else {
		fprintf(stderr, "usage: oracle-layouts dwarf|types EXE, oracle-layouts confirm TARGET\n");
		return 2;
	}
	return 0;
}
