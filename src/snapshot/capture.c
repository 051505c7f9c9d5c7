#include "snapshot/capture.h"
#include "base/progress.h"
#include "golang/newer.h"
#include "snapshot/capture_internal.h"
#include "target/core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Longest wait for all threads to stop, where --max-pause does not say less: then nothing is examined and the target
 * runs on. */
static const uint64_t STOP_WAIT_NS = 500000000;

/* What one second of the stop reads, for predictions: half of what one core was measured to do (docs/capture.md). */
static const uint64_t BYTES_PER_SECOND = UINT64_C(4000000000);
static const uint64_t STOP_FLOOR_NS = 500000;

/* --- Files with Go code ------------------------------------------------------------------------------------------
 */

/* Bytes of a file, in place of a library's pages: they are read, since a library may be overwritten while it is mapped. */
static uint64_t read_bytes(int fd, uint64_t offset, uint8_t *to, uint64_t len)
{
	uint64_t done = 0;
	for (ssize_t n; done < len; done += (uint64_t)n) {
		n = pread(fd, to + done, len - done, (off_t)(offset + done));
		if (n <= 0)
			break;
	}
	return done;
}

/* Executable pages are as the file has them. Those of the executable are mapped: as long as it runs nobody can write to it. */
static void read_text(const struct capture *capture, const struct hb_snapshot_file *file,
                      const struct hb_mapping *mapping, const struct hb_region *region)
{
	struct stat status;
	if (file->fd < 0 || mapping->writable || fstat(file->fd, &status) ||
	    mapping->file_offset >= (uint64_t)status.st_size)
		return;
	uint64_t left = ((uint64_t)status.st_size - mapping->file_offset + 4095) & ~UINT64_C(4095);
	uint64_t len = hb_min(mapping->end - mapping->start, left);
	uint8_t *at = region->bytes + (mapping->start - region->start);
	if (file != capture->snapshot->files)
		len = (read_bytes(file->fd, mapping->file_offset, at, len) + 4095) & ~UINT64_C(4095);
	else if (mmap(at, len, PROT_READ, MAP_PRIVATE | MAP_FIXED, file->fd, (off_t)mapping->file_offset) == MAP_FAILED)
		return;
	memset(region->pages + ((mapping->start - region->start) >> HB_PAGE_SHIFT), HB_PAGE_READ, len >> HB_PAGE_SHIFT);
}

static struct hb_error *read_mappings(struct capture *capture, bool writable)
{
	const struct hb_target *target = capture->target;
	for (size_t i = 0; i < target->nmappings; i++) {
		const struct hb_mapping *mapping = &target->mappings[i];
		const struct hb_region *region = hb_snapshot_region(capture->snapshot, mapping->start);
		const struct hb_snapshot_file *file = capture_file_of(capture, i);
		if (!region || !file || mapping->writable != writable)
			continue;
		if (mapping->executable && target->kind == HB_TARGET_LIVE)
			read_text(capture, file, mapping, region);
		TRY(capture_plan(capture, mapping->start, mapping->end - mapping->start));
	}
	return capture_read_plan(capture);
}

static struct hb_error *read_files(struct capture *capture)
{
	TRY(read_mappings(capture, false));
	capture->unread_for_good = capture->snapshot->unread_bytes;
	return read_mappings(capture, true);
}

/* --- Before, in and after the stop ------------------------------------------------------------------------------ */

static struct hb_error *read_arena_presence(struct capture *capture)
{
	const struct hb_snapshot_arenas *arenas = &capture->snapshot->arenas;
	for (uint32_t i = 0; i < arenas->n; i++)
		TRY(capture->target->ops->pages(capture->target, arenas->addr[i], 1 << (26 - HB_PAGE_SHIFT),
		                                arenas->presence + ((size_t)i << (26 - HB_PAGE_SHIFT))));
	return NULL;
}

static uint64_t bytes_read_so_far(const struct hb_snapshot *snapshot)
{
	uint64_t pages = 0;
	for (size_t i = 0; i < snapshot->nregions; i++) {
		const struct hb_region *region = &snapshot->regions[i];
		uint64_t n = (region->end - region->start) >> HB_PAGE_SHIFT;
		for (uint64_t page = 0; !region->in_arenas && page < n; page++)
			pages += region->pages[page] == HB_PAGE_READ;
	}
	return pages << HB_PAGE_SHIFT;
}

static struct hb_capture_prediction predict(const struct capture *capture, uint64_t scan_bytes)
{
	struct hb_capture_prediction prediction = {
	        .scan_bytes = scan_bytes,
	        .table_bytes = bytes_read_so_far(capture->snapshot),
	        .newer_go = capture->go.newer != NULL,
	};
	snprintf(prediction.go_version, sizeof(prediction.go_version), "%s", capture->go.version.text);
	double bytes = (double)(prediction.scan_bytes + prediction.table_bytes);
	prediction.pause_ns = STOP_FLOOR_NS + (uint64_t)(bytes / (double)BYTES_PER_SECOND * 1e9);
	return prediction;
}

/* The whole walk on the running target: afterwards the plan of the stop is known, and its pages are faulted in here. */
static struct hb_error *rehearse(struct capture *capture)
{
	hb_progress_stage("planning", 0);
	uint64_t scan_bytes = 0;
	capture_go_modules(capture);
	capture_go_queues(capture);
	TRY(capture_go_spans(capture, false, &scan_bytes));
	capture_go_processors(capture);
	capture_go_prefault_stacks(capture);
	struct hb_capture_prediction prediction = predict(capture, scan_bytes);
	if (capture->predict) {
		*capture->predict = prediction;
		return NULL;
	}
	hb_verbose("the stop will read about %" PRIu64 " MB of scannable heap; predicted pause at most %" PRIu64 " ms",
	           scan_bytes / 1000000, prediction.pause_ns / 1000000);
	if (capture->options->max_pause_ns && prediction.pause_ns > capture->options->max_pause_ns)
		return hb_error_create(
		        HB_ERR_ATTACH,
		        "examining process %d would pause it for up to %.0f ms, more than the %.0f ms allowed; "
		        "nothing was stopped: --max-pause %.0fms accepts it",
		        capture->target->pid, (double)prediction.pause_ns / 1e6,
		        (double)capture->options->max_pause_ns / 1e6, (double)prediction.pause_ns / 1e6 + 1);
	return NULL;
}

/* The program's data and bss: roots, and where the runtime's tables begin. */
static struct hb_error *plan_own_data(struct capture *capture)
{
	const struct hb_target *target = capture->target;
	for (size_t i = 0; i < target->nmappings; i++)
		if (target->mappings[i].writable && capture_file_of(capture, i))
			TRY(capture_plan(capture, target->mappings[i].start,
			                 target->mappings[i].end - target->mappings[i].start));
	return NULL;
}

/* Where the pause went, for -v and docs/bench.md. */
struct pause {
	uint64_t start, stopped, tables, walked, heap, stacks, resumed;
};

/* A heap that grew since the plan has new mappings: of the arenas, and of the tables that describe them. */
static struct hb_error *follow_arenas(struct capture *capture)
{
	uint32_t before = capture->snapshot->arenas.n;
	TRY(capture_go_arenas(capture));
	return capture->snapshot->arenas.n == before ? NULL : capture_follow_mappings(capture);
}

static struct hb_error *freeze(struct capture *capture, struct pause *pause)
{
	uint64_t scan_bytes;
	TRY(capture_plan_refresh(capture));
	TRY(plan_own_data(capture));
	TRY(capture_read_plan(capture));
	pause->tables = hb_now_ns();
	TRY(follow_arenas(capture));
	capture_go_modules(capture);
	capture_go_queues(capture);
	TRY(capture_go_spans(capture, true, &scan_bytes));
	pause->walked = hb_now_ns();
	TRY(capture_read_plan(capture));
	pause->heap = hb_now_ns();
	capture_go_processors(capture);
	TRY(capture_go_stacks(capture));
	TRY(capture_read_plan(capture));
	pause->stacks = hb_now_ns();
	return NULL;
}

static void say_pause(const struct hb_snapshot *snapshot, const struct pause *pause)
{
	hb_verbose(
	        "paused %.2f ms: stopping %.2f, heap tables %.2f, spans %.2f, heap %.2f, stacks %.2f, resuming %.2f; "
	        "%.1f MB copied",
	        (double)snapshot->pause_ns / 1e6, (double)(pause->stopped - pause->start) / 1e6,
	        (double)(pause->tables - pause->stopped) / 1e6, (double)(pause->walked - pause->tables) / 1e6,
	        (double)(pause->heap - pause->walked) / 1e6, (double)(pause->stacks - pause->heap) / 1e6,
	        (double)(pause->resumed - pause->stacks) / 1e6, (double)snapshot->bytes_copied / 1e6);
}

static struct hb_error *stop_and_read(struct capture *capture)
{
	hb_progress_stage("reading", 0);
	struct pause pause = {0};
	uint64_t max_pause = capture->options->max_pause_ns;
	TRY(hb_target_stop(capture->target, max_pause ? hb_min(max_pause, STOP_WAIT_NS) : STOP_WAIT_NS));
	pause.start = capture->target->stopping_ns;
	pause.stopped = hb_now_ns();
	capture->stopped = true;
	struct hb_error *err = freeze(capture, &pause);
	capture->stopped = false;
	bool keep = capture->options->keep_stopped && !err;
	struct hb_error *resumed = keep ? NULL : hb_target_resume(capture->target);
	pause.resumed = hb_now_ns();
	if (capture->target->kind == HB_TARGET_LIVE && !err) {
		capture->snapshot->pause_ns = pause.resumed - pause.start;
		say_pause(capture->snapshot, &pause);
	}
	if (!err)
		err = resumed;
	else
		hb_error_destroy(resumed);
	return err;
}

/* File descriptors are asked for while the process runs: what is open before and after was open in the stop. */
static struct hb_error *stop_and_freeze(struct capture *capture)
{
	struct hb_fds before = {0}, *fds = &capture->snapshot->fds;
	bool live = capture->target->kind == HB_TARGET_LIVE;
	struct hb_error *err = live ? hb_fds_list(capture->target->pid, &before) : NULL;
	if (!err)
		err = stop_and_read(capture);
	if (!err && live)
		err = hb_fds_list(capture->target->pid, fds);
	if (!err && live) {
		hb_fds_keep(fds, &before);
		err = hb_fds_add_sockets(capture->target->pid, fds);
	}
	hb_fds_deinit(&before);
	return err;
}

/* --- Results ---------------------------------------------------------------------------------------------------------
 */

/* Files with Go code keep the name that they had first. */
static struct hb_error *copy_mappings(struct capture *capture)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	const struct hb_target *target = capture->target;
	free(snapshot->mappings);
	snapshot->mappings = calloc(hb_max(target->nmappings, (size_t)1), sizeof(*snapshot->mappings));
	if (!snapshot->mappings)
		return hb_error_nomem();
	snapshot->nmappings = target->nmappings;
	for (size_t i = 0; i < target->nmappings; i++) {
		const struct hb_snapshot_file *file = capture_file_of(capture, i);
		snapshot->mappings[i] = target->mappings[i];
		snapshot->mappings[i].path = file && target->mappings[i].inode
		                                     ? file->path
		                                     : hb_arena_strdup(&snapshot->arena, target->mappings[i].path);
		if (!snapshot->mappings[i].path)
			return hb_error_nomem();
	}
	return NULL;
}

static struct hb_error *describe(struct capture *capture)
{
	struct hb_snapshot *snapshot = capture->snapshot;
	const struct hb_target *target = capture->target;
	snapshot->threads = calloc(hb_max(target->nthreads, (size_t)1), sizeof(*snapshot->threads));
	if (!snapshot->threads)
		return hb_error_nomem();
	if (target->nthreads)
		memcpy(snapshot->threads, target->threads, target->nthreads * sizeof(*snapshot->threads));
	snapshot->nthreads = target->nthreads;
	for (size_t i = 0; i < target->notes.texts.len; i++)
		hb_notes_add(&snapshot->notes, "%s", target->notes.texts.data[i]);
	snapshot->notes.partial |= target->notes.partial;
	bool is_little = snapshot->unread_bytes < 1000000;
	if (snapshot->unread_bytes)
		hb_notes_add_partial(
		        &snapshot->notes,
		        "%.*f %s that should have been read were swapped out or vanished: what they hold is missing, "
		        "so retained sizes are lower bounds",
		        is_little ? 0 : 1, (double)snapshot->unread_bytes / (is_little ? 1e3 : 1e6),
		        is_little ? "kB" : "MB");
	return copy_mappings(capture);
}

static struct hb_error *open_debug_file(const char *path, int *ret)
{
	if (!path)
		return NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hb_error_create(HB_ERR_USAGE, "cannot open the debug file '%s': %s", path, strerror(errno));
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return *ret < 0 ? hb_error_create(HB_ERR_IO, "cannot open the debug file '%s': %s", path, strerror(errno))
	                : NULL;
}

static struct hb_error *create_snapshot(struct hb_target *target, const char *debug_file, struct hb_snapshot **ret)
{
	struct hb_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return hb_error_nomem();
	snapshot->exe_fd = -1;
	snapshot->kind = target->kind;
	snapshot->pid = target->pid;
	snapshot->memory = target->memory;
	snapshot->method = "copy";
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	snapshot->taken_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	snapshot->name = hb_arena_strdup(&snapshot->arena, target->name ? target->name : "");
	snapshot->exe_path = hb_arena_strdup(&snapshot->arena, target->exe_path ? target->exe_path : "");
	if (!snapshot->name || !snapshot->exe_path) {
		hb_snapshot_destroy(snapshot);
		return hb_error_nomem();
	}
	hb_error_destroy(target->ops->open_exe(target, &snapshot->exe_fd)); /* a core may come without it */
	struct hb_error *err = open_debug_file(debug_file, &snapshot->debug_fd);
	if (err)
		hb_snapshot_destroy(snapshot);
	else
		*ret = snapshot;
	return err;
}

static struct hb_error *run(struct capture *capture)
{
	TRY(copy_mappings(capture)); /* hb_go_locate looks at them when it is not Go */
	TRY(capture_find_files(capture));
	TRY(capture_add_regions(capture, true));
	TRY(read_files(capture));
	TRY(capture_locate(capture));
	capture->snapshot->newer_go = capture->go.newer != NULL;
	TRY(capture_go_arenas(capture)); /* first: ordinary regions take what is left */
	TRY(capture_add_regions(capture, false));
	TRY(read_arena_presence(capture));
	if (capture->target->kind == HB_TARGET_LIVE)
		TRY(rehearse(capture));
	if (capture->predict)
		return NULL;
	TRY(stop_and_freeze(capture));
	TRY(capture_go_masks(capture));
	capture_settle_pieces(capture);
	TRY(describe(capture));
	return capture->target->kind == HB_TARGET_CORE ? hb_core_describe(capture->target, capture->snapshot) : NULL;
}

/* Of a process that ended while it was read nothing else can be said. */
static struct hb_error *unless_gone(struct capture *capture, struct hb_error *err)
{
	const struct hb_target *target = capture->target;
	if (!err || err->code == HB_ERR_INTERRUPTED || !hb_target_has_ended(target))
		return err;
	hb_error_destroy(err);
	return hb_error_create(HB_ERR_GONE, "the program of process %d ended while it was examined", target->pid);
}

static struct hb_error *attempt(struct capture *capture, struct hb_snapshot **ret)
{
	TRY(create_snapshot(capture->target, capture->options->debug_file, &capture->snapshot));
	struct hb_error *err = unless_gone(capture, run(capture));
	if (err && capture->go.newer)
		err = hb_go_newer_explain(capture->go.newer, &capture->go.version, err);
	hb_progress_done();
	hb_vec_deinit(&capture->plan);
	hb_vec_deinit(&capture->pieces);
	if (err)
		hb_snapshot_destroy(capture->snapshot);
	else
		*ret = capture->snapshot;
	return err;
}

/* A program that is only just being started, or replaced by execve, is not all there when it is looked at first. */
static bool may_still_load(const struct hb_target *target, const struct hb_error *err)
{
	return err->code == HB_ERR_UNSUPPORTED && target->kind == HB_TARGET_LIVE && !hb_interrupted();
}

struct hb_error *hb_capture(struct hb_target *target, const struct hb_capture_options *options,
                            struct hb_snapshot **ret)
{
	static const struct hb_capture_options defaults = {0};
	for (unsigned tries = 3;; tries--) {
		struct capture capture = {.target = target, .options = options ? options : &defaults};
		struct hb_error *err = attempt(&capture, ret);
		if (!err || tries == 1 || (!capture.plan_again && !may_still_load(target, err)))
			return hb_core_explain(target, err);
		size_t nmappings = target->nmappings;
		struct hb_error *failed = target->ops->refresh_mappings(target);
		if (!capture.plan_again && (failed || target->nmappings == nmappings)) {
			hb_error_destroy(failed);
			return hb_core_explain(target, err);
		}
		hb_error_destroy(err);
		TRY(failed);
	}
}

struct hb_error *hb_capture_predict(struct hb_target *target, const struct hb_capture_options *options,
                                    struct hb_capture_prediction *ret)
{
	static const struct hb_capture_options defaults = {0};
	struct capture capture = {.target = target, .options = options ? options : &defaults, .predict = ret};
	struct hb_snapshot *snapshot = NULL;
	struct hb_error *err = attempt(&capture, &snapshot);
	hb_snapshot_destroy(snapshot);
	return err;
}
