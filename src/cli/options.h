/* The table of options, for the parser and for --help. */
#pragma once
#include "cli/cli.h"

struct hb_option {
	enum hb_option_id id;
	char letter; /* 0: none */
	const char *name;
	const char *value; /* what it takes ("FILE"), NULL: nothing */
	const char *about;
};
extern const struct hb_option hb_options_table[];
extern const size_t hb_options_count;

/* The command that was probably meant, NULL. */
const char *hb_suggest_command(const char *typed);
