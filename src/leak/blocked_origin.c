/* For whom goroutines that can never run again were started: tests, by the stacks of those who started them (golang/ancestors.h) or by
 * labels (leak/labels.h). What labels say is the target's data, and not shown unless it is asked for; the name of one of the
 * program's own tests is in its file as well.
 */
#include "golang/ancestors.h"
#include "leak/blocked.h"
#include "leak/labels.h"
#include "leak/wording.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LOOKED_AT = 1000, MOST_TEXTS = 64, SHOWN = 4, LENGTH = HB_LABEL_KEY + HB_LABEL_VALUE + 4 };

/* Different texts, in the order they came in. */
struct texts {
	size_t n;
	struct text {
		size_t count;
		bool is_test; /* by its label */
		char text[LENGTH];
	} list[MOST_TEXTS];
};

/* NULL: there is no room. */
static struct text *count(struct texts *texts, const char *text)
{
	size_t i = 0;
	while (i < texts->n && strcmp(texts->list[i].text, text) != 0)
		i++;
	if (i == MOST_TEXTS)
		return NULL;
	if (i == texts->n) {
		texts->list[texts->n++] = (struct text){0};
		snprintf(texts->list[i].text, LENGTH, "%s", text);
	}
	texts->list[i].count++;
	return &texts->list[i];
}

static struct hb_error *say_tests(const struct texts *tests, const char *how, struct hb_finding *finding)
{
	char text[SHOWN * (LENGTH + 2)] = "";
	size_t len = 0;
	if (!tests->n)
		return NULL;
	for (size_t i = 0; i < hb_min(tests->n, (size_t)SHOWN); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? ", " : "", tests->list[i].text);
	return hb_finding_because(finding, hb_say("%s the test%s %s%s", how, tests->n > 1 ? "s" : "", text,
	                                          tests->n > SHOWN ? ", …" : ""));
}

static int by_count(const void *a, const void *b)
{
	const struct text *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->text, y->text);
}

static struct hb_error *say_labels(struct texts *labels, size_t looked_at, struct hb_finding *finding)
{
	char number[48];
	qsort(labels->list, labels->n, sizeof(*labels->list), by_count);
	for (size_t i = 0; i < hb_min(labels->n, (size_t)SHOWN); i++) {
		const struct text *label = &labels->list[i];
		snprintf(number, sizeof(number), " (%zu of %zu)", label->count, looked_at);
		TRY(hb_finding_because(finding,
		                       hb_say("labelled %s%s", label->text, label->count < looked_at ? number : "")));
	}
	return NULL;
}

/* --- Reading -------------------------------------------------------------------------------------------------------- */

struct origin {
	const struct hb_analysis *analysis;
	struct texts started, labelled; /* tests: by who started them, by their labels */
	struct texts values;            /* of labels, looked up once each */
	struct texts labels;
};

static bool is_test(struct origin *origin, const char *value)
{
	size_t before = origin->values.n;
	struct text *text = count(&origin->values, value);
	if (text && origin->values.n > before)
		text->is_test = hb_go_is_test(origin->analysis->go, value);
	return text && text->is_test;
}

static void look_at(struct origin *origin, const struct hb_goroutine *goroutine)
{
	enum { MOST_LABELS = 16 };
	struct hb_label labels[MOST_LABELS];
	char text[LENGTH];
	bool known = hb_go_test_of(origin->analysis->go, goroutine, text, sizeof(text));
	if (known)
		count(&origin->started, text);
	if (known && !origin->analysis->options.show_data)
		return; /* nobody asks for its labels */
	size_t n = hb_labels_of(origin->analysis, goroutine, labels, MOST_LABELS);
	for (size_t i = 0; i < n; i++) {
		if (!known && is_test(origin, labels[i].value))
			count(&origin->labelled, labels[i].value);
		snprintf(text, sizeof(text), "%.*s=%.*s", HB_LABEL_KEY, labels[i].key, HB_LABEL_VALUE, labels[i].value);
		count(&origin->labels, text);
	}
}

struct hb_error *hb_blocked_say_origin(const struct hb_blocked *blocked, const uint32_t *nodes, size_t n,
                                       struct hb_finding *finding)
{
	hb_autofree struct origin *origin = calloc(1, sizeof(*origin));
	size_t looked_at = hb_min(n, (size_t)MOST_LOOKED_AT);
	if (!origin)
		return hb_error_nomem();
	origin->analysis = blocked->analysis;
	for (size_t i = 0; i < looked_at; i++)
		look_at(origin, blocked->list[nodes[i]].goroutine);
	TRY(say_tests(&origin->started, "started by", finding));
	TRY(say_tests(&origin->labelled, "by their labels they belong to", finding));
	return blocked->analysis->options.show_data ? say_labels(&origin->labels, looked_at, finding) : NULL;
}
