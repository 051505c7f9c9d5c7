#include "golang/ancestors.h"
#include "golang/func_name.h"
#include "golang/pclntab.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* "TestFanOut" of "TestFanOut.func1": a prefix that no small letter follows. */
static bool is_test_name(const char *name, size_t len)
{
	static const char *const prefixes[] = {"Test", "Benchmark", "Fuzz", "Example"};
	for (size_t i = 0; i < hb_countof(prefixes); i++) {
		size_t prefix = strlen(prefixes[i]);
		if (len >= prefix && !strncmp(name, prefixes[i], prefix) &&
		    (len == prefix || !islower((unsigned char)name[prefix])))
			return true;
	}
	return false;
}

/* Of "example.org/api.TestFanOut.func1", and of a suite's "api.(*Suite).TestFanOut". */
static bool test_in(const struct hb_go_line *line, char *buf, size_t size)
{
	size_t file = strlen(line->file), suffix = strlen("_test.go");
	if (file < suffix || strcmp(line->file + file - suffix, "_test.go") != 0)
		return false;
	struct hb_func_name name;
	hb_func_name_parse(line->function, &name);
	const char *member = name.member.text ? name.member.text : "";
	size_t len = strcspn(member, ".[");
	if (!len || !is_test_name(member, len))
		return false;
	snprintf(buf, size, "%.*s", (int)hb_min(len, size - 1), member);
	return true;
}

/* pc: of an instruction. */
static bool test_at(const struct hb_go *go, uint64_t pc, char *buf, size_t size)
{
	enum { SOME_LINES = 32 };
	struct hb_go_line lines[SOME_LINES];
	size_t n = hb_go_lines(go, pc, lines, SOME_LINES);
	for (size_t i = 0; i < n; i++)
		if (test_in(&lines[i], buf, size))
			return true;
	return false;
}

static bool test_on_stack(const struct hb_go *go, uint64_t ancestor, char *buf, size_t size)
{
	uint64_t pcs, n, pc;
	if (!hb_snapshot_slice(go->snapshot, ancestor + HB_ANCESTOR_PCS, HB_MOST_ANCESTOR_PCS, &pcs, &n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (hb_snapshot_u64(go->snapshot, pcs + i * 8, &pc) && pc && test_at(go, pc - 1, buf, size))
			return true;
	return false;
}

bool hb_go_test_of(const struct hb_go *go, const struct hb_goroutine *goroutine, char *buf, size_t size)
{
	uint64_t slice, list, n;
	if (goroutine->gopc && test_at(go, goroutine->gopc - 1, buf, size))
		return true;
	if (go->layout->g.ancestors == HB_ABSENT ||
	    !hb_snapshot_u64(go->snapshot, goroutine->g + go->layout->g.ancestors, &slice) || !slice ||
	    !hb_snapshot_slice(go->snapshot, slice, HB_MOST_ANCESTORS, &list, &n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (test_on_stack(go, list + i * HB_ANCESTOR_SIZE, buf, size))
			return true;
	return false;
}

static bool has_test(const struct hb_go *go, const struct hb_go_module *module, const char *test, size_t len)
{
	for (uint32_t i = 0; i + 1 < module->nftab; i++) {
		struct hb_go_func func;
		if (!hb_go_func_by_index(go, module, i, &func))
			continue;
		size_t whole = strlen(func.name);
		char found[256];
		if (whole > len && func.name[whole - len - 1] == '.' && !memcmp(func.name + whole - len, test, len) &&
		    test_at(go, func.entry, found, sizeof(found)) && !strncmp(found, test, len) && !found[len])
			return true;
	}
	return false;
}

bool hb_go_is_test(const struct hb_go *go, const char *text)
{
	size_t len = strcspn(text, "/");
	if (!is_test_name(text, len))
		return false;
	for (size_t i = 0; i < go->nmodules; i++)
		if (has_test(go, &go->modules[i], text, len))
			return true;
	return false;
}
