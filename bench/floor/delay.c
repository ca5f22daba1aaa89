/*
 * delay.c - a network between here and a port of this machine: every byte arrives MS later, and a
 * connection has at most WINDOW bytes on their way, as TCP's window has it.
 *
 * usage: delay PORT MS WINDOW      (prints the port that it listens on; cc -O2 delay.c -lpthread)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PART = 32 << 10 };

static double delay_s;
static size_t window;
static int port;

typedef struct Part {
	struct Part *next;
	double due;
	size_t len; /* 0: the end */
	char bytes[PART];
} Part;

/* One direction of one connection. */
typedef struct Way {
	int from, to;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	Part *first, **last;
	size_t on_the_way;
} Way;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *arrive(void *context)
{
	Way *w = context;
	for (int ended = 0; !ended;) {
		pthread_mutex_lock(&w->lock);
		while (!w->first)
			pthread_cond_wait(&w->moved, &w->lock);
		Part *p = w->first;
		pthread_mutex_unlock(&w->lock);
		double left = p->due - now();
		if (left > 0)
			usleep((useconds_t)(left * 1e6));
		for (size_t done = 0; done < p->len;) {
			ssize_t n = write(w->to, p->bytes + done, p->len - done);
			if (n <= 0)
				break;
			done += (size_t)n;
		}
		ended = p->len == 0;
		pthread_mutex_lock(&w->lock);
		w->first = p->next;
		if (!w->first)
			w->last = &w->first;
		w->on_the_way -= p->len;
		pthread_cond_signal(&w->moved);
		pthread_mutex_unlock(&w->lock);
		free(p);
	}
	shutdown(w->to, SHUT_WR);
	return NULL;
}

static void *leave(void *context)
{
	Way *w = context;
	pthread_t other;
	pthread_create(&other, NULL, arrive, w);
	for (ssize_t n = 1; n > 0;) {
		Part *p = malloc(sizeof *p);
		pthread_mutex_lock(&w->lock);
		while (w->on_the_way + PART > window)
			pthread_cond_wait(&w->moved, &w->lock);
		pthread_mutex_unlock(&w->lock);
		n = read(w->from, p->bytes, PART);
		p->len = n > 0 ? (size_t)n : 0;
		p->due = now() + delay_s;
		p->next = NULL;
		pthread_mutex_lock(&w->lock);
		*w->last = p;
		w->last = &p->next;
		w->on_the_way += p->len;
		pthread_cond_signal(&w->moved);
		pthread_mutex_unlock(&w->lock);
	}
	pthread_join(other, NULL);
	return NULL;
}

static void begin(int from, int to)
{
	pthread_t id;
	Way *w = calloc(1, sizeof *w); /* as long as the program */
	w->from = from;
	w->to = to;
	w->last = &w->first;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->moved, NULL);
	pthread_create(&id, NULL, leave, w);
	pthread_detach(id);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	port = atoi(argv[1]);
	delay_s = atof(argv[2]) / 1e3;
	window = (size_t)atol(argv[3]);
	signal(SIGPIPE, SIG_IGN);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof at;
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	if (window < PART || bind(listener, (struct sockaddr *)&at, sizeof at) < 0 ||
	    listen(listener, 64) < 0 || getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		return 1;
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	at.sin_port = htons((uint16_t)port);
	for (;;) {
		int here = accept(listener, NULL, NULL), there = socket(AF_INET, SOCK_STREAM, 0);
		if (here < 0 || there < 0 || connect(there, (struct sockaddr *)&at, sizeof at) < 0)
			return 1;
		setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		setsockopt(there, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		begin(here, there);
		begin(there, here);
	}
}
