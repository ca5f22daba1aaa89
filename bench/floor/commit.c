/*
 * commit.c - the least that turning a tree into a layer can cost: walk, tar headers, SHA-256,
 * write.
 *
 * usage: commit FOLDER OUT      (cc -O2 commit.c -lcrypto)
 *
 * One thread, names in byte order, plain ustar headers, no xattrs, no owners looked up: what any
 * builder must do at the very least to know a diff ID and hold the bytes.  Prints entries, bytes,
 * ms.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 512

typedef struct Out {
	SHA256_CTX sha;
	int fd;
	size_t used;
	unsigned long long bytes, entries;
	unsigned char buffer[1 << 20];
} Out;

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void flush(Out *out)
{
	SHA256_Update(&out->sha, out->buffer, out->used);
	check(write(out->fd, out->buffer, out->used) == (ssize_t)out->used, "write");
	out->bytes += out->used;
	out->used = 0;
}

static void put(Out *out, const void *data, size_t len)
{
	for (const unsigned char *p = data; len > 0;) {
		size_t part =
			sizeof out->buffer - out->used < len ? sizeof out->buffer - out->used : len;
		memcpy(out->buffer + out->used, p, part);
		out->used += part;
		p += part;
		len -= part;
		if (out->used == sizeof out->buffer)
			flush(out);
	}
}

static void header(Out *out, const char *path, const struct stat *st, char type)
{
	char block[BLOCK] = { 0 };
	unsigned sum = 0;
	memcpy(block, path, strnlen(path, 100)); /* longer ones would be pax records */
	(void)snprintf(block + 100, 8, "%07o", st->st_mode & 07777);
	(void)snprintf(block + 108, 8, "%07o", st->st_uid & 07777777);
	(void)snprintf(block + 116, 8, "%07o", st->st_gid & 07777777);
	(void)snprintf(block + 124, 12, "%011llo",
	               type == '0' ? (unsigned long long)st->st_size : 0ull);
	(void)snprintf(block + 136, 12, "%011llo", (unsigned long long)st->st_mtime);
	block[156] = type;
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	put(out, block, BLOCK);
	out->entries++;
}

static void content(Out *out, int fd, off_t size)
{
	static char data[1 << 16];
	static const char zeros[BLOCK];
	for (off_t left = size; left > 0;) {
		ssize_t n = read(fd, data, sizeof data);
		check(n > 0, "read");
		put(out, data, (size_t)n);
		left -= n;
	}
	put(out, zeros, (size_t)(-size & (BLOCK - 1)));
}

static void walk(Out *out, int dir_fd, const char *path)
{
	struct dirent **names;
	int count = scandirat(dir_fd, ".", &names, NULL, alphasort);
	check(count >= 0, path);
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		char below[4096];
		struct stat st;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			(void)snprintf(below, sizeof below, "%s%s", path, name);
			check(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0, below);
			char type = S_ISDIR(st.st_mode) ? '5' : S_ISLNK(st.st_mode) ? '2' : '0';
			header(out, below, &st, type);
			if (type != '2') {
				int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
				check(fd >= 0, below);
				if (type == '0') {
					content(out, fd, st.st_size);
				} else {
					(void)snprintf(below, sizeof below, "%s%s/", path, name);
					walk(out, fd, below);
				}
				close(fd);
			}
		}
		free(names[i]);
	}
	free(names);
}

int main(int argc, char **argv)
{
	static Out out;
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct timespec start, end;
	if (argc != 3)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &start);
	int dir_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(dir_fd >= 0, argv[1]);
	out.fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	check(out.fd >= 0, argv[2]);
	SHA256_Init(&out.sha);
	walk(&out, dir_fd, "");
	static const char end_blocks[2 * BLOCK];
	put(&out, end_blocks, sizeof end_blocks);
	flush(&out);
	SHA256_Final(digest, &out.sha);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%llu entries, %llu bytes, %.1f ms\n", out.entries, out.bytes,
	       (double)(end.tv_sec - start.tv_sec) * 1e3 +
	               (double)(end.tv_nsec - start.tv_nsec) / 1e6);
	return 0;
}
