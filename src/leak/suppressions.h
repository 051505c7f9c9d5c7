/* Suppressions: findings that somebody has looked at and wants to hear no more of. docs/suppressions.md.
 *
 * A file of [[suppress]] tables (a part of TOML). All that an entry names must hold of a finding; `*` in it stands for anything.
 */
#pragma once
#include "base/notes.h"
#include "leak/finding.h"

struct hb_suppression {
	char *rule, *fingerprint, *holder, *path, *function; /* NULL: any */
	char *reason;
	char expires[11]; /* "2027-01-31", the last day on which it holds (UTC); "": none */
	unsigned line;    /* of its [[suppress]] */
	uint64_t used;    /* findings that it suppressed, or would have if it had not expired */
};

struct hb_suppressions {
	const char *file; /* borrowed, for notes */
	HB_VEC(struct hb_suppression) list;
};

/* HB_ERR_USAGE with the line that is wrong. `file` must outlive ret. */
struct hb_error *hb_suppressions_read(const char *file, struct hb_suppressions *ret) HB_MUST_CHECK;
struct hb_error *hb_suppressions_parse(const char *file, const char *text, struct hb_suppressions *ret) HB_MUST_CHECK;
void hb_suppressions_deinit(struct hb_suppressions *suppressions);

/* Moves what is suppressed on that day ("2026-11-25") from `findings` to `suppressed`, in order. */
struct hb_error *hb_suppressions_apply(struct hb_suppressions *suppressions, const char *today,
                                       struct hb_findings *findings, struct hb_findings *suppressed) HB_MUST_CHECK;
/* Says which have expired and which were not used. looks, live: what the report has seen; entries of rules that need more are not
 * missed. */
void hb_suppressions_say(const struct hb_suppressions *suppressions, const char *today, bool looks, bool live,
                         struct hb_notes *notes);

/* The date in UTC. */
void hb_today(char buf[static 11]);

/* What heldby ships: leaks of libraries that their users can do nothing about. */
extern const char hb_known_leaks[];
