/* Findings: ranking, fingerprints, and their end. */
#include "leak/finding.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void free_strings(char **strings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(strings[i]);
	free(strings);
}

void hb_finding_deinit(struct hb_finding *finding)
{
	free(finding->title);
	free(finding->holder);
	free(finding->help);
	free_strings(finding->path.data, finding->path.len);
	free_strings(finding->allocated_at.data, finding->allocated_at.len);
	free_strings(finding->created_at.data, finding->created_at.len);
	free_strings(finding->blocked_at.data, finding->blocked_at.len);
	free_strings(finding->evidence.data, finding->evidence.len);
	hb_vec_deinit(&finding->goroutines);
	hb_vec_deinit(&finding->fds);
	*finding = (struct hb_finding){0};
}

void hb_findings_deinit(struct hb_findings *findings)
{
	for (size_t i = 0; i < findings->list.len; i++)
		hb_finding_deinit(&findings->list.data[i]);
	hb_vec_deinit(&findings->list);
}

/* --- Ranking ---------------------------------------------------------------------------------------------------------
 */

/* The fingerprint comes last so that equal findings have one order. */
static int compare(const void *a, const void *b)
{
	const struct hb_finding *x = a, *y = b;
	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	int rule = strcmp(x->rule, y->rule);
	return rule ? rule : strcmp(x->fingerprint, y->fingerprint);
}

void hb_findings_rank(struct hb_findings *findings)
{
	if (findings->list.len)
		qsort(findings->list.data, findings->list.len, sizeof(*findings->list.data), compare);
}

/* --- Fingerprints ----------------------------------------------------------------------------------------------------
 */

static void hash_bytes(uint64_t *hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211); /* FNV-1a */
}

/* A word that a count, an address or an index changes: "×3,100,000", "0xc000", "[17]" count as one sign each. */
static void hash_stable(uint64_t *hash, const char *text)
{
	bool after_name = false; /* digits inside names ("h2c", "func1") belong to them */
	for (const char *p = text; *p;) {
		if (isdigit((unsigned char)*p) && !after_name) {
			while (isxdigit((unsigned char)*p) || *p == ',' || *p == '.' || *p == 'x')
				p++;
			hash_bytes(hash, "#", 1);
			continue;
		}
		after_name = isalnum((unsigned char)*p) || *p == '_';
		hash_bytes(hash, p++, 1);
	}
	hash_bytes(hash, "", 1);
}

/* "func  file:line": the function. Files move with the build machine, lines with every edit. */
static void hash_sites(uint64_t *hash, char *const *sites, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *gap = strstr(sites[i], "  ");
		hash_bytes(hash, sites[i], gap ? (size_t)(gap - sites[i]) : strlen(sites[i]));
		hash_bytes(hash, "", 1);
	}
	hash_bytes(hash, "|", 1);
}

void hb_finding_fingerprint(struct hb_finding *finding)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	hash_stable(&hash, finding->rule);
	hash_stable(&hash, finding->holder ? finding->holder : "");
	const char *previous = "";
	for (size_t i = 0; i < finding->path.len; i++) {
		/* A list is as long as it is today. */
		if (strcmp(previous, finding->path.data[i]) != 0)
			hash_stable(&hash, finding->path.data[i]);
		previous = finding->path.data[i];
	}
	/* Allocation sites come from samples: another process may have none. They count where nothing else tells. */
	if (!finding->path.len && (!finding->holder || !*finding->holder))
		hash_sites(&hash, finding->allocated_at.data, finding->allocated_at.len);
	hash_sites(&hash, finding->created_at.data, finding->created_at.len);
	hash_sites(&hash, finding->blocked_at.data, finding->blocked_at.len);
	snprintf(finding->fingerprint, sizeof(finding->fingerprint), "%016llx", (unsigned long long)hash);
}
