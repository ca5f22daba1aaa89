/*
 * ui_demo.c - a made-up build of two parallel stages, for looking at the styles with one's own
 * eyes.
 *
 * usage: ui_demo [STYLE [ok|fail|long]]
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "ui/ui.h"

#include <pthread.h>
#include <unistd.h>

static void nap(unsigned ms)
{
	usleep(ms * 1000);
}

typedef struct Stage {
	Progress *progress;
	const char *name;
	unsigned steps;
	bool fails;
	unsigned failed_line;
} Stage;

static void *run_stage(void *context)
{
	Stage *stage = context;
	Progress *p = stage->progress;
	for (unsigned i = 2; i <= stage->steps; i++) {
		unsigned line =
			progress_begin(p, str_from(stage->name),
		                       "[%s %u/%u] RUN make step-%u && echo \"a command that is "
		                       "rather long, so that it has to be cut at the right edge\"",
		                       stage->name, i, stage->steps, i);
		for (unsigned n = 0; n < 12 + i * 5; n++) {
			char text[200];
			int len = snprintf(
				text, sizeof text,
				"%s: compiling \033[32mfile%u.c\033[0m \033[2J\tw\xc3\xb6rter "
				"\xe6\xbc\xa2\xe5\xad\x97 \xff %s\n",
				stage->name, n,
				n % 5 ? ""
				      : "with a very long tail that goes on and on and on and on "
					"and on and on");
			progress_log(p, line, (Str){ text, (size_t)len });
			nap(60);
		}
		if (stage->fails && i == stage->steps) {
			progress_log(p, line,
			             STR("server.go:3:1: expected 'package', found 'EOF'\n"));
			progress_end(p, line, PROGRESS_ERROR, STR("exit status 2"));
			stage->failed_line = line;
			return NULL;
		}
		progress_end(p, line, PROGRESS_DONE, STR(""));
	}
	return NULL;
}

static void pull(Progress *p)
{
	unsigned line = progress_begin(
		p, STR("builder"), "[builder 1/4] FROM docker.io/library/golang:1.18.3-stretch");
	for (unsigned i = 1; i <= 20; i++) {
		for (unsigned blob = 1; blob <= 3; blob++) {
			char name[80];
			int len = snprintf(name, sizeof name, "sha256:%u%063u", blob, i > 99);
			uint64_t total = blob * 7000000, done = i * 600000ull;
			progress_bytes(p, line, (Str){ name, (size_t)len },
			               done < total ? done : total, total);
		}
		nap(100);
	}
	progress_end(p, line, PROGRESS_DONE, STR(""));
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "ok";
	AUTO_UI Ui *ui = NULL;
	AUTO_ERR Err *e = ui_open(argc > 1 ? argv[1] : "auto", stderr, &ui);
	if (e) {
		err_print(e, stderr);
		return 2;
	}
	ui_start(ui);
	Progress *p = ui_progress(ui);
	unsigned line =
		progress_begin(p, STR(""), "[internal] load build definition from Dockerfile");
	progress_end(p, line, PROGRESS_DONE, STR(""));
	line = progress_begin(p, STR("tools"), "[tools 1/3] FROM docker.io/library/alpine:edge");
	progress_end(p, line, PROGRESS_CACHED, STR(""));
	pull(p);
	progress_warning(p, 0, "build argument 'VERSION' was not used");
	Stage stages[] = {
		{ p, "builder", strcmp(how, "long") == 0 ? 40 : 4, strcmp(how, "fail") == 0, 0 },
		{ p, "tools", 3, false, 0 },
	};
	pthread_t threads[ARRAY_LEN(stages)];
	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		if (pthread_create(&threads[i], NULL, run_stage, &stages[i]) != 0)
			return 1;
	for (size_t i = 0; i < ARRAY_LEN(stages); i++)
		pthread_join(threads[i], NULL);
	ui_finish(ui);
	if (stages[0].failed_line) {
		AUTO_ARENA Arena a = ARENA_INIT;
		fprintf(stderr, "------\n > %s:\n%s\n------\n",
		        ui_line_title(ui, stages[0].failed_line, &a).ptr,
		        ui_log_tail(ui, stages[0].failed_line, 3, &a).ptr);
		static const Source source = { "Dockerfile", { "FROM x\nRUN make\n", 16 } };
		AUTO_ERR Err *failure =
			err_note(err_at((Span){ &source, 7, 15 },
		                        "command '/bin/sh -c make' ended with status 2"),
		                 "see above");
		ui_error(ui, failure);
		return 1;
	}
	ui_say(ui, "builder 890 MB -> go-server:latest 12.1 MB, 98.6 %% left behind");
	return 0;
}
