#include "report/page.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum { MAX_TEXT = 4096 };

static const char *const sgr[] = {
        [HB_PLAIN] = "",         [HB_BOLD] = "\033[1m",      [HB_DIM] = "\033[2m",
        [HB_RED] = "\033[1;31m", [HB_YELLOW] = "\033[1;33m", [HB_CYAN] = "\033[36m",
        [HB_GREEN] = "\033[32m",
};

/* Escaped text. */
static void emit(struct hb_page_writer *page, enum hb_style style, const char *text)
{
	if (!*text)
		return;
	fprintf(page->out, "%*s", (int)page->owed, "");
	page->owed = 0;
	bool styled = page->color && style != HB_PLAIN;
	if (styled)
		fputs(sgr[style], page->out);
	fputs(text, page->out);
	if (styled)
		fputs("\033[0m", page->out);
	page->column += hb_display_width(text);
}

void hb_page_put(struct hb_page_writer *page, enum hb_style style, const char *text)
{
	char escaped[MAX_TEXT];
	hb_escape_terminal(text, escaped, sizeof(escaped));
	emit(page, style, escaped);
}

void hb_page_printf(struct hb_page_writer *page, enum hb_style style, const char *fmt, ...)
{
	char text[MAX_TEXT];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	hb_page_put(page, style, text);
}

void hb_page_put_fit(struct hb_page_writer *page, enum hb_style style, const char *text, unsigned until)
{
	enum { LEAST = 12 }; /* less says nothing: run over instead */
	char escaped[MAX_TEXT];
	hb_escape_terminal(text, escaped, sizeof(escaped));
	if (!until)
		until = page->width;
	if (page->cut)
		hb_fit_width(escaped, sizeof(escaped), until > page->column + LEAST ? until - page->column : LEAST);
	emit(page, style, escaped);
}

static void owe(struct hb_page_writer *page, unsigned spaces)
{
	page->owed += spaces;
	page->column += spaces;
}

void hb_page_to(struct hb_page_writer *page, unsigned column)
{
	unsigned least = page->column && !page->owed ? page->column + 2 : page->column;
	owe(page, hb_max(column, least) - page->column);
}

void hb_page_right(struct hb_page_writer *page, enum hb_style style, const char *text, unsigned end)
{
	unsigned width = hb_display_width(text);
	if (page->column + 2 + width > end && page->column > page->owed)
		hb_page_newline(page);
	if (page->column + width < end)
		owe(page, end - width - page->column);
	hb_page_put(page, style, text);
}

void hb_page_newline(struct hb_page_writer *page)
{
	fputc('\n', page->out);
	page->column = page->owed = 0;
}

void hb_page_wrap(struct hb_page_writer *page, enum hb_style style, const char *text)
{
	unsigned start = page->column;
	char escaped[MAX_TEXT], *rest = NULL;
	hb_escape_terminal(text, escaped, sizeof(escaped));
	for (char *word = strtok_r(escaped, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		unsigned width = hb_display_width(word);
		if (page->column > start && page->column + 1 + width > page->width) {
			hb_page_newline(page);
			owe(page, start);
		} else if (page->column > start) {
			owe(page, 1);
		}
		emit(page, style, word);
	}
}

struct hb_error *hb_stream_finish(FILE *out)
{
	errno = 0;
	if (fflush(out) == 0 && !ferror(out))
		return NULL;
	int reason = errno ? errno : EIO;
	struct hb_error *err = hb_error_create(HB_ERR_IO, "cannot write the result: %s", strerror(reason));
	errno = reason;
	return err;
}

struct hb_error *hb_page_finish(struct hb_page_writer *page)
{
	return hb_stream_finish(page->out);
}
