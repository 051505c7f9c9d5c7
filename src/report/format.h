/* Numbers and text for people: what every renderer and detector shares. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1.30 GB", "311 MB", "60 B": powers of 1000, three digits. */
void hb_format_bytes(uint64_t bytes, char *buf, size_t size);
/* "18,402" below a million, then "3.1 M", "31.2 M", "1.20 G". */
void hb_format_count(uint64_t count, char *buf, size_t size);
/* "54 %", "3.1 %", "<0.1 %"; "0 %" of nothing. */
void hb_format_share(uint64_t part, uint64_t whole, char *buf, size_t size);
/* "45 s", "17 min", "3 h", "2 days". */
void hb_format_duration(uint64_t seconds, char *buf, size_t size);
/* "0.4 ms", "7 ms", "1.2 s". */
void hb_format_pause(uint64_t ns, char *buf, size_t size);

/* The next code point of UTF-8 text that nobody vouches for; advances *text by the bytes it took. -1: one byte that is
 * no part of well-formed UTF-8 (overlong forms and surrogates included). *text must not be at `end`. */
int32_t hb_utf8_next(const char **text, const char *end);

/* The next character of such text as it may be shown anywhere: itself, or \xNN or \u{N} if it is unsafe for a terminal
 * (control, escape, bidi override, invisible) or no UTF-8. Returns its length; advances *text, which must not be at `end`. */
enum { HB_ESCAPED_SIZE = 16 };
size_t hb_escape_next(const char **text, const char *end, char piece[HB_ESCAPED_SIZE]);

/* Copies text with everything unsafe for a terminal (controls, escapes, bidi overrides, invisible characters, invalid
 * UTF-8) replaced by \xNN or \u{N}. Always terminates; cuts between characters. Returns the length written. */
size_t hb_escape_terminal(const char *text, char *buf, size_t size);

/* Columns that text takes on a terminal: wide characters count twice, combining ones not at all. */
unsigned hb_display_width(const char *text);

/* Shortens escaped text, in a buffer of `size` bytes, to at most `width` columns by a "…" in its middle: both ends of
 * Go names matter. */
void hb_fit_width(char *text, size_t size, unsigned width);

/* "/home/u/src/app/cache/store.go:88" → "cache/store.go:88": the last two elements, without versions of modules. */
void hb_short_path(const char *path, char *buf, size_t size);

/* "closure of github.com/acme/cache/v2.(*Store).Put" → "closure of cache.(*Store).Put": every import path in the text
 * is cut to its last element that is no version, and "%2e" is a dot again. */
void hb_short_names(const char *text, char *buf, size_t size);

/* "map[int][]uint8" → "map[int][]byte", as programs say it; in place. */
void hb_say_byte(char *type_name);
