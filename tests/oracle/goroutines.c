/* Prints the goroutines of a process, one fact a line, for a comparison with the runtime's own traceback.
 *
 *   count N                                   goroutines that runtime.NumGoroutine counts
 *   threads N of M                            threads that are known to be Go's
 *   ID status STATUS OR WAIT REASON
 *   ID frame FUNCTION FILE:LINE fp=… sp=… pc=… innermost first; inlined calls have no fp, sp, pc
 *   ID incomplete                             the outermost frame was not reached
 *   ID creator FUNCTION in goroutine ID FILE:LINE
 *   ID words precise|conservative N           what its stack holds alive
 *   held VALUE                                with -w, at last: every word that a stack or a thread holds alive
 * With -l, instead: "PC\\tFUNCTION\\tFILE:LINE" of the innermost frame, at several places of every function. With -t,
 * instead: how long it took.
 */
#include "base/progress.h"
#include "golang/stacks.h"
#include "golang/threads.h"
#include "snapshot/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LINES = 64 };

struct visitor {
	const struct hb_go *go;
	uint64_t id;
};

static bool print_frame(void *ctx, const struct hb_go_frame *frame)
{
	const struct visitor *visitor = ctx;
	struct hb_go_line lines[MAX_LINES];
	size_t n = hb_go_lines(visitor->go, frame->lookup_pc, lines, MAX_LINES);
	for (size_t i = 0; i < n; i++) {
		printf("%" PRIu64 " frame %s %s:%d", visitor->id, lines[i].function, lines[i].file, lines[i].line);
		if (!lines[i].inlined)
			printf(" fp=0x%" PRIx64 " sp=0x%" PRIx64 " pc=0x%" PRIx64, frame->fp, frame->sp, frame->pc);
		putchar('\n');
	}
	return true;
}

/* runtime/traceback.go printcreatedby: none for the main goroutine; the go statement is before gopc; the function is
 * the one that has the frame. */
static void print_creator(const struct hb_go *go, const struct hb_goroutine *goroutine)
{
	struct hb_go_func func;
	struct hb_go_line lines[MAX_LINES];
	if (goroutine->id == 1 || !hb_go_func_at(go, goroutine->gopc, &func))
		return;
	size_t n = hb_go_lines(go, goroutine->gopc - (goroutine->gopc > func.entry), lines, MAX_LINES);
	printf("%" PRIu64 " creator %s", goroutine->id, func.name);
	if (goroutine->parent_id)
		printf(" in goroutine %" PRIu64, goroutine->parent_id);
	printf(" %s:%d\n", n ? lines[0].file : "", n ? lines[0].line : 0);
}

static void count_word(void *ctx, const struct hb_stack_pointer *pointer)
{
	++*(uint64_t *)ctx;
}

static struct hb_error *print_goroutine(const struct hb_go *go, const struct hb_goroutine *goroutine)
{
	struct visitor visitor = {go, goroutine->id};
	bool complete;
	struct hb_stack_reading reading;
	uint64_t words = 0;
	printf("%" PRIu64 " status %s\n", goroutine->id,
	       goroutine->wait_reason[0] ? goroutine->wait_reason : hb_g_status_name(goroutine->status));
	TRY(hb_go_unwind(go, goroutine, print_frame, &visitor, &complete));
	if (!complete)
		printf("%" PRIu64 " incomplete\n", goroutine->id);
	print_creator(go, goroutine);
	TRY(hb_go_scan_stack(go, goroutine, count_word, &words, &reading));
	printf("%" PRIu64 " words %s %" PRIu64 "\n", goroutine->id, reading.precise ? "precise" : "conservative",
	       words);
	return NULL;
}

/* For the runtime a name at offset 0 is none (runtime/symtab.go funcname; 1.18-1.27). */
static const char *name_as_the_runtime_says(const struct hb_go_module *module, const struct hb_go_line *line)
{
	return line->function == (const char *)module->funcnametab.data ? "" : line->function;
}

/* The entry of every function of the main program, and three places in it. Not of the first and the last one: the
 * runtime looks up what is before a return address, which is outside the text there. */
static struct hb_error *print_lines(const struct hb_go *go)
{
	const struct hb_go_module *module = &go->modules[0];
	struct hb_go_func func, next;
	struct hb_go_line line;
	for (uint32_t i = 1; hb_go_func_by_index(go, module, i, &func) && hb_go_func_by_index(go, module, i + 1, &next);
	     i++)
		for (uint64_t quarter = 0; quarter < 4; quarter++) {
			uint64_t pc = func.entry + (func.end - func.entry) * quarter / 4;
			if (quarter && pc == func.entry)
				continue;
			if (hb_go_lines(go, pc, &line, 1))
				printf("%" PRIx64 "\t%s\t%s:%d\n", pc, name_as_the_runtime_says(module, &line),
				       line.file, line.line);
		}
	return NULL;
}

static bool count_frame(void *ctx, const struct hb_go_frame *frame)
{
	++*(uint64_t *)ctx;
	return true;
}

static void print_word(void *ctx, const struct hb_stack_pointer *pointer)
{
	printf("held %" PRIx64 "\n", pointer->value);
}

static struct hb_error *print_words(const struct hb_go *go, const struct hb_goroutines *goroutines)
{
	struct hb_stack_reading reading;
	for (size_t i = 0; i < goroutines->n; i++)
		TRY(hb_go_scan_stack(go, &goroutines->list[i], print_word, NULL, &reading));
	return hb_go_scan_threads(go, goroutines, print_word, NULL);
}

static struct hb_error *print_all(const struct hb_go *go, bool words)
{
	hb_cleanup(hb_goroutines_deinit) struct hb_goroutines goroutines = {0};
	TRY(hb_goroutines_read(go, &goroutines));
	size_t user = 0;
	for (size_t i = 0; i < goroutines.n; i++)
		user += !goroutines.list[i].system;
	printf("count %zu\n", user);
	size_t threads = 0;
	for (size_t i = 0; i < go->snapshot->nthreads; i++)
		threads += goroutines.threads[i].m != 0;
	printf("threads %zu of %zu\n", threads, go->snapshot->nthreads);
	for (size_t i = 0; i < goroutines.n; i++)
		TRY(print_goroutine(go, &goroutines.list[i]));
	return words ? print_words(go, &goroutines) : NULL;
}

static struct hb_error *time_all(const struct hb_go *go)
{
	hb_cleanup(hb_goroutines_deinit) struct hb_goroutines goroutines = {0};
	uint64_t start = hb_now_ns(), frames = 0, words = 0, imprecise = 0;
	TRY(hb_goroutines_read(go, &goroutines));
	uint64_t read = hb_now_ns();
	bool complete;
	struct hb_stack_reading reading;
	for (size_t i = 0; i < goroutines.n; i++)
		TRY(hb_go_unwind(go, &goroutines.list[i], count_frame, &frames, &complete));
	uint64_t unwound = hb_now_ns();
	for (size_t i = 0; i < goroutines.n; i++) {
		TRY(hb_go_scan_stack(go, &goroutines.list[i], count_word, &words, &reading));
		imprecise += !reading.precise;
	}
	uint64_t scanned = hb_now_ns();
	printf("goroutines %zu frames %" PRIu64 " words %" PRIu64 " imprecise %" PRIu64 "\n", goroutines.n, frames,
	       words, imprecise);
	printf("read %.1f ns a goroutine, unwind %.1f ns a frame, scan %.1f ns a frame\n",
	       (double)(read - start) / (double)hb_max(goroutines.n, (size_t)1),
	       (double)(unwound - read) / (double)hb_max(frames, UINT64_C(1)),
	       (double)(scanned - unwound) / (double)hb_max(frames, UINT64_C(1)));
	return NULL;
}

static struct hb_error *examine(const char *spec, char what)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	hb_cleanup(hb_snapshot_destroyp) struct hb_snapshot *snapshot = NULL;
	hb_cleanup(hb_go_destroyp) struct hb_go *go = NULL;
	TRY(hb_target_open(spec, &target));
	TRY(hb_capture(target, &(struct hb_capture_options){0}, &snapshot));
	TRY(hb_go_open(snapshot, &go));
	struct hb_error *err = what == 't' ? time_all(go) : what == 'l' ? print_lines(go) : print_all(go, what == 'w');
	for (size_t i = 0; i < snapshot->notes.texts.len; i++)
		fprintf(stderr, "note: %s\n", snapshot->notes.texts.data[i]);
	return err;
}

int main(int argc, char **argv)
{
	bool option = argc == 3 && (!strcmp(argv[1], "-l") || !strcmp(argv[1], "-w") || !strcmp(argv[1], "-t"));
	if (argc != 2 && !option) {
		fprintf(stderr, "usage: oracle-goroutines [-l | -t | -w] TARGET\n");
		return 2;
	}
	struct hb_error *err = examine(argv[argc - 1], option ? argv[1][1] : 0);
	if (err) {
		fprintf(stderr, "oracle-goroutines: %s\n", err->message);
		int status = hb_error_exit_status(err);
		hb_error_destroy(err);
		return status;
	}
	return 0;
}
