/* What several renderers say in the same words: verdicts, a finding line by line, the sum of all. */
#pragma once
#include "leak/finding.h"

const char *hb_verdict_name(enum hb_verdict verdict); /* "proven" */

/* "2 findings (1 proven, 1 likely)", "nothing suspicious". No text of the target is in it. */
void hb_findings_summary(const struct hb_findings *findings, char *buf, size_t size);

/* The lines below a finding's title: "held by", "path", "blocked", "created", "allocated", "because", "do". The text is the
 * target's. A label is NULL when it is that of the line before. */
typedef void hb_finding_line(void *to, const char *label, const char *text);
void hb_finding_lines(const struct hb_finding *finding, hb_finding_line *line, void *to);
