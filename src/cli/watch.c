/* heldby watch: look again and again, say what only grows, keep a history. */
#include "cli/formats.h"
#include "cli/limits.h"
#include "cli/render.h"
#include "growth/history.h"
#include "leak/growth.h"
#include "leak/parked.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct watch {
	const struct hb_command_line *line;
	char *path; /* of the history; NULL: there is none */
	struct hb_history *history;
	unsigned looks;
};

/* --- Where the history is ----------------------------------------------------------------------------------------- */

/* Makes the folders above a file, readable by their owner only. */
static bool make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
		*slash = '/';
		if (!made)
			return false;
	}
	return true;
}

/* The XDG base directories say where programs keep what they may lose; NULL: nowhere. */
static char *default_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len = -1;
	if (state && *state == '/')
		len = asprintf(&path, "%s/heldby/history.sqlite", state);
	else if (home && *home == '/')
		len = asprintf(&path, "%s/.local/state/heldby/history.sqlite", home);
	if (len < 0)
		return NULL;
	if (make_folders(path))
		return path;
	free(path);
	return NULL;
}

/* --- After each look ---------------------------------------------------------------------------------------------- */

static struct hb_error *say_grown(const struct hb_growth *growth, const struct hb_population *population)
{
	hb_cleanup(hb_finding_deinit) struct hb_finding place = {0};
	char count[32], text[1024], escaped[2048];
	TRY(hb_growth_place(growth->analysis, population, &place));
	hb_format_count(population->judgement.last, count, sizeof(count));
	snprintf(text, sizeof(text), "%s%s%s", place.holder, place.path.len ? " " : "",
	         place.path.len ? place.path.data[place.path.len - 1] : "");
	hb_escape_terminal(text, escaped, sizeof(escaped));
	fprintf(stderr, "heldby:   only grows: %s, %s now, %+.1f/s\n", escaped, count, population->judgement.rate);
	return NULL;
}

static struct hb_error *say_piled(const struct hb_growth *growth, const struct hb_pile *pile)
{
	const struct hb_parked *wait = &growth->analysis->parked.list.data[pile->parked];
	hb_cleanup(hb_finding_deinit) struct hb_finding place = {0};
	char count[32], escaped[2048];
	TRY(hb_parked_holder(growth->analysis, wait, &place));
	hb_format_count(pile->judgement.last, count, sizeof(count));
	hb_escape_terminal(place.holder, escaped, sizeof(escaped));
	fprintf(stderr, "heldby:   pile up: %s (%s), %s now, %+.1f/s\n", escaped,
	        growth->analysis->goroutines.list[wait->goroutine].wait_reason, count, pile->judgement.rate);
	return NULL;
}

/* What is known of the process as a whole, and the end of the line. */
static void say_process(const struct hb_look *look)
{
	char text[32];
	const char *between = "; ";
	if (look->rss) {
		hb_format_bytes(look->rss, text, sizeof(text));
		fprintf(stderr, "%s%s resident", between, text);
		between = ", ";
	}
	const struct {
		uint64_t n;
		const char *what;
	} counts[] = {{look->goroutines, "goroutines"}, {look->fds, "open files"}, {look->threads, "threads"}};
	for (size_t i = 0; i < hb_countof(counts); i++) {
		if (!counts[i].n)
			continue;
		hb_format_count(counts[i].n, text, sizeof(text));
		fprintf(stderr, "%s%s %s", between, text, counts[i].what);
		between = ", ";
	}
	fputc('\n', stderr);
}

static struct hb_error *say_look(struct watch *watch, const struct hb_growth *growth)
{
	const struct hb_look *first = &growth->looks.data[0], *last = &growth->looks.data[growth->looks.len - 1];
	char age[32], pause[32];
	hb_format_duration((last->at_ns - first->at_ns) / 1000000000, age, sizeof(age));
	hb_format_pause(last->pause_ns, pause, sizeof(pause));
	hb_progress_done();
	fprintf(stderr, "heldby: look %u after %s: paused %s, %zu containers counted", watch->looks, age, pause,
	        growth->populations.len);
	say_process(last);
	for (size_t i = 0; i < growth->populations.len; i++) {
		const struct hb_population *population = &growth->populations.data[i];
		if (population->judgement.verdict == HB_GROWTH_LIKELY && !population->merged)
			TRY(say_grown(growth, population));
	}
	for (size_t i = 0; i < growth->piles.len; i++)
		if (growth->piles.data[i].judgement.verdict == HB_GROWTH_LIKELY)
			TRY(say_piled(growth, &growth->piles.data[i]));
	return NULL;
}

static struct hb_error *open_history(struct watch *watch, const struct hb_growth *growth)
{
	struct hb_error *err = hb_history_open(watch->path, growth->analysis, &watch->history);
	if (!err || watch->line->history)
		return err;
	hb_warn("%s", err->message); /* nobody asked for that place: go on without */
	hb_error_destroy(err);
	free(hb_take(watch->path));
	return NULL;
}

static struct hb_error *after_look(void *ctx, const struct hb_growth *growth)
{
	struct watch *watch = ctx;
	watch->looks++;
	struct hb_error *err = NULL;
	if (watch->path && !watch->history)
		err = open_history(watch, growth);
	if (!err && watch->history)
		err = hb_history_add(watch->history, growth);
	if (!err && watch->line->verbosity != HB_QUIET)
		err = say_look(watch, growth);
	return err;
}

/* --- The command -------------------------------------------------------------------------------------------------- */

static void watch_deinit(struct watch *watch)
{
	hb_history_close(watch->history);
	free(watch->path);
}

struct hb_error *hb_command_watch(const struct hb_command_line *line, int *status)
{
	hb_cleanup(watch_deinit) struct watch watch = {.line = line};
	uint64_t every = line->every_ns ? line->every_ns : HB_DEFAULT_EVERY_NS;
	uint64_t whole = line->for_ns ? line->for_ns : HB_DEFAULT_FOR_NS;
	if (whole < 2 * every)
		return hb_error_create(HB_ERR_USAGE, "growth takes three looks: --for is to be at least twice --every");
	watch.path = line->history ? strdup(line->history) : default_path();
	if (line->history && !watch.path)
		return hb_error_nomem();
	struct hb_options options = {
	        .size = sizeof(options),
	        .wait_ns = whole,
	        .every_ns = every,
	        .after_look = after_look,
	        .after_look_ctx = &watch,
	};
	return hb_command_examine(line, &options, status);
}
