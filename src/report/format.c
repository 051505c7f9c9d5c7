#include "report/format.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Three significant digits without losing any before the point: 1.30, 31.2, 311. */
static void three_digits(double value, const char *unit, char *buf, size_t size)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
	snprintf(buf, size, "%.*f %s", decimals, value, unit);
}

void hb_format_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	if (bytes < 1000) {
		snprintf(buf, size, "%" PRIu64 " B", bytes);
		return;
	}
	double value = (double)bytes / 1000;
	size_t unit = 0;
	/* 999,999 B is 1.00 MB, not 1000 kB. */
	while (value >= 999.5 && unit + 1 < hb_countof(units)) {
		value /= 1000;
		unit++;
	}
	three_digits(value, units[unit], buf, size);
}

void hb_format_count(uint64_t count, char *buf, size_t size)
{
	if (count < 1000)
		snprintf(buf, size, "%" PRIu64, count);
	else if (count < 1000000)
		snprintf(buf, size, "%" PRIu64 ",%03" PRIu64, count / 1000, count % 1000);
	else if (count < 9950000)
		snprintf(buf, size, "%.1f M", (double)count / 1e6);
	else if (count < 999500000)
		three_digits((double)count / 1e6, "M", buf, size);
	else
		three_digits((double)count / 1e9, "G", buf, size);
}

void hb_format_share(uint64_t part, uint64_t whole, char *buf, size_t size)
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;
	if (percent == 0)
		snprintf(buf, size, "0 %%");
	else if (percent < 0.1)
		snprintf(buf, size, "<0.1 %%");
	else
		snprintf(buf, size, "%.*f %%", percent < 9.95 ? 1 : 0, percent);
}

void hb_format_duration(uint64_t seconds, char *buf, size_t size)
{
	if (seconds < 120)
		snprintf(buf, size, "%" PRIu64 " s", seconds);
	else if (seconds < 120 * 60)
		snprintf(buf, size, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		snprintf(buf, size, "%" PRIu64 " h", seconds / 3600);
	else
		snprintf(buf, size, "%" PRIu64 " days", seconds / 86400);
}

void hb_format_pause(uint64_t ns, char *buf, size_t size)
{
	double ms = (double)ns / 1e6;
	if (ms < 0.95)
		snprintf(buf, size, "%.1f ms", ms);
	else if (ms < 999.5)
		snprintf(buf, size, "%.0f ms", ms);
	else
		snprintf(buf, size, "%.1f s", ms / 1000);
}

/* What import paths and names are made of, as linkers write them (cmd/internal/objabi/path.go). */
static bool is_of_path(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_.-~%/@+", c)) || (unsigned char)c >= 0x80;
}

/* "v2." of "v2.Load" */
static bool begins_with_version(const char *element)
{
	if (*element++ != 'v')
		return false;
	size_t digits = strspn(element, "0123456789");
	return digits && element[digits] == '.';
}

/* The part of a run without its path: from its last element that is no version. "x.org/y/v2.F" → "y.F", in two pieces.
 */
static void short_run(const char *run, size_t len, const char **head, size_t *head_len, const char **rest,
                      size_t *rest_len)
{
	const char *last = memrchr(run, '/', len);
	*head_len = 0;
	*rest = last ? last + 1 : run;
	*rest_len = len - (size_t)(*rest - run);
	if (!last || !begins_with_version(*rest))
		return;
	const char *before = memrchr(run, '/', (size_t)(last - run));
	*head = before ? before + 1 : run;
	*head_len = (size_t)(last - *head);
	size_t version = strcspn(*rest, ".");
	*rest += version;
	*rest_len -= version;
}

/* "v2@v2.11.9/" and "v2/" are directories of versions, "certmagic@v0.25.6/" one of a module. */
static bool is_version_directory(const char *element)
{
	size_t digits = *element == 'v' ? strspn(element + 1, "0123456789") : 0;
	return digits && (element[1 + digits] == '@' || element[1 + digits] == '/');
}

void hb_short_path(const char *path, char *buf, size_t size)
{
	const char *file = strrchr(path, '/');
	file = file ? file + 1 : path;
	const char *directory = file;
	do { /* one element up */
		if (directory == path)
			break;
		directory--;
		while (directory > path && directory[-1] != '/')
			directory--;
	} while (is_version_directory(directory));
	size_t name = strcspn(directory, "@/");
	if (directory == file || !name)
		snprintf(buf, size, "%s", directory);
	else
		snprintf(buf, size, "%.*s/%s", (int)name, directory, file);
}

static size_t append(char *buf, size_t size, size_t used, const char *text, size_t len)
{
	for (size_t i = 0; i < len && used + 1 < size; i++) {
		unsigned byte;
		buf[used] = text[i];
		if (text[i] == '%' && i + 2 < len && sscanf(text + i + 1, "%2x", &byte) == 1 && byte >= 0x21 &&
		    byte < 0x7f) {
			buf[used] = (char)byte;
			i += 2;
		}
		used++;
	}
	return used;
}

void hb_short_names(const char *text, char *buf, size_t size)
{
	size_t used = 0;
	while (*text) {
		size_t len = 0;
		while (is_of_path(text[len]))
			len++;
		if (len) {
			const char *head = NULL, *rest;
			size_t head_len, rest_len;
			short_run(text, len, &head, &head_len, &rest, &rest_len);
			used = append(buf, size, used, head, head_len);
			used = append(buf, size, used, rest, rest_len);
		} else {
			len = 1;
			if (used + 1 < size)
				buf[used++] = *text;
		}
		text += len;
	}
	if (size)
		buf[used] = 0;
}

void hb_say_byte(char *type_name)
{
	static const char from[] = "]uint8", to[] = "]byte";
	enum { FROM = sizeof(from) - 1, TO = sizeof(to) - 1 };
	for (char *at = type_name; (at = strstr(at, from)); at += TO) {
		char next = at[FROM];
		/* Not the beginning of a longer name. */
		if ((next >= '0' && next <= '9') || (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') ||
		    next == '_')
			continue;
		memcpy(at, to, TO);
		memmove(at + TO, at + FROM, strlen(at + FROM) + 1);
	}
}
