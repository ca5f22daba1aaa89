/* ask_agent.c - ask the SSH agent of SSH_AUTH_SOCK: one request of each type given; a line for each
 * answer: its type, and "key-one" if that stands in it.  For tests/e2e/run-secrets.sh. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int read_all(int fd, unsigned char *to, size_t len)
{
	for (size_t have = 0; have < len;) {
		ssize_t n = read(fd, to + have, len - have);
		if (n <= 0)
			return -1;
		have += (size_t)n;
	}
	return 0;
}

static int ask(int fd, unsigned char type)
{
	static unsigned char answer[1 << 18];
	unsigned char head[4], request[5] = { 0, 0, 0, 1, type };
	if (write(fd, request, sizeof request) != sizeof request ||
	    read_all(fd, head, sizeof head) < 0)
		return -1;
	size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (len == 0 || len > sizeof answer || read_all(fd, answer, len) < 0)
		return -1;
	printf("%u\n", answer[0]);
	if (memmem(answer, len, "key-one", 7))
		printf("key-one\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (!path || strlen(path) >= sizeof address.sun_path)
		return 2;
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		perror("connect");
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (ask(fd, (unsigned char)strtoul(argv[i], NULL, 10)) < 0)
			return 1;
	return 0;
}
