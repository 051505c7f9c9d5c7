/* Any bytes as the executable's file: sections, symbols, DWARF. The libraries under it only see a file, as in heldby.
 */
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
		hb_elf_image_close(image);
	}
	hb_error_destroy(err);
	close(fd);
	return 0;
}
