/* Data that no symbol names, by the code that refers to it. */
#include "golang/names_internal.h"

#include <stdio.h>
#include <string.h>

/* --- Cutting ---------------------------------------------------------------------------------------------------- */

void hb_naming_refs(const struct hb_naming *naming, uint64_t from, uint64_t to, size_t *first, size_t *last)
{
	size_t low = hb_partition_point(naming->facts ? naming->facts->refs.len : 0, i,
	                                naming->facts->refs.data[i].data < from);
	*first = low;
	while (naming->facts && low < naming->facts->refs.len && naming->facts->refs.data[low].data < to)
		low++;
	*last = low;
}

/* The next word boundary in (after, end) that code refers to or static data points to; end when there is none. */
static uint64_t next_cut(const struct hb_naming *naming, uint64_t after, uint64_t end, size_t *ref, size_t *pointer)
{
	uint64_t cut = end;
	const struct hb_code_facts *facts = naming->facts;
	while (facts && *ref < facts->refs.len && (facts->refs.data[*ref].data & ~7ull) <= after)
		++*ref;
	if (facts && *ref < facts->refs.len)
		cut = hb_min(cut, facts->refs.data[*ref].data & ~7ull);
	while (*pointer < naming->pointers.len && (naming->pointers.data[*pointer].target & ~7ull) <= after)
		++*pointer;
	if (*pointer < naming->pointers.len)
		cut = hb_min(cut, naming->pointers.data[*pointer].target & ~7ull);
	return cut;
}

struct cutter {
	struct hb_naming *naming;
	HB_VEC(struct hb_piece) pieces; /* the new ones */
};

static struct hb_error *cut_gap(struct cutter *cutter, uint64_t start, uint64_t end)
{
	size_t ref, pointer, last;
	start = (start + 7) & ~7ull;
	if (start >= end)
		return NULL;
	hb_naming_refs(cutter->naming, start, start, &ref, &last);
	hb_naming_pointers(cutter->naming, start, start, &pointer, &last);
	for (uint64_t at = start, next; at < end; at = next) {
		next = next_cut(cutter->naming, at, end, &ref, &pointer);
		HB_VEC_PUSH(&cutter->pieces,
		            (struct hb_piece){.addr = at, .size = next - at, .source = HB_PIECE_UNKNOWN});
	}
	return NULL;
}

/* What the pieces so far leave uncovered of a section. */
static struct hb_error *cut_section(struct cutter *cutter, uint64_t start, uint64_t end)
{
	const struct hb_naming *naming = cutter->naming;
	for (size_t i = 0; i < naming->pieces.len && start < end; i++) {
		const struct hb_piece *piece = &naming->pieces.data[i];
		if (piece->addr + piece->size <= start)
			continue;
		if (piece->addr >= end)
			break;
		if (piece->addr > start)
			TRY(cut_gap(cutter, start, piece->addr));
		start = piece->addr + piece->size;
	}
	return start < end ? cut_gap(cutter, start, end) : NULL;
}

static int piece_compare(const void *left, const void *right)
{
	const struct hb_piece *a = left, *b = right;
	return a->addr == b->addr ? 0 : a->addr < b->addr ? -1 : 1;
}

static struct hb_error *cut(struct cutter *cutter)
{
	struct hb_naming *naming = cutter->naming;
	const struct hb_go_module *module = naming->module;
	/* Roots are in data and bss only: the other two sections hold no pointers. */
	TRY(cut_section(cutter, module->data, module->edata));
	TRY(cut_section(cutter, module->bss, module->ebss));
	for (size_t i = 0; i < cutter->pieces.len; i++)
		HB_VEC_PUSH(&naming->pieces, cutter->pieces.data[i]);
	if (naming->pieces.len > 1)
		qsort(naming->pieces.data, naming->pieces.len, sizeof(struct hb_piece), piece_compare);
	return NULL;
}

struct hb_error *hb_naming_cut(struct hb_naming *naming)
{
	struct cutter cutter = {.naming = naming};
	struct hb_error *err = cut(&cutter);
	hb_vec_deinit(&cutter.pieces);
	return err;
}

/* --- Whose it is ------------------------------------------------------------------------------------------------ */

enum { MAX_FUNCTIONS = 32, MAX_PACKAGES = 32, MAX_INLINED = 16, SHORT_NAME = 160, MEMORY = 16 };

/* Where a function that was inlined at a reference has a body of its own, that says whether the address that the
 * reference takes is the function's, or its caller's, who hands it over: then its own body does not know it. */
enum taken { TAKEN_BY_IT, TAKEN_BY_CALLER, TAKEN_BY_EITHER };
struct verdict {
	const char *function;
	enum taken taken;
};

struct user { /* a function whose source, or a closure in it, refers to the piece */
	const char *symbol;
	size_t len; /* without closures */
	uint32_t package;
};
struct candidate {
	uint32_t package;
	bool sets_up;  /* its declarations' initialiser stores there or takes the address */
	bool direct;   /* a function of it, perhaps inlined elsewhere, refers to the piece on its own account */
	bool physical; /* such a function that is not inlined into another package: it names the variable in its source
	                */
	bool no_hook;  /* a reference other than a store in a func init, which rather sets another package's hook */
	bool doubtful; /* a function of it, always inlined, takes the address, which may have been handed to it */
};
struct users {
	struct user list[MAX_FUNCTIONS]; /* the first ones by pc, distinct */
	unsigned n;
	bool more;
	struct candidate candidates[MAX_PACKAGES];
	unsigned ncandidates;
	bool runtime_only;
	struct verdict
	        verdicts[MEMORY]; /* on inlined functions, the last ones: a piece may have thousands of references */
	unsigned nverdicts;
};

static struct candidate *candidate(struct users *users, uint32_t package)
{
	for (unsigned i = 0; i < users->ncandidates; i++)
		if (users->candidates[i].package == package)
			return &users->candidates[i];
	if (users->ncandidates == MAX_PACKAGES)
		return NULL;
	users->candidates[users->ncandidates] = (struct candidate){.package = package};
	return &users->candidates[users->ncandidates++];
}

static bool add_user(struct users *users, const char *symbol, uint32_t package)
{
	size_t len = hb_func_name_without_closures(symbol);
	for (unsigned i = 0; i < users->n; i++)
		if (users->list[i].len == len && !memcmp(users->list[i].symbol, symbol, len))
			return false;
	if (users->n < MAX_FUNCTIONS)
		users->list[users->n++] = (struct user){symbol, len, package};
	else
		users->more = true;
	return true;
}

/* Packages whose functions work on what they are given and have no variables to speak of. */
static bool is_transparent(const struct hb_package *package)
{
	return !strcmp(package->path, "sync/atomic") || !strcmp(package->path, "internal/runtime/atomic") ||
	       !strcmp(package->path, "runtime/internal/atomic");
}

/* Package runtime has functions under other packages' names (linkname: reflect.addReflectOff in runtime/runtime1.go).
 */
static const struct hb_span runtime_package = {"runtime", 7};

static bool is_runtime_file(const char *file)
{
	return strstr(file, "/src/runtime/") || !strncmp(file, "runtime/", 8);
}

static bool is_runtime_symbol(const char *function)
{
	return !strncmp(function, "runtime.", 8) || !strncmp(function, "runtime/", 8);
}

static int body_compare(const void *left, const void *right)
{
	const struct hb_naming_body *a = left, *b = right;
	return a->name == b->name ? 0 : a->name < b->name ? -1 : 1;
}

static struct hb_error *list_bodies(struct hb_naming *naming)
{
	const struct hb_go_module *module = naming->module;
	for (uint32_t i = 0; i + 1 < module->nftab; i++) {
		struct hb_go_func func;
		if (hb_go_func_by_index(naming->go, module, i, &func))
			HB_VEC_PUSH(&naming->bodies, (struct hb_naming_body){func.name, i});
	}
	if (naming->bodies.len > 1)
		qsort(naming->bodies.data, naming->bodies.len, sizeof(naming->bodies.data[0]), body_compare);
	return NULL;
}

static struct hb_error *read_bodies(struct hb_naming *naming, const char *function, size_t first, size_t last,
                                    enum taken *ret)
{
	if (!naming->bodies.len)
		TRY(list_bodies(naming));
	size_t low = hb_partition_point(naming->bodies.len, i, naming->bodies.data[i].name < function);
	*ret = TAKEN_BY_EITHER;
	for (; low < naming->bodies.len && naming->bodies.data[low].name == function; low++) {
		*ret = TAKEN_BY_CALLER;
		for (size_t i = first; i < last; i++)
			if (naming->facts->refs.data[i].func == naming->bodies.data[low].index) {
				*ret = TAKEN_BY_IT;
				return NULL;
			}
	}
	return NULL;
}

/* A reference to a piece, and all those to it: refs[first … last). */
struct reference {
	const struct hb_code_ref *ref;
	size_t first, last;
};

static struct hb_error *who_takes(struct hb_naming *naming, const struct reference *reference, const char *function,
                                  struct users *users, enum taken *ret)
{
	for (unsigned i = 0; i < users->nverdicts && i < MEMORY; i++)
		if (users->verdicts[i].function == function) {
			*ret = users->verdicts[i].taken;
			return NULL;
		}
	TRY(read_bodies(naming, function, reference->first, reference->last, ret));
	users->verdicts[users->nverdicts++ % MEMORY] = (struct verdict){function, *ret};
	return NULL;
}

/* Is the function, inlined into others, the direct user, or was it handed the address? An inlined method with a pointer
 * receiver and a generic function may have been; of others their own bodies tell. *doubtful: it cannot be told. */
static struct hb_error *was_handed(struct hb_naming *naming, const struct reference *reference, const char *function,
                                   const struct hb_func_name *name, uint32_t package, struct users *users, bool *ret,
                                   bool *doubtful)
{
	enum taken taken = TAKEN_BY_IT;
	*ret = name->pointer_receiver || name->is_generic || is_transparent(&naming->packages.list[package]);
	if (!*ret)
		TRY(who_takes(naming, reference, function, users, &taken));
	/* What is loaded or stored in it without a body to compare with is rather its own. */
	*doubtful = taken == TAKEN_BY_EITHER && reference->ref->how == 'L';
	*ret |= taken == TAKEN_BY_CALLER || *doubtful;
	return NULL;
}

/* The source functions at a reference, innermost first: the first one that was not handed the address is the direct user.
 * What an initialiser stores may be computed by a function inlined into it: the outermost one says whose variable that
 * sets up. */
static struct hb_error *add_ref(struct hb_naming *naming, const struct reference *reference, struct users *users)
{
	struct hb_go_line lines[MAX_INLINED];
	struct hb_func_name name;
	const struct hb_code_ref *ref = reference->ref;
	size_t n = hb_go_lines(naming->go, naming->module->text + ref->pc, lines, MAX_INLINED);
	uint32_t package = 0;
	for (size_t i = 0; i < n; i++) {
		hb_func_name_parse(lines[i].function, &name);
		bool pushed = is_runtime_file(lines[i].file) && !is_runtime_symbol(lines[i].function);
		uint32_t id = hb_packages_add(&naming->packages, pushed ? runtime_package : name.package);
		if (id == UINT32_MAX)
			return hb_error_nomem();
		bool handed = false, doubtful = false;
		if (i + 1 < n && id && !package)
			TRY(was_handed(naming, reference, lines[i].function, &name, id, users, &handed, &doubtful));
		struct candidate *maybe = doubtful ? candidate(users, id) : NULL;
		if (maybe)
			maybe->doubtful = true;
		if (!package && id && !handed) {
			package = id;
			(void)add_user(users, lines[i].function, id);
			users->runtime_only &= naming->packages.list[id].is_runtime;
		}
		if (i + 1 < n)
			continue;
		struct candidate *outer = id ? candidate(users, id) : NULL;
		struct candidate *direct = package ? candidate(users, package) : NULL;
		if (outer)
			outer->sets_up |= name.initialises_variables && ref->how != 'M';
		if (direct) {
			direct->direct = true;
			direct->physical |= direct == outer;
			direct->no_hook |= ref->how != 'W' || !name.is_init || name.initialises_variables;
		}
	}
	return NULL;
}

static bool comes_before(const struct hb_naming *naming, const struct candidate *a, const struct candidate *b)
{
	return naming->packages.list[a->package].order < naming->packages.list[b->package].order;
}

/* The package whose variable this is; 0: nobody knows. A package refers to variables of its own and of packages that it
 * imports, and the linker puts imports first: so the owner is no later than the first that refers to it in its own
 * functions. An initialiser of a package up to there that sets it up decides; else it is the first to refer to it.
 * before: whose the data in front is, which may be an earlier part of the same variable. */
static uint32_t owner(const struct hb_naming *naming, const struct users *users, uint32_t before)
{
	const struct candidate *first = NULL, *limit = NULL, *initialiser = NULL;
	for (unsigned i = 0; i < users->ncandidates; i++) {
		const struct candidate *one = &users->candidates[i];
		if (one->direct && (!first || comes_before(naming, one, first)))
			first = one;
		if (one->physical && (!limit || comes_before(naming, one, limit)))
			limit = one;
	}
	for (unsigned i = 0; i < users->ncandidates; i++) {
		const struct candidate *one = &users->candidates[i];
		if (one->sets_up && (!limit || !comes_before(naming, limit, one)) &&
		    (!initialiser || comes_before(naming, one, initialiser)))
			initialiser = one;
	}
	const struct candidate *best = initialiser ? initialiser : first;
	for (unsigned i = 0; i < users->ncandidates && best; i++) {
		const struct candidate *one = &users->candidates[i];
		if (one->doubtful && !one->direct && !one->sets_up && comes_before(naming, one, best))
			return 0;
	}
	if (initialiser)
		return initialiser->package;
	return first && (first->no_hook || first->package == before) ? first->package : 0;
}

/* --- Saying it -------------------------------------------------------------------------------------------------- */

static bool same_span(struct hb_span a, struct hb_span b)
{
	return a.len == b.len && !memcmp(a.text, b.text, a.len);
}

/* "cache.Store" when every user is one of its methods (or a closure in one), and there are several. */
static bool only_methods(struct hb_naming *naming, const struct user *const *users, unsigned n, char *buf, size_t size)
{
	struct hb_func_name first, name;
	if (n < 2)
		return false;
	hb_func_name_parse(users[0]->symbol, &first);
	for (unsigned i = 0; i < n; i++) {
		hb_func_name_parse(users[i]->symbol, &name);
		if (!name.receiver.len || !same_span(name.receiver, first.receiver) ||
		    !same_span(name.package, first.package))
			return false;
	}
	snprintf(buf, size, "methods of %s.%.*s", naming->packages.list[users[0]->package].name,
	         (int)hb_min(first.receiver.len, (size_t)120), first.receiver.text);
	return true;
}

static void list_users(struct hb_naming *naming, const struct user *const *users, unsigned n, bool more, char *buf,
                       size_t size)
{
	char name[SHORT_NAME];
	size_t at = 0;
	unsigned shown = n <= 2 ? n : 2;
	for (unsigned i = 0; i < shown; i++) {
		hb_packages_short_name(&naming->packages, users[i]->symbol, users[i]->len, name, sizeof(name));
		const char *separator = i == 0 ? "" : n == 2 && !more ? " and " : ", ";
		int wrote = snprintf(buf + at, size - at, "%s%s", separator, name);
		if (wrote < 0 || (size_t)wrote >= size - at)
			return;
		at += (size_t)wrote;
	}
	if (more)
		snprintf(buf + at, size - at, " and many more");
	else if (n > shown)
		snprintf(buf + at, size - at, " and %u more", n - shown);
}

/* Its own package's functions say most; what init does, least. */
static unsigned choose_users(const struct users *users, uint32_t package, const struct user **ret)
{
	for (unsigned pass = 0; pass < 3; pass++) {
		unsigned n = 0;
		for (unsigned i = 0; i < users->n; i++) {
			struct hb_func_name name;
			hb_func_name_parse(users->list[i].symbol, &name);
			bool own = users->list[i].package == package;
			if ((pass == 0 && own && !name.is_init) || (pass == 1 && !name.is_init) || pass == 2)
				ret[n++] = &users->list[i];
		}
		if (n)
			return n;
	}
	return 0;
}

/* "cache global (used by cache.Add and cache.Report)"; without a package "global (used by …)", or what it is instead.
 */
static const char *description(struct hb_naming *naming, const struct users *users, uint32_t package, const char *what)
{
	const struct user *chosen[MAX_FUNCTIONS];
	unsigned n = choose_users(users, package, chosen);
	char text[2 * SHORT_NAME + 64] = "";
	if (users->more || !only_methods(naming, chosen, n, text, sizeof(text)))
		list_users(naming, chosen, n, users->more, text, sizeof(text));
	if (!package)
		return hb_arena_printf(&naming->arena, "%s (used by %s)", what, text);
	return hb_arena_printf(&naming->arena, "%s %s (used by %s)", naming->packages.list[package].name, what, text);
}

static struct hb_error *find_users(struct hb_naming *naming, const struct hb_piece *piece, struct users *ret)
{
	size_t first, last;
	hb_naming_refs(naming, piece->addr, piece->addr + piece->size, &first, &last);
	*ret = (struct users){.runtime_only = true};
	for (size_t i = first; i < last; i++) {
		struct reference reference = {&naming->facts->refs.data[i], first, last};
		TRY(add_ref(naming, &reference, ret));
	}
	return NULL;
}

static struct hb_error *describe(struct hb_naming *naming, struct hb_piece *piece, uint32_t before)
{
	struct users users;
	TRY(find_users(naming, piece, &users));
	if (!users.n)
		return NULL;
	uint32_t package = owner(naming, &users, before);
	piece->source = HB_PIECE_CODE;
	piece->package = package;
	piece->runtime_internal = users.runtime_only;
	piece->name = description(naming, &users, package, "global");
	return piece->name ? NULL : hb_error_nomem();
}

struct hb_error *hb_naming_describe(struct hb_naming *naming)
{
	uint32_t before = 0;
	for (size_t i = 0; i < naming->pieces.len; i++) {
		if (naming->pieces.data[i].source == HB_PIECE_UNKNOWN)
			TRY(describe(naming, &naming->pieces.data[i], before));
		before = naming->pieces.data[i].package;
	}
	return NULL;
}

/* --- Constants -------------------------------------------------------------------------------------------------- */

/* Does its initial value lead to data that can change? Data without pointers can, but leads no further. */
static bool leads_to_data(const struct hb_naming *naming, const struct hb_piece *piece)
{
	const struct hb_go_module *module = naming->module;
	size_t low = hb_partition_point(naming->by_holder.len, i, naming->by_holder.data[i].at < piece->addr);
	for (; low < naming->by_holder.len && naming->by_holder.data[low].at < piece->addr + piece->size; low++) {
		uint64_t target = naming->by_holder.data[low].target;
		if ((target >= module->data && target < module->edata) ||
		    (target >= module->bss && target < module->ebss))
			return true;
	}
	return false;
}

/* Does it hold an address outside of the program's own sections by now? */
static bool leads_out(const struct hb_naming *naming, const struct hb_piece *piece)
{
	const struct hb_go_module *module = naming->module;
	uint64_t end = hb_max(hb_max(module->enoptrbss, module->ebss), hb_max(module->edata, module->etypes)), word;
	for (uint64_t at = (piece->addr + 7) & ~7ull; at + 8 <= piece->addr + piece->size; at += 8)
		if (hb_snapshot_u64(naming->go->snapshot, at, &word) && word >= 1 << 20 &&
		    (word < module->text || word >= end))
			return true;
	return false;
}

static bool is_error(const struct hb_naming *naming, const struct hb_piece *piece)
{
	uint32_t id = piece->type ? hb_types_find(naming->types, piece->type) : 0;
	return id && !strcmp(naming->types->list[id].name, "error");
}

/* Initialised, only ever loaded, and without a way to anything that changes: strings, tables, error values. */
static bool is_constant(const struct hb_naming *naming, const struct hb_piece *piece)
{
	const struct hb_go_module *module = naming->module;
	if (piece->source != HB_PIECE_CODE || piece->addr < module->data || piece->addr >= module->edata)
		return false;
	size_t first, last;
	hb_naming_refs(naming, piece->addr, piece->addr + piece->size, &first, &last);
	for (size_t i = first; i < last; i++)
		if (naming->facts->refs.data[i].how != 'M')
			return false;
	return is_error(naming, piece) || (!leads_to_data(naming, piece) && !leads_out(naming, piece));
}

struct hb_error *hb_naming_doubt_constants(struct hb_naming *naming)
{
	for (size_t i = 0; i < naming->pieces.len; i++) {
		struct hb_piece *piece = &naming->pieces.data[i];
		if (!is_constant(naming, piece))
			continue;
		struct users users;
		TRY(find_users(naming, piece, &users));
		piece->package = 0;
		piece->name = description(naming, &users, 0, "constant");
		if (!piece->name)
			return hb_error_nomem();
	}
	return NULL;
}
