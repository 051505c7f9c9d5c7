/* Whatever bytes a target has in its names, a terminal gets nothing but harmless, well-formed text. */
#include "report/format.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

static void assert_escaped(const char *text, const char *expected)
{
	char buf[256];
	assert_int_equal(hb_escape_terminal(text, buf, sizeof(buf)), strlen(expected));
	assert_string_equal(buf, expected);
}

static void what_is_unsafe_is_shown(void **state)
{
	(void)state;
	assert_escaped("main.cache", "main.cache");
	assert_escaped("a\x1b[31mred\n", "a\\x1b[31mred\\x0a");
	assert_escaped("\x7f", "\\x7f");
	assert_escaped("\xc2\x9b"
	               "31m",
	               "\\u{9b}31m"); /* C1 control sequence introducer */
	assert_escaped("a\xe2\x80\xae"
	               "b",
	               "a\\u{202e}b"); /* right-to-left override */
	assert_escaped("a\xe2\x81\xa6"
	               "b",
	               "a\\u{2066}b"); /* isolate */
	assert_escaped("zero\xe2\x80\x8bwidth", "zero\\u{200b}width");
	assert_escaped("\xef\xbb\xbf", "\\u{feff}");
	assert_escaped("\xf3\xa0\x81\x81", "\\u{e0041}"); /* a tag character */
}

static void what_is_not_utf8_is_shown_by_byte(void **state)
{
	(void)state;
	assert_escaped("\xff\xfe", "\\xff\\xfe");
	assert_escaped("\xc0\xaf", "\\xc0\\xaf");                   /* overlong '/' */
	assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
	assert_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* past U+10FFFF */
	assert_escaped("\xe4\xbd", "\\xe4\\xbd");                   /* cut short */
	assert_escaped("\xe4"
	               "A\x80",
	               "\\xe4"
	               "A\\x80");
}

static void words_of_all_scripts_stay(void **state)
{
	(void)state;
	assert_escaped("缓存.Größe×…", "缓存.Größe×…");
	assert_escaped("\xd9\x85\xe2\x80\x8c", "\xd9\x85\xe2\x80\x8c"); /* a non-joiner belongs to the word */
}

static void cuts_fall_between_characters(void **state)
{
	(void)state;
	static const char text[] = "ab缓\x1b存c";
	for (size_t size = 1; size < 24; size++) {
		char buf[32];
		memset(buf, '#', sizeof(buf));
		size_t len = hb_escape_terminal(text, buf, size);
		assert_true(len < size);
		assert_int_equal(buf[len], 0);
		assert_int_equal(strlen(buf), len);
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], '#');
		for (const char *p = buf, *end = buf + len; p < end;)
			assert_true(hb_utf8_next(&p, end) >= 0x20);
	}
}

static bool is_harmless(int32_t code)
{
	return code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0) && !(code >= 0x202a && code <= 0x202e) &&
	       !(code >= 0x2066 && code <= 0x2069);
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Random bytes, and random bytes that look like UTF-8. The decoder of the C library is the second opinion. */
static void random_bytes_become_harmless(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252u;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	for (int round = 0; round < 100000; round++) {
		char text[24], buf[256];
		size_t len = random_next(&seed) % (sizeof(text) - 1);
		for (size_t i = 0; i < len; i++) {
			static const unsigned char likely[] = {0xe2, 0x80, 0xae, 0xc2, 0x9b,
			                                       0x1b, '[',  0xf3, 0xa0, 0xed};
			uint64_t random = random_next(&seed);
			unsigned char byte =
			        random & 1 ? likely[(random >> 8) % sizeof(likely)] : (unsigned char)(random >> 8);
			text[i] = (char)(byte ? byte : 'x');
		}
		text[len] = 0;
		size_t written = hb_escape_terminal(text, buf, sizeof(buf));
		assert_int_equal(written, strlen(buf));
		mbstate_t decoder = {0};
		for (const char *p = buf; *p;) {
			wchar_t code;
			size_t n = mbrtowc(&code, p, strlen(p), &decoder);
			assert_true(n > 0 && n <= 4);
			assert_true(is_harmless((int32_t)code));
			p += n;
		}
	}
}

/* Every code point: decoded as the C library does it. */
static void decoder_agrees_with_the_c_library(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	for (int32_t code = 1; code <= 0x10ffff; code++) {
		char bytes[8];
		mbstate_t encoder = {0};
		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		size_t n = wcrtomb(bytes, (wchar_t)code, &encoder);
		if (n == (size_t)-1)
			continue;
		const char *at = bytes;
		assert_int_equal(hb_utf8_next(&at, bytes + n), code);
		assert_ptr_equal(at, bytes + n);
		at = bytes;
		if (n > 1) { /* cut short, it is a stray byte */
			assert_int_equal(hb_utf8_next(&at, bytes + n - 1), -1);
			assert_ptr_equal(at, bytes + 1);
		}
	}
}

static void widths_are_those_of_a_terminal(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C"); /* whatever the program's locale is */
	assert_int_equal(hb_display_width(""), 0);
	assert_int_equal(hb_display_width("main.cache"), 10);
	assert_int_equal(hb_display_width("缓存"), 4);
	assert_int_equal(hb_display_width("Gro\xcc\x88\xc3\x9f"
	                                  "e"),
	                 5); /* o and a combining diaeresis */
	assert_int_equal(hb_display_width("×3.1 M …"), 8);
}

static void fitting_keeps_both_ends(void **state)
{
	(void)state;
	char text[64] = "github.com/acme/cache.(*Store).Put";
	hb_fit_width(text, sizeof(text), 16);
	assert_int_equal(hb_display_width(text), 16);
	assert_memory_equal(text, "github.com", 10);
	assert_string_equal(text + strlen(text) - 5, ").Put");
	assert_non_null(strstr(text, "…"));
	strcpy(text, "short");
	hb_fit_width(text, sizeof(text), 5);
	assert_string_equal(text, "short");
}

static void fitting_never_overflows_or_exceeds(void **state)
{
	(void)state;
	static const char *const texts[] = {"abcdefghij", "缓存缓存缓存", "a缓b存c缓d", "…………", "x"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (unsigned width = 0; width < 16; width++) {
			size_t size = strlen(texts[i]) + 1; /* no room to spare */
			char *text = malloc(size);
			assert_non_null(text);
			memcpy(text, texts[i], size);
			hb_fit_width(text, size, width);
			assert_true(strlen(text) < size);
			assert_true(hb_display_width(text) <= width);
			for (const char *p = text, *end = text + strlen(text); p < end;)
				assert_true(hb_utf8_next(&p, end) > 0);
			free(text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_is_unsafe_is_shown),
	        cmocka_unit_test(what_is_not_utf8_is_shown_by_byte),
	        cmocka_unit_test(words_of_all_scripts_stay),
	        cmocka_unit_test(cuts_fall_between_characters),
	        cmocka_unit_test(random_bytes_become_harmless),
	        cmocka_unit_test(decoder_agrees_with_the_c_library),
	        cmocka_unit_test(widths_are_those_of_a_terminal),
	        cmocka_unit_test(fitting_keeps_both_ends),
	        cmocka_unit_test(fitting_never_overflows_or_exceeds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
