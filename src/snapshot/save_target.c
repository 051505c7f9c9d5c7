/* `heldby snapshot`: capture, then save. */
#include "golang/runtime.h"
#include "snapshot/capture.h"
#include "snapshot/save.h"
#include "target/core.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_AUXV = 4096 };

/* Empty when it cannot be had: what debuggers need is worked out then. */
static struct hb_bytes target_auxv(struct hb_target *target, uint8_t buffer[static MAX_AUXV])
{
	if (target->kind == HB_TARGET_CORE)
		return hb_core_of(target)->auxv;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/auxv", target->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (struct hb_bytes){0};
	ssize_t n = read(fd, buffer, MAX_AUXV);
	close(fd);
	return n > 0 ? (struct hb_bytes){buffer, (size_t)n} : (struct hb_bytes){0};
}

/* A file that lacks what it was made for helps nobody. */
static struct hb_error *confirm(struct hb_snapshot *snapshot)
{
	hb_cleanup(hb_go_destroyp) struct hb_go *go = NULL;
	return snapshot->newer_go ? hb_go_open(snapshot, &go) : NULL;
}

struct hb_error *hb_target_save(struct hb_target *target, const char *path, const struct hb_save_options *options,
                                uint64_t max_pause_ns, bool *partial)
{
	struct hb_save_options with_auxv = options ? *options : (struct hb_save_options){0};
	const struct hb_capture_options capture = {
	        .max_pause_ns = max_pause_ns, .everything = true, .debug_file = with_auxv.debug_file};
	uint8_t buffer[MAX_AUXV];
	if (!with_auxv.auxv.len)
		with_auxv.auxv = target_auxv(target, buffer);
	hb_cleanup(hb_snapshot_destroyp) struct hb_snapshot *snapshot = NULL;
	TRY(hb_capture(target, &capture, &snapshot));
	TRY(confirm(snapshot));
	*partial = snapshot->notes.partial;
	return hb_snapshot_save(snapshot, path, &with_auxv);
}
