/* Text of a target, escaped for a terminal and for JSON: whatever comes in, nothing that commands a terminal and
 * nothing that is not UTF-8 comes out, and no buffer overflows. */
#include "base/memory.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	require(text != NULL);
	escape_for_terminal(text, 4 * size + 16);
	escape_for_terminal(text, size ? data[0] : 0);
	escape_for_terminal(text, 1);
	escape_for_json(text);
	free(text);
	return 0;
}
