#include "report/words.h"

#include <stdio.h>

const char *hb_verdict_name(enum hb_verdict verdict)
{
	static const char *const names[] = {[HB_ESTIMATE] = "estimate", [HB_LIKELY] = "likely", [HB_PROVEN] = "proven"};
	return names[verdict];
}

void hb_findings_summary(const struct hb_findings *findings, char *buf, size_t size)
{
	size_t by_verdict[HB_PROVEN + 1] = {0}, n = findings->list.len;
	if (!n) {
		snprintf(buf, size, "nothing suspicious");
		return;
	}
	for (size_t i = 0; i < n; i++)
		by_verdict[findings->list.data[i].verdict]++;
	size_t used = (size_t)snprintf(buf, size, "%zu finding%s", n, n == 1 ? "" : "s");
	const char *separator = " (";
	for (int verdict = HB_PROVEN; verdict >= HB_ESTIMATE && used < size; verdict--) {
		if (!by_verdict[verdict])
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%zu %s", separator, by_verdict[verdict],
		                         hb_verdict_name((enum hb_verdict)verdict));
		separator = ", ";
	}
	if (used < size)
		snprintf(buf + used, size - used, ")");
}

static void lines(hb_finding_line *line, void *to, const char *label, char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line(to, i ? NULL : label, texts[i]);
}

void hb_finding_lines(const struct hb_finding *finding, hb_finding_line *line, void *to)
{
	if (finding->holder && *finding->holder)
		line(to, "held by", finding->holder);
	lines(line, to, "path", finding->path.data, finding->path.len);
	lines(line, to, "blocked", finding->blocked_at.data, finding->blocked_at.len);
	lines(line, to, "created", finding->created_at.data, finding->created_at.len);
	lines(line, to, "allocated", finding->allocated_at.data, finding->allocated_at.len);
	lines(line, to, "because", finding->evidence.data, finding->evidence.len);
	if (finding->help && *finding->help)
		line(to, "do", finding->help);
}
