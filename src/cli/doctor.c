/* heldby doctor: may I, what would it cost, what is missing. Reads only. */
#include "cli/doctor.h"
#include "cli/proc.h"
#include "cli/render.h"
#include "target/proc_status.h"

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

static struct hb_error *diagnose(const struct hb_command_line *line, struct hb_page_writer *page, int *status)
{
	if (line->target)
		return hb_doctor_target(page, line->target, line->debug_file, status);
	hb_doctor_machine(page);
	hb_doctor_processes(page);
	return NULL;
}

struct hb_error *hb_command_doctor(const struct hb_command_line *line, int *status)
{
	return hb_command_print_page(line, diagnose, status);
}
