/* Which files Go's linker made: heads of ELF files, right ones and ones that lie. */
#include "target/elf_image.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct file {
	uint8_t bytes[8192];
	size_t len;
	unsigned reads;
};

static bool read_file(void *ctx, uint64_t offset, void *to, size_t len)
{
	struct file *file = ctx;
	file->reads++;
	if (offset > file->len || len > file->len - offset)
		return false;
	memcpy(to, file->bytes + offset, len);
	return true;
}

static void add_note(struct file *file, size_t *at, const char *owner, uint32_t namesz, uint32_t descsz, uint32_t type)
{
	const uint32_t head[] = {namesz, descsz, type};
	memcpy(file->bytes + *at, head, sizeof(head));
	memcpy(file->bytes + *at + sizeof(head), owner, strlen(owner));
	*at += sizeof(head) + ((namesz + 3) & ~3u) + ((descsz + 3) & ~3u);
}

/* Two segments, the second of which has the notes at 4500: of a GNU linker, and of Go's if it is said so. */
static struct file make_file(bool go)
{
	struct file file = {.len = sizeof(file.bytes)};
	Elf64_Ehdr header = {.e_phoff = sizeof(header), .e_phnum = 2, .e_phentsize = sizeof(Elf64_Phdr)};
	memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	Elf64_Phdr segments[2] = {{.p_type = PT_LOAD, .p_filesz = 8192}, {.p_type = PT_NOTE, .p_offset = 4500}};
	size_t at = 4500;
	add_note(&file, &at, "GNU", 4, 21, 3);
	if (go)
		add_note(&file, &at, "Go", 4, 83, 4);
	add_note(&file, &at, "stapsdt", 8, 5, 3);
	segments[1].p_filesz = at - 4500;
	memcpy(file.bytes, &header, sizeof(header));
	memcpy(file.bytes + sizeof(header), segments, sizeof(segments));
	return file;
}

/* Two sections: their names, at 5000, and one of this name. */
static struct file make_sections(const char *name)
{
	struct file file = make_file(false);
	Elf64_Ehdr header;
	memcpy(&header, file.bytes, sizeof(header));
	header.e_shoff = 6000;
	header.e_shnum = 2;
	Elf64_Shdr sections[2] = {{.sh_name = 0, .sh_offset = 5000, .sh_size = 40}, {.sh_name = 10}};
	memcpy(file.bytes + 5000, ".shstrtab", sizeof(".shstrtab"));
	memcpy(file.bytes + 5010, name, strlen(name) + 1);
	memcpy(file.bytes, &header, sizeof(header));
	memcpy(file.bytes + 6000, sections, sizeof(sections));
	return file;
}

static bool is_made_by_go(struct file file)
{
	return hb_elf_is_made_by_go(read_file, &file);
}

static void test_notes(void **state)
{
	assert_true(is_made_by_go(make_file(true)));
	assert_false(is_made_by_go(make_file(false)));
	(void)state;
}

static void test_sections(void **state)
{
	const size_t names = 6000 + offsetof(Elf64_Shdr, sh_size), name = 6000 + sizeof(Elf64_Shdr);
	const size_t shoff = offsetof(Elf64_Ehdr, e_shoff), shnum = offsetof(Elf64_Ehdr, e_shnum);
	assert_true(is_made_by_go(make_sections(".noptrdata")));
	assert_false(is_made_by_go(make_sections(".noptrdatas")));
	assert_false(is_made_by_go(make_sections("noptrdata")));
	struct file file = make_sections(".noptrdata");
	const uint16_t none = 0, many = UINT16_MAX;
	memcpy(file.bytes + shnum, &none, 2);
	assert_false(is_made_by_go(file));
	memcpy(file.bytes + shnum, &many, 2); /* more than there are */
	assert_true(is_made_by_go(file));
	for (uint64_t size = 0; size < 21; size++) { /* the name is cut off */
		file = make_sections(".noptrdata");
		memcpy(file.bytes + names, &size, 8);
		assert_false(is_made_by_go(file));
	}
	for (uint64_t lie = 8192 - 60; lie; lie <<= 1) {
		const uint32_t at = (uint32_t)lie;
		file = make_sections(".noptrdata");
		memcpy(file.bytes + shoff, &lie, 8);
		assert_false(is_made_by_go(file));
		file = make_sections(".noptrdata");
		memcpy(file.bytes + name, &at, 4);
		assert_false(is_made_by_go(file));
	}
	(void)state;
}

static void test_lies(void **state)
{
	struct file file = make_file(true);
	const size_t phoff = offsetof(Elf64_Ehdr, e_phoff), segment = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	file.bytes[1] = 'L';
	assert_false(is_made_by_go(file));
	file = make_file(true);
	file.bytes[EI_CLASS] = ELFCLASS32;
	assert_false(is_made_by_go(file));
	for (uint64_t lie = 8192 - 60; lie; lie <<= 1) { /* program headers, and then notes, that are not there */
		file = make_file(true);
		memcpy(file.bytes + phoff, &lie, 8);
		assert_false(is_made_by_go(file));
		file = make_file(true);
		memcpy(file.bytes + segment + offsetof(Elf64_Phdr, p_offset), &lie, 8);
		assert_false(is_made_by_go(file));
	}
	for (uint32_t size = 1; size; size <<= 1) { /* names and contents of notes that lead past the end */
		file = make_file(true);
		memcpy(file.bytes + 4500 + 4, &size, 4);
		is_made_by_go(file);
		memcpy(file.bytes + 4500, &size, 4);
		is_made_by_go(file);
	}
	for (file.len = 0; file.len < 4600; file.len++) /* a file that is cut off */
		assert_false(is_made_by_go(file));
	(void)state;
}

/* As many program headers as a file can claim, in a file that has them. */
static void test_many_headers(void **state)
{
	struct file file = make_file(false);
	const uint64_t zero = 0;
	const uint16_t many = UINT16_MAX;
	memcpy(file.bytes + offsetof(Elf64_Ehdr, e_phnum), &many, 2);
	memcpy(file.bytes + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_filesz), &zero, 8);
	hb_elf_is_made_by_go(read_file, &file);
	assert_true(file.reads < 1000);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_notes),
	        cmocka_unit_test(test_sections),
	        cmocka_unit_test(test_lies),
	        cmocka_unit_test(test_many_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
