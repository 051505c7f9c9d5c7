#include "base/notes.h"

#include <stdio.h>
#include <string.h>

static HB_PRINTF(2, 0) void add(struct hb_notes *notes, const char *fmt, va_list args)
{
	char *text = NULL;
	if (vasprintf(&text, fmt, args) < 0) {
		notes->partial = true;
		return;
	}
	for (size_t i = 0; i < notes->texts.len; i++)
		if (!strcmp(notes->texts.data[i], text)) {
			free(text);
			return;
		}
	if (!hb_vec_push(&notes->texts, text)) {
		free(text);
		notes->partial = true;
	}
}

void hb_notes_add(struct hb_notes *notes, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	add(notes, fmt, args);
	va_end(args);
}

void hb_notes_add_partial(struct hb_notes *notes, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	add(notes, fmt, args);
	va_end(args);
	notes->partial = true;
}

void hb_notes_deinit(struct hb_notes *notes)
{
	for (size_t i = 0; i < notes->texts.len; i++)
		free(notes->texts.data[i]);
	hb_vec_deinit(&notes->texts);
	notes->partial = false;
}
