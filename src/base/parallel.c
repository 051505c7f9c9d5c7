#include "base/parallel.h"
#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

unsigned hb_parallel_threads(void)
{
	const char *text = getenv("HELDBY_THREADS");
	if (text) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);
		if (!*end && n >= 1 && n <= 64)
			return (unsigned)n;
	}
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);
	return cpus >= 2 ? 2 : 1;
}

struct pool {
	struct hb_error *(*work)(void *ctx, size_t i);
	void *ctx;
	size_t n;
	atomic_size_t next;
	struct hb_error **errors; /* one an item */
};

static void *pool_run(void *arg)
{
	struct pool *pool = arg;
	for (size_t i; (i = atomic_fetch_add(&pool->next, 1)) < pool->n;)
		pool->errors[i] = pool->work(pool->ctx, i);
	return NULL;
}

/* New threads take no signals: SIGINT belongs to the main thread, whose blocking calls it must interrupt. */
static int start_quiet(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int failed = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed;
}

struct hb_error *hb_parallel_for(size_t n, struct hb_error *(*work)(void *ctx, size_t i), void *ctx)
{
	if (!n)
		return NULL;
	struct pool pool = {.work = work, .ctx = ctx, .n = n, .errors = calloc(n, sizeof(struct hb_error *))};
	if (!pool.errors)
		return hb_error_nomem();
	pthread_t threads[64];
	size_t started = 0, want = hb_min((size_t)hb_parallel_threads(), n) - 1;
	while (started < want && !start_quiet(&threads[started], pool_run, &pool))
		started++;
	pool_run(&pool);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	struct hb_error *first = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!first)
			first = pool.errors[i];
		else
			hb_error_destroy(pool.errors[i]);
	}
	free(pool.errors);
	return first;
}

struct hb_task {
	pthread_t thread;
	bool threaded;
	struct hb_error *(*work)(void *ctx);
	void *ctx;
	struct hb_error *result;
};

static void *task_run(void *arg)
{
	struct hb_task *task = arg;
	task->result = task->work(task->ctx);
	return NULL;
}

struct hb_error *hb_task_start(struct hb_error *(*work)(void *ctx), void *ctx, struct hb_task **ret)
{
	struct hb_task *task = calloc(1, sizeof(*task));
	if (!task)
		return hb_error_nomem();
	task->work = work;
	task->ctx = ctx;
	task->threaded = hb_parallel_threads() > 1 && !start_quiet(&task->thread, task_run, task);
	if (!task->threaded)
		task_run(task);
	*ret = task;
	return NULL;
}

struct hb_error *hb_task_join(struct hb_task *task)
{
	if (!task)
		return NULL;
	if (task->threaded)
		pthread_join(task->thread, NULL);
	struct hb_error *result = task->result;
	free(task);
	return result;
}
