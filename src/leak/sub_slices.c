/* H301: a slice or string that uses a small part of a large array keeps all of it. docs/detectors/H301.md.
 *
 *   cut off   no header's capacity reaches the array's end, and all capacities together cover little of it: the program
 *             cannot get at the rest any more, whatever it does                                               likely
 *   behind    an eighth or less is used, and elements that no capacity reaches refer to what nothing else does: a slice
 *             that was shortened from the front. All that lives on until append makes a new array             estimate
 *   tiny      a hundredth or less of a megabyte or more is used, though more could be                         likely
 *   small     an eighth or less is used, though more could be: perhaps a buffer that will be filled again     estimate
 *
 * Empty slices are buffers in waiting, what a sync.Pool keeps is too, and the standard library's buffers are its own
 * business: nothing is said of them unless they are cut off.
 */
#include "leak/sub_slices.h"
#include "base/order.h"
#include "leak/detectors.h"
#include "leak/trail.h"
#include "leak/wording.h"
#include "report/format.h"

#include <stdio.h>
#include <string.h>

enum {
	LEAST_ARRAY = 4096,
	MAX_ARRAYS = 1 << 20, /* in a heap of more large objects only the larger ones are looked at */
	PART = HB_SUB_SLICE_PART,
	TINY_PART = 100,
	TINY_ARRAY = 1000000,
	LEAST_BYTES = 1000000, /* that a copy would free, for a finding */
	LEAST_OF_HEAP = 200,   /* and this part of the live heap; ten times both for an estimate */
	MAX_FINDINGS = 20,
};

enum verdict_reason { CUT_OFF, BEHIND, TINY, SMALL };

struct pin { /* one array that a finding counts */
	const struct hb_large_array *array;
	uint64_t freed; /* by a copy of what is used (or usable) */
	uint32_t root;  /* holder, HB_ROOT_NONE unknown */
	uint32_t owner; /* type of what has the header */
	uint8_t reason;
};

struct pins {
	HB_VEC(struct pin) list;
};

/* More is used, or used again, the next moment. */
static bool is_question(enum verdict_reason reason)
{
	return reason == BEHIND || reason == SMALL;
}

/* --- Which arrays ----------------------------------------------------------------------------------------------- */

static bool judge(const struct hb_large_array *array, enum verdict_reason *ret, uint64_t *freed)
{
	uint64_t used = hb_large_array_used(array), usable = hb_large_array_usable(array);
	if (!array->known || !array->referrers)
		return false;
	if (!array->reaches_end && usable && usable <= array->size / PART) {
		*ret = CUT_OFF;
		*freed = array->size - usable + array->behind;
		return true;
	}
	if (array->library || used > array->size / PART || (!used && !array->behind))
		return false;
	if (array->behind) {
		*ret = BEHIND;
		*freed = array->lowest + array->behind;
		return true;
	}
	*freed = array->size - used;
	*ret = array->pointer_free && array->size >= TINY_ARRAY && used <= array->size / TINY_PART ? TINY : SMALL;
	return true;
}

/* Held by a sync.Pool: the collector empties it by itself. */
static bool is_pooled(const struct hb_analysis *analysis, uint32_t slot)
{
	enum { MAX_STEPS = 8 }; /* poolLocal, poolChainElt, the object itself and what it is made of */
	const struct hb_graph *graph = analysis->graph;
	uint32_t number = slot ? graph->number[slot] : 0;
	for (int i = 0; i < MAX_STEPS && number > 1 && !hb_graph_is_root(graph, number); i++) {
		const struct hb_type *type = &analysis->types->list[analysis->typing->type_of[graph->slot_of[number]]];
		if (!strncmp(type->name, "sync.pool", 9) && !strcmp(type->pkg_path, "sync"))
			return true;
		number = graph->parent[number];
	}
	return false;
}

static bool is_array(const struct hb_analysis *analysis, const struct hb_large_array *array)
{
	char description[64];
	if (array->pointer_free || (array->behind && !analysis->typing->type_of[array->slot]))
		return true;
	hb_typing_describe(analysis->typing, array->slot, description, sizeof(description));
	return !strncmp(description, "[]", 2);
}

static struct hb_error *collect(const struct hb_analysis *analysis, const struct hb_large_arrays *arrays,
                                struct pins *ret)
{
	for (size_t i = 0; i < arrays->list.len; i++) {
		const struct hb_large_array *array = &arrays->list.data[i];
		enum verdict_reason reason;
		struct pin pin = {.array = array, .root = array->node};
		if (!judge(array, &reason, &pin.freed) || !is_array(analysis, array) ||
		    (reason != CUT_OFF && is_pooled(analysis, array->referrer)))
			continue;
		pin.reason = (uint8_t)reason;
		pin.owner = array->referrer ? analysis->typing->type_of[array->referrer] : array->header.type;
		HB_VEC_PUSH(&ret->list, pin);
	}
	return NULL;
}

/* The holder of each: one pass down the search tree, in which parents come before children. */
static struct hb_error *find_roots(const struct hb_analysis *analysis, struct pins *pins)
{
	const struct hb_graph *graph = analysis->graph;
	size_t bytes = ((size_t)graph->count + 1) * sizeof(uint32_t);
	uint32_t *root_of = hb_pages_map(bytes);
	if (!root_of)
		return hb_error_nomem();
	for (uint32_t number = 2; number <= graph->count; number++)
		root_of[number] = hb_graph_is_root(graph, number) ? number : root_of[graph->parent[number]];
	for (size_t i = 0; i < pins->list.len; i++) {
		struct pin *pin = &pins->list.data[i];
		uint32_t number = pin->array->referrer ? root_of[graph->number[pin->array->referrer]] : 0;
		if (number > 1)
			pin->root = number - 2;
		while (pin->root != HB_ROOT_NONE && analysis->roots.nodes.data[pin->root].parent != HB_ROOT_NONE)
			pin->root = analysis->roots.nodes.data[pin->root].parent;
	}
	hb_pages_unmap(root_of, bytes);
	return NULL;
}

/* --- Wording ---------------------------------------------------------------------------------------------------- */

struct sums {
	uint64_t count, bytes, used, freed, behind;
	bool slices, strings;
	const struct hb_large_array *example; /* the one whose copy frees most */
};

static struct sums sum_up(const struct pin *pins, size_t n)
{
	struct sums sums = {.count = n};
	uint64_t most = 0;
	for (size_t i = 0; i < n; i++) {
		sums.bytes += pins[i].array->size;
		sums.freed += pins[i].freed;
		sums.behind += pins[i].array->behind;
		sums.used += hb_large_array_used(pins[i].array);
		sums.slices |= pins[i].array->has_slices;
		sums.strings |= pins[i].array->has_strings;
		if (pins[i].freed > most) {
			most = pins[i].freed;
			sums.example = pins[i].array;
		}
	}
	return sums;
}

static const char *headers_word(const struct sums *sums, bool plural)
{
	if (sums->slices && sums->strings)
		return plural ? "slices and strings" : "slice or string";
	if (sums->strings)
		return plural ? "strings" : "string";
	return plural ? "slices" : "slice";
}

/* "are the 49,990 elements that a slice of 10 has left behind needed?" */
static char *say_left_behind(const struct sums *sums)
{
	const struct hb_large_array *array = sums->example;
	char number[32];
	if (sums->count > 1) {
		hb_format_count(sums->count, number, sizeof(number));
		return hb_say("are the elements that %s slices have left behind needed?", number);
	}
	hb_format_count(array->lowest / array->header.elem, number, sizeof(number));
	return hb_say("are the %s elements that a slice of %llu has left behind needed?", number,
	              (unsigned long long)array->smallest_len);
}

static struct hb_error *write_title(const struct sums *sums, enum verdict_reason reason, struct hb_finding *finding)
{
	char count[32], used[32], whole[32], each[32], freed[32];
	hb_format_count(sums->count, count, sizeof(count));
	hb_format_bytes(sums->used / sums->count, used, sizeof(used));
	hb_format_bytes(sums->bytes, whole, sizeof(whole));
	hb_format_bytes(sums->bytes / sums->count, each, sizeof(each));
	hb_format_bytes(sums->freed, freed, sizeof(freed));
	char *text;
	if (reason == BEHIND)
		text = say_left_behind(sums);
	else if (reason == SMALL && sums->count == 1)
		text = hb_say("is a buffer of %s needed for the %s that are in it?", whole, used);
	else if (reason == SMALL)
		text = hb_say("are %s buffers of %s needed for the %s that are in each?", count, each, used);
	else if (sums->count == 1)
		text = hb_say("a %s of %s keeps an array of %s alive", headers_word(sums, false), used, whole);
	else
		text = hb_say("%s %s of %s keep %s of %s arrays alive", count, headers_word(sums, true), used, whole,
		              each);
	return hb_finding_title(finding, text);
}

/* "one slice refers to it, of length 100 and capacity 10485760" */
static char *write_referrers(const struct sums *sums)
{
	const struct hb_large_array *example = sums->example;
	const char *whose = sums->count > 1 ? "the largest of them: " : "";
	const char *what = example->has_slices && example->has_strings ? "slices and strings"
	                   : example->has_strings                      ? "strings"
	                                                               : "slices";
	char count[32], length[96];
	hb_format_count(example->referrers, count, sizeof(count));
	if (example->header.is_string)
		snprintf(length, sizeof(length), "%llu bytes", (unsigned long long)example->smallest_len);
	else
		snprintf(length, sizeof(length), "length %llu and capacity %llu",
		         (unsigned long long)example->smallest_len, (unsigned long long)example->cap);
	if (example->referrers == 1)
		return hb_say("%sone %s refers to it, of %s, and nothing else does", whose,
		              example->header.is_string ? "string" : "slice", length);
	return hb_say("%s%s %s refer to it, the shortest of %s, and nothing else does", whose, count, what, length);
}

static struct hb_error *write_evidence(const struct sums *sums, enum verdict_reason reason, struct hb_finding *finding)
{
	char freed[32], behind[32];
	hb_format_bytes(sums->freed, freed, sizeof(freed));
	hb_format_bytes(sums->behind, behind, sizeof(behind));
	TRY(hb_finding_because(finding, write_referrers(sums)));
	switch (reason) {
	case CUT_OFF:
		if (sums->behind)
			TRY(hb_finding_because(finding,
			                       hb_say("what the elements out of reach point to is %s of it", behind)));
		return hb_finding_because(
		        finding, hb_say("the program cannot get at the other %s any more: no length or capacity "
		                        "reaches them",
		                        freed));
	case BEHIND:
		return hb_finding_because(
		        finding,
		        hb_say("no slice reaches them any more; they and the %s that only they point to live on "
		               "until append makes a new array",
		               behind));
	case TINY:
		return hb_finding_because(
		        finding, hb_say("at most a hundredth is used; appending could fill the other %s again", freed));
	case SMALL:
		return hb_finding_because(
		        finding,
		        hb_say("it may be a buffer that is filled again: %s are unused at this moment", freed));
	}
	return NULL;
}

/* The allocation stack that made most of them, from the program's own frames on. A group's pins are sorted by slot. */
static struct hb_error *write_sites(const struct hb_analysis *analysis, const struct pin *pins, size_t n,
                                    struct hb_finding *finding)
{
	hb_autofree uint32_t *slots = calloc(n, sizeof(*slots));
	hb_autofree uint64_t *freed = calloc(n, sizeof(*freed));
	if (!slots || !freed)
		return hb_error_nomem();
	for (size_t i = 0; i < n; i++) {
		slots[i] = pins[i].array->slot;
		freed[i] = pins[i].freed;
	}
	return hb_finding_sites(analysis, slots, freed, n, finding);
}

static struct hb_error *write_holder(const struct hb_analysis *analysis, const struct pin *pin,
                                     const struct hb_large_array *example, struct hb_finding *finding)
{
	char text[1024];
	const char *type = analysis->types->list[example->header.type].name;
	TRY(hb_finding_holder(analysis, pin->root, finding));
	if (example->referrer)
		return hb_trail_path(analysis, example->referrer, example->referrer_offset, type, finding);
	if (!example->header.type)
		return NULL; /* nor is there a name for it: the holder is the slice */
	hb_trail_global_step(analysis, example->node, example->referrer_offset, text, sizeof(text));
	if (!*text && analysis->roots.nodes.data[example->node].type)
		return NULL; /* the holder's own type says it */
	if (!*text)
		snprintf(text, sizeof(text), "%s", type);
	hb_say_byte(text);
	return hb_finding_step(finding, strdup(text));
}

static const char *help_for(const struct sums *sums, enum verdict_reason reason)
{
	if (reason == SMALL)
		return "if what is in it stays, copy that and let the buffer go: bytes.Clone, slices.Clone";
	if (reason == BEHIND)
		return "set an element to its zero value before s = s[1:], or copy what stays: slices.Clone(s[n:])";
	if (sums->strings && !sums->slices)
		return "keep a copy of the part that is needed: strings.Clone(s)";
	return "keep a copy of the part that is needed and let the array go: bytes.Clone(b[:n]), slices.Clone(s[:n])";
}

static struct hb_error *describe(const struct hb_analysis *analysis, const struct pin *pins, size_t n,
                                 struct hb_finding *finding)
{
	struct sums sums = sum_up(pins, n);
	enum verdict_reason reason = pins[0].reason;
	finding->rule = "H301";
	finding->verdict = is_question(reason) ? HB_ESTIMATE : HB_LIKELY;
	finding->count = sums.count;
	finding->bytes = sums.freed;
	TRY(write_title(&sums, reason, finding));
	TRY(write_holder(analysis, &pins[0], sums.example, finding));
	TRY(write_sites(analysis, pins, n, finding));
	TRY(write_evidence(&sums, reason, finding));
	return hb_finding_help(finding, help_for(&sums, reason));
}

/* --- Findings --------------------------------------------------------------------------------------------------- */

static int same_group(const struct pin *a, const struct pin *b)
{
	int order = hb_order(a->reason, b->reason);
	if (!order)
		order = hb_order(a->root, b->root);
	return order ? order : hb_order(a->owner, b->owner);
}

static int by_group(const void *a, const void *b)
{
	const struct pin *x = a, *y = b;
	int order = same_group(x, y);
	return order ? order : hb_order(x->array->slot, y->array->slot);
}

static bool is_substantial(const struct hb_analysis *analysis, const struct pin *pins, size_t n)
{
	uint64_t freed = 0, factor = is_question(pins[0].reason) ? 10 : 1;
	for (size_t i = 0; i < n; i++)
		freed += pins[i].freed;
	return freed >= LEAST_BYTES * factor && freed >= analysis->graph->reached_bytes / LEAST_OF_HEAP * factor;
}

static struct hb_error *report(const struct hb_analysis *analysis, struct pins *pins, struct hb_findings *findings)
{
	size_t made = 0;
	qsort(pins->list.data, pins->list.len, sizeof(*pins->list.data), by_group);
	for (size_t i = 0, next; i < pins->list.len && made < MAX_FINDINGS; i = next) {
		for (next = i + 1; next < pins->list.len; next++)
			if (same_group(&pins->list.data[i], &pins->list.data[next]) != 0)
				break;
		if (!is_substantial(analysis, &pins->list.data[i], next - i))
			continue;
		struct hb_finding finding = {0};
		TRY(hb_findings_add(findings, &finding, describe(analysis, &pins->list.data[i], next - i, &finding)));
		made++;
	}
	return NULL;
}

static struct hb_error *run(const struct hb_analysis *analysis, struct hb_findings *findings)
{
	struct hb_large_arrays arrays;
	struct pins pins = {0};
	uint64_t least = hb_max((uint64_t)LEAST_ARRAY, analysis->graph->reached_bytes / MAX_ARRAYS);
	TRY(hb_large_arrays_scan(analysis, least, &arrays));
	struct hb_error *err = hb_large_arrays_behind(analysis, &arrays);
	if (!err)
		err = collect(analysis, &arrays, &pins);
	if (!err && pins.list.len)
		err = find_roots(analysis, &pins);
	if (!err && pins.list.len)
		err = report(analysis, &pins, findings);
	hb_vec_deinit(&pins.list);
	hb_vec_deinit(&arrays.list);
	return err;
}

const struct hb_detector hb_detector_sub_slices = {
        .rule = "H301",
        .name = "a small slice or string keeps a large array alive",
        .run = run,
};
