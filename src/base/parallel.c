/* parallel.c - a counter that a few threads draw from. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

typedef struct Work {
	size_t count, next; /* next: drawn atomically */
	ParallelFn *fn;
	void *context;
	Err *first; /* set once, atomically */
} Work;

typedef struct Worker {
	Work *work;
	pthread_t id;
	pid_t tid; /* set by the thread itself */
} Worker;

static void work(Work *w)
{
	while (!__atomic_load_n(&w->first, __ATOMIC_ACQUIRE)) {
		size_t i = __atomic_fetch_add(&w->next, 1, __ATOMIC_RELAXED);
		if (i >= w->count)
			return;
		Err *e = w->fn(w->context, i);
		Err *none = NULL;
		if (e && !__atomic_compare_exchange_n(&w->first, &none, e, false, __ATOMIC_ACQ_REL,
		                                      __ATOMIC_ACQUIRE))
			err_free(e); /* a sibling failed first: its error is the one that is told */
	}
}

static void *thread_main(void *arg)
{
	Worker *worker = arg;
	worker->tid = (pid_t)syscall(SYS_gettid);
	work(worker->work);
	return NULL;
}

/*
 * pthread_join returns a moment before the kernel has let go of the thread.  In that moment the
 * process is not single-threaded for unshare(CLONE_NEWUSER), which may well be what comes next.
 */
static void join(const Worker *worker)
{
	(void)pthread_join(worker->id, NULL);
	while (syscall(SYS_tgkill, getpid(), worker->tid, 0) == 0)
		(void)sched_yield();
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
	Worker workers[THREADS_MAX];
	Work w = { .count = count, .fn = fn, .context = context };
	if (threads == 0)
		threads = parallel_cores();
	if (threads > count)
		threads = (unsigned)count;
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;

	unsigned started = 0;
	while (started + 1 < threads) {
		Worker *next = &workers[started];
		*next = (Worker){ .work = &w };
		if (pthread_create(&next->id, NULL, thread_main, next) != 0)
			break; /* fewer threads than wished for is slower, not wrong */
		started++;
	}
	work(&w);
	for (unsigned i = 0; i < started; i++)
		join(&workers[i]);
	return w.first;
}
