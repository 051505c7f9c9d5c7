/* The mappings of a live process, from maps and smaps.
 *
 * A process that runs changes them while they are read. The kernel goes on behind the last address that it wrote
 * (fs/proc/task_mmu.c m_start): a mapping that has grown in between, or was merged with its neighbour or with a part of it, comes
 * once more, as a whole. What comes last is what counts, and what it covers is taken back, but no more than that.
 */
#include "target/live.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

struct mappings {
	HB_VEC(struct hb_mapping) list;
	HB_VEC(struct hb_target_memory) memory; /* of each of them */
	struct hb_arena arena;                  /* paths */
};

static void mappings_deinit(struct mappings *mappings)
{
	hb_vec_deinit(&mappings->list);
	hb_vec_deinit(&mappings->memory);
	hb_arena_deinit(&mappings->arena);
}

/* "00400000-0052c000 r-xp 00000000 08:02 173521   /usr/bin/x": the head line of maps and smaps. */
static bool parse_mapping(char *line, struct hb_mapping *ret, char **path)
{
	char perms[5];
	unsigned major, minor;
	int at = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 "%n", &ret->start, &ret->end, perms,
	           &ret->file_offset, &major, &minor, &ret->inode, &at) != 7 ||
	    ret->end <= ret->start || strlen(perms) != 4)
		return false;
	ret->device = makedev(major, minor);
	ret->readable = perms[0] == 'r';
	ret->writable = perms[1] == 'w';
	ret->executable = perms[2] == 'x';
	ret->shared = perms[3] == 's';
	char *text = line + at;
	text += strspn(text, " ");
	text[strcspn(text, "\n")] = 0;
	*path = text;
	return true;
}

/* Of the pages that it had, nobody knows how many are in what is left: as many as there is room for. */
static void end_at(struct hb_mapping *mapping, struct hb_target_memory *memory, uint64_t end)
{
	uint64_t most = end - mapping->start;
	mapping->end = end;
	mapping->rss = memory->rss = hb_min(memory->rss, most);
	memory->rss_anon = hb_min(memory->rss_anon, most);
	memory->swap = hb_min(memory->swap, most - memory->rss);
}

/* What came before ends where the next one starts. */
static void take_back(struct mappings *mappings, uint64_t start)
{
	for (; mappings->list.len; mappings->list.len--, mappings->memory.len--) {
		struct hb_mapping *last = &mappings->list.data[mappings->list.len - 1];
		if (last->start < start) {
			if (last->end > start)
				end_at(last, &mappings->memory.data[mappings->memory.len - 1], start);
			return;
		}
	}
}

static bool add_mapping(struct mappings *mappings, struct hb_mapping mapping, const char *path)
{
	take_back(mappings, mapping.start);
	mapping.path = hb_arena_strdup(&mappings->arena, path);
	return mapping.path && hb_vec_push(&mappings->memory, (struct hb_target_memory){0}) &&
	       hb_vec_push(&mappings->list, mapping);
}

/* False: out of memory. */
static bool read_mappings(FILE *file, struct mappings *ret)
{
	hb_autofree char *line = NULL;
	size_t capacity = 0;
	bool ok = true;
	while (ok && getline(&line, &capacity, file) > 0) {
		struct hb_target_memory *last = ret->list.len ? &ret->memory.data[ret->memory.len - 1] : NULL;
		struct hb_mapping mapping = {0};
		uint64_t kb;
		char *path;
		if (last && sscanf(line, "Rss: %" SCNu64 " kB", &kb) == 1)
			last->rss = ret->list.data[ret->list.len - 1].rss = kb * 1024;
		else if (last && sscanf(line, "Anonymous: %" SCNu64 " kB", &kb) == 1)
			last->rss_anon = kb * 1024;
		else if (last && sscanf(line, "Swap: %" SCNu64 " kB", &kb) == 1)
			last->swap = kb * 1024;
		else if (parse_mapping(line, &mapping, &path))
			ok = add_mapping(ret, mapping, path);
	}
	return ok;
}

static struct hb_target_memory sum_memory(const struct mappings *mappings)
{
	struct hb_target_memory sum = {0};
	for (size_t i = 0; i < mappings->memory.len; i++) {
		sum.rss += mappings->memory.data[i].rss;
		sum.rss_anon += mappings->memory.data[i].rss_anon;
		sum.swap += mappings->memory.data[i].swap;
	}
	sum.rss_file = sum.rss - hb_min(sum.rss, sum.rss_anon);
	return sum;
}

/* What smaps said before the stop, for the mappings that are there now: where one was split, its first part is charged
 * first. */
static void keep_rss(const struct hb_mapping *before, size_t nbefore, struct hb_mapping *now, size_t nnow)
{
	for (size_t i = 0, k = 0; i < nbefore; i++) {
		uint64_t left = before[i].rss;
		while (k < nnow && now[k].end <= before[i].start)
			k++;
		for (size_t at = k; at < nnow && now[at].start < before[i].end; at++) {
			uint64_t overlap = hb_min(now[at].end, before[i].end) - hb_max(now[at].start, before[i].start);
			uint64_t part = hb_min(left, overlap);
			now[at].rss += part;
			left -= part;
		}
	}
}

struct hb_error *hb_live_refresh_mappings(struct hb_target *target)
{
	struct hb_live *live = hb_live_of(target);
	/* smaps counts pages and is slow on large processes: never while they wait. */
	FILE *file = target->stopped ? NULL : hb_live_open_proc(target->pid, "smaps");
	bool with_rss = file;
	if (!file)
		file = hb_live_open_proc(target->pid, "maps");
	if (!file)
		return hb_error_create(errno == ENOENT ? HB_ERR_GONE : HB_ERR_ATTACH,
		                       errno == ENOENT ? "process %d has exited"
		                                       : "cannot read the mappings of process %d",
		                       target->pid);
	hb_cleanup(mappings_deinit) struct mappings now = {0};
	bool ok = read_mappings(file, &now);
	fclose(file);
	if (!ok)
		return hb_error_nomem();
	if (!now.list.len)
		return hb_error_create(HB_ERR_GONE, "process %d has exited", target->pid);
	if (with_rss)
		target->memory = sum_memory(&now);
	else
		keep_rss(target->mappings, target->nmappings, now.list.data, now.list.len);
	free(target->mappings);
	target->nmappings = now.list.len;
	target->mappings = hb_take(now.list.data);
	hb_arena_deinit(&live->arena);
	live->arena = now.arena;
	now.arena = (struct hb_arena){0};
	return NULL;
}
