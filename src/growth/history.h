/* The history of `heldby watch`: a SQLite file, to be asked with any tool. docs/history.md has the schema. */
#pragma once
#include "growth/growth.h"

struct hb_history;
/* Opens or makes the file; HB_ERR_IO. */
struct hb_error *hb_history_open(const char *path, const struct hb_analysis *analysis,
                                 struct hb_history **ret) HB_MUST_CHECK;
/* Adds the last look, with the containers that have changed since the first one and the largest others. */
struct hb_error *hb_history_add(struct hb_history *history, const struct hb_growth *growth) HB_MUST_CHECK;
/* Accepts NULL. */
void hb_history_close(struct hb_history *history);
