/*
 * cmd_completion.c - scripts that let a shell ask `decant __complete` for what may come next.
 *
 * The scripts know nothing of commands and flags.  Answers are "candidate<TAB>description", one a
 * line; ":file" and ":directory" ask the shell to complete names of files itself.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/names.h"

#include <stdio.h>

/* bash cuts words at '=' and ':' (COMP_WORDBREAKS): they are put together again, and what stands
 * before the last cut is taken off the answers. */
static const char bash_script[] =
	"# bash completion for decant: source <(decant completion bash)\n"
	"_decant() {\n"
	"\tlocal i word glue= line candidate prefix words=()\n"
	"\tfor ((i = 1; i <= COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif [[ ${#words[@]} -gt 0 && ( -n $glue || $word == [=:] ) ]]; then\n"
	"\t\t\twords[-1]+=$word\n"
	"\t\telse\n"
	"\t\t\twords+=(\"$word\")\n"
	"\t\tfi\n"
	"\t\t[[ $word == [=:] ]] && glue=1 || glue=\n"
	"\tdone\n"
	"\tword=${COMP_WORDS[COMP_CWORD]}\n"
	"\tprefix=${words[-1]}\n"
	"\t[[ $word == [=:] ]] || prefix=${prefix%\"$word\"}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:file | :directory) compopt -o default ;;\n"
	"\t\t*) candidate=${line%%$'\\t'*}; COMPREPLY+=(\"${candidate#\"$prefix\"}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(decant __complete -- \"${words[@]}\" 2>/dev/null)\n"
	"\t[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
	"}\n"
	"complete -F _decant decant\n";

static const char zsh_script[] =
	"#compdef decant\n"
	"# zsh completion for decant: decant completion zsh > ~/.zfunc/_decant\n"
	"_decant() {\n"
	"\tlocal line\n"
	"\tlocal -a candidates descriptions\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:file) _files ;;\n"
	"\t\t:directory) _files -/ ;;\n"
	"\t\t*) candidates+=(\"${line%%$'\\t'*}\"); descriptions+=(\"${line/$'\\t'/  -- }\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(decant __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"\t(( ${#candidates} )) && compadd -l -d descriptions -a candidates\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _decant ]; then _decant; else compdef _decant decant; fi\n";

static const char fish_script[] = "# fish completion for decant: decant completion fish > "
				  "~/.config/fish/completions/decant.fish\n"
				  "function __decant_complete\n"
				  "\tset -l words (commandline -opc) (commandline -ct)\n"
				  "\tfor line in (decant __complete -- $words[2..-1] 2>/dev/null)\n"
				  "\t\tswitch $line\n"
				  "\t\t\tcase :file\n"
				  "\t\t\t\t__fish_complete_path (commandline -ct)\n"
				  "\t\t\tcase :directory\n"
				  "\t\t\t\t__fish_complete_directories (commandline -ct)\n"
				  "\t\t\tcase '*'\n"
				  "\t\t\t\techo $line\n"
				  "\t\tend\n"
				  "\tend\n"
				  "end\n"
				  "complete -c decant -f -a '(__decant_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {
	{ "bash", bash_script },
	{ "zsh", zsh_script },
	{ "fish", fish_script },
};

/* The program is called as it was here: the shell knows it by that name. */
static void print_script(Cli *cli, const char *script)
{
	static const char own[] = "decant";
	for (const char *next; (next = strstr(script, own)); script = next + sizeof own - 1)
		printf("%.*s%s", (int)(next - script), script, cli->program->name);
	printf("%s", script);
}

static Err *run_completion(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (strcmp(args->at[0], scripts[i].shell) == 0) {
			print_script(cli, scripts[i].script);
			return NULL;
		}
	return err_note(cli_usage(cli, "unknown shell: '%s'", args->at[0]),
	                "one of bash, zsh, fish");
}

const Command command_completion = {
	.name = "completion",
	.group = GROUP_OTHER,
	.synopsis = "bash|zsh|fish",
	.help = "Print a completion script for a shell",
	.about = "For bash: source <(decant completion bash)",
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "bash,zsh,fish",
	.run = run_completion,
};
