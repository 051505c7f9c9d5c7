/* Any bytes as a core: opened or refused; what was opened can be asked anything.
 *
 * The mutator knows where a core keeps its numbers: besides libFuzzer's own changes it writes telling values over
 * fields of the ELF header, the program headers and the notes. */
#include "snapshot/snapshot.h"
#include "target/core.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

static void ask(struct hb_target *target, uint64_t addr)
{
	uint8_t bytes[3 * HB_CORE_PAGE / 2], states[4];
	uint64_t unread = 0;
	struct hb_range range = {addr, sizeof(bytes), bytes};
	hb_error_destroy(target->ops->read(target, &range, 1, &unread));
	require(unread <= sizeof(bytes));
	hb_error_destroy(target->ops->pages(target, addr & ~UINT64_C(0xfff), 4, states));
	for (unsigned i = 0; i < 4; i++)
		require(states[i] <= HB_PAGE_UNCAPTURED);
	(void)hb_target_mapping(target, addr);
}

static void examine(struct hb_target *target)
{
	for (size_t i = 0; i < target->nmappings; i++) {
		const struct hb_mapping *mapping = &target->mappings[i];
		require(mapping->start < mapping->end && mapping->path);
		require(!i || target->mappings[i - 1].end <= mapping->start);
		require(hb_target_mapping(target, mapping->start) == mapping);
		if (i < 20) {
			ask(target, mapping->start);
			ask(target, mapping->end - 5);
		}
	}
	ask(target, 0);
	ask(target, UINT64_MAX - 100);
	for (size_t i = 0; i < target->nthreads; i++)
		require(target->threads[i].registers.ngeneral <= hb_countof(target->threads[i].registers.general));
	const struct hb_core *core = hb_core_of(target);
	for (size_t i = 1; i < core->extents.len; i++)
		require(core->extents.data[i - 1].end <= core->extents.data[i].start);
	for (size_t i = 1; i < core->runs.len; i++)
		require(core->runs.data[i - 1].end <= core->runs.data[i].start);
	struct hb_snapshot snapshot = {0};
	hb_error_destroy(hb_core_describe(target, &snapshot));
	hb_arena_deinit(&snapshot.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		__builtin_trap();
	struct hb_target *target;
	struct hb_error *err = hb_core_open_fd(fd, "fuzz", &target);
	if (err) {
		hb_error_destroy(err);
		return 0;
	}
	examine(target);
	hb_target_destroy(target);
	return 0;
}

/* --- Changes that a core's reader notices ----------------------------------------------------------------------------
 */

static uint32_t next_random(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static uint64_t telling_value(unsigned *seed, uint64_t was, size_t size)
{
	const uint64_t values[] = {0,
	                           1,
	                           was + 1,
	                           was - 1,
	                           was + 4096,
	                           was ^ 0xfff,
	                           size,
	                           size - 1,
	                           size + 1,
	                           UINT32_MAX,
	                           INT64_MAX,
	                           UINT64_MAX,
	                           UINT64_MAX - 4095,
	                           UINT64_C(1) << 47,
	                           UINT64_C(1) << 56,
	                           UINT64_C(1) << 63,
	                           0x400000,
	                           UINT64_C(0xffffffffff600000),
	                           next_random(seed)};
	return values[next_random(seed) % hb_countof(values)];
}

/* Where a number stands: a word of the headers, or of the notes behind them. */
static size_t field_offset(const uint8_t *data, size_t size, unsigned *seed)
{
	Elf64_Ehdr header;
	memcpy(&header, data, sizeof(header));
	if (next_random(seed) % 4 == 0)
		return next_random(seed) % (sizeof(header) - 8);
	size_t segments = hb_min((size_t)header.e_phnum + 1, (size_t)64);
	if (next_random(seed) % 2)
		return sizeof(header) + next_random(seed) % (segments * sizeof(Elf64_Phdr) / 8) * 8;
	size_t notes = sizeof(header) + segments * sizeof(Elf64_Phdr);
	return notes < size ? notes + next_random(seed) % (size - notes) / 4 * 4 : 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	if (size < 256 || next_random(&seed) % 3 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (unsigned n = 1 + next_random(&seed) % 3; n--;) {
		size_t at = field_offset(data, size, &seed);
		size_t width = next_random(&seed) % 2 ? 8 : 4;
		if (at > size - 8)
			continue;
		uint64_t value = telling_value(&seed, hb_load_u64(data + at), size);
		memcpy(data + at, &value, width);
	}
	return size;
}
