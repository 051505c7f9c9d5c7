#include "golang/layout.h"

#include "base/memory.h"

#include <string.h>

const struct hb_go_layout *hb_go_layout(unsigned minor)
{
	for (unsigned i = 0; i < hb_go_nlayouts; i++) {
		if (hb_go_layouts[i].minor == minor)
			return &hb_go_layouts[i];
	}
	return NULL;
}

/* The generator writes the tables by minor. */
unsigned hb_go_oldest_minor(void)
{
	return hb_go_layouts[0].minor;
}

unsigned hb_go_newest_minor(void)
{
	return hb_go_layouts[hb_go_nlayouts - 1].minor;
}

/* --- Experiments ------------------------------------------------------------------------------------------------- */

/* internal/goexperiment/flags.go of 1.18-1.27: every experiment that was seen to leave the structs of layout_fields.def
 * where they are. What they do to the contents of a heap is in the program itself: whether there are user arenas, mark bits
 * in spans, or keys apart from elements in a map's group. */
static const char *const known[] = {
        "aliastypeparams",
        "arenas",
        "boringcrypto",
        "cacheprog",
        "cgocheck2",
        "coverageredesign",
        "dwarf5",
        "fieldtrack",
        "goroutineleakprofile",
        "heapminimum512kib",
        "jsonv2",
        "loopvar",
        "mapsplitgroup",
        "newinliner",
        "pacerredesign",
        "pagetrace",
        "preemptibleloops",
        "randomizedheapbase64",
        "rangefunc",
        "regabiargs",
        "regabireflect",
        "regabiwrappers",
        "runtimefreegc",
        "runtimesecret",
        "simd",
        "sizespecializedmalloc",
        "spinbitmutex",
        "synchashtriemap",
        "synctest",
        "unified",
        /* These have tables where they move something. */
        "allocheaders",
        "exectracer2",
        "greenteagc",
        "swissmap",
};

/* Every lock has a rank more (runtime/lockrank_on.go, 1.18-1.27), so that most structs are longer: for who works on the runtime
 * itself. */
static const char *const unread[] = {"staticlockranking"};

/* The next name of a list; NULL at its end. */
static const char *next_name(const char **list, size_t *len)
{
	*list += strspn(*list, ",");
	const char *name = *list;
	*len = strcspn(name, ",");
	*list += *len;
	return *len ? name : NULL;
}

static bool is_named(const char *name, size_t len, const char *other)
{
	return strlen(other) == len && !memcmp(name, other, len);
}

static bool has_name(const char *list, const char *name, size_t name_len)
{
	const char *one;
	for (size_t len; (one = next_name(&list, &len));)
		if (len == name_len && !memcmp(one, name, len))
			return true;
	return false;
}

bool hb_go_has_experiment(const char *experiments, const char *name)
{
	return has_name(experiments, name, strlen(name));
}

const char *hb_go_unread_experiment(const char *experiments)
{
	for (size_t i = 0; i < hb_countof(unread); i++)
		if (hb_go_has_experiment(experiments, unread[i]))
			return unread[i];
	return NULL;
}

const char *hb_go_unknown_experiment(const char *experiments, size_t *len)
{
	const char *name;
	while ((name = next_name(&experiments, len))) {
		bool found = false;
		for (size_t i = 0; i < hb_countof(known) && !found; i++)
			found = is_named(name, *len, known[i]) ||
			        (*len > 2 && !memcmp(name, "no", 2) && is_named(name + 2, *len - 2, known[i]));
		for (size_t i = 0; i < hb_countof(unread) && !found; i++)
			found = is_named(name, *len, unread[i]);
		if (!found)
			return name;
	}
	return NULL;
}

/* How many experiments of a table the list has; -1 when it lacks one. */
static int agreement(const struct hb_go_layout *layout, const char *experiments)
{
	const char *list = layout->experiments, *name;
	int n = 0;
	for (size_t len; (name = next_name(&list, &len)); n++)
		if (!has_name(experiments, name, len))
			return -1;
	return n;
}

const struct hb_go_layout *hb_go_layout_with(unsigned minor, const char *experiments)
{
	const struct hb_go_layout *best = hb_go_layout(minor);
	int most = 0;
	for (unsigned i = 0; i < hb_go_nvariants; i++) {
		int n = hb_go_variants[i].minor == minor ? agreement(&hb_go_variants[i], experiments) : -1;
		if (n > most) {
			most = n;
			best = &hb_go_variants[i];
		}
	}
	return best;
}
