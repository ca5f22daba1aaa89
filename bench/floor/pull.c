/*
 * pull.c - the least that pulling layers can cost: receive, SHA-256, inflate, SHA-256, write the
 * files.
 *
 * usage: pull PORT OUT THREADS PATH...      (cc -O2 pull.c -lcrypto -lisal)
 *
 * Each PATH is a gzip'ed tar on 127.0.0.1:PORT (HTTP/1.1, Content-Length); its files go below
 * OUT/N, names and metadata left out but for folders that are there already: file contents alone.
 * Prints bytes received, bytes of tar, ms.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <netinet/in.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char **paths, *out_dir;
static int count, next_path, port;
static unsigned long long in_bytes, tar_bytes;

typedef struct Tar {
	int dir, fd;
	unsigned number;
	size_t left, pad, held; /* of the running file; HELD: of a header */
	char header[512];
} Tar;

static void tar_take(Tar *t, const unsigned char *p, size_t len)
{
	while (len) {
		size_t n;
		if (t->left) {
			n = len < t->left ? len : t->left;
			if (t->fd >= 0 && write(t->fd, p, n) < 0)
				exit(1);
			t->left -= n;
			if (!t->left && t->fd >= 0) {
				close(t->fd);
				t->fd = -1;
			}
		} else if (t->pad) {
			n = len < t->pad ? len : t->pad;
			t->pad -= n;
		} else {
			n = len < 512 - t->held ? len : 512 - t->held;
			memcpy(t->header + t->held, p, n);
			t->held += n;
			if (t->held == 512) {
				t->held = 0;
				t->left = strtoull(t->header + 124, NULL, 8);
				t->pad = (512 - t->left % 512) % 512;
				if (t->header[156] == '0') {
					char name[32];
					snprintf(name, sizeof name, "%u", t->number++);
					t->fd = openat(t->dir, name, O_WRONLY | O_CREAT | O_TRUNC,
					               0644);
					if (!t->left) {
						close(t->fd);
						t->fd = -1;
					}
				}
			}
		}
		p += n;
		len -= n;
	}
}

static void fetch(int index)
{
	static __thread unsigned char in[256 << 10], out[256 << 10];
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char text[1024], folder[64];
	SHA256_CTX packed, plain;
	struct inflate_state state;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(s, (void *)&to, sizeof to) < 0)
		exit(1);
	int n = snprintf(text, sizeof text,
	                 "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", paths[index]);
	if (write(s, text, n) != n)
		exit(1);
	snprintf(folder, sizeof folder, "%s/%d", out_dir, index);
	mkdir(folder, 0755);
	Tar tar = { .dir = open(folder, O_RDONLY | O_DIRECTORY), .fd = -1 };
	SHA256_Init(&packed);
	SHA256_Init(&plain);
	isal_inflate_init(&state);
	state.crc_flag = ISAL_GZIP;
	int body = 0;
	ssize_t got;
	while ((got = read(s, in, sizeof in)) > 0) {
		unsigned char *at = in;
		if (!body) {
			unsigned char *end = memmem(in, got, "\r\n\r\n", 4);
			if (!end)
				exit(2);
			at = end + 4;
			got -= at - in;
			body = 1;
		}
		SHA256_Update(&packed, at, got);
		__atomic_add_fetch(&in_bytes, got, __ATOMIC_RELAXED);
		state.next_in = at;
		state.avail_in = got;
		for (;;) {
			if (state.block_state == ISAL_BLOCK_FINISH) { /* the next member */
				if (!state.avail_in)
					break;
				unsigned char *rest = state.next_in;
				unsigned left = state.avail_in;
				isal_inflate_reset(&state);
				state.crc_flag = ISAL_GZIP;
				state.next_in = rest;
				state.avail_in = left;
			}
			state.next_out = out;
			state.avail_out = sizeof out;
			if (isal_inflate(&state) != ISAL_DECOMP_OK)
				exit(3);
			size_t made = sizeof out - state.avail_out;
			SHA256_Update(&plain, out, made);
			__atomic_add_fetch(&tar_bytes, made, __ATOMIC_RELAXED);
			tar_take(&tar, out, made);
			if (state.block_state != ISAL_BLOCK_FINISH && !state.avail_in &&
			    state.avail_out)
				break;
		}
	}
	close(tar.dir);
	close(s);
}

static void *work(void *unused)
{
	for (int i; (i = __atomic_fetch_add(&next_path, 1, __ATOMIC_RELAXED)) < count;)
		fetch(i);
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	pthread_t id[64];
	port = atoi(argv[1]);
	out_dir = argv[2];
	int threads = atoi(argv[3]);
	paths = argv + 4;
	count = argc - 4;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_create(&id[i], NULL, work, NULL);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(id[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%llu %llu %.0f\n", in_bytes, tar_bytes,
	       (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6);
	return 0;
}
