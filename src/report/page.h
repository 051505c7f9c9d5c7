/* A page of text: columns, colours and escaping for the text renderer and the doctor. */
#pragma once
#include "base/error.h"
#include "report/format.h"

#include <stdio.h>

enum hb_style { HB_PLAIN, HB_BOLD, HB_DIM, HB_RED, HB_YELLOW, HB_CYAN, HB_GREEN };

struct hb_page_writer {
	FILE *out;
	bool color;
	unsigned width;  /* columns to lay out for */
	bool cut;        /* shorten what does not fit; else let it run over */
	unsigned column; /* where the next character goes */
	unsigned owed;   /* spaces that are written if something follows: lines have none at their end */
};

/* Text of the target: escaped. */
void hb_page_put(struct hb_page_writer *page, enum hb_style style, const char *text);
/* heldby's own words. */
void hb_page_printf(struct hb_page_writer *page, enum hb_style style, const char *fmt, ...) HB_PRINTF(3, 4);
/* Text of the target, at most up to column `until` (shortened if the page cuts); 0: up to the page's width. */
void hb_page_put_fit(struct hb_page_writer *page, enum hb_style style, const char *text, unsigned until);
/* Spaces up to a column; two at least when something is there already. */
void hb_page_to(struct hb_page_writer *page, unsigned column);
/* heldby's own words, ending at a column; on a line of their own when what stands there already is in the way. */
void hb_page_right(struct hb_page_writer *page, enum hb_style style, const char *text, unsigned end);
void hb_page_newline(struct hb_page_writer *page);
/* Words wrapped at the page's width, further lines beginning at the column where the first one does. */
void hb_page_wrap(struct hb_page_writer *page, enum hb_style style, const char *text);

/* Flushes; HB_ERR_IO with errno's words when anything could not be written. */
struct hb_error *hb_page_finish(struct hb_page_writer *page) HB_MUST_CHECK;
/* The same for any stream that was written to. */
struct hb_error *hb_stream_finish(FILE *out) HB_MUST_CHECK;
