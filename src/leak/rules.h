/* The rules that heldby looks for, for output formats that name all of them, found or not. What they mean: explain/explain.h. */
#pragma once
#include <stddef.h>

enum hb_rule_needs {
	HB_RULE_NEEDS_NOTHING_ELSE,
	HB_RULE_NEEDS_LOOKS, /* more than one: --wait */
	HB_RULE_NEEDS_LIVE,  /* a process: a core does not say in which state sockets are */
};

struct hb_rule {
	const char *id;           /* "H301"; never reused */
	const char *name;         /* "SmallPartOfLargeArray" */
	enum hb_rule_needs needs; /* without it the rule was not looked for */
};
extern const struct hb_rule hb_rules[];
extern const size_t hb_nrules;

const struct hb_rule *hb_rule_find(const char *id); /* NULL unknown */
