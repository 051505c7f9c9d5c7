/* What is written into other formats: it means nothing there but itself. Readers of these formats check the whole in tests/e2e/formats.py. */
#include "report/escapes.h"
#include "report_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef void writer(FILE *out, const char *text, size_t len);

static char *put_text(writer *put, const char *text)
{
	char *out = NULL;
	size_t len;
	FILE *stream = open_memstream(&out, &len);
	assert_non_null(stream);
	put(stream, text, strlen(text));
	fclose(stream);
	return out;
}

static void assert_put(writer *put, const char *text, const char *expected)
{
	char *out = put_text(put, text);
	assert_string_equal(out, expected);
	free(out);
}

static void xml(void **state)
{
	(void)state;
	assert_put(hb_put_xml, "a<b>&\"'c", "a&lt;b&gt;&amp;&quot;&apos;c");
	assert_put(hb_put_xml, "\x01\n\xff缓\xef\xbf\xbe", "\\x01\\x0a\\xff缓\\u{fffe}");
}

static void uris(void **state)
{
	(void)state;
	assert_put(hb_put_uri_path, "/src/a b/c%.go", "/src/a%20b/c%25.go");
	assert_put(hb_put_uri_path, "javascript:alert(1)", "javascript%3Aalert%281%29");
	assert_put(hb_put_uri_path, "//host/x?y#z", "/host/x%3Fy%23z");
	assert_put(hb_put_uri_path, "\xff\n缓~", "%FF%0A%E7%BC%93~");
}

static void sarif_messages(void **state)
{
	(void)state;
	assert_put(hb_put_sarif_message, "{0} map[int]struct {}", "{{0}} map[int]struct {{}}");
	assert_put(hb_put_sarif_message, "[x](http://y) ](]( z", "[x] (http://y) ] (] ( z");
	assert_put(hb_put_sarif_message, "a\x1b]0;", "a\\x1b]0;");
	assert_put(hb_put_sarif_message, "\xef\xbf\xbe", "\\u{{fffe}}");
}

static void workflow_commands(void **state)
{
	(void)state;
	assert_put(hb_put_github_message, "50 %\r\n::error::x", "50 %25\\x0d\\x0a::error::x");
	assert_put(hb_put_github_property, "a:b,c%0A", "a%3Ab%2Cc%250A");
}

static void markdown_code(void **state)
{
	(void)state;
	assert_put(hb_put_markdown_code, "a*b", "`a*b`");
	assert_put(hb_put_markdown_code, "a`b``c", "```a`b``c```");
	assert_put(hb_put_markdown_code, "`", "`` ` ``");
	assert_put(hb_put_markdown_code, " x ", "`  x  `");
	assert_put(hb_put_markdown_code, "a\nb", "`a\\x0ab`");
	assert_put(hb_put_markdown_code, "", "");
}

static void markdown_sentences(void **state)
{
	(void)state;
	assert_put(hb_put_markdown_sentence, "3,000 timers of main.f.func1 are pending, and nobody (no one) can.",
	           "3,000 timers of `main.f.func1` are pending, and nobody (no one) can.");
	assert_put(hb_put_markdown_sentence, "cache.sessions, api.*T: x", "`cache.sessions`, `api.*T`: x");
	assert_put(hb_put_markdown_sentence, "pointer-free GH-12 -x x- a--b", "pointer-free `GH-12` `-x` `x-` `a--b`");
	static const char *const meant[] = {"www.evil.com", "http://x", "a@b.c", "@x",  "#1", "x#1",  ":+1:x", "*x*",
	                                    "_x_",          "~~x~~",    "<b>",   "[x]", "![", "&lt;", "|",     "\\"};
	for (size_t i = 0; i < hb_countof(meant); i++) {
		char expected[64];
		snprintf(expected, sizeof(expected), "a `%s` b", meant[i]);
		char text[64];
		snprintf(text, sizeof(text), "a %s b", meant[i]);
		assert_put(hb_put_markdown_sentence, text, expected);
	}
}

/* No line ends, no control and no broken UTF-8 anywhere. */
static void everything_is_one_clean_line(void **state)
{
	(void)state;
	writer *const writers[] = {hb_put_plain,          hb_put_xml,
	                           hb_put_uri_path,       hb_put_sarif_message,
	                           hb_put_github_message, hb_put_github_property,
	                           hb_put_markdown_code,  hb_put_markdown_sentence};
	static const char *const names[] = {hostile_name, injecting_name};
	for (size_t i = 0; i < hb_countof(writers); i++) {
		for (size_t k = 0; k < hb_countof(names); k++) {
			char *out = put_text(writers[i], names[k]);
			for (const char *p = out, *end = out + strlen(out); p < end;) {
				int32_t code = hb_utf8_next(&p, end);
				if (code < 0x20 || (code >= 0x7f && code < 0xa0))
					fail_msg("U+%04x is in %s", (unsigned)code, out);
			}
			free(out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(xml),
	        cmocka_unit_test(uris),
	        cmocka_unit_test(sarif_messages),
	        cmocka_unit_test(workflow_commands),
	        cmocka_unit_test(markdown_code),
	        cmocka_unit_test(markdown_sentences),
	        cmocka_unit_test(everything_is_one_clean_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
