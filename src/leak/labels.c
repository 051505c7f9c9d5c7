#include "leak/labels.h"
#include "golang/maps.h"
#include "leak/contents.h"

#include <string.h>

enum { MOST_LABELS = 1024, LABEL_SIZE = 32, FIRST_WITH_SLICES = 24 };

struct reading {
	const struct hb_analysis *analysis;
	struct hb_label *ret;
	size_t n, most;
};

/* header: of a string. */
static bool read_text(const struct hb_analysis *analysis, const uint8_t *header, char *to, size_t size)
{
	uint64_t len = hb_min(hb_load_u64(header + 8), (uint64_t)size - 1);
	if (!hb_contents_read(analysis, hb_load_u64(header), len, to))
		return false;
	to[len] = 0;
	return true;
}

/* Both are headers of strings, as they lie in a slot of the map or in the slice. False: there is no room for more. */
static bool add(void *ctx, const uint8_t *key, const uint8_t *value)
{
	struct reading *reading = ctx;
	struct hb_label *label = &reading->ret[reading->n];
	if (read_text(reading->analysis, key, label->key, sizeof(label->key)) &&
	    read_text(reading->analysis, value, label->value, sizeof(label->value)))
		reading->n++;
	return reading->n < reading->most;
}

static void read_slice(struct reading *reading, uint64_t set)
{
	uint64_t list, n;
	if (!hb_snapshot_slice(reading->analysis->snapshot, set, MOST_LABELS, &list, &n))
		return;
	const uint8_t *labels = hb_snapshot_at(reading->analysis->snapshot, list, n * LABEL_SIZE);
	for (uint64_t i = 0; labels && i < n; i++)
		if (!add(reading, labels + i * LABEL_SIZE, labels + i * LABEL_SIZE + 16))
			return;
}

static void read_map(struct reading *reading, uint64_t set)
{
	const struct hb_types *types = reading->analysis->types;
	uint32_t type = hb_types_by_name(types, "pprof.labelMap", "runtime/pprof");
	struct hb_map map;
	uint64_t header;
	if (hb_snapshot_u64(reading->analysis->snapshot, set, &header) && header &&
	    hb_map_open(types, reading->analysis->heap, header, type, &map) && map.key_size == 16 &&
	    map.elem_size == 16)
		hb_map_each(&map, add, reading);
}

size_t hb_labels_of(const struct hb_analysis *analysis, const struct hb_goroutine *goroutine, struct hb_label *ret,
                    size_t most)
{
	struct reading reading = {.analysis = analysis, .ret = ret, .most = most};
	const struct hb_go_layout *layout = analysis->go->layout;
	uint64_t set;
	if (!most || layout->g.labels == HB_ABSENT ||
	    !hb_snapshot_u64(analysis->snapshot, goroutine->g + layout->g.labels, &set) || !set)
		return 0;
	if (layout->minor < FIRST_WITH_SLICES)
		read_map(&reading, set);
	else
		read_slice(&reading, set);
	return reading.n;
}
