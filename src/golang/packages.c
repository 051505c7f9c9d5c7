#include "golang/packages.h"
#include "golang/pclntab.h"
#include "golang/type_descriptor.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PATH = 2048 };

static uint32_t hash_path(const char *path)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (; *path; path++)
		hash = (hash ^ (uint8_t)*path) * 0x100000001b3u;
	return (uint32_t)(hash ^ hash >> 32);
}

static bool is_runtime(const char *path)
{
	static const char *const families[] = {"runtime", "internal/runtime", "runtime/internal"};
	static const char *const single[] = {
	        "internal/abi", "internal/bytealg", "internal/chacha8rand", "internal/coverage/rtcov",
	        "internal/cpu", "internal/goarch",  "internal/goexperiment"};
	if (!strcmp(path, families[0]))
		return true;
	for (size_t i = 1; i < hb_countof(families); i++)
		if (!strncmp(path, families[i], strlen(families[i])))
			return true;
	for (size_t i = 0; i < hb_countof(single); i++)
		if (!strcmp(path, single[i]))
			return true;
	return false;
}

static bool is_version(const char *element, size_t len)
{
	return len >= 2 && element[0] == 'v' && strspn(element + 1, "0123456789") >= len - 1;
}

/* "nats-server/v2" is called server or so: without a type to say it, the last element that is not a major version. */
static const char *guess_name(struct hb_arena *arena, const char *path)
{
	size_t end = strlen(path), start;
	for (;;) {
		for (start = end; start && path[start - 1] != '/'; start--)
			;
		if (!start || !is_version(path + start, end - start))
			break;
		end = start - 1;
	}
	/* gopkg.in/yaml.v3 */
	size_t len = end - start;
	for (size_t dot = len; dot--;)
		if (path[start + dot] == '.' && dot && is_version(path + start + dot + 1, len - dot - 1))
			len = dot;
	return hb_arena_strndup(arena, path + start, len);
}

static bool grow(struct hb_packages *packages)
{
	if (packages->n == packages->cap) {
		uint32_t cap = packages->cap ? packages->cap * 2 : 256;
		struct hb_package *list = reallocarray(packages->list, cap, sizeof(*list));
		if (!list)
			return false;
		packages->list = list;
		packages->cap = cap;
	}
	if (packages->index_size >= 2 * packages->cap)
		return true;
	uint32_t size = 4 * packages->cap;
	uint32_t *index = calloc(size, sizeof(*index));
	if (!index)
		return false;
	for (uint32_t id = 1; id < packages->n; id++) {
		uint32_t at = hash_path(packages->list[id].path) & (size - 1);
		while (index[at])
			at = (at + 1) & (size - 1);
		index[at] = id;
	}
	free(packages->index);
	packages->index = index;
	packages->index_size = size;
	return true;
}

static uint32_t add_path(struct hb_packages *packages, const char *path)
{
	if (!*path)
		return 0;
	if (!grow(packages))
		return UINT32_MAX;
	uint32_t mask = packages->index_size - 1, at = hash_path(path) & mask;
	for (; packages->index[at]; at = (at + 1) & mask)
		if (!strcmp(packages->list[packages->index[at]].path, path))
			return packages->index[at];
	struct hb_package added = {
	        .path = hb_arena_strdup(&packages->arena, path),
	        .name = guess_name(&packages->arena, path),
	        .order = INT64_MAX,
	        .is_runtime = is_runtime(path),
	};
	if (!added.path || !added.name)
		return UINT32_MAX;
	packages->list[packages->n] = added;
	packages->index[at] = packages->n;
	return packages->n++;
}

uint32_t hb_packages_add(struct hb_packages *packages, struct hb_span escaped)
{
	char path[MAX_PATH];
	hb_func_name_unescape(escaped, path, sizeof(path));
	return add_path(packages, path);
}

uint32_t hb_packages_of(struct hb_packages *packages, const char *symbol)
{
	struct hb_func_name name;
	hb_func_name_parse(symbol, &name);
	return hb_packages_add(packages, name.package);
}

/* Packages that import little, but are laid out behind some that import them. The FIPS module's code is kept together
 * behind all other (cmd/link/internal/ld/fips140.go, 1.24+). What package runtime imports comes behind it where the
 * linker does not count it as a part of the runtime (cmd/link/internal/ld/data.go, isRuntimeDepPkg, up to 1.23):
 * internal/godebugs and internal/runtime/exithook. */
static bool is_laid_out_late(const struct hb_package *package)
{
	return !strncmp(package->path, "crypto/internal/fips140", 23) || !strcmp(package->path, "internal/godebugs") ||
	       (package->is_runtime && strcmp(package->path, "runtime"));
}

static void note_run(struct hb_packages *packages, uint32_t id, uint32_t first, uint32_t len)
{
	if (len <= packages->list[id].run)
		return;
	packages->list[id].order = is_laid_out_late(&packages->list[id]) ? (int64_t)first - UINT32_MAX : first;
	packages->list[id].run = len;
}

static struct hb_error *read_functions(const struct hb_go *go, struct hb_packages *packages)
{
	if (!go->nmodules)
		return NULL;
	const struct hb_go_module *module = &go->modules[0];
	struct hb_span last = {"", 0};
	uint32_t id = 0, start = 0, i = 0;
	for (; i + 1 < module->nftab; i++) {
		struct hb_go_func func;
		struct hb_func_name name;
		if (!hb_go_func_by_index(go, module, i, &func))
			continue;
		hb_func_name_parse(func.name, &name);
		if (name.package.len == last.len && !memcmp(name.package.text, last.text, last.len))
			continue;
		note_run(packages, id, start, i - start);
		last = name.package;
		start = i;
		id = hb_packages_add(packages, name.package);
		if (id == UINT32_MAX)
			return hb_error_nomem();
	}
	note_run(packages, id, start, i - start);
	return NULL;
}

/* The types of a package are called by its name: "yaml.Node" of import path gopkg.in/yaml.v3. A plugin is a package main of
 * its own, which the last element of its path tells apart from the program's. */
static struct hb_error *read_names(const struct hb_types *types, struct hb_packages *packages)
{
	for (uint32_t i = 1; types && i < types->n; i++) {
		const struct hb_type *type = &types->list[i];
		size_t len = strcspn(type->name, ".[");
		if (!(type->tflag & HB_TFLAG_NAMED) || !type->pkg_path[0] || type->name[len] != '.')
			continue;
		if (len == 4 && !memcmp(type->name, "main", 4) && strcmp(type->pkg_path, "main") != 0)
			continue;
		uint32_t id = add_path(packages, type->pkg_path);
		if (id == UINT32_MAX)
			return hb_error_nomem();
		if (strlen(packages->list[id].name) == len && !memcmp(packages->list[id].name, type->name, len))
			continue;
		packages->list[id].name = hb_arena_strndup(&packages->arena, type->name, len);
		if (!packages->list[id].name)
			return hb_error_nomem();
	}
	return NULL;
}

struct hb_error *hb_packages_read(const struct hb_go *go, const struct hb_types *types, struct hb_packages *ret)
{
	*ret = (struct hb_packages){0};
	struct hb_error *err = NULL;
	if (!grow(ret))
		err = hb_error_nomem();
	if (!err) {
		ret->list[ret->n++] = (struct hb_package){.path = "", .name = "", .order = INT64_MAX};
		err = read_functions(go, ret);
	}
	if (!err)
		err = read_names(types, ret);
	if (err)
		hb_packages_deinit(ret);
	return err;
}

void hb_packages_deinit(struct hb_packages *packages)
{
	free(packages->list);
	free(packages->index);
	hb_arena_deinit(&packages->arena);
	*packages = (struct hb_packages){0};
}

/* Copies a name without what is in brackets. */
static void copy_without_arguments(struct hb_span text, char *buf, size_t size)
{
	static const char ellipsis[] = "[\u2026";
	size_t n = 0;
	int depth = 0;
	for (size_t i = 0; i < text.len && n + sizeof(ellipsis) + 1 < size; i++) {
		char c = text.text[i];
		if (c == '[' && !depth++) {
			memcpy(buf + n, ellipsis, sizeof(ellipsis) - 1);
			n += sizeof(ellipsis) - 1;
		}
		if (!depth)
			buf[n++] = c;
		if (c == ']' && depth && !--depth)
			buf[n++] = ']';
	}
	buf[n] = 0;
}

void hb_packages_short_name(struct hb_packages *packages, const char *symbol, size_t len, char *buf, size_t size)
{
	struct hb_func_name name;
	hb_func_name_parse(symbol, &name);
	uint32_t id = hb_packages_add(packages, name.package);
	if (size < 16)
		return;
	buf[0] = 0;
	const char *rest = name.package.text + name.package.len;
	bool known = id && id != UINT32_MAX && rest < symbol + len;
	if (!known) {
		copy_without_arguments((struct hb_span){symbol, len}, buf, size);
		return;
	}
	int n = snprintf(buf, size, "%s", packages->list[id].name);
	if (n > 0 && (size_t)n < size)
		copy_without_arguments((struct hb_span){rest, (size_t)(symbol + len - rest)}, buf + n,
		                       size - (size_t)n);
}
