/* Any bytes as the executable's file: sections, symbols, DWARF, and what that says of a Go runtime. The libraries under it
 * only see a file, as in heldby.
 */
#include "golang/layout_dwarf.h"
#include "target/elf_image.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hb_error *see_symbol(void *ctx, const struct hb_elf_symbol *symbol)
{
	*(size_t *)ctx += strlen(symbol->name);
	return NULL;
}

static struct hb_error *see_variable(void *ctx, const struct hb_dwarf_variable *variable)
{
	*(size_t *)ctx += strlen(variable->name) + strlen(variable->type_name);
	return NULL;
}

static void see_layout(const struct hb_elf_image *image)
{
	static struct hb_go_layout layout;
	static struct hb_layout_described described;
	struct hb_layout_dwarf *dwarf;
	struct hb_go_special_kinds kinds;
	uint64_t addr, bytes;
	if (hb_layout_dwarf_read(image, &dwarf) || !dwarf)
		return;
	struct hb_layout_source source = hb_layout_dwarf_source(dwarf);
	layout = *hb_go_layout(hb_go_newest_minor());
	described = (struct hb_layout_described){0};
	hb_layout_describe(&source, &layout, &described);
	hb_error_destroy(hb_layout_settle(&layout, &described, false));
	hb_layout_dwarf_special_kinds(dwarf, &kinds);
	hb_layout_dwarf_variable(dwarf, "runtime.waitReasonStrings", &addr, &bytes);
	hb_layout_dwarf_destroy(dwarf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		__builtin_trap();
	struct hb_elf_image *image = NULL;
	struct hb_error *err = hb_elf_image_open(fd, -1, &image);
	if (!err) {
		size_t len = strlen(hb_elf_image_build_id(image));
		struct hb_elf_section section;
		uint8_t *contents;
		uint64_t addr, bytes;
		if (hb_elf_image_section(image, ".text|.data", &section))
			len += strlen(section.name);
		hb_error_destroy(hb_elf_image_objects(image, see_symbol, &len));
		hb_error_destroy(hb_elf_image_variables(image, see_variable, &len));
		if (hb_elf_image_contents(image, ".data|.noptrdata", &contents, &addr, &bytes)) {
			for (uint64_t i = 0; i < bytes; i += 64)
				len += contents[i];
			free(contents);
		}
		(void)*(volatile size_t *)&len;
		see_layout(image);
		hb_elf_image_close(image);
	}
	hb_error_destroy(err);
	close(fd);
	return 0;
}
