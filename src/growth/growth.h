/* Growth: what several moments of one process say about its containers. docs/growth.md.
 *
 * Vocabulary
 *   population  something that is counted: the entries of a map, the elements of a slice or list
 *   look        one moment: a very short stop in which headers and samples of the populations are read
 *   sample      a part of a population that is the same part at every look: the elements of it are told apart by what
 *               they are (the key of a map), not by where they lie
 *   settled     an element that was there at two looks in a row
 *   pile        goroutines that wait at one place; they are counted like a population
 *   window      from the first look to the last one
 *
 * The populations come from one whole analysis; later looks read them again in the living process, where everything may
 * have become something else meanwhile: what does not make sense is not counted.
 */
#pragma once
#include "golang/maps.h"
#include "growth/containers.h"
#include "report/analysis.h"

enum hb_population_kind {
	HB_POPULATION_MAP,
	HB_POPULATION_SLICE,
	HB_POPULATION_CHANNEL,
	HB_POPULATION_LIST,     /* container/list */
	HB_POPULATION_SYNC_MAP, /* up to 1.23: two maps */
	HB_POPULATION_TRIE,     /* sync.Map since 1.24 */
	HB_POPULATION_LINKED,   /* nodes of the program's own that lead to others of their type */
	HB_POPULATION_KINDS,
};

/* What of a population is sampled. */
struct hb_sample_place {
	bool chosen;
	bool whole; /* a map of which every entry is looked at */
	uint64_t
	        every; /* slice and channel: blocks from one that is looked at to the next; walked: of so many ids, one */
	uint8_t depth;   /* swiss map: of the hash prefix; old map: log2 of its buckets at that time */
	uint64_t prefix; /* swiss map: the first bits of the hash; old map: the first bucket */
	uint64_t n;      /* old map: buckets */
	uint64_t seed;   /* of the hashes */
};

/* One population at one look. */
struct hb_counted {
	uint64_t count, capacity; /* capacity 0: unknown */
	uint64_t at_ns;           /* when: a look may take a while on a busy machine; as hb_look's */
	uint64_t *ids;            /* of the sample's elements, rising; owned. NULL: not sampled */
	uint32_t nids;
	bool known;   /* count is */
	bool sampled; /* ids are all of the sample */
	bool renewed; /* it was emptied, or made anew, since the sample was chosen */
};

struct hb_counts { /* one a look; an HB_VEC */
	struct hb_counted *data;
	size_t len, cap;
};

/* "map", "slice", "sync.Map" … */
const char *hb_population_kind_name(enum hb_population_kind kind);

enum hb_growth_verdict {
	HB_GROWTH_NONE,     /* did not grow, or what it has comes and goes */
	HB_GROWTH_ESTIMATE, /* grew, but a test failed */
	HB_GROWTH_LIKELY,
};

/* The tests that growth has to pass (judge.c), in the order in which a failure is told. */
enum hb_growth_test {
	HB_TEST_GREW,
	HB_TEST_SETTLED,
	HB_TEST_STEADY,
	HB_TEST_NOT_PRESIZED,
	HB_TEST_NEVER_EMPTIED,
	HB_TEST_OLD_ENOUGH,
	HB_TESTS
};

struct hb_judgement {
	enum hb_growth_verdict verdict;
	enum hb_growth_test failed; /* the first one; HB_TESTS: none */
	uint64_t first, last;       /* counts */
	uint64_t window_ns;
	double rate, early_rate, late_rate; /* a second */
	uint64_t settled, kept;             /* of the sample: there at the first two looks; and at the last one, too */
	double age;                         /* count ÷ rate, as a share of the process's age */
	uint64_t uptime_ns;                 /* at the last look */
};

struct hb_population {
	enum hb_population_kind kind;
	uint32_t type; /* of the container; linked: of a node */
	uint32_t elem; /* of what is sampled: the key of a map, an element */
	uint64_t addr; /* of the header; linked: of the word that leads to the first node */
	uint32_t slot; /* of the object that is the header, or holds it; 0: a global does */
	uint32_t node; /* that global's root node; else HB_ROOT_NONE */
	struct hb_map map;
	uint64_t count0; /* as captured */
	struct hb_sample_place place;
	struct hb_counts looks;
	struct hb_judgement judgement;
	bool merged; /* another population tells of the same leak */
};

/* Where goroutines wait, as their g structs tell without their stacks: who created them waits for the same with as much of its stack
 * in use only at the same place. */
struct hb_pile_place {
	uint64_t gopc;
	uint64_t depth;  /* bytes of stack in use */
	uint64_t reason; /* number of the wait reason */
};

struct hb_pile {
	struct hb_pile_place place;
	uint32_t parked; /* index in analysis->parked.list, of one of them */
	struct hb_counts
	        looks; /* of all goroutines, or one in so many; an id tells a goroutine that has not run since */
	struct hb_judgement judgement;
};

struct hb_look {
	uint64_t at_ns;     /* monotonic clock */
	uint64_t uptime_ns; /* since the process started, 0 unknown */
	uint64_t pause_ns;
	uint64_t bytes; /* read while it was stopped */
	/* Of the whole process; 0 unknown. */
	uint64_t rss, threads, fds;
	uint64_t goroutines; /* as runtime.NumGoroutine counts them */
};

struct hb_growth {
	const struct hb_analysis *analysis; /* borrowed */
	HB_VEC(struct hb_population) populations;
	HB_VEC(struct hb_pile) piles; /* by place */
	uint64_t pile_stride;         /* of so many goroutines in allgs, one is looked at; 0: not chosen yet */
	HB_VEC(struct hb_look) looks;
	struct hb_containers containers;
	size_t dropped; /* populations that were too many to follow */
};

/* Walked: read whole, node by node; there is no header that says how many there are. */
static inline bool hb_population_is_walked(const struct hb_population *population)
{
	return population->kind >= HB_POPULATION_LIST;
}

/* Lists the populations of an analysis. */
struct hb_error *hb_growth_create(const struct hb_analysis *analysis, struct hb_growth **ret) HB_MUST_CHECK;
void hb_growth_destroy(struct hb_growth *growth);

/* One look at a live target. HB_ERR_GONE: the program ended, or was replaced; the looks so far stay good. */
struct hb_error *hb_growth_look(struct hb_growth *growth, struct hb_target *target) HB_MUST_CHECK;

/* Waits until a moment of the monotonic clock; HB_ERR_INTERRUPTED or HB_ERR_GONE end it early. */
struct hb_error *hb_growth_wait(const struct hb_target *target, uint64_t until_ns) HB_MUST_CHECK;

/* Looks now and again until the window is over, as the analysis's options say. *ret is there from the first look on. What
 * cannot be told for want of looks is said in notes. */
struct hb_error *hb_growth_observe(const struct hb_analysis *analysis, struct hb_target *target,
                                   struct hb_growth **ret) HB_MUST_CHECK;
/* Forgets every second look between the first and the last one when there are many. */
void hb_growth_thin(struct hb_growth *growth);

/* Judges every population by the looks so far: the first one, the one nearest to the middle, and the last one. */
void hb_growth_judge(struct hb_growth *growth);
/* Then: finds those that tell of the same leak as another one. */
struct hb_error *hb_growth_merge(struct hb_growth *growth) HB_MUST_CHECK;
