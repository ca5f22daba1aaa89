/* error.c - an error for a person, with colours where they can be seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "ui/ui-internal.h"
#include "ui/ui.h"

#define RED_BOLD "\033[1;31m"
#define BOLD     "\033[1m"
#define CYAN     "\033[36m"
#define RESET    "\033[0m"

static void print_coloured(FILE *out, Str line, const char *colour)
{
	fprintf(out, "%s%.*s%s\n", colour, STR_ARG(line), RESET);
}

/* Colours by what err_print() is known to write: "PLACE: error: ...", "      |   ^~~~", "note: ".
 */
static void print_line(FILE *out, Str line, bool first)
{
	static const char error[] = "error: ";
	const char *at = first ? memmem(line.ptr, line.len, error, sizeof error - 1) : NULL;
	if (at) {
		Str place = str_head(line, (size_t)(at - line.ptr));
		Str cause = str_from_at(line, place.len + sizeof error - 1);
		fprintf(out, BOLD "%.*s" RED_BOLD "error: " RESET BOLD "%.*s" RESET "\n",
		        STR_ARG(place), STR_ARG(cause));
	} else if (str_starts(line, STR("      | "))) {
		print_coloured(out, line, RED_BOLD);
	} else if (str_starts(line, STR("        note: "))) {
		print_coloured(out, line, CYAN);
	} else {
		fprintf(out, "%.*s\n", STR_ARG(line));
	}
}

void ui_print_error(const Err *err, FILE *out)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);
	if (!memory)
		die_oom(0);
	err_print(err, memory);
	if (fclose(memory) != 0)
		die_oom(0);

	/* Names and messages may come from an archive or a registry: no escape sequence of theirs
	 * may reach the terminal or somebody's log. */
	AUTO_BUF Buf safe = BUF_INIT;
	ui_text_safe_lines((Str){ text, len }, &safe);
	const char *terminal = getenv("TERM");
	bool colours = isatty(fileno(out)) && !getenv("NO_COLOR") &&
	               !(terminal && strcmp(terminal, "dumb") == 0);
	if (!colours) {
		(void)fwrite(safe.ptr, 1, safe.len,
		             out); /* an error about stderr has nowhere to go */
		return;
	}
	Str rest = buf_str(&safe);
	for (bool first = true; rest.len; first = false) {
		Str line;
		rest = str_cut(rest, '\n', &line);
		print_line(out, line, first);
	}
}
