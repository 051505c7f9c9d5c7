#include "base/progress.h"
#include "golang/confirm.h"
#include "snapshot/capture.h"
#include "elf_snapshot.h"
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct hb_snapshot *snapshot = NULL;
	struct hb_go *go = NULL;
	struct hb_target *target = NULL;
	hb_progress_init(HB_VERBOSE);
	struct hb_error *err = NULL;
	if (!strcmp(argv[1], "exe"))
		err = elf_snapshot_open(argv[2], &snapshot, &go);
	else {
		err = hb_target_open(argv[2], &target);
		if (!err) err = hb_capture(target, &(struct hb_capture_options){0}, &snapshot);
		if (!err) err = hb_go_open(snapshot, &go);
	}
	if (!err) {
		uint64_t t=hb_now_ns();
		err = hb_go_confirm(go);
		fprintf(stderr, "confirm took %.1f ms\n", (double)(hb_now_ns()-t)/1e6);
	}
	if (err) { printf("%s\n", err->message); return 1; }
	for (size_t i = 0; i < snapshot->notes.texts.len; i++)
		printf("note %s\n", snapshot->notes.texts.data[i]);
	return 0;
}
