/* A comparison for people. */
#include "report/diff.h"
#include "report/page.h"

#include <string.h>

enum { TOP = 10, MORE = 12, COUNTS = 34, BYTES = 48, NAME = 51, DEFAULT_WIDTH = 100 };

static void put_signed_bytes(uint64_t before, uint64_t after, char *buf, size_t size)
{
	char bytes[32];
	hb_format_bytes(after > before ? after - before : before - after, bytes, sizeof(bytes));
	snprintf(buf, size, "%s%s", after == before ? "±" : after > before ? "+" : "−", bytes);
}

static void section(struct hb_page_writer *page, const struct hb_changes *changes, const char *title, const char *what,
                    const struct hb_render_options *options)
{
	size_t n = options->top ? options->top : TOP;
	if (!changes->list.len)
		return;
	hb_page_newline(page);
	hb_page_put(page, HB_BOLD, title);
	hb_page_newline(page);
	for (size_t i = 0; i < changes->list.len && i < n; i++) {
		const struct hb_change *change = &changes->list.data[i];
		char number[32], before[32], after[32], text[160];
		hb_format_count(change->after - change->before, number, sizeof(number));
		hb_format_count(change->before, before, sizeof(before));
		hb_format_count(change->after, after, sizeof(after));
		snprintf(text, sizeof(text), "+%s", number);
		hb_page_right(page, HB_BOLD, text, MORE);
		snprintf(text, sizeof(text), "%s to %s %s", before, after, what);
		hb_page_to(page, MORE + 2);
		hb_page_put(page, HB_PLAIN, text);
		put_signed_bytes(change->bytes_before, change->bytes_after, text, sizeof(text));
		hb_page_right(page, HB_PLAIN, text, BYTES);
		hb_page_to(page, NAME);
		if (*change->kind && strncmp(change->kind, "map", 3) != 0)
			hb_page_printf(page, HB_DIM, "%s ", change->kind);
		hb_page_put_fit(page, HB_PLAIN, change->name, 0);
		hb_page_newline(page);
	}
	if (changes->list.len > n) {
		hb_page_to(page, NAME);
		hb_page_printf(page, HB_DIM, "and %zu more: --top %zu", changes->list.len - n, changes->list.len);
		hb_page_newline(page);
	}
}

static void header(struct hb_page_writer *page, const struct hb_diff *diff)
{
	const struct hb_snapshot *before = diff->before->analysis->snapshot, *after = diff->after->analysis->snapshot;
	char old_bytes[32], new_bytes[32], more[40], old_goroutines[32], new_goroutines[32], apart[32];
	hb_page_put(page, HB_BOLD, "heldby diff");
	hb_page_printf(page, HB_PLAIN, "  %s  %s", after->name, diff->after->analysis->go->version.text);
	if (diff->same_process)
		hb_page_printf(page, HB_PLAIN, "  pid %d", after->pid);
	if (diff->same_process && after->taken_ns > before->taken_ns) {
		hb_format_duration((after->taken_ns - before->taken_ns) / 1000000000, apart, sizeof(apart));
		hb_page_printf(page, HB_PLAIN, ", %s apart", apart);
	}
	hb_page_newline(page);
	hb_format_bytes(diff->before->live_bytes, old_bytes, sizeof(old_bytes));
	hb_format_bytes(diff->after->live_bytes, new_bytes, sizeof(new_bytes));
	put_signed_bytes(diff->before->live_bytes, diff->after->live_bytes, more, sizeof(more));
	hb_format_count(diff->before->goroutines_total, old_goroutines, sizeof(old_goroutines));
	hb_format_count(diff->after->goroutines_total, new_goroutines, sizeof(new_goroutines));
	hb_page_printf(page, HB_PLAIN, "live heap %s to %s (%s), goroutines %s to %s", old_bytes, new_bytes, more,
	               old_goroutines, new_goroutines);
	hb_page_newline(page);
}

struct hb_error *hb_diff_render_text(const struct hb_diff *diff, const struct hb_render_options *options, FILE *out)
{
	struct hb_page_writer page = {
	        .out = out,
	        .color = options->color,
	        .width = options->width ? options->width : DEFAULT_WIDTH,
	        .cut = options->width && !options->verbose,
	};
	header(&page, diff);
	section(&page, &diff->containers, "Containers that have more in them", "elements", options);
	section(&page, &diff->goroutines, "Goroutines that are more", "goroutines", options);
	section(&page, &diff->types, "Types with more objects", "objects", options);
	section(&page, &diff->holders, "Holders that keep more alive", "objects", options);
	hb_page_newline(&page);
	bool any = diff->containers.list.len || diff->goroutines.list.len || diff->types.list.len ||
	           diff->holders.list.len;
	hb_page_wrap(&page, HB_DIM,
	             any ? "Two moments do not tell a leak from a cache that fills or from more load: heldby report "
	                   "PID --wait 20s, or heldby watch PID, looks again and judges."
	                 : "Nothing became more.");
	hb_page_newline(&page);
	return hb_page_finish(&page);
}
