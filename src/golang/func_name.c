#include "golang/func_name.h"
#include "golang/names.h"

#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool span_is(struct hb_span span, const char *text)
{
	return span.len == strlen(text) && !memcmp(span.text, text, span.len);
}

/* The bracket that closes the one at *open, or the end of the text. */
static const char *closing_bracket(const char *open)
{
	int depth = 0;
	for (const char *p = open; *p; p++) {
		depth += (*p == '[') - (*p == ']');
		if (!depth)
			return p;
	}
	return open + strlen(open);
}

/* "pkg.(*T[args]).M": sets receiver and leaves *rest at M. */
static bool parse_pointer_receiver(const char **rest, struct hb_func_name *ret)
{
	if (!starts_with(*rest, "(*"))
		return false;
	const char *start = *rest + 2, *p = start + strcspn(start, "[)");
	ret->receiver = (struct hb_span){start, (size_t)(p - start)};
	if (*p == '[') {
		const char *close = closing_bracket(p);
		ret->arguments = (struct hb_span){p + 1, (size_t)(close - p - 1)};
		p = *close ? close + 1 : close;
	}
	if (p[0] != ')' || p[1] != '.')
		return false;
	ret->pointer_receiver = true;
	*rest = p + 2;
	return true;
}

/* "pkg.T[args].M" and "pkg.T.M"; "pkg.f.func1" looks the same and is told apart by the member. */
static bool parse_value_receiver(const char **rest, struct hb_func_name *ret)
{
	const char *start = *rest, *p = start + strcspn(start, "[.");
	ret->receiver = (struct hb_span){start, (size_t)(p - start)};
	if (*p == '[') {
		const char *close = closing_bracket(p);
		ret->arguments = (struct hb_span){p + 1, (size_t)(close - p - 1)};
		p = *close ? close + 1 : close;
	}
	if (p[0] != '.' || !p[1] || !ret->receiver.len)
		return false;
	*rest = p + 1;
	return true;
}

static bool all_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == 0;
}

/* Names that the compiler gives to closures and wrappers: func1, gowrap2, deferwrap1, 1 (nested: func1.2). */
static bool is_closure_part(const char *text)
{
	static const char *const prefixes[] = {"func", "gowrap", "deferwrap"};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (starts_with(text, prefixes[i]) && all_digits(text + strlen(prefixes[i])))
			return true;
	return all_digits(text);
}

static bool is_init_member(const char *member, bool *declared)
{
	*declared = starts_with(member, "map.init.") || !strcmp(member, "init");
	if (*declared)
		return true;
	if (!starts_with(member, "init"))
		return false;
	/* init, init.0, init.0.func1, init.func2, but not init.M of a type called init. */
	const char *p = member + 4;
	return !*p ||
	       (*p == '.' && (is_closure_part(p + 1) || (p[1] >= '0' && p[1] <= '9') || starts_with(p + 1, "func")));
}

void hb_func_name_parse(const char *name, struct hb_func_name *ret)
{
	*ret = (struct hb_func_name){.package = {name, 0}, .receiver = {name, 0}, .arguments = {name, 0}};
	static const char *const algorithms[] = {"type:.eq.", "type:.hash.", "type..eq.", "type..hash."};
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (starts_with(name, algorithms[i])) {
			name += strlen(algorithms[i]);
			break;
		}
	}
	ret->member = (struct hb_span){name, strlen(name)};
	/* Unnamed types ("type:.eq.struct { … }", "[2]string") and the linker's own symbols belong to no package. */
	if (starts_with(name, "struct {") || starts_with(name, "go:") || name[0] == '[')
		return;
	size_t head = strcspn(name, "[( ");
	const char *dot = name;
	for (size_t i = 0; i < head; i++)
		if (name[i] == '/')
			dot = name + i + 1;
	size_t tail = (size_t)(name + head - dot);
	const char *found = memchr(dot, '.', tail);
	if (!found || found == name)
		return;
	ret->package = (struct hb_span){name, (size_t)(found - name)};
	const char *rest = found + 1;
	ret->member = (struct hb_span){rest, strlen(rest)};
	ret->is_generic = memchr(rest, '[', strlen(rest)) != NULL;
	ret->is_init = is_init_member(rest, &ret->initialises_variables);
	if (ret->is_init)
		return;
	if (!parse_pointer_receiver(&rest, ret) && !parse_value_receiver(&rest, ret)) {
		ret->receiver = ret->arguments = (struct hb_span){name, 0};
		return;
	}
	bool plain = !strpbrk(rest, ".-[") && !is_closure_part(rest);
	if (!plain && !ret->pointer_receiver) { /* f.func1, or a closure in a value method */
		ret->receiver = ret->arguments = (struct hb_span){name, 0};
		return;
	}
	ret->member = (struct hb_span){rest, strlen(rest)};
	ret->is_method = plain;
}

/* func1, gowrap2, deferwrap1, 1, func1-range2 */
static bool is_closure_element(const char *text, size_t len)
{
	static const char *const prefixes[] = {"func", "gowrap", "deferwrap"};
	size_t skip = 0;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && !skip; i++)
		if (len > strlen(prefixes[i]) && !memcmp(text, prefixes[i], strlen(prefixes[i])))
			skip = strlen(prefixes[i]);
	size_t digits = strspn(text + skip, "0123456789");
	return digits && (skip + digits == len || (skip + digits < len && text[skip + digits] == '-'));
}

size_t hb_func_name_without_closures(const char *name)
{
	struct hb_func_name parsed;
	hb_func_name_parse(name, &parsed);
	size_t least = (size_t)(parsed.member.text - name), len = strlen(name);
	/* Method values (T.M-fm) and bodies of range-over-func loops (f-range1). */
	const char *dash = strrchr(name, '-');
	if (dash && (size_t)(dash - name) > least && (!strcmp(dash, "-fm") || starts_with(dash, "-range")))
		len = (size_t)(dash - name);
	for (;;) {
		size_t dot = len;
		while (dot > least && name[dot - 1] != '.')
			dot--;
		/* init.0 is a function, init.0.func1 a closure in it. */
		if (dot <= least || !is_closure_element(name + dot, len - dot) ||
		    (name[dot] >= '0' && name[dot] <= '9' && dot - least == 5 && !memcmp(name + least, "init.", 5)))
			return len;
		len = dot - 1;
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

size_t hb_func_name_unescape(struct hb_span span, char *buf, size_t size)
{
	size_t n = 0;
	if (!size)
		return 0;
	for (size_t i = 0; i < span.len && n + 1 < size; i++) {
		char c = span.text[i];
		if (c == '%' && span.len - i > 2 && hex_digit(span.text[i + 1]) >= 0 &&
		    hex_digit(span.text[i + 2]) >= 0) {
			c = (char)(hex_digit(span.text[i + 1]) << 4 | hex_digit(span.text[i + 2]));
			i += 2;
		}
		buf[n++] = c;
	}
	buf[n] = 0;
	return n;
}

void hb_go_package_of(const char *function, char *buf, size_t size)
{
	struct hb_func_name name;
	hb_func_name_parse(function, &name);
	if (size)
		buf[0] = 0;
	if (!span_is(name.package, ""))
		hb_func_name_unescape(name.package, buf, size);
}
