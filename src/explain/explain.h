/* What each rule means: the texts of `heldby explain`, which generate.py makes from texts/RULE.md and examples/. */
#pragma once
#include <stddef.h>

enum hb_explain_kind {
	HB_EXPLAIN_HEADING,
	HB_EXPLAIN_PARAGRAPH, /* words; what is between ` and ` is code */
	HB_EXPLAIN_ITEM,      /* of a list */
	HB_EXPLAIN_CODE,      /* lines, indented with spaces */
	HB_EXPLAIN_PAIR,      /* code that leaks, and the same code repaired */
};

struct hb_explain_block {
	enum hb_explain_kind kind;
	const char *text;
	const char *repaired; /* PAIR only */
};

struct hb_explanation {
	const char *rule;  /* "H101" */
	const char *title; /* "a map that only grows" */
	const struct hb_explain_block *blocks;
	size_t nblocks;
};
extern const struct hb_explanation hb_explanations[]; /* by rule */
extern const size_t hb_nexplanations;
/* By rule, in capitals or not; NULL: there is none. */
const struct hb_explanation *hb_explanation_find(const char *rule);

/* The explanation as a page: prose at most 100 columns wide, the two forms of the code side by side where they fit. */
struct hb_page_writer;
void hb_explanation_print(const struct hb_explanation *explanation, struct hb_page_writer *page);
