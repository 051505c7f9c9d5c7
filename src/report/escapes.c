#include "report/escapes.h"
#include "report/format.h"

#include <stdbool.h>
#include <string.h>

void hb_put_plain(FILE *out, const char *text, size_t len)
{
	char piece[HB_ESCAPED_SIZE];
	for (const char *end = text + len; text < end;)
		fwrite(piece, 1, hb_escape_next(&text, end, piece), out);
}

/* One character, or what stands for it. */
struct meaning {
	char character;
	const char *instead;
};

/* In what stands for unsafe characters, too: \u{fffe}. */
static void put_with(FILE *out, const char *text, size_t len, const struct meaning *meanings)
{
	char piece[HB_ESCAPED_SIZE];
	for (const char *end = text + len; text < end;) {
		size_t n = hb_escape_next(&text, end, piece);
		for (size_t i = 0; i < n; i++) {
			const struct meaning *at = meanings;
			while (at->instead && at->character != piece[i])
				at++;
			if (at->instead)
				fputs(at->instead, out);
			else
				fputc(piece[i], out);
		}
	}
}

void hb_put_xml(FILE *out, const char *text, size_t len)
{
	static const struct meaning meanings[] = {{'&', "&amp;"},  {'<', "&lt;"},    {'>', "&gt;"},
	                                          {'"', "&quot;"}, {'\'', "&apos;"}, {0}};
	put_with(out, text, len, meanings);
}

void hb_put_sarif_message(FILE *out, const char *text, size_t len)
{
	/* A link is "[text](target)": Go writes no "](", so that nothing is changed but what was made to deceive. */
	static const struct meaning meanings[] = {{'{', "{{"}, {'}', "}}"}, {0}};
	for (const char *at; (at = memmem(text, len, "](", 2)); text = at + 1) {
		put_with(out, text, (size_t)(at + 1 - text), meanings);
		fputc(' ', out);
		len -= (size_t)(at + 1 - text);
	}
	put_with(out, text, len, meanings);
}

/* actions/runner, src/Runner.Common/ActionCommand.cs: what it undoes. */
void hb_put_github_message(FILE *out, const char *text, size_t len)
{
	static const struct meaning meanings[] = {{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}, {0}};
	put_with(out, text, len, meanings);
}

void hb_put_github_property(FILE *out, const char *text, size_t len)
{
	static const struct meaning meanings[] = {{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"},
	                                          {':', "%3A"}, {',', "%2C"},  {0}};
	put_with(out, text, len, meanings);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

void hb_put_uri_path(FILE *out, const char *path, size_t len)
{
	/* "//host/path" would name a host. */
	while (len > 1 && path[0] == '/' && path[1] == '/') {
		path++;
		len--;
	}
	for (size_t i = 0; i < len; i++) {
		if (is_letter_or_digit(path[i]) || (path[i] && strchr("-._~/", path[i])))
			fputc(path[i], out);
		else
			fprintf(out, "%%%02X", (unsigned char)path[i]);
	}
}

/* --- Markdown: CommonMark 0.30, 6.1 code spans ----------------------------------------------------------------------- */

static size_t longest_run(const char *text, size_t len, char of)
{
	size_t longest = 0, run = 0;
	for (size_t i = 0; i < len; i++) {
		run = text[i] == of ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void put_fence(FILE *out, size_t n)
{
	while (n--)
		fputc('`', out);
}

/* A span ends at a run of as many backticks as it began with, so it begins with one more than it has in a row. One space at
 * either end is taken away if both are there. */
void hb_put_markdown_code(FILE *out, const char *text, size_t len)
{
	if (!len)
		return;
	size_t fence = longest_run(text, len, '`') + 1;
	bool padded = text[0] == '`' || text[0] == ' ' || text[len - 1] == '`' || text[len - 1] == ' ';
	put_fence(out, fence);
	fputs(padded ? " " : "", out);
	hb_put_plain(out, text, len);
	fputs(padded ? " " : "", out);
	put_fence(out, fence);
}

/* Letters, digits and the punctuation of sentences, at places where neither CommonMark nor GitHub gives it a meaning: no
 * "www.host", "GH-12", ":smile:", "x@y". */
static bool is_plain_word(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool first = i == 0, last = i + 1 == len;
		bool is_plain = is_letter_or_digit(word[i]) || (word[i] && strchr("()',%", word[i]));
		if (word[i] == '-' && !first && !last)
			is_plain = is_letter(word[i - 1]) && is_letter(word[i + 1]);
		if (word[i] && strchr(".;:?", word[i]))
			is_plain = last && !first;
		if (!is_plain)
			return false;
	}
	return true;
}

void hb_put_markdown_sentence(FILE *out, const char *text, size_t len)
{
	for (const char *end = text + len; text < end;) {
		const char *space = memchr(text, ' ', (size_t)(end - text));
		size_t word = (size_t)((space ? space : end) - text);
		if (is_plain_word(text, word)) {
			fwrite(text, 1, word, out);
		} else {
			/* A comma after a name belongs to the sentence. */
			size_t tail = word > 1 && strchr(",:", text[word - 1]) ? 1 : 0;
			hb_put_markdown_code(out, text, word - tail);
			fwrite(text + word - tail, 1, tail, out);
		}
		text += word;
		if (space) {
			fputc(' ', out);
			text++;
		}
	}
}
