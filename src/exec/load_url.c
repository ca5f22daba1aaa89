/* load_url.c - an archive behind a URL → a scratch file of the store, to be read as any other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/load.h"
#include "fs/path.h"
#include "http/client.h"

#include <fcntl.h>

typedef struct UrlFile {
	int fd;
	uint64_t got;
} UrlFile;

/* A try may be repeated from the beginning. */
static Err *begin(void *context, const HttpResponse *head)
{
	UrlFile *f = context;
	(void)head;
	f->got = 0;
	if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a scratch file");
	return NULL;
}

static Err *take(void *context, const void *bytes, size_t len)
{
	UrlFile *f = context;
	if (len > DOWNLOAD_BYTES_MAX - f->got)
		return err_new(ERR_INPUT, "the answer is too large");
	f->got += len;
	return path_write_what(f->fd, bytes, len, "a download to the store");
}

static Err *send(Str url, UrlFile *f, const Cancel *cancel)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_HTTP_CLIENT HttpClient *client = NULL;
	HttpResponse answer;
	HttpRequest request = {
		.method = "GET", .url = url, .head = begin, .sink = take, .sink_context = f
	};
	TRY(http_client_open("decant/" DECANT_VERSION, cancel, &client));
	TRY(http_client_send(client, &a, &request, &answer));
	if (answer.status < 200 || answer.status > 299)
		return err_new(ERR_NETWORK, "the server answers %d", answer.status);
	return NULL;
}

Err *load_url(Store *s, Str url, Str shown, const Cancel *cancel, int *ret_fd)
{
	char name[32];
	int tmp;
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "fetch", name);
	AUTO_CLOSE int fd = openat(tmp, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	(void)unlinkat(tmp, name, 0); /* it goes with its descriptor */
	UrlFile f = { .fd = fd };
	TRY_WHILE(send(url, &f, cancel), "downloading %.*s", STR_ARG(shown));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a scratch file");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}
