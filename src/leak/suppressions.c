#include "leak/suppressions.h"
#include "leak/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_FILE = 4 << 20, MAX_VALUE = 4096 };

/* --- Reading ------------------------------------------------------------------------------------------------------- */

struct parser {
	const char *file, *at; /* at: the rest of the line */
	unsigned line;
	struct hb_suppressions *ret;
};

#define WRONG(parser, ...) wrong(parser, hb_error_create(HB_ERR_USAGE, __VA_ARGS__))
static struct hb_error *wrong(const struct parser *parser, struct hb_error *err)
{
	return hb_error_wrap(err, "%s:%u", parser->file, parser->line);
}

static void skip_spaces(struct parser *parser)
{
	parser->at += strspn(parser->at, " \t\r");
}

static struct hb_error *end_of_line(struct parser *parser)
{
	skip_spaces(parser);
	if (*parser->at == 0 || *parser->at == '\n' || *parser->at == '#')
		return NULL;
	return WRONG(parser, "nothing may follow here but a comment, and '%.*s' does", (int)strcspn(parser->at, "\r\n"),
	             parser->at);
}

/* "…" with \" and \\ in it, or '…'. */
static struct hb_error *read_string(struct parser *parser, char value[static MAX_VALUE])
{
	char quote = *parser->at++;
	size_t len = 0;
	for (; *parser->at && *parser->at != '\n' && *parser->at != quote; parser->at++) {
		if (quote == '"' && *parser->at == '\\') {
			parser->at++;
			if (*parser->at != '"' && *parser->at != '\\')
				return WRONG(parser,
				             "only \\\" and \\\\ may be escaped; '...' takes everything as it is");
		}
		if (len + 1 >= MAX_VALUE)
			return WRONG(parser, "the text is longer than %d bytes", MAX_VALUE - 1);
		value[len++] = *parser->at;
	}
	if (*parser->at != quote)
		return WRONG(parser, "the text does not end: there is no closing %c", quote);
	parser->at++;
	value[len] = 0;
	return len ? NULL : WRONG(parser, "the text is empty");
}

static bool is_date(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	for (size_t i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	int year = atoi(text), month = atoi(text + 5), day = atoi(text + 8);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return !text[10] && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

static struct hb_error *read_date(struct parser *parser, char value[static MAX_VALUE])
{
	if (*parser->at == '"' || *parser->at == '\'') {
		TRY(read_string(parser, value));
	} else {
		size_t len = strcspn(parser->at, " \t\r\n#");
		snprintf(value, MAX_VALUE, "%.*s", (int)len, parser->at);
		parser->at += len;
	}
	return is_date(value) ? NULL : WRONG(parser, "expires is a day such as 2027-01-31, not '%s'", value);
}

static bool is_fingerprint(const char *text)
{
	return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static bool is_rule(const char *text)
{
	return *text == 'H' && strlen(text) == 4 && strspn(text + 1, "0123456789") == 3;
}

static char **field(struct hb_suppression *entry, const char *key)
{
	const struct {
		const char *name;
		char **value;
	} fields[] = {
	        {"rule", &entry->rule}, {"fingerprint", &entry->fingerprint}, {"holder", &entry->holder},
	        {"path", &entry->path}, {"function", &entry->function},       {"reason", &entry->reason},
	};
	for (size_t i = 0; i < hb_countof(fields); i++)
		if (!strcmp(fields[i].name, key))
			return fields[i].value;
	return NULL;
}

static struct hb_error *read_value(struct parser *parser, const char *key, struct hb_suppression *entry)
{
	char value[MAX_VALUE];
	char **into = field(entry, key);
	bool expires = !strcmp(key, "expires");
	if (!into && !expires)
		return WRONG(parser,
		             "unknown key '%s': there are rule, fingerprint, holder, path, function, reason, expires",
		             key);
	if (expires ? *entry->expires : *into != NULL)
		return WRONG(parser, "%s is there twice", key);
	if (expires) {
		TRY(read_date(parser, value));
		snprintf(entry->expires, sizeof(entry->expires), "%.10s", value);
		return end_of_line(parser);
	}
	if (*parser->at != '"' && *parser->at != '\'')
		return WRONG(parser, "%s needs a text in quotes: %s = \"...\"", key, key);
	TRY(read_string(parser, value));
	if (into == &entry->fingerprint && !is_fingerprint(value))
		return WRONG(parser, "'%s' is no fingerprint: they have 16 digits, 0 to 9 and a to f", value);
	if (into == &entry->rule && !is_rule(value))
		return WRONG(parser, "'%s' is no rule: heldby explain lists them", value);
	*into = strdup(value);
	return *into ? end_of_line(parser) : hb_error_nomem();
}

/* What is missing is said of the line where the entry begins. */
static struct hb_error *check_last(const struct parser *parser)
{
	struct hb_suppressions *suppressions = parser->ret;
	if (!suppressions->list.len)
		return NULL;
	const struct hb_suppression *entry = &suppressions->list.data[suppressions->list.len - 1];
	struct parser at = *parser;
	at.line = entry->line;
	if (!entry->rule && !entry->fingerprint && !entry->holder && !entry->path && !entry->function)
		return WRONG(&at, "this suppresses everything: name a rule, fingerprint, holder, path or function");
	return entry->reason ? NULL : WRONG(&at, "there is no reason: say why, reason = \"...\"");
}

static struct hb_error *read_line(struct parser *parser)
{
	static const char table[] = "[[suppress]]";
	char key[32];
	skip_spaces(parser);
	if (!*parser->at || *parser->at == '\n' || *parser->at == '#')
		return NULL;
	if (!strncmp(parser->at, table, sizeof(table) - 1)) {
		TRY(check_last(parser));
		HB_VEC_PUSH(&parser->ret->list, (struct hb_suppression){.line = parser->line});
		parser->at += sizeof(table) - 1;
		return end_of_line(parser);
	}
	size_t len = strspn(parser->at, "abcdefghijklmnopqrstuvwxyz_");
	snprintf(key, sizeof(key), "%.*s", (int)hb_min(len, sizeof(key) - 1), parser->at);
	parser->at += len;
	skip_spaces(parser);
	if (!len || *parser->at != '=')
		return WRONG(parser, "neither [[suppress]] nor key = \"value\"");
	parser->at++;
	skip_spaces(parser);
	if (!parser->ret->list.len)
		return WRONG(parser, "%s stands before the first [[suppress]]", key);
	return read_value(parser, key, &parser->ret->list.data[parser->ret->list.len - 1]);
}

struct hb_error *hb_suppressions_parse(const char *file, const char *text, struct hb_suppressions *ret)
{
	*ret = (struct hb_suppressions){.file = file};
	struct parser parser = {.file = file, .ret = ret};
	struct hb_error *err = NULL;
	for (; !err && *text; text += strcspn(text, "\n"), text += *text == '\n') {
		parser.line++;
		parser.at = text;
		err = read_line(&parser);
	}
	if (!err)
		err = check_last(&parser);
	if (err)
		hb_suppressions_deinit(ret);
	return err;
}

struct hb_error *hb_suppressions_read(const char *file, struct hb_suppressions *ret)
{
	hb_autofree char *text = calloc(1, MAX_FILE + 1);
	if (!text)
		return hb_error_nomem();
	FILE *in = fopen(file, "re");
	size_t len = in ? fread(text, 1, MAX_FILE, in) : 0;
	bool failed = !in || ferror(in);
	int reason = errno;
	if (in)
		fclose(in);
	if (failed)
		return hb_error_create(HB_ERR_USAGE, "cannot read the suppressions '%s': %s", file, strerror(reason));
	if (len == MAX_FILE || memchr(text, 0, len))
		return hb_error_create(HB_ERR_USAGE, "'%s' is no file of suppressions: %s", file,
		                       len == MAX_FILE ? "it is larger than 4 MB" : "it has zero bytes in it");
	return hb_suppressions_parse(file, text, ret);
}

void hb_suppressions_deinit(struct hb_suppressions *suppressions)
{
	for (size_t i = 0; i < suppressions->list.len; i++) {
		struct hb_suppression *entry = &suppressions->list.data[i];
		free(entry->rule);
		free(entry->fingerprint);
		free(entry->holder);
		free(entry->path);
		free(entry->function);
		free(entry->reason);
	}
	hb_vec_deinit(&suppressions->list);
}

/* --- Matching ------------------------------------------------------------------------------------------------------ */

/* `*` is any run of bytes, everything else itself: brackets are common in the names of types. */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;
	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == 0;
}

/* "func  file:line": the function. */
static bool matches_site(const char *pattern, char *const *sites, size_t n)
{
	char function[1024];
	for (size_t i = 0; i < n; i++) {
		const char *gap = strstr(sites[i], "  ");
		snprintf(function, sizeof(function), "%.*s", gap ? (int)(gap - sites[i]) : -1, sites[i]);
		if (matches(pattern, function))
			return true;
	}
	return false;
}

static bool matches_any(const char *pattern, char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (matches(pattern, texts[i]))
			return true;
	return false;
}

static bool covers(const struct hb_suppression *entry, const struct hb_finding *finding)
{
	return (!entry->rule || !strcmp(entry->rule, finding->rule)) &&
	       (!entry->fingerprint || !strcmp(entry->fingerprint, finding->fingerprint)) &&
	       (!entry->holder || matches(entry->holder, finding->holder ? finding->holder : "")) &&
	       (!entry->path || matches_any(entry->path, finding->path.data, finding->path.len)) &&
	       (!entry->function ||
	        matches_site(entry->function, finding->allocated_at.data, finding->allocated_at.len) ||
	        matches_site(entry->function, finding->created_at.data, finding->created_at.len) ||
	        matches_site(entry->function, finding->blocked_at.data, finding->blocked_at.len));
}

static bool has_expired(const struct hb_suppression *entry, const char *today)
{
	return *entry->expires && strcmp(entry->expires, today) < 0;
}

/* Every entry that covers a finding counts as used, so that none is called unused because another one came first. */
static const struct hb_suppression *covering(struct hb_suppressions *suppressions, const char *today,
                                             const struct hb_finding *finding)
{
	const struct hb_suppression *found = NULL;
	for (size_t i = 0; i < suppressions->list.len; i++) {
		struct hb_suppression *entry = &suppressions->list.data[i];
		if (!covers(entry, finding))
			continue;
		entry->used++;
		if (!found && !has_expired(entry, today))
			found = entry;
	}
	return found;
}

struct hb_error *hb_suppressions_apply(struct hb_suppressions *suppressions, const char *today,
                                       struct hb_findings *findings, struct hb_findings *suppressed)
{
	size_t kept = 0;
	if (!hb_vec_reserve(&suppressed->list, suppressed->list.len + findings->list.len))
		return hb_error_nomem();
	for (size_t i = 0; i < findings->list.len; i++) {
		struct hb_finding *finding = &findings->list.data[i];
		finding->suppressed_by = covering(suppressions, today, finding);
		if (finding->suppressed_by)
			suppressed->list.data[suppressed->list.len++] = *finding;
		else
			findings->list.data[kept++] = *finding;
	}
	findings->list.len = kept;
	return NULL;
}

/* --- Notes --------------------------------------------------------------------------------------------------------- */

void hb_suppressions_say(const struct hb_suppressions *suppressions, const char *today, bool looks, bool live,
                         struct hb_notes *notes)
{
	for (size_t i = 0; i < suppressions->list.len; i++) {
		const struct hb_suppression *entry = &suppressions->list.data[i];
		const struct hb_rule *rule = entry->rule ? hb_rule_find(entry->rule) : NULL;
		bool looked_for = !rule || ((rule->needs != HB_RULE_NEEDS_LOOKS || looks) &&
		                            (rule->needs != HB_RULE_NEEDS_LIVE || live));
		if (has_expired(entry, today) && entry->used)
			hb_notes_add(notes, "%s:%u: this suppression expired on %s: what it covers counts again (%s)",
			             suppressions->file, entry->line, entry->expires, entry->reason);
		else if (!entry->used && looked_for)
			hb_notes_add(notes, "%s:%u: this suppression was not needed%s (%s)", suppressions->file,
			             entry->line, has_expired(entry, today) ? ", and it has expired" : "",
			             entry->reason);
	}
}

void hb_today(char buf[static 11])
{
	time_t now = time(NULL);
	struct tm day;
	if (!gmtime_r(&now, &day) || !strftime(buf, 11, "%Y-%m-%d", &day))
		snprintf(buf, 11, "9999-12-31");
}
