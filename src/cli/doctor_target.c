/* One target: what it is, and what examining it would cost. */
#include "cli/doctor.h"
#include "cli/limits.h"
#include "cli/proc.h"
#include "snapshot/capture.h"
#include "target/proc_stat.h"
#include "target/proc_status.h"

#include <unistd.h>

static void say_size(struct hb_page_writer *page, const struct hb_target *target, const struct hb_proc_status *status)
{
	char rss[32], age[32], swap[32];
	hb_format_bytes(target->memory.rss, rss, sizeof(rss));
	hb_format_duration(hb_process_age_ns(target->pid) / 1000000000, age, sizeof(age));
	hb_format_bytes(target->memory.swap, swap, sizeof(swap));
	hb_doctor_line(page, "size", HB_PLAIN, "%s resident, %d thread%s, running for %s", rss, status->threads,
	               status->threads == 1 ? "" : "s", age);
	if (target->memory.swap)
		hb_doctor_line(page, "swap", HB_YELLOW,
		               "%s are swapped out: they are not read, so the result will be partial (exit status 5)",
		               swap);
}

static void say_program(struct hb_page_writer *page, struct hb_target *target, const char *version)
{
	struct hb_program program = {0};
	int fd;
	struct hb_error *err = target->ops->open_exe(target, &fd);
	if (!err) {
		hb_program_read(fd, &program);
		close(fd);
	}
	hb_error_destroy(err);
	if (!*version)
		version = "an unknown version of Go";
	if (program.has_dwarf)
		hb_doctor_line(page, "program", HB_PLAIN, "%s, with debug information", version);
	else if (program.has_symbols)
		hb_doctor_line(page, "program", HB_PLAIN, "%s, with symbols, without debug information", version);
	else
		hb_doctor_line(page, "program", HB_PLAIN,
		               "%s, stripped: functions and types are known all the same; global variables are "
		               "described by the code "
		               "that uses them",
		               version);
}

static void say_cost(struct hb_page_writer *page, const struct hb_capture_prediction *prediction, const char *spec)
{
	char scan[32], tables[32], pause[32], limit[32];
	hb_format_bytes(prediction->scan_bytes, scan, sizeof(scan));
	hb_format_bytes(prediction->table_bytes, tables, sizeof(tables));
	hb_format_pause(prediction->pause_ns, pause, sizeof(pause));
	hb_format_pause(HB_DEFAULT_MAX_PAUSE_NS, limit, sizeof(limit));
	hb_doctor_line(page, "a report", HB_PLAIN,
	               "would read %s of the heap (what may hold pointers) and %s of tables and globals, and pause it "
	               "for %s at "
	               "most",
	               scan, tables, pause);
	if (prediction->pause_ns <= HB_DEFAULT_MAX_PAUSE_NS)
		return;
	unsigned long long ms = prediction->pause_ns / 1000000 + 1;
	hb_doctor_line(page, "", HB_YELLOW,
	               "that is more than the %s that heldby allows itself: heldby %s --max-pause %llums", limit, spec,
	               ms + ms / 4);
}

static void say_surroundings(struct hb_page_writer *page, const struct hb_proc_status *status)
{
	if (status->seccomp > 0)
		hb_doctor_line(page, "seccomp", HB_PLAIN,
		               "it runs under a %s; that is no obstacle, since nothing is run inside of it",
		               status->seccomp == 2 ? "filter" : "strict filter");
	if (status->namespaces > 1)
		hb_doctor_line(page, "container", HB_PLAIN,
		               "it has a pid namespace of its own; seen from here it is all the same");
	if (status->state == 'T' || status->state == 't')
		hb_doctor_line(page, "state", HB_YELLOW, "it is stopped (%s) at the moment and will stay so",
		               status->state == 'T' ? "by a signal" : "by a debugger");
}

static struct hb_error *say_live(struct hb_page_writer *page, struct hb_target *target, const char *spec,
                                 const char *debug_file, int *status)
{
	const struct hb_capture_options options = {.debug_file = debug_file};
	struct hb_proc_status of = {0};
	struct hb_capture_prediction prediction;
	hb_proc_status(target->pid, &of);
	hb_doctor_line(page, "attach", HB_GREEN, "yes; nobody else traces it");
	say_size(page, target, &of);
	struct hb_error *err = hb_capture_predict(target, &options, &prediction);
	if (err) {
		hb_doctor_line(page, "program", HB_RED, "%s", err->message);
		*status = hb_error_exit_status(err);
		hb_error_destroy(err);
		return NULL;
	}
	say_program(page, target, prediction.go_version);
	if (prediction.newer_go)
		hb_doctor_line(page, "but", HB_YELLOW,
		               "that is newer than any Go that heldby knows: a report checks whether it reads the "
		               "runtime rightly, and refuses if not (exit status 4)");
	say_cost(page, &prediction, spec);
	say_surroundings(page, &of);
	hb_doctor_line(page, "next", HB_PLAIN, "heldby %s", spec);
	return NULL;
}

struct hb_error *hb_doctor_target(struct hb_page_writer *page, const char *spec, const char *debug_file, int *status)
{
	hb_cleanup(hb_target_destroyp) struct hb_target *target = NULL;
	struct hb_error *err = hb_target_open(spec, &target);
	if (err && err->code == HB_ERR_USAGE)
		return err;
	if (err) {
		hb_page_put(page, HB_BOLD, spec);
		hb_page_newline(page);
		hb_doctor_line(page, "attach", HB_RED, "no: %s", err->message);
		*status = hb_error_exit_status(err);
		hb_error_destroy(err);
		return NULL;
	}
	hb_page_put(page, HB_BOLD, target->name ? target->name : spec);
	if (target->kind == HB_TARGET_LIVE)
		hb_page_printf(page, HB_PLAIN, " (pid %d)", target->pid);
	hb_page_newline(page);
	if (target->kind == HB_TARGET_LIVE)
		return say_live(page, target, spec, debug_file, status);
	hb_doctor_line(page, "core", HB_GREEN, "can be read; there is nobody to pause");
	for (size_t i = 0; i < target->notes.texts.len; i++)
		hb_doctor_line(page, i ? "" : "but", HB_YELLOW, "%s", target->notes.texts.data[i]);
	hb_doctor_line(page, "next", HB_PLAIN, "heldby %s", spec);
	return NULL;
}
