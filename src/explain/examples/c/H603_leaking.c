#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
extern bool ready;

void work(void);
void *consume(void *unused);

/* explain:begin */
void *consume(void *unused)
{
	pthread_mutex_lock(&lock);
	while (!ready) /* and at the end? */
		pthread_cond_wait(&changed, &lock);
	work();
	pthread_mutex_unlock(&lock);
	return unused;
}
/* explain:end */
