#include "target/holder.h"

#include <stddef.h>

static void *run(void *arg)
{
	struct hb_holder *holder = arg;
	pthread_mutex_lock(&holder->lock);
	while (!holder->ends) {
		if (holder->work) {
			holder->work(holder->ctx);
			holder->work = NULL;
			pthread_cond_broadcast(&holder->changed);
		}
		if (!holder->ends)
			pthread_cond_wait(&holder->changed, &holder->lock);
	}
	pthread_mutex_unlock(&holder->lock);
	return NULL;
}

bool hb_holder_start(struct hb_holder *holder)
{
	*holder = (struct hb_holder){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	holder->is_there = !pthread_create(&holder->thread, NULL, run, holder);
	return holder->is_there;
}

void hb_holder_do(struct hb_holder *holder, void (*work)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&holder->lock);
	holder->work = work;
	holder->ctx = ctx;
	pthread_cond_broadcast(&holder->changed);
	while (holder->work)
		pthread_cond_wait(&holder->changed, &holder->lock);
	pthread_mutex_unlock(&holder->lock);
}

void hb_holder_end(struct hb_holder *holder)
{
	if (!holder->is_there)
		return;
	pthread_mutex_lock(&holder->lock);
	holder->ends = true;
	pthread_cond_broadcast(&holder->changed);
	pthread_mutex_unlock(&holder->lock);
	pthread_join(holder->thread, NULL);
	holder->is_there = false;
}
