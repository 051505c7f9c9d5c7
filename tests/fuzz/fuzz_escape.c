/* Text of a target, escaped for a terminal and for every other format: whatever comes in, nothing that commands a terminal, nothing
 * that is not UTF-8 and nothing that means something in that format comes out, and no buffer overflows. */
#include "base/memory.h"
#include "report/escapes.h"
#include "report/format.h"
#include "report/json_writer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

/* Written anew rather than taken from heldby: every sequence as RFC 3629 allows it. */
static bool is_utf8(const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char lead = at[i];
		size_t more = lead < 0x80                    ? 0
		              : lead >= 0xc2 && lead <= 0xdf ? 1
		              : (lead & 0xf0) == 0xe0        ? 2
		              : lead >= 0xf0 && lead <= 0xf4 ? 3
		                                             : 9;
		if (more == 9 || len - i <= more)
			return false;
		for (size_t k = 1; k <= more; k++)
			if ((at[i + k] & 0xc0) != 0x80)
				return false;
		if ((lead == 0xe0 && at[i + 1] < 0xa0) || (lead == 0xed && at[i + 1] > 0x9f) ||
		    (lead == 0xf0 && at[i + 1] < 0x90) || (lead == 0xf4 && at[i + 1] > 0x8f))
			return false;
		i += more + 1;
	}
	return true;
}

/* C0, DEL, C1, and the bidirectional overrides and isolates U+202A–202E, U+2066–2069. */
static bool commands_terminal(const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] < 0x20 || at[i] == 0x7f || (at[i] == 0xc2 && i + 1 < len && at[i + 1] < 0xa0))
			return true;
		if (at[i] == 0xe2 && i + 2 < len &&
		    ((at[i + 1] == 0x80 && at[i + 2] >= 0xaa && at[i + 2] <= 0xae) ||
		     (at[i + 1] == 0x81 && at[i + 2] >= 0xa6 && at[i + 2] <= 0xa9)))
			return true;
	}
	return false;
}

static void escape_for_terminal(const char *text, size_t room)
{
	char *buf = malloc(room + 1);
	require(buf != NULL);
	hb_escape_terminal(text, buf, room);
	if (room) {
		size_t len = strnlen(buf, room);
		require(len < room);
		require(is_utf8((const unsigned char *)buf, len));
		require(!commands_terminal((const unsigned char *)buf, len));
	}
	free(buf);
}

static void escape_for_json(const char *text)
{
	char *out = NULL;
	size_t len = 0;
	struct hb_json json = {.out = open_memstream(&out, &len)};
	require(json.out != NULL);
	hb_json_open(&json, NULL, '{');
	hb_json_string(&json, text, text);
	hb_json_close(&json, '}');
	fclose(json.out);
	require(is_utf8((const unsigned char *)out, len));
	unsigned quotes = 0;
	for (size_t i = 0; i < len; i++) {
		require((unsigned char)out[i] >= 0x20 || out[i] == '\n' || out[i] == '\t');
		if (out[i] == '\\')
			i++;
		else
			quotes += out[i] == '"';
	}
	require(quotes == 4);
	free(out);
}

static char *escape_with(void (*put)(FILE *, const char *, size_t), const char *text)
{
	char *out = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&out, &len);
	require(stream != NULL);
	put(stream, text, strlen(text));
	fclose(stream);
	require(strlen(out) == len && is_utf8((const unsigned char *)out, len));
	require(!commands_terminal((const unsigned char *)out, len));
	return out;
}

static void escape_for_xml(const char *text)
{
	char *out = escape_with(hb_put_xml, text);
	require(!out[strcspn(out, "<>\"'")]);
	for (const char *at = out; (at = strchr(at, '&')); at++)
		require(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) ||
		        !strncmp(at, "&quot;", 6) || !strncmp(at, "&apos;", 6));
	/* No characters: U+FFFE and U+FFFF. */
	require(!strstr(out, "\xef\xbf\xbe") && !strstr(out, "\xef\xbf\xbf"));
	free(out);
}

static void escape_for_uri(const char *text)
{
	char *out = escape_with(hb_put_uri_path, text);
	require(strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%") == strlen(out));
	require(strncmp(out, "//", 2) != 0);
	for (const char *at = out; (at = strchr(at, '%')); at++)
		require(strspn(at + 1, "0123456789ABCDEF") >= 2);
	free(out);
}

static void escape_for_sarif(const char *text)
{
	char *out = escape_with(hb_put_sarif_message, text);
	require(!strstr(out, "]("));
	for (const char *at = out; at[strcspn(at, "{}")]; at += 2) {
		at += strcspn(at, "{}");
		require(at[0] == at[1]);
	}
	free(out);
}

static void escape_for_github(const char *text)
{
	char *message = escape_with(hb_put_github_message, text), *property = escape_with(hb_put_github_property, text);
	require(!property[strcspn(property, ":,")]);
	for (const char *at = message; (at = strchr(at, '%')); at++)
		require(!strncmp(at, "%25", 3));
	free(message);
	free(property);
}

/* The end of the code span that begins at `at`; NULL: it has none, and so is none. */
static const char *span_end(const char *at)
{
	size_t fence = strspn(at, "`");
	for (at += fence; *at; at += strspn(at, "`")) {
		at += strcspn(at, "`");
		if (strspn(at, "`") == fence)
			return at + fence;
	}
	return NULL;
}

static void escape_for_markdown(const char *text)
{
	char *code = escape_with(hb_put_markdown_code, text), *sentence = escape_with(hb_put_markdown_sentence, text);
	const char *end = *text ? span_end(code) : code;
	require(end && !*end);
	for (const char *at = sentence; *at;) {
		if (*at == '`') {
			at = span_end(at);
			require(at != NULL);
			continue;
		}
		require(!strchr("<>[]&*_~|\\@#$!", *at) && (unsigned char)*at < 0x80);
		at++;
	}
	free(code);
	free(sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	require(text != NULL);
	escape_for_terminal(text, 4 * size + 16);
	escape_for_terminal(text, size ? data[0] : 0);
	escape_for_terminal(text, 1);
	escape_for_json(text);
	escape_for_xml(text);
	escape_for_uri(text);
	escape_for_sarif(text);
	escape_for_github(text);
	escape_for_markdown(text);
	free(text);
	return 0;
}
