/* parallel.c - a counter that a few threads draw from. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>

typedef struct Work {
	size_t count, next; /* next: drawn atomically */
	ParallelFn *fn;
	void *context;
	Err *first; /* set once, atomically */
} Work;

static void *work(void *arg)
{
	Work *w = arg;
	for (;;) {
		if (__atomic_load_n(&w->first, __ATOMIC_ACQUIRE))
			return NULL;
		size_t i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED);
		if (i >= w->count)
			return NULL;
		Err *e = w->fn(w->context, i);
		Err *none = NULL;
		if (e && !__atomic_compare_exchange_n(&w->first, &none, e, false, __ATOMIC_ACQ_REL,
		                                      __ATOMIC_ACQUIRE))
			err_free(e); /* a sibling failed first: its error is the one that is told */
	}
}

unsigned parallel_cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n > 0 ? (unsigned)n : 1;
}

Err *parallel_each(size_t count, unsigned threads, ParallelFn *fn, void *context)
{
	enum { THREADS_MAX = 64 };
	pthread_t ids[THREADS_MAX];
	Work w = { .count = count, .fn = fn, .context = context };
	if (threads == 0)
		threads = parallel_cores();
	if (threads > count)
		threads = (unsigned)count;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;

	unsigned started = 0;
	while (started + 1 < threads && pthread_create(&ids[started], NULL, work, &w) == 0)
		started++; /* fewer threads than wished for is slower, not wrong */
	work(&w);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(ids[i], NULL);
	return w.first;
}
