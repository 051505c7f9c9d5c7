#include "target/target.h"
#include "target/live.h"
#include "target/proc_numbers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool parse_pid(const char *spec, int *ret)
{
	return hb_proc_parse_number(spec, ret) && *ret > 0 && *ret <= 4194304; /* PID_MAX_LIMIT */
}

/* comm is cut to 15 bytes, so the base name of the executable counts too. */
static bool process_is_named(int pid, const char *name)
{
	char path[64], text[4096];
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	bool same = fgets(text, sizeof(text), file) && (text[strcspn(text, "\n")] = 0, !strcmp(text, name));
	fclose(file);
	if (same)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	ssize_t n = readlink(path, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	char *base = strrchr(text, '/');
	return base && !strcmp(base + 1, name);
}

static struct hb_error *find_process(const char *name, int *ret)
{
	hb_cleanup(hb_proc_numbers_close) DIR *proc = hb_proc_numbers(0, "");
	if (!proc)
		return hb_error_create(HB_ERR_ATTACH, "cannot list processes: /proc: %s", strerror(errno));
	HB_VEC(int) found = {0};
	for (int pid; hb_proc_next_number(proc, &pid);) {
		if (pid == getpid() || !process_is_named(pid, name) || hb_vec_push(&found, pid))
			continue;
		hb_vec_deinit(&found);
		return hb_error_nomem();
	}
	struct hb_error *err = NULL;
	if (found.len == 1) {
		*ret = found.data[0];
	} else if (!found.len) {
		err = hb_error_create(HB_ERR_ATTACH,
		                      "no process is named '%s' and no file is: give a pid, the name of one running "
		                      "process, or the path of a core file",
		                      name);
	} else {
		char list[256] = "";
		for (size_t i = 0; i < found.len && i < 10; i++) {
			size_t used = strlen(list);
			snprintf(list + used, sizeof(list) - used, "%s%d", i ? ", " : "", found.data[i]);
		}
		err = hb_error_create(HB_ERR_ATTACH, "%zu processes are named '%s' (%s%s): give one of the pids",
		                      found.len, name, list, found.len > 10 ? ", …" : "");
	}
	hb_vec_deinit(&found);
	return err;
}

struct hb_error *hb_target_open(const char *spec, struct hb_target **ret)
{
	int pid;
	struct stat status;
	if (parse_pid(spec, &pid))
		return hb_live_open(pid, ret);
	if (strchr(spec, '/') || stat(spec, &status) == 0) {
		if (stat(spec, &status) == 0 && S_ISDIR(status.st_mode))
			return hb_error_create(HB_ERR_ATTACH,
			                       "'%s' is a directory: give a pid, a process name or a core file", spec);
		return hb_core_open(spec, ret);
	}
	if (!*spec)
		return hb_error_create(HB_ERR_USAGE, "the target is empty: give a pid, a process name or a core file");
	TRY(find_process(spec, &pid));
	return hb_live_open(pid, ret);
}

void hb_target_destroy(struct hb_target *target)
{
	if (target)
		target->ops->destroy(target);
}

void hb_target_destroyp(struct hb_target **target)
{
	hb_target_destroy(*target);
	*target = NULL;
}

bool hb_target_has_ended(const struct hb_target *target)
{
	return target->kind == HB_TARGET_LIVE && hb_live_has_ended((const struct hb_live *)target);
}

struct hb_error *hb_target_read(struct hb_target *target, uint64_t addr, void *to, size_t len)
{
	uint64_t unread = 0;
	TRY(target->ops->read(target, &(struct hb_range){addr, len, to}, 1, &unread));
	if (unread)
		return hb_error_create(HB_ERR_FAULT, "cannot read %zu bytes at 0x%llx", len, (unsigned long long)addr);
	return NULL;
}

const struct hb_mapping *hb_target_mapping(const struct hb_target *target, uint64_t addr)
{
	size_t low = hb_partition_point(target->nmappings, i, target->mappings[i].end <= addr);
	return low < target->nmappings && target->mappings[low].start <= addr ? &target->mappings[low] : NULL;
}
