#include "leak/fd_table.h"
#include "leak/trail.h"
#include "report/analysis.h"
#include "report/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- Joining ------------------------------------------------------------------------------------------------------ */

static enum hb_fd_reach reach_of(const struct hb_analysis *analysis, uint32_t slot)
{
	if (!analysis->graph->number[slot])
		return HB_FD_UNREACHED;
	uint32_t root = hb_trail_root(analysis, slot);
	/* Only what no global, goroutine or timer reaches is reached from a finalizer first. */
	return root != HB_ROOT_NONE && analysis->roots.nodes.data[root].kind == HB_ROOT_FINALIZER ? HB_FD_BY_FINALIZER
	                                                                                          : HB_FD_REACHED;
}

static bool is_the_same_sort(const struct hb_fd *kernel, const struct hb_poll_fd *go)
{
	return go->kind != HB_POLL_CONNECTION || kernel->kind == HB_FD_SOCKET;
}

/* Several objects may have a number; the one that the program can get at is the one that counts. */
static void join(const struct hb_analysis *analysis, const struct hb_poll_fd *go, struct hb_open_fd *fd)
{
	if (fd->kernel && !is_the_same_sort(fd->kernel, go))
		return;
	enum hb_fd_reach reach = reach_of(analysis, go->slot);
	if (fd->go && fd->reach <= reach)
		return;
	fd->go = go;
	fd->reach = (uint8_t)reach;
}

static struct hb_error *start_from_kernel(const struct hb_fds *fds, struct hb_fd_table *ret)
{
	for (size_t i = 0; i < fds->list.len; i++)
		HB_VEC_PUSH(&ret->list,
		            (struct hb_open_fd){.number = fds->list.data[i].number, .kernel = &fds->list.data[i]});
	return NULL;
}

static struct hb_error *start_from_go(const struct hb_poll_fds *fds, struct hb_fd_table *ret)
{
	for (size_t i = 0; i < fds->list.len; i++)
		if (!i || fds->list.data[i - 1].fd != fds->list.data[i].fd)
			HB_VEC_PUSH(&ret->list, (struct hb_open_fd){.number = fds->list.data[i].fd});
	return NULL;
}

static struct hb_open_fd *find(const struct hb_fd_table *table, int64_t number)
{
	size_t at = hb_partition_point(table->list.len, i, table->list.data[i].number < number);
	return at < table->list.len && table->list.data[at].number == number ? &table->list.data[at] : NULL;
}

const struct hb_open_fd *hb_fd_table_find(const struct hb_fd_table *table, int64_t number)
{
	return find(table, number);
}

struct hb_error *hb_fd_table_build(const struct hb_analysis *analysis, struct hb_fd_table *ret)
{
	const struct hb_fds *kernel = &analysis->snapshot->fds;
	const struct hb_poll_fds *go = &analysis->poll_fds;
	if (kernel->known)
		TRY(start_from_kernel(kernel, ret));
	else
		TRY(start_from_go(go, ret));
	for (size_t i = 0; i < go->list.len; i++) {
		struct hb_open_fd *fd = find(ret, go->list.data[i].fd);
		if (fd)
			join(analysis, &go->list.data[i], fd);
	}
	return NULL;
}

void hb_fd_table_deinit(struct hb_fd_table *table)
{
	hb_vec_deinit(&table->list);
}

/* --- Places ------------------------------------------------------------------------------------------------------- */

enum { SHOWN = 3 };

struct place {
	const char *text;
	size_t len;
	uint64_t count;
};

/* The folder of a file, the peer of a connection, or what sort of thing it is. */
static struct place place_of(const struct hb_open_fd *open)
{
	const struct hb_fd *fd = open->kernel;
	const char *text = fd->name, *slash = strrchr(text, '/');
	if (fd->kind == HB_FD_SOCKET)
		text = *fd->peer && fd->state != HB_TCP_LISTEN ? fd->peer
		       : fd->protocol == HB_SOCKET_UNIX        ? "unix sockets"
		                                               : "sockets";
	else if (fd->kind == HB_FD_PIPE)
		text = "pipes";
	else if (fd->kind == HB_FD_FILE && *text == '/' && slash)
		return (struct place){text, hb_max((size_t)(slash - text), (size_t)1), 1};
	/* Of whom called us, the port says nothing. */
	const char *colon = text == fd->peer && open->go && !open->go->outgoing ? strrchr(text, ':') : NULL;
	return (struct place){text, colon ? (size_t)(colon - text) : strlen(text), 1};
}

static int by_text(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(x->text, y->text, hb_min(x->len, y->len));
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static int by_count(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return by_text(a, b);
}

static size_t sum_up(struct place *places, size_t n)
{
	size_t kept = 0;
	qsort(places, n, sizeof(*places), by_text);
	for (size_t i = 0; i < n; i++) {
		if (kept && !by_text(&places[kept - 1], &places[i]))
			places[kept - 1].count++;
		else
			places[kept++] = places[i];
	}
	qsort(places, kept, sizeof(*places), by_count);
	return kept;
}

char *hb_fd_table_places(const struct hb_fd_table *table, const uint64_t *numbers, size_t n)
{
	char *text = NULL;
	size_t size, used = 0;
	hb_autofree struct place *places = calloc(n + 1, sizeof(*places));
	if (!places)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const struct hb_open_fd *fd = hb_fd_table_find(table, (int64_t)numbers[i]);
		if (fd && fd->kernel)
			places[used++] = place_of(fd);
	}
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	used = used ? sum_up(places, used) : 0;
	for (size_t i = 0; i < hb_min(used, (size_t)SHOWN); i++) {
		char count[32];
		hb_format_count(places[i].count, count, sizeof(count));
		fprintf(out, "%s%.*s", i ? ", " : "", (int)places[i].len, places[i].text);
		if (used > 1)
			fprintf(out, " (%s)", count);
	}
	if (used > SHOWN)
		fprintf(out, " and %zu more", used - SHOWN);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
