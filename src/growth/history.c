#include "growth/history.h"
#include "leak/growth.h"
#include "leak/parked.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SCHEMA_VERSION = 1, LARGEST = 100, MOST = 2000, LEAST_WAITING = 10, MOST_PILES = 500, BUSY_MS = 5000 };

struct hb_history {
	sqlite3 *db;
	char *path;
	const struct hb_analysis *analysis;
	int64_t process;
	int64_t *containers; /* ids by population, 0: not there yet */
	size_t written;
	int64_t *piles; /* the same of places where goroutines wait */
	size_t piles_written;
};

static const char schema[] =
        "CREATE TABLE IF NOT EXISTS process(id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, name TEXT NOT NULL, exe TEXT "
        "NOT NULL, build_id TEXT NOT NULL, go_version TEXT NOT NULL, seen_s REAL NOT NULL);"
        "CREATE TABLE IF NOT EXISTS look(id INTEGER PRIMARY KEY, process INTEGER NOT NULL REFERENCES process(id), at_s "
        "REAL NOT NULL, uptime_s REAL, pause_ms REAL NOT NULL, rss_bytes INTEGER, threads INTEGER, fds INTEGER, "
        "goroutines INTEGER);"
        "CREATE TABLE IF NOT EXISTS container(id INTEGER PRIMARY KEY, process INTEGER NOT NULL REFERENCES process(id), "
        "kind "
        "TEXT NOT NULL, holder TEXT NOT NULL, path TEXT NOT NULL, type TEXT NOT NULL, address TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS count(look INTEGER NOT NULL REFERENCES look(id), container INTEGER NOT NULL "
        "REFERENCES "
        "container(id), count INTEGER NOT NULL, capacity INTEGER, PRIMARY KEY(look, container)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS verdict(look INTEGER NOT NULL REFERENCES look(id), container INTEGER NOT NULL "
        "REFERENCES "
        "container(id), verdict TEXT NOT NULL, per_s REAL NOT NULL, PRIMARY KEY(look, container)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS pile(id INTEGER PRIMARY KEY, process INTEGER NOT NULL REFERENCES process(id), "
        "reason TEXT "
        "NOT NULL, blocked TEXT NOT NULL, created TEXT NOT NULL, holder TEXT NOT NULL);"
        "CREATE TABLE IF NOT EXISTS waiting(look INTEGER NOT NULL REFERENCES look(id), pile INTEGER NOT NULL "
        "REFERENCES "
        "pile(id), count INTEGER NOT NULL, PRIMARY KEY(look, pile)) WITHOUT ROWID;"
        "CREATE INDEX IF NOT EXISTS waiting_of_pile ON waiting(pile, look);"
        "CREATE INDEX IF NOT EXISTS look_of_process ON look(process, at_s);"
        "CREATE INDEX IF NOT EXISTS count_of_container ON count(container, look);";

static struct hb_error *failed(const struct hb_history *history, const char *what)
{
	return hb_error_create(HB_ERR_IO, "cannot %s the history '%s': %s", what, history->path,
	                       history->db ? sqlite3_errmsg(history->db) : "out of memory");
}

/* --- Statements --------------------------------------------------------------------------------------------------- */

struct statement {
	sqlite3_stmt *handle;
	int next; /* parameter */
};

static void finalize(struct statement *statement)
{
	sqlite3_finalize(statement->handle);
}

static struct hb_error *prepare(struct hb_history *history, const char *sql, struct statement *ret)
{
	*ret = (struct statement){.next = 1};
	return sqlite3_prepare_v2(history->db, sql, -1, &ret->handle, NULL) == SQLITE_OK ? NULL
	                                                                                 : failed(history, "write");
}

static void bind_text(struct statement *statement, const char *text)
{
	sqlite3_bind_text(statement->handle, statement->next++, text ? text : "", -1, SQLITE_TRANSIENT);
}

static void bind_int(struct statement *statement, uint64_t value)
{
	sqlite3_bind_int64(statement->handle, statement->next++, (int64_t)hb_min(value, (uint64_t)INT64_MAX));
}

/* 0: null. */
static void bind_known(struct statement *statement, uint64_t value)
{
	if (value)
		bind_int(statement, value);
	else
		statement->next++;
}

static void bind_real(struct statement *statement, double value)
{
	sqlite3_bind_double(statement->handle, statement->next++, value);
}

static struct hb_error *insert(struct hb_history *history, struct statement *statement, int64_t *id)
{
	if (sqlite3_step(statement->handle) != SQLITE_DONE)
		return failed(history, "write");
	if (id)
		*id = sqlite3_last_insert_rowid(history->db);
	sqlite3_reset(statement->handle);
	sqlite3_clear_bindings(statement->handle);
	statement->next = 1;
	return NULL;
}

static struct hb_error *execute(struct hb_history *history, const char *sql)
{
	return sqlite3_exec(history->db, sql, NULL, NULL, NULL) == SQLITE_OK ? NULL : failed(history, "write");
}

/* --- The file ----------------------------------------------------------------------------------------------------- */

static double wall_clock(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 0: a new file. */
static struct hb_error *version_of(struct hb_history *history, int *ret)
{
	hb_cleanup(finalize) struct statement statement = {0};
	if (sqlite3_prepare_v2(history->db, "PRAGMA user_version", -1, &statement.handle, NULL) != SQLITE_OK ||
	    sqlite3_step(statement.handle) != SQLITE_ROW)
		return failed(history, "read");
	*ret = sqlite3_column_int(statement.handle, 0);
	return NULL;
}

static struct hb_error *add_process(struct hb_history *history)
{
	const struct hb_snapshot *snapshot = history->analysis->snapshot;
	hb_cleanup(finalize) struct statement statement = {0};
	TRY(prepare(history,
	            "INSERT INTO process(pid, name, exe, build_id, go_version, seen_s) VALUES(?, ?, ?, ?, ?, ?)",
	            &statement));
	bind_int(&statement, (uint64_t)snapshot->pid);
	bind_text(&statement, snapshot->name);
	bind_text(&statement, snapshot->exe_path);
	bind_text(&statement, history->analysis->go->build_id);
	bind_text(&statement, history->analysis->go->version.text);
	bind_real(&statement, wall_clock());
	return insert(history, &statement, &history->process);
}

static bool has_column(struct hb_history *history, const char *name)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "SELECT %s FROM look LIMIT 0", name);
	return sqlite3_exec(history->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* A file that an earlier heldby made may lack columns. Another one may add them at the same time. */
static struct hb_error *add_missing_columns(struct hb_history *history)
{
	static const char *const columns[] = {"rss_bytes", "threads", "fds", "goroutines"};
	for (size_t i = 0; i < hb_countof(columns); i++) {
		char sql[128];
		if (has_column(history, columns[i]))
			continue;
		snprintf(sql, sizeof(sql), "ALTER TABLE look ADD COLUMN %s INTEGER", columns[i]);
		struct hb_error *err = execute(history, sql);
		if (err && !has_column(history, columns[i]))
			return err;
		hb_error_destroy(err);
	}
	return NULL;
}

static struct hb_error *open_file(struct hb_history *history)
{
	int version;
	if (sqlite3_open_v2(history->path, &history->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
		return failed(history, "open");
	sqlite3_busy_timeout(history->db, BUSY_MS);
	TRY(version_of(history, &version));
	if (version > SCHEMA_VERSION)
		return hb_error_create(HB_ERR_IO,
		                       "the history '%s' is of a newer heldby (schema %d): give another file",
		                       history->path, version);
	TRY(execute(history, schema));
	TRY(add_missing_columns(history));
	TRY(execute(history, "PRAGMA user_version = 1"));
	return add_process(history);
}

struct hb_error *hb_history_open(const char *path, const struct hb_analysis *analysis, struct hb_history **ret)
{
	struct hb_history *history = calloc(1, sizeof(*history));
	if (!history)
		return hb_error_nomem();
	history->analysis = analysis;
	history->path = strdup(path);
	struct hb_error *err = history->path ? open_file(history) : hb_error_nomem();
	if (err)
		hb_history_close(history);
	else
		*ret = history;
	return err;
}

void hb_history_close(struct hb_history *history)
{
	if (!history)
		return;
	sqlite3_close(history->db);
	free(history->containers);
	free(history->piles);
	free(history->path);
	free(history);
}

/* --- Looks -------------------------------------------------------------------------------------------------------- */

static struct hb_error *add_container(struct hb_history *history, const struct hb_population *population, int64_t *ret)
{
	hb_cleanup(finalize) struct statement statement = {0};
	hb_cleanup(hb_finding_deinit) struct hb_finding place = {0};
	char path[4096] = "", address[32];
	TRY(hb_growth_place(history->analysis, population, &place));
	for (size_t i = 0, used = 0; i < place.path.len && used < sizeof(path); i++)
		used += (size_t)snprintf(path + used, sizeof(path) - used, "%s%s", i ? " " : "", place.path.data[i]);
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)population->addr);
	TRY(prepare(history,
	            "INSERT INTO container(process, kind, holder, path, type, address) VALUES(?, ?, ?, ?, ?, ?)",
	            &statement));
	bind_int(&statement, (uint64_t)history->process);
	bind_text(&statement, hb_population_kind_name(population->kind));
	bind_text(&statement, place.holder);
	bind_text(&statement, path);
	bind_text(&statement, history->analysis->types->list[population->type].name);
	bind_text(&statement, address);
	return insert(history, &statement, ret);
}

static bool is_wanted(const struct hb_history *history, const struct hb_population *population, size_t index)
{
	const struct hb_counted *first = &population->looks.data[0];
	const struct hb_counted *last = &population->looks.data[population->looks.len - 1];
	if (!last->known)
		return false;
	return history->containers[index] || (first->known && first->count != last->count) ||
	       last->count != population->count0 || index < LARGEST;
}

static struct hb_error *add_counts(struct hb_history *history, const struct hb_growth *growth, int64_t look)
{
	hb_cleanup(finalize) struct statement count = {0};
	hb_cleanup(finalize) struct statement verdict = {0};
	TRY(prepare(history, "INSERT INTO count(look, container, count, capacity) VALUES(?, ?, ?, ?)", &count));
	TRY(prepare(history, "INSERT INTO verdict(look, container, verdict, per_s) VALUES(?, ?, ?, ?)", &verdict));
	for (size_t i = 0; i < growth->populations.len; i++) {
		const struct hb_population *population = &growth->populations.data[i];
		if (!is_wanted(history, population, i))
			continue;
		if (!history->containers[i]) {
			if (history->written == MOST)
				continue;
			history->written++;
			TRY(add_container(history, population, &history->containers[i]));
		}
		const struct hb_counted *last = &population->looks.data[population->looks.len - 1];
		bind_int(&count, (uint64_t)look);
		bind_int(&count, (uint64_t)history->containers[i]);
		bind_int(&count, last->count);
		bind_known(&count, last->capacity);
		TRY(insert(history, &count, NULL));
		if (population->judgement.verdict == HB_GROWTH_NONE || population->merged)
			continue;
		bind_int(&verdict, (uint64_t)look);
		bind_int(&verdict, (uint64_t)history->containers[i]);
		bind_text(&verdict, population->judgement.verdict == HB_GROWTH_LIKELY ? "likely" : "estimate");
		bind_real(&verdict, population->judgement.rate);
		TRY(insert(history, &verdict, NULL));
	}
	return NULL;
}

/* --- Goroutines ----------------------------------------------------------------------------------------------------- */

static struct hb_error *add_pile(struct hb_history *history, const struct hb_pile *pile, int64_t *ret)
{
	const struct hb_analysis *analysis = history->analysis;
	const struct hb_parked *wait = &analysis->parked.list.data[pile->parked];
	hb_cleanup(finalize) struct statement statement = {0};
	hb_cleanup(hb_finding_deinit) struct hb_finding place = {0};
	TRY(hb_parked_holder(analysis, wait, &place));
	TRY(hb_parked_describe(analysis, wait, 1, &place));
	TRY(prepare(history, "INSERT INTO pile(process, reason, blocked, created, holder) VALUES(?, ?, ?, ?, ?)",
	            &statement));
	bind_int(&statement, (uint64_t)history->process);
	bind_text(&statement, analysis->goroutines.list[wait->goroutine].wait_reason);
	bind_text(&statement, place.blocked_at.len ? place.blocked_at.data[0] : "");
	bind_text(&statement, place.created_at.len ? place.created_at.data[0] : "");
	bind_text(&statement, place.holder);
	return insert(history, &statement, ret);
}

static struct hb_error *add_waiting(struct hb_history *history, const struct hb_growth *growth, int64_t look)
{
	hb_cleanup(finalize) struct statement statement = {0};
	TRY(prepare(history, "INSERT INTO waiting(look, pile, count) VALUES(?, ?, ?)", &statement));
	for (size_t i = 0; i < growth->piles.len; i++) {
		const struct hb_pile *pile = &growth->piles.data[i];
		const struct hb_counted *last = &pile->looks.data[pile->looks.len - 1];
		if (!last->known)
			continue;
		if (!history->piles[i]) {
			if (last->count < LEAST_WAITING || history->piles_written == MOST_PILES)
				continue;
			history->piles_written++;
			TRY(add_pile(history, pile, &history->piles[i]));
		}
		bind_int(&statement, (uint64_t)look);
		bind_int(&statement, (uint64_t)history->piles[i]);
		bind_int(&statement, last->count);
		TRY(insert(history, &statement, NULL));
	}
	return NULL;
}

/* --- All together --------------------------------------------------------------------------------------------------- */

static struct hb_error *add_look(struct hb_history *history, const struct hb_growth *growth)
{
	const struct hb_look *last = &growth->looks.data[growth->looks.len - 1];
	hb_cleanup(finalize) struct statement statement = {0};
	int64_t look;
	TRY(prepare(history,
	            "INSERT INTO look(process, at_s, uptime_s, pause_ms, rss_bytes, threads, fds, goroutines) "
	            "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	            &statement));
	bind_int(&statement, (uint64_t)history->process);
	bind_real(&statement, wall_clock());
	bind_real(&statement, (double)last->uptime_ns / 1e9);
	bind_real(&statement, (double)last->pause_ns / 1e6);
	bind_known(&statement, last->rss);
	bind_known(&statement, last->threads);
	bind_known(&statement, last->fds);
	bind_known(&statement, last->goroutines);
	TRY(insert(history, &statement, &look));
	TRY(add_counts(history, growth, look));
	return add_waiting(history, growth, look);
}

/* A look is there as a whole or not at all. */
struct hb_error *hb_history_add(struct hb_history *history, const struct hb_growth *growth)
{
	if (!history->containers)
		history->containers = calloc(hb_max(growth->populations.len, (size_t)1), sizeof(*history->containers));
	if (!history->piles)
		history->piles = calloc(hb_max(growth->piles.len, (size_t)1), sizeof(*history->piles));
	if (!history->containers || !history->piles)
		return hb_error_nomem();
	TRY(execute(history, "BEGIN IMMEDIATE"));
	struct hb_error *err = add_look(history, growth);
	if (!err)
		return execute(history, "COMMIT");
	hb_error_destroy(execute(history, "ROLLBACK"));
	return err;
}
