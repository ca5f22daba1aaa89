/* cancel.c - a flag with an eventfd behind it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cancel.h"

#include <sys/eventfd.h>

Err *cancel_open(Cancel *ret)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return err_sys(errno, "cannot make an eventfd");
	*ret = (Cancel){ .fd = fd };
	return NULL;
}

void cancel_close(Cancel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void cancel_set(Cancel *c)
{
	int saved = errno;
	__atomic_store_n(&c->set, 1, __ATOMIC_SEQ_CST);
	uint64_t one = 1;
	ssize_t n = write(c->fd, &one, sizeof one);
	(void)n; /* it can only fail by being readable already */
	errno = saved;
}

bool cancel_requested(const Cancel *c)
{
	return c && __atomic_load_n(&c->set, __ATOMIC_SEQ_CST);
}

int cancel_fd(const Cancel *c)
{
	return c ? c->fd : -1;
}

Err *cancel_check(const Cancel *c)
{
	return cancel_requested(c) ? err_new(ERR_CANCELLED, "cancelled") : NULL;
}
