/* heldby doctor: what its parts share. */
#pragma once
#include "cli/cli.h"
#include "report/page.h"

enum { HB_DOCTOR_LABEL = 2, HB_DOCTOR_TEXT = 14 }; /* columns */

/* "  label       text", wrapped. */
void hb_doctor_line(struct hb_page_writer *page, const char *label, enum hb_style style, const char *fmt, ...)
        HB_PRINTF(4, 5);

bool hb_may_trace_anybody(void); /* CAP_SYS_PTRACE */
int hb_yama_scope(void);         /* -1: no Yama */

void hb_doctor_machine(struct hb_page_writer *page);
void hb_doctor_processes(struct hb_page_writer *page);
struct hb_error *hb_doctor_target(struct hb_page_writer *page, const char *spec, const char *debug_file,
                                  int *status) HB_MUST_CHECK;
