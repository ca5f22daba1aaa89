/* expect.c - what tests of the sandbox expect, and see of processes and mounts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "fs/path.h"
#include "sandbox/test/expect.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

void expect_ran(const char *name, const Ran *r)
{
	if (!r->error)
		return;
	err_print(r->error, stderr);
	fail_msg("%s: did not run", name);
}

void expect_text(const char *name, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s: got\n%s\nwant\n%s", name, got, want);
}

void expect_upper(Rig *rig, const char *name, const char *want)
{
	AUTO_BUF Buf got = BUF_INIT;
	rig_list_upper(rig, &got);
	expect_text(name, got.ptr, want);
}

void expect_error(const char *name, const Ran *r, ErrKind kind, const char *part)
{
	if (!r->error)
		fail_msg("%s: no error, status %d", name, r->result.exit_status);
	AUTO_BUF Buf cause = BUF_INIT;
	buf_add_str(&cause, err_cause(r->error));
	if (err_kind(r->error) != kind || !strstr(cause.ptr, part))
		fail_msg("%s: got error kind %d '%s', want kind %d with '%s'", name,
		         (int)err_kind(r->error), cause.ptr, (int)kind, part);
}

unsigned count_mounts(void)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	AUTO_ERR Err *e = path_read_fd(fd, 16u << 20, "mountinfo", &text);
	assert_null(e);
	unsigned lines = 0;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	return lines;
}

/*
 * A process that was started here and has WORD in its command line.  Only those of uid 0 as seen
 * from here: the same tests may be running as another user at this moment, with the same words.
 */
bool process_exists(const char *word)
{
	bool found = false;
	DIR *proc = opendir("/proc");
	for (struct dirent *e; proc && !found && (e = readdir(proc));) {
		char path[300], text[4096];
		struct stat st;
		snprintf(path, sizeof path, "/proc/%s/cmdline", e->d_name);
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != 0)
			continue;
		ssize_t n = read(fd, text, sizeof text);
		found = n > 0 && memmem(text, (size_t)n, word, strlen(word)) != NULL;
	}
	if (proc)
		closedir(proc);
	return found;
}

bool process_gone_within(const char *word, int64_t ms)
{
	for (int64_t end = clock_mono_ns() + ms * 1000000; process_exists(word);) {
		if (clock_mono_ns() > end)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}
