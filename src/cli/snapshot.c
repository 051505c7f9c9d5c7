/* heldby snapshot: the memory of a process as a core file. */
#include "cli/cli.h"
#include "cli/limits.h"
#include "report/format.h"
#include "snapshot/save.h"

#include <sys/stat.h>

struct hb_error *hb_command_snapshot(const struct hb_command_line *line, int *status)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	TRY(hb_target_open(line->target, &target));
	bool partial = false;
	const struct hb_save_options options = {.debug_file = line->debug_file};
	uint64_t max_pause = line->max_pause_ns ? line->max_pause_ns : HB_DEFAULT_MAX_PAUSE_NS;
	TRY(hb_target_save(target, line->output, &options, max_pause, &partial));
	struct stat written;
	if (line->verbosity != HB_QUIET && stat(line->output, &written) == 0 && S_ISREG(written.st_mode)) {
		char bytes[32];
		/* Holes in the file take no room: what the disk gave is what counts. */
		hb_format_bytes((uint64_t)written.st_blocks * 512, bytes, sizeof(bytes));
		fprintf(stderr, "heldby: wrote %s (%s); examine it with: heldby %s\n", line->output, bytes,
		        line->output);
	}
	*status = partial ? 5 : 0;
	return NULL;
}
