/* The report for a person: docs/report.md. Names first, addresses never. */
#include "leak/suppressions.h"
#include "report/open_files.h"
#include "report/page.h"
#include "report/report.h"
#include "report/words.h"

#include <inttypes.h>
#include <string.h>

enum { NUMBER = 48, DEFAULT_WIDTH = 100, LEAST_WIDTH = 60 };
enum { TOP_HOLDERS = 10, TOP_TYPES = 12, TOP_GOROUTINES = 8, TOP_STACK = 12 };

struct text {
	struct hb_page_writer page;
	const struct hb_report *report;
	const struct hb_render_options *options;
};

static size_t rows(const struct text *text, size_t n, size_t usual)
{
	return hb_min(n, text->options->top ? (size_t)text->options->top : usual);
}

static void heading(struct text *text, const char *title, const char *remark)
{
	hb_page_newline(&text->page);
	hb_page_put(&text->page, HB_BOLD, title);
	if (remark && *remark) {
		hb_page_to(&text->page, 0);
		hb_page_put(&text->page, HB_DIM, remark);
	}
	hb_page_newline(&text->page);
}

static void omitted(struct text *text, size_t shown, size_t all, unsigned column)
{
	if (all <= shown)
		return;
	hb_page_to(&text->page, column);
	hb_page_printf(&text->page, HB_DIM, "and %zu more: --top %zu shows them", all - shown, all);
	hb_page_newline(&text->page);
}

/* --- Header ----------------------------------------------------------------------------------------------------------
 */

static void header_target(struct text *text)
{
	const struct hb_snapshot *snapshot = text->report->analysis->snapshot;
	const struct hb_go *go = text->report->analysis->go;
	struct hb_page_writer *page = &text->page;
	hb_page_put(page, HB_BOLD, "heldby");
	hb_page_to(page, 0);
	hb_page_put(page, HB_BOLD, snapshot->name && *snapshot->name ? snapshot->name : "a process");
	if (snapshot->kind == HB_TARGET_CORE)
		hb_page_printf(page, HB_PLAIN, snapshot->pid ? " (core of pid %d)" : " (core)", snapshot->pid);
	else
		hb_page_printf(page, HB_PLAIN, " (pid %d)", snapshot->pid);
	hb_page_to(page, 0);
	hb_page_put(page, HB_PLAIN, go->version.text[0] ? go->version.text : "unknown version of Go");
	if (go->stripped)
		hb_page_put(page, HB_PLAIN, ", stripped");
	const char *library = hb_snapshot_library(snapshot), *slash = library ? strrchr(library, '/') : NULL;
	if (library)
		hb_page_printf(page, HB_PLAIN, ", in %s", slash ? slash + 1 : library);
}

static void header(struct text *text)
{
	const struct hb_report *report = text->report;
	const struct hb_snapshot *snapshot = report->analysis->snapshot;
	header_target(text);
	char pause[NUMBER], bytes[NUMBER], objects[NUMBER], share[NUMBER], line[4 * NUMBER + 64];
	hb_format_pause(snapshot->pause_ns, pause, sizeof(pause));
	hb_format_bytes(report->live_bytes, bytes, sizeof(bytes));
	hb_format_count(report->live_objects, objects, sizeof(objects));
	hb_format_share(report->typed_bytes, report->pointerful_bytes, share, sizeof(share));
	bool live = snapshot->kind == HB_TARGET_LIVE;
	snprintf(line, sizeof(line), "%s%s%sexamined %s, %s objects, %s typed", live ? "paused " : "",
	         live ? pause : "", live ? "   " : "", bytes, objects, share);
	hb_page_right(&text->page, HB_PLAIN, line, text->page.width);
	hb_page_newline(&text->page);
}

/* --- Ledger ----------------------------------------------------------------------------------------------------------
 */

/* All parts in the unit of the whole, so that they add up to the eye. */
static void ledger(struct text *text)
{
	const struct hb_ledger *ledger = &text->report->ledger;
	struct hb_page_writer *page = &text->page;
	if (!ledger->rss)
		return;
	/* What is nobody's is said when it is a part worth asking about. */
	uint64_t other = ledger->other >= ledger->rss / 100 ? ledger->other : 0;
	const struct {
		uint64_t bytes;
		const char *name;
	} parts[] = {
	        {ledger->live_heap, "live Go"},
	        {ledger->free_heap, "Go free"},
	        {ledger->stacks, "stacks"},
	        {ledger->c_heap, "C heap"},
	        {ledger->files + ledger->runtime + ledger->other - other, "files and runtime"},
	        {other, "other"},
	};
	double unit = ledger->rss < 999500000 ? 1e6 : 1e9;
	int decimals = (double)ledger->rss / unit < 9.995 ? 2 : (double)ledger->rss / unit < 99.95 ? 1 : 0;
	double least = decimals == 2 ? 0.005 : decimals == 1 ? 0.05 : 0.5;
	hb_page_printf(page, HB_PLAIN, "RSS %.*f %s", decimals, (double)ledger->rss / unit, unit > 1e6 ? "GB" : "MB");
	bool first = true;
	for (size_t i = 0; i < hb_countof(parts); i++) {
		if ((double)parts[i].bytes / unit < least)
			continue;
		char part[NUMBER];
		snprintf(part, sizeof(part), "%s %s %.*f", first ? "=" : "+", parts[i].name, decimals,
		         (double)parts[i].bytes / unit);
		if (page->column + 1 + hb_display_width(part) > page->width) {
			hb_page_newline(page);
			hb_page_put(page, HB_PLAIN, "   ");
		}
		hb_page_printf(page, HB_PLAIN, " %s", part);
		first = false;
	}
	hb_page_newline(page);
}

/* --- Sites: "func file:line" ------------------------------------------------------------------------------------ */

/* Import paths in front of names are cut to their last element unless -v. */
static void shorten(const struct text *text, const char *names, char *buf, size_t size)
{
	if (text->options->verbose)
		snprintf(buf, size, "%s", names);
	else
		hb_short_names(names, buf, size);
}

enum { MAX_NAME = 1024, FILE_ROOM = 26 };

struct site {
	char function[MAX_NAME], file[MAX_NAME];
};

/* Splits at the last two spaces; function and file are shortened unless -v. */
static void split_site(const struct text *text, const char *site, struct site *ret)
{
	char function[MAX_NAME];
	const char *gap = NULL;
	for (const char *p = site; (p = strstr(p, "  ")); p++)
		gap = p;
	size_t len = gap ? (size_t)(gap - site) : strlen(site);
	snprintf(function, sizeof(function), "%.*s", (int)hb_min(len, sizeof(function) - 1), site);
	shorten(text, function, ret->function, sizeof(ret->function));
	const char *file = gap ? gap + strspn(gap, " ") : "";
	if (text->options->verbose)
		snprintf(ret->file, sizeof(ret->file), "%s", file);
	else
		hb_short_path(file, ret->file, sizeof(ret->file));
}

static unsigned function_width(const struct text *text, const char *text_of_site)
{
	struct site site;
	split_site(text, text_of_site, &site);
	return hb_display_width(site.function);
}

static void put_site(struct text *text, const char *text_of_site, unsigned file_column)
{
	struct site site;
	split_site(text, text_of_site, &site);
	unsigned until = !*site.file ? 0 : file_column ? file_column - 2 : text->page.width - FILE_ROOM;
	hb_page_put_fit(&text->page, HB_PLAIN, site.function, until);
	if (*site.file) {
		hb_page_to(&text->page, file_column);
		hb_page_put(&text->page, HB_DIM, site.file);
	}
}

/* --- Findings --------------------------------------------------------------------------------------------------------
 */

enum { RULE_COLUMN = 5, LABEL_COLUMN = 16, MAX_PATH = 16 };

static const enum hb_style verdict_styles[] = {[HB_ESTIMATE] = HB_CYAN, [HB_LIKELY] = HB_YELLOW, [HB_PROVEN] = HB_RED};

static void finding_title(struct text *text, const struct hb_finding *finding)
{
	struct hb_page_writer *page = &text->page;
	char bytes[NUMBER], share[NUMBER], right[2 * NUMBER + 32] = "";
	if (finding->bytes) {
		hb_format_bytes(finding->bytes, bytes, sizeof(bytes));
		hb_format_share(finding->bytes, text->report->live_bytes, share, sizeof(share));
		if (finding->bytes >= text->report->live_bytes / 100)
			snprintf(right, sizeof(right), "%s, %s of the live heap", bytes, share);
		else
			snprintf(right, sizeof(right), "%s", bytes);
	}
	hb_page_put(page, HB_BOLD, finding->rule);
	hb_page_to(page, RULE_COLUMN);
	hb_page_put(page, verdict_styles[finding->verdict], hb_verdict_name(finding->verdict));
	hb_page_to(page, RULE_COLUMN + 9);
	unsigned room = (unsigned)strlen(right) + 2;
	if (page->column + hb_display_width(finding->title) + room <= page->width)
		hb_page_put(page, HB_BOLD, finding->title);
	else
		hb_page_wrap(page, HB_BOLD, finding->title);
	if (*right)
		hb_page_right(page, HB_PLAIN, right, page->width);
	hb_page_newline(page);
}

static void finding_label(struct text *text, const char *label)
{
	hb_page_to(&text->page, RULE_COLUMN);
	hb_page_put(&text->page, HB_DIM, label);
	hb_page_to(&text->page, LABEL_COLUMN);
}

static void finding_sites(struct text *text, const char *label, char *const *sites, size_t n, unsigned file_column)
{
	for (size_t i = 0; i < hb_min(n, text->options->verbose ? n : 4); i++) {
		finding_label(text, i ? "" : label);
		put_site(text, sites[i], file_column);
		hb_page_newline(&text->page);
	}
}

static void finding_texts(struct text *text, const char *label, char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		finding_label(text, i ? "" : label);
		hb_page_wrap(&text->page, HB_PLAIN, texts[i]);
		hb_page_newline(&text->page);
	}
}

static unsigned sites_width(const struct text *text, char *const *sites, size_t n, unsigned width)
{
	for (size_t i = 0; i < n; i++) {
		unsigned function = function_width(text, sites[i]);
		width = hb_max(width, function);
	}
	return width;
}

static void finding(struct text *text, const struct hb_finding *finding)
{
	struct hb_page_writer *page = &text->page;
	char shown[2048];
	hb_page_newline(page);
	finding_title(text, finding);
	if (finding->holder && *finding->holder) {
		hb_page_to(page, RULE_COLUMN);
		shorten(text, finding->holder, shown, sizeof(shown));
		hb_page_put_fit(page, HB_PLAIN, shown, 0);
		hb_page_newline(page);
	}
	for (size_t i = 0; i < hb_min(finding->path.len, (size_t)MAX_PATH); i++) {
		hb_page_to(page, RULE_COLUMN + 2 + 2 * (unsigned)i);
		shorten(text, finding->path.data[i], shown, sizeof(shown));
		hb_page_put_fit(page, HB_PLAIN, shown, 0);
		hb_page_newline(page);
	}
	unsigned width = 0;
	width = sites_width(text, finding->allocated_at.data, finding->allocated_at.len, width);
	width = sites_width(text, finding->created_at.data, finding->created_at.len, width);
	width = sites_width(text, finding->blocked_at.data, finding->blocked_at.len, width);
	unsigned file_column = LABEL_COLUMN + hb_min(width, page->width - LABEL_COLUMN - FILE_ROOM) + 2;
	finding_sites(text, "blocked", finding->blocked_at.data, finding->blocked_at.len, file_column);
	finding_sites(text, "created", finding->created_at.data, finding->created_at.len, file_column);
	finding_sites(text, "allocated", finding->allocated_at.data, finding->allocated_at.len, file_column);
	finding_texts(text, "because", finding->evidence.data, finding->evidence.len);
	if (finding->help && *finding->help)
		finding_texts(text, "do", &(char *){finding->help}, 1);
	finding_label(text, "more");
	hb_page_printf(page, HB_PLAIN, "heldby explain %s", finding->rule);
	if (text->options->verbose)
		hb_page_printf(page, HB_DIM, "   fingerprint %s", finding->fingerprint);
	hb_page_newline(page);
}

/* --- Holders ---------------------------------------------------------------------------------------------------------
 */

enum { BYTES_END = 10, SHARE_END = 18, TREE_COLUMN = 20 };

static const char *kind_words(const struct hb_report_holder *holder)
{
	static const struct {
		const char *kind, *words;
	} table[] = {
	        {"global", "global "},     {"goroutine", "goroutines "}, {"timer", "timers of "},
	        {"finalizer", ""},         {"runtime", "the runtime: "}, {"c", "C code: "},
	        {"shared", "the shared "},
	};
	/* Names of nameless things say what they are: "x509 global (used by …)", "main goroutine". */
	if (strstr(holder->name, holder->kind))
		return "";
	for (size_t i = 0; i < hb_countof(table); i++)
		if (!strcmp(holder->kind, table[i].kind))
			return table[i].words;
	return "";
}

/* One line of the tree: a child, and the children of which each holds nearly all of what the one before does. */
struct step {
	const struct hb_report_holder *last;
	char label[1024];
};

static bool is_notable(const struct hb_report_holder *child, const struct hb_report_holder *top, bool verbose)
{
	enum { PART = 10 };
	return verbose || child->retained_bytes >= top->retained_bytes / PART;
}

static struct step follow(const struct text *text, const struct hb_report_holder *child)
{
	struct step step = {.last = child};
	size_t used = (size_t)snprintf(step.label, sizeof(step.label), "%s", child->label);
	while (!text->options->verbose && step.last->nchildren && used < sizeof(step.label)) {
		const struct hb_report_holder *next = &step.last->children[0];
		if (next->fan_out != step.last->fan_out || next->retained_bytes < step.last->retained_bytes / 10 * 8 ||
		    (next->label[0] != '.' && next->label[0] != '['))
			break;
		used += (size_t)snprintf(step.label + used, sizeof(step.label) - used, "%s", next->label);
		step.last = next;
	}
	return step;
}

static bool is_said_below(const struct text *text, const struct hb_report_holder *holder,
                          const struct hb_report_holder *top)
{
	for (size_t i = 0; i < holder->nchildren; i++)
		if (is_notable(&holder->children[i], top, text->options->verbose) && holder->children[i].allocated_at &&
		    !strcmp(holder->children[i].allocated_at, holder->allocated_at))
			return true;
	return false;
}

static void put_allocated_at(struct text *text, const struct hb_report_holder *holder,
                             const struct hb_report_holder *top)
{
	struct site site;
	struct hb_page_writer *page = &text->page;
	if (!holder->allocated_at || !*holder->allocated_at || is_said_below(text, holder, top))
		return;
	split_site(text, holder->allocated_at, &site);
	unsigned width = hb_display_width(site.function) + hb_display_width(site.file) + 14;
	if (page->cut && page->column + width > page->width)
		return;
	hb_page_to(page, 0);
	hb_page_printf(page, HB_DIM, "allocated %s  %s", site.function, site.file);
}

static void put_count(struct text *text, const struct hb_report_holder *holder)
{
	char count[NUMBER];
	if (holder->fan_out < 2)
		return;
	hb_format_count(holder->fan_out, count, sizeof(count));
	hb_page_printf(&text->page, HB_PLAIN, " ×%s", count);
}

static void put_sizes(struct text *text, const struct hb_report_holder *holder)
{
	char bytes[NUMBER], share[NUMBER];
	hb_format_bytes(holder->retained_bytes, bytes, sizeof(bytes));
	hb_format_share(holder->retained_bytes, text->report->live_bytes, share, sizeof(share));
	hb_page_right(&text->page, HB_PLAIN, bytes, BYTES_END);
	hb_page_right(&text->page, HB_DIM, share, SHARE_END);
}

/* "label type ×count": the type gets the room that the label leaves. */
static void put_name_and_type(struct text *text, enum hb_style style, const char *name, const char *type)
{
	enum { LEAST_TYPE = 24, COUNT = 10 };
	struct hb_page_writer *page = &text->page;
	char shown[2048];
	bool has_type = type && *type;
	shorten(text, name, shown, sizeof(shown));
	hb_page_put_fit(page, style, shown, page->width - (has_type ? LEAST_TYPE + COUNT : COUNT));
	if (!has_type)
		return;
	shorten(text, type, shown, sizeof(shown));
	hb_page_put(page, HB_PLAIN, *name ? " " : "");
	hb_page_put_fit(page, HB_PLAIN, shown, page->width - COUNT);
}

/* What several hold together is best known by what it is. */
static void shared_row(struct text *text, const struct hb_report_holder *top)
{
	char shown[2048];
	put_sizes(text, top);
	hb_page_to(&text->page, TREE_COLUMN);
	shorten(text, top->type, shown, sizeof(shown));
	hb_page_put_fit(&text->page, HB_BOLD, shown, text->page.width / 2);
	put_count(text, top);
	hb_page_put(&text->page, HB_PLAIN, " shared by ");
	shorten(text, top->name, shown, sizeof(shown));
	hb_page_put_fit(&text->page, HB_PLAIN, shown, 0);
	hb_page_newline(&text->page);
}

static void holder_row(struct text *text, const struct hb_report_holder *top)
{
	if (!strcmp(top->kind, "shared")) {
		shared_row(text, top);
		return;
	}
	put_sizes(text, top);
	hb_page_to(&text->page, TREE_COLUMN);
	hb_page_put(&text->page, HB_PLAIN, kind_words(top));
	put_name_and_type(text, HB_BOLD, top->name, top->type);
	if (text->options->verbose && top->address)
		hb_page_printf(&text->page, HB_DIM, " at 0x%" PRIx64, top->address);
	put_count(text, top);
	put_allocated_at(text, top, top);
	hb_page_newline(&text->page);
}

static void step_row(struct text *text, const struct step *step, const struct hb_report_holder *top, unsigned depth)
{
	put_sizes(text, step->last);
	hb_page_to(&text->page, TREE_COLUMN + 2 * depth);
	put_name_and_type(text, HB_PLAIN, step->label, step->last->type);
	put_count(text, step->last);
	put_allocated_at(text, step->last, top);
	hb_page_newline(&text->page);
}

/* A tree without recursion: the path down to the row that is printed. */
static void holder_tree(struct text *text, const struct hb_report_holder *top)
{
	enum { MAX_ROWS = 8 };
	struct {
		const struct hb_report_holder *holder;
		size_t next;
	} path[HB_REPORT_DEPTH + 1] = {{top, 0}};
	unsigned depth = 0, shown = 0;
	holder_row(text, top);
	for (;;) {
		const struct hb_report_holder *holder = path[depth].holder;
		bool more = depth < HB_REPORT_DEPTH && path[depth].next < holder->nchildren &&
		            (shown < MAX_ROWS || text->options->verbose);
		if (!more) {
			if (depth-- == 0)
				return;
			continue;
		}
		const struct hb_report_holder *child = &holder->children[path[depth].next++];
		if (!is_notable(child, top, text->options->verbose))
			continue;
		struct step step = follow(text, child);
		step_row(text, &step, top, depth + 1);
		shown++;
		path[++depth].holder = step.last;
		path[depth].next = 0;
	}
}

/* What is small does not explain anything: it is shown on demand, or when there is nothing larger. */
static size_t notable_holders(const struct hb_report *report)
{
	enum { LEAST = 3, PART = 500 };
	size_t n = hb_min(report->nholders, (size_t)LEAST);
	while (n < report->nholders && report->holders[n].retained_bytes >= report->live_bytes / PART)
		n++;
	return n;
}

static void holders(struct text *text)
{
	const struct hb_report *report = text->report;
	if (!report->nholders)
		return;
	heading(text, "Largest holders", "bytes that would be freed if the holder let go");
	size_t n = rows(text, report->nholders, hb_min(notable_holders(report), (size_t)TOP_HOLDERS));
	for (size_t i = 0; i < n; i++)
		holder_tree(text, &report->holders[i]);
	omitted(text, n, report->nholders, TREE_COLUMN);
	const struct hb_alloc_sites *sites = report->analysis->sites;
	if (sites && !sites->samples.len) {
		hb_page_to(&text->page, TREE_COLUMN);
		hb_page_wrap(&text->page, HB_DIM,
		             "Where it was allocated is not recorded: the program has no memory profiling (it imports "
		             "neither "
		             "runtime/pprof nor net/http/pprof, or turns it off)");
		hb_page_newline(&text->page);
	}
}

/* --- Packages --------------------------------------------------------------------------------------------------------
 */

/* Of one package alone the holders say it all. */
static void packages(struct text *text)
{
	enum { TOP_PACKAGES = 5, PART = 100 };
	const struct hb_report *report = text->report;
	size_t n = hb_partition_point(report->npackages, i,
	                              report->packages[i].retained_bytes >= report->live_bytes / PART);
	n = rows(text, report->npackages, hb_min(n, (size_t)TOP_PACKAGES));
	if (n < 2)
		return;
	heading(text, "Globals by package", "bytes that the variables of one package hold");
	for (size_t i = 0; i < n; i++) {
		const struct hb_report_package *package = &report->packages[i];
		put_sizes(text, &(struct hb_report_holder){.retained_bytes = package->retained_bytes});
		hb_page_to(&text->page, TREE_COLUMN);
		hb_page_put_fit(&text->page, HB_PLAIN, package->name, 0);
		hb_page_newline(&text->page);
	}
	omitted(text, n, report->npackages, TREE_COLUMN);
}

/* --- Types -----------------------------------------------------------------------------------------------------------
 */

static void types(struct text *text)
{
	const struct hb_report *report = text->report;
	struct hb_page_writer *page = &text->page;
	size_t n = rows(text, report->ntypes, TOP_TYPES);
	if (!n)
		return;
	enum { COUNT_END = 12, SHALLOW_END = 24, RETAINED_END = 36, NAME = 38 };
	hb_page_newline(page);
	hb_page_put(page, HB_BOLD, "Types");
	hb_page_right(page, HB_DIM, "objects", COUNT_END);
	hb_page_right(page, HB_DIM, "bytes", SHALLOW_END);
	hb_page_right(page, HB_DIM, "retained", RETAINED_END);
	hb_page_newline(page);
	for (size_t i = 0; i < n; i++) {
		const struct hb_report_type *type = &report->types[i];
		char number[NUMBER], name[2048];
		hb_format_count(type->count, number, sizeof(number));
		hb_page_right(page, HB_PLAIN, number, COUNT_END);
		hb_format_bytes(type->bytes, number, sizeof(number));
		hb_page_right(page, HB_PLAIN, number, SHALLOW_END);
		hb_format_bytes(type->retained_bytes, number, sizeof(number));
		hb_page_right(page, HB_PLAIN, number, RETAINED_END);
		hb_page_to(page, NAME);
		shorten(text, type->name, name, sizeof(name));
		hb_page_put_fit(page, HB_PLAIN, name, 0);
		hb_page_newline(page);
	}
	omitted(text, n, report->ntypes, NAME);
}

/* --- Goroutines ------------------------------------------------------------------------------------------------------
 */

static void wait_words(const struct hb_report_goroutines *group, char *buf, size_t size)
{
	char from[NUMBER], to[NUMBER];
	const char *what = group->wait_reason && *group->wait_reason ? group->wait_reason : group->state;
	hb_format_duration(group->since_s_min, from, sizeof(from));
	hb_format_duration(group->since_s_max, to, sizeof(to));
	if (!group->since_s_max)
		snprintf(buf, size, "%s", what);
	else if (!strcmp(from, to) || group->count == 1)
		snprintf(buf, size, "%s, %s", what, to);
	else
		snprintf(buf, size, "%s, %s to %s", what, from, to);
}

enum { WHAT = 20 }; /* column */

static void goroutine_group(struct text *text, const struct hb_report_goroutines *group, unsigned site, unsigned file)
{
	enum { COUNT_END = 8, GROUP_BYTES_END = 18 };
	struct hb_page_writer *page = &text->page;
	char number[NUMBER], what[3 * NUMBER];
	hb_format_count(group->count, number, sizeof(number));
	hb_page_right(page, HB_PLAIN, number, COUNT_END);
	hb_format_bytes(group->retained_bytes + group->stack_bytes, number, sizeof(number));
	hb_page_right(page, HB_PLAIN, number, GROUP_BYTES_END);
	hb_page_to(page, WHAT);
	wait_words(group, what, sizeof(what));
	hb_page_put(page, HB_PLAIN, what);
	if (group->blocked_at && *group->blocked_at) {
		hb_page_to(page, WHAT + site);
		put_site(text, group->blocked_at, WHAT + site + file);
	}
	hb_page_newline(page);
	if (group->created_by && *group->created_by) {
		hb_page_to(page, WHAT);
		hb_page_put(page, HB_DIM, "created by");
		hb_page_to(page, WHAT + site);
		put_site(text, group->created_by, WHAT + site + file);
		hb_page_newline(page);
	}
	for (size_t i = 0; text->options->verbose && i < hb_min(group->nstack, (size_t)TOP_STACK); i++) {
		hb_page_to(page, WHAT + site + 2);
		put_site(text, group->stack[i], 0);
		hb_page_newline(page);
	}
}

static void goroutines(struct text *text)
{
	const struct hb_report *report = text->report;
	char total[NUMBER], remark[NUMBER * 8];
	if (!report->ngoroutines)
		return;
	hb_format_count(report->goroutines_total, total, sizeof(total));
	size_t used = (size_t)snprintf(remark, sizeof(remark), "%s", total);
	for (size_t i = 0, shown = 0; i < hb_countof(report->by_status); i++) {
		if (!report->by_status[i])
			continue;
		hb_format_count(report->by_status[i], total, sizeof(total));
		used += (size_t)snprintf(remark + used, sizeof(remark) - used, "%s %s %s", shown++ ? "," : ":", total,
		                         hb_g_status_name((enum hb_g_status)i));
		used = hb_min(used, sizeof(remark) - 1);
	}
	snprintf(remark + used, sizeof(remark) - used, "   bytes with their stacks");
	heading(text, "Goroutines", remark);
	size_t n = rows(text, report->ngoroutines, TOP_GOROUTINES);
	unsigned site = 12, file = 0;
	for (size_t i = 0; i < n; i++) {
		const struct hb_report_goroutines *group = &report->goroutines[i];
		char what[3 * NUMBER];
		wait_words(group, what, sizeof(what));
		site = hb_max(site,
		              hb_display_width(what) + 2); /* escaped by the page; the runtime's words need none */
		file = sites_width(text, &(char *){group->blocked_at ? group->blocked_at : (char *)""}, 1, file);
		file = sites_width(text, &(char *){group->created_by ? group->created_by : (char *)""}, 1, file);
	}
	site = hb_min(site, 36u);
	unsigned room = text->page.width - hb_min(WHAT + site + FILE_ROOM, text->page.width);
	file = hb_min(file, hb_max(room, 12u));
	for (size_t i = 0; i < n; i++)
		goroutine_group(text, &report->goroutines[i], site, file + 2);
	omitted(text, n, report->ngoroutines, 20);
}

/* --- What is open ---------------------------------------------------------------------------------------------------- */

static void put_counts(struct text *text, const struct hb_fd_count *counts, size_t n, const char *before,
                       const char *after)
{
	const char *separator = before;
	for (size_t i = 0; i < n; i++) {
		char number[NUMBER];
		if (!counts[i].count)
			continue;
		hb_format_count(counts[i].count, number, sizeof(number));
		hb_page_printf(&text->page, HB_PLAIN, "%s%s %s", separator, number,
		               counts[i].count == 1 ? counts[i].one : counts[i].many);
		separator = ", ";
	}
	if (separator != before)
		hb_page_put(&text->page, HB_PLAIN, after);
}

static void fds(struct text *text)
{
	const struct hb_report_fds *fds = &text->report->fds;
	struct hb_page_writer *page = &text->page;
	struct hb_fd_count kinds[HB_FD_COUNTS], states[HB_FD_COUNTS];
	char open[NUMBER], limit[NUMBER], remark[3 * NUMBER];
	if (!fds->known)
		return;
	hb_format_count(fds->open, open, sizeof(open));
	hb_format_count(fds->limit, limit, sizeof(limit));
	snprintf(remark, sizeof(remark), fds->limit ? "%s, at most %s" : "%s", open, limit);
	heading(text, "Open files", remark);
	hb_page_to(page, 4);
	put_counts(text, kinds, hb_fd_counts_by_kind(fds, kinds), "", "");
	put_counts(text, states, hb_fd_counts_by_state(fds, states), "   TCP: ", "");
	hb_page_newline(page);
	if (!fds->unknown)
		return;
	hb_format_count(fds->unknown, open, sizeof(open));
	hb_page_to(page, 4);
	hb_page_printf(page, HB_PLAIN,
	               "%s of them no os.File or connection stands for: opened by C code, or through package syscall",
	               open);
	hb_page_newline(page);
}

/* --- The last line ---------------------------------------------------------------------------------------------------
 */

static void nothing_suspicious(struct text *text)
{
	const struct hb_report *report = text->report;
	char line[2048], bytes[NUMBER];
	size_t used = (size_t)snprintf(line, sizeof(line), "nothing suspicious");
	for (size_t i = 0; i < hb_min(report->nholders, (size_t)3) && used < sizeof(line); i++) {
		const struct hb_report_holder *holder = &report->holders[i];
		char name[512];
		enum { NAME = 60 };
		shorten(text, strcmp(holder->kind, "shared") ? holder->name : holder->type, name, sizeof(name));
		hb_fit_width(name, sizeof(name), NAME);
		hb_format_bytes(holder->retained_bytes, bytes, sizeof(bytes));
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s %s%s (%s)",
		                         i ? "," : "; the largest holders are", kind_words(holder), name, bytes);
	}
	hb_page_wrap(&text->page, HB_PLAIN, line);
}

/* Left out of the findings, and never without a word. */
static void suppressed(struct text *text)
{
	const struct hb_findings *findings = &text->report->analysis->suppressed;
	for (size_t i = 0; i < findings->list.len && text->options->verbose; i++) {
		const struct hb_finding *finding = &findings->list.data[i];
		hb_page_printf(&text->page, HB_DIM, "suppressed  %s  %s  (%s)", finding->rule, finding->title,
		               finding->suppressed_by->reason);
		hb_page_newline(&text->page);
	}
	if (!findings->list.len)
		return;
	hb_page_printf(&text->page, HB_DIM, "%zu suppressed%s", findings->list.len,
	               text->options->verbose ? "" : ": -v lists them");
	hb_page_newline(&text->page);
}

static void closing(struct text *text)
{
	const struct hb_findings *findings = &text->report->analysis->findings;
	struct hb_page_writer *page = &text->page;
	hb_page_newline(page);
	if (!findings->list.len) {
		nothing_suspicious(text);
		hb_page_newline(page);
		suppressed(text);
		return;
	}
	char summary[4 * NUMBER];
	size_t with_bytes = 0;
	for (size_t i = 0; i < findings->list.len; i++)
		with_bytes += findings->list.data[i].bytes > 0;
	hb_findings_summary(findings, summary, sizeof(summary));
	hb_page_put(page, HB_BOLD, summary);
	if (with_bytes > 1)
		hb_page_put(page, HB_DIM, "   where findings overlap, each counts the bytes");
	hb_page_newline(page);
	suppressed(text);
}

static struct text text_on(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	return (struct text){
	        .page = {.out = out,
	                 .color = options->color,
	                 .width = options->width ? hb_max(options->width, (unsigned)LEAST_WIDTH) : DEFAULT_WIDTH,
	                 .cut = options->width && !options->verbose},
	        .report = report,
	        .options = options,
	};
}

struct hb_error *hb_render_finding(const struct hb_report *report, const struct hb_finding *one,
                                   const struct hb_render_options *options, FILE *out)
{
	struct text text = text_on(report, options, out);
	finding(&text, one);
	return hb_page_finish(&text.page);
}

struct hb_error *hb_render_text(const struct hb_report *report, const struct hb_render_options *options, FILE *out)
{
	struct text text = text_on(report, options, out);
	header(&text);
	ledger(&text);
	const struct hb_findings *findings = &report->analysis->findings;
	for (size_t i = 0; i < findings->list.len; i++)
		finding(&text, &findings->list.data[i]);
	if (!options->findings_only) {
		holders(&text);
		packages(&text);
		types(&text);
		goroutines(&text);
		fds(&text);
	}
	closing(&text);
	return hb_page_finish(&text.page);
}
