#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
extern bool ready;
static bool ending;
void work(void);
void *consume(void *unused);
void end(void);

/* explain:begin */
void *consume(void *unused)
{
	pthread_mutex_lock(&lock);
	while (!ready && !ending)
		pthread_cond_wait(&changed, &lock);
	if (ready)
		work();
	pthread_mutex_unlock(&lock);
	return unused;
}

void end(void)
{
	pthread_mutex_lock(&lock);
	ending = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}
/* explain:end */
