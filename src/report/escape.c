/* Text of a target on a terminal: escaped, measured and shortened. */
#include "base/memory.h"
#include "report/format.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

int32_t hb_utf8_next(const char **text, const char *end)
{
	const unsigned char *at = (const unsigned char *)*text;
	size_t left = (size_t)(end - *text);
	(*text)++;
	if (at[0] < 0x80)
		return at[0];
	size_t more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : 1;
	if (at[0] < 0xc2 || at[0] > 0xf4 || left <= more)
		return -1;
	int32_t code = at[0] & (0x3f >> more);
	for (size_t i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return -1;
		code = code << 6 | (at[i] & 0x3f);
	}
	static const int32_t smallest[] = {0, 0x80, 0x800, 0x10000};
	if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return -1;
	*text += more;
	return code;
}

/* Characters that change how their neighbours are read, or that nobody sees. Joiners (200C, 200D) are part of ordinary
 * words in some scripts and stay. */
static bool is_unsafe(int32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) /* C0, DEL, C1 */
	       || code == 0xad || code == 0x61c || code == 0x180e || code == 0x200b || code == 0x200e ||
	       code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e)    /* line and paragraph separators, embeddings, overrides */
	       || (code >= 0x2060 && code <= 0x206f) /* word joiner … isolates */
	       || code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
	       (code & 0xfffe) == 0xfffe                /* no characters at all, and not allowed in XML */
	       || (code >= 0xe0000 && code <= 0xe007f); /* tags */
}

size_t hb_escape_next(const char **text, const char *end, char piece[HB_ESCAPED_SIZE])
{
	const char *start = *text;
	int32_t code = hb_utf8_next(text, end);
	size_t len = (size_t)(*text - start);
	if (code < 0)
		return (size_t)snprintf(piece, HB_ESCAPED_SIZE, "\\x%02x", (unsigned char)*start);
	if (is_unsafe(code))
		return (size_t)snprintf(piece, HB_ESCAPED_SIZE, code < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)code);
	memcpy(piece, start, len);
	piece[len] = 0;
	return len;
}

size_t hb_escape_terminal(const char *text, char *buf, size_t size)
{
	const char *end = text + strlen(text);
	size_t used = 0;
	while (size && text < end) {
		char piece[HB_ESCAPED_SIZE];
		size_t len = hb_escape_next(&text, end, piece);
		if (len >= size - used)
			break;
		memcpy(buf + used, piece, len);
		used += len;
	}
	if (size)
		buf[used] = 0;
	return used;
}

/* wcwidth() answers by locale: this one is built into the C library and knows all of Unicode. */
static locale_t unicode_locale(void)
{
	static _Atomic(locale_t) shared;
	locale_t locale = shared;
	if (!locale) {
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
		locale_t expected = NULL;
		if (locale && !__atomic_compare_exchange_n((locale_t *)&shared, &expected, locale, false,
		                                           __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			freelocale(locale);
			locale = expected;
		}
	}
	return locale;
}

static unsigned code_width(int32_t code)
{
	if (code < 0x7f)
		return 1;
	int width = wcwidth((wchar_t)code);
	return width < 0 ? 1 : (unsigned)width;
}

unsigned hb_display_width(const char *text)
{
	locale_t unicode = unicode_locale(), before = unicode ? uselocale(unicode) : NULL;
	unsigned width = 0;
	for (const char *end = text + strlen(text); text < end;)
		width += code_width(hb_utf8_next(&text, end));
	if (before)
		uselocale(before);
	return width;
}

/* The longest part of text from its start that fits `width` columns. */
static size_t head_length(const char *text, unsigned width)
{
	const char *at = text, *end = text + strlen(text);
	unsigned used = 0;
	while (at < end) {
		const char *next = at;
		used += code_width(hb_utf8_next(&next, end));
		if (used > width)
			break;
		at = next;
	}
	return (size_t)(at - text);
}

void hb_fit_width(char *text, size_t size, unsigned width)
{
	static const char mark[] = "…"; /* one column, three bytes */
	enum { MARK = sizeof(mark) - 1 };
	unsigned all = hb_display_width(text);
	if (all <= width)
		return;
	locale_t unicode = unicode_locale(), before = unicode ? uselocale(unicode) : NULL;
	size_t len = strlen(text);
	unsigned tail = width ? (width - 1) / 3 : 0;
	size_t start = head_length(text, width ? width - 1 - tail : 0);
	size_t rest = head_length(text, all - tail);
	if (before)
		uselocale(before);
	/* A wide character may straddle the place where the tail begins. */
	const char *end = text + len, *at = text + rest;
	if (rest < len && hb_display_width(at) > tail)
		hb_utf8_next(&at, end);
	len = (size_t)(end - at);
	if (!width || start + MARK + len >= size) {
		text[start] = 0;
		return;
	}
	memmove(text + start + MARK, at, len + 1);
	memcpy(text + start, mark, MARK);
}
