/* A Go program whose memory lies anywhere: the whole examination, from the core to the report as text and JSON. */
#include "base.h"
#include "report/analysis.h"
#include "report/build.h"
#include "report/report.h"
#include "target/core.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_STRETCHES = 1 << 16 };

/* The core's file, copied into memory where it can be changed. */
struct core_file {
	int fd;
	uint8_t *bytes;
	struct fuzz_stretch stretches[MAX_STRETCHES]; /* pages with contents, after the headers */
	size_t n;
};

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(2);
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, HB_CORE_PAGE - 1);
}

static const struct core_file *core_file(void)
{
	static struct core_file file;
	if (file.bytes)
		return &file;
	struct stat status;
	int from = open(fuzz_base_path(), O_RDONLY | O_CLOEXEC);
	need(from >= 0 && !fstat(from, &status), fuzz_base_path());
	file.fd = memfd_create("core", MFD_CLOEXEC);
	need(file.fd >= 0 && !ftruncate(file.fd, status.st_size), "memfd");
	uint8_t *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
	need(bytes != MAP_FAILED && hb_read_file_at(from, 0, bytes, (size_t)status.st_size), "reading the core");
	close(from);
	for (size_t at = 0; at + HB_CORE_PAGE <= (size_t)status.st_size && file.n < MAX_STRETCHES; at += HB_CORE_PAGE)
		if (!is_zero(bytes + at))
			file.stretches[file.n++] = (struct fuzz_stretch){bytes + at, HB_CORE_PAGE};
	file.bytes = bytes;
	return &file;
}

static struct hb_error *examine(struct hb_target *target)
{
	hb_cleanup(hb_analysis_destroyp) struct hb_analysis *analysis = NULL;
	const struct hb_options options = {.size = sizeof(options)};
	TRY(hb_analyse(target, &options, &analysis));
	struct hb_report *report;
	TRY(hb_report_build(analysis, &report));
	FILE *nowhere = fopen("/dev/null", "we");
	need(nowhere, "/dev/null");
	const struct hb_render_options render = {.verbose = true, .width = 100, .top = 1000};
	hb_error_destroy(hb_render_text(report, &render, nowhere));
	struct hb_error *err = hb_render_json(report, &render, nowhere);
	fclose(nowhere);
	hb_report_destroy(report);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct core_file *file = core_file();
	struct fuzz_undo undo;
	struct hb_target *target;
	fuzz_change(file->stretches, file->n, data, size, &undo);
	struct hb_error *err = hb_core_open_fd(fcntl(file->fd, F_DUPFD_CLOEXEC, 0), "fuzz", &target);
	if (!err) {
		err = examine(target);
		hb_target_destroy(target);
	}
	hb_error_destroy(err);
	fuzz_undo(&undo);
	return 0;
}
