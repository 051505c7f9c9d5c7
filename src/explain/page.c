/* An explanation on a terminal. */
#include "report/page.h"
#include "base/memory.h"
#include "explain/explain.h"

#include <stdlib.h>
#include <string.h>

enum { MARGIN = 2, GAP = 3, MAX_PROSE = 100 };

/* --- Prose --------------------------------------------------------------------------------------------------------- */

/* Columns of a word without its backticks. */
static unsigned word_width(const char *word, size_t len)
{
	unsigned width = 0;
	for (size_t i = 0; i < len; i++)
		width += word[i] != '`';
	return width;
}

/* What is between backticks is code; they may enclose several words. */
static void put_word(struct hb_page_writer *page, enum hb_style style, const char *word, size_t len, bool *in_code)
{
	while (len) {
		const char *tick = memchr(word, '`', len);
		size_t run = tick ? (size_t)(tick - word) : len;
		hb_page_printf(page, *in_code ? HB_CYAN : style, "%.*s", (int)run, word);
		*in_code ^= tick != NULL;
		run += tick != NULL;
		word += run;
		len -= run;
	}
}

static void prose(struct hb_page_writer *page, enum hb_style style, const char *text, unsigned indent)
{
	unsigned width = hb_min(page->width, (unsigned)MAX_PROSE);
	bool in_code = false;
	if (page->column < indent)
		hb_page_to(page, indent);
	for (const char *word = text; *word;) {
		size_t len = strcspn(word, " ");
		if (page->column > indent && page->column + 1 + word_width(word, len) > width) {
			hb_page_newline(page);
			hb_page_to(page, indent);
		} else if (page->column > indent) {
			hb_page_put(page, HB_PLAIN, " ");
		}
		put_word(page, style, word, len, &in_code);
		word += len + strspn(word + len, " ");
	}
	hb_page_newline(page);
}

/* --- Code ---------------------------------------------------------------------------------------------------------- */

/* One line at *code, which moves behind it; its comment is told apart by colour. */
static void code_line(struct hb_page_writer *page, const char **code)
{
	size_t len = strcspn(*code, "\n"), plain = len;
	for (size_t i = 0; i + 1 < len && plain == len; i++)
		if (!memcmp(*code + i, "//", 2) || !memcmp(*code + i, "/*", 2))
			plain = i;
	hb_page_printf(page, HB_PLAIN, "%.*s", (int)plain, *code);
	hb_page_printf(page, HB_DIM, "%.*s", (int)(len - plain), *code + plain);
	*code += len + ((*code)[len] == '\n');
}

static unsigned code_width(const char *code)
{
	unsigned width = 0;
	for (; *code; code += code[strcspn(code, "\n")] ? strcspn(code, "\n") + 1 : strcspn(code, "\n"))
		width = hb_max(width, (unsigned)strcspn(code, "\n"));
	return width;
}

static void code(struct hb_page_writer *page, const char *text, unsigned indent)
{
	while (*text) {
		if (*text != '\n')
			hb_page_to(page, indent);
		code_line(page, &text);
		hb_page_newline(page);
	}
}

static void label(struct hb_page_writer *page, enum hb_style style, const char *text, unsigned column)
{
	hb_page_to(page, column);
	hb_page_put(page, style, text);
}

static void side_by_side(struct hb_page_writer *page, const char *leaking, const char *repaired, unsigned middle)
{
	label(page, HB_RED, "leaks", MARGIN);
	label(page, HB_GREEN, "repaired", middle);
	hb_page_newline(page);
	while (*leaking || *repaired) {
		if (*leaking && *leaking != '\n')
			hb_page_to(page, MARGIN);
		if (*leaking)
			code_line(page, &leaking);
		if (*repaired && *repaired != '\n')
			hb_page_to(page, middle);
		if (*repaired)
			code_line(page, &repaired);
		hb_page_newline(page);
	}
}

static void pair(struct hb_page_writer *page, const struct hb_explain_block *block)
{
	unsigned middle = hb_max(MARGIN + code_width(block->text) + GAP, hb_min(page->width, 100u) / 2);
	if (middle + code_width(block->repaired) > page->width)
		middle = MARGIN + code_width(block->text) + GAP;
	if (middle + code_width(block->repaired) <= page->width) {
		side_by_side(page, block->text, block->repaired, middle);
		return;
	}
	label(page, HB_RED, "leaks", MARGIN);
	hb_page_newline(page);
	code(page, block->text, 2 * MARGIN);
	hb_page_newline(page);
	label(page, HB_GREEN, "repaired", MARGIN);
	hb_page_newline(page);
	code(page, block->repaired, 2 * MARGIN);
}

/* --- The page ------------------------------------------------------------------------------------------------------ */

static void block(struct hb_page_writer *page, const struct hb_explain_block *block)
{
	switch (block->kind) {
	case HB_EXPLAIN_HEADING:
		hb_page_put(page, HB_BOLD, block->text);
		hb_page_newline(page);
		return;
	case HB_EXPLAIN_PARAGRAPH:
		prose(page, HB_PLAIN, block->text, MARGIN);
		return;
	case HB_EXPLAIN_ITEM:
		hb_page_to(page, MARGIN);
		hb_page_put(page, HB_DIM, "- ");
		prose(page, HB_PLAIN, block->text, MARGIN + 2);
		return;
	case HB_EXPLAIN_CODE:
		code(page, block->text, 2 * MARGIN);
		return;
	case HB_EXPLAIN_PAIR:
		pair(page, block);
		return;
	}
}

/* A line is left free before a heading and between what stands below one, but for the items of a list. */
static bool is_apart(const struct hb_explain_block *before, const struct hb_explain_block *after)
{
	return after->kind == HB_EXPLAIN_HEADING ||
	       (before->kind != HB_EXPLAIN_HEADING &&
	        !(before->kind == HB_EXPLAIN_ITEM && after->kind == HB_EXPLAIN_ITEM));
}

void hb_explanation_print(const struct hb_explanation *explanation, struct hb_page_writer *page)
{
	hb_page_put(page, HB_BOLD, explanation->rule);
	hb_page_to(page, 0);
	prose(page, HB_BOLD, explanation->title, page->column);
	hb_page_newline(page);
	for (size_t i = 0; i < explanation->nblocks; i++) {
		if (i && is_apart(&explanation->blocks[i - 1], &explanation->blocks[i]))
			hb_page_newline(page);
		block(page, &explanation->blocks[i]);
	}
}

const struct hb_explanation *hb_explanation_find(const char *rule)
{
	for (size_t i = 0; i < hb_nexplanations; i++)
		if (!strcasecmp(hb_explanations[i].rule, rule))
			return &hb_explanations[i];
	return NULL;
}
