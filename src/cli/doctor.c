/* heldby doctor: may I, what would it cost, what is missing. Reads only. */
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/proc.h"

#include <stdarg.h>
#include <unistd.h>

void hb_doctor_line(struct hb_page_writer *page, const char *label, enum hb_style style, const char *fmt, ...)
{
	char text[2048];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	hb_page_to(page, HB_DOCTOR_LABEL);
	hb_page_put(page, HB_DIM, label);
	hb_page_to(page, HB_DOCTOR_TEXT);
	hb_page_wrap(page, style, text);
	hb_page_newline(page);
}

bool hb_may_trace_anybody(void)
{
	enum { CAP_SYS_PTRACE_BIT = 19 }; /* linux/capability.h */
	struct hb_proc_status self;
	return hb_proc_status(getpid(), &self) && self.capabilities >> CAP_SYS_PTRACE_BIT & 1;
}

int hb_yama_scope(void)
{
	char line[32];
	int scope;
	if (!hb_read_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof(line)) || sscanf(line, "%d", &scope) != 1)
		return -1;
	return scope;
}

struct hb_error *hb_command_doctor(const struct hb_command_line *line, int *status)
{
	struct hb_output output;
	TRY(hb_output_open(NULL, false, line->color, &output));
	struct hb_page_writer page = {.out = output.stream,
	                              .color = output.color,
	                              .width = output.width ? output.width : 100,
	                              .cut = output.width};
	struct hb_error *err = NULL;
	if (line->target) {
		err = hb_doctor_target(&page, line->target, line->debug_file, status);
	} else {
		hb_doctor_machine(&page);
		hb_doctor_processes(&page);
	}
	struct hb_error *committed = hb_output_commit(&output);
	if (err)
		hb_error_destroy(committed);
	else
		err = committed;
	hb_output_close(&output);
	return err;
}
