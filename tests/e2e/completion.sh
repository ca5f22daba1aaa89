#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tab in bash, zsh and fish: commands, both words of "image ls", options, images with their tags, files.
. "$(dirname "$0")/../lib/e2e.sh"
base alpine:edge
decant tag alpine:edge reg.example.org:5000/app:1
mkdir bin
ln -s "$DECANT" bin/decant
PATH=$T/bin:$PATH
touch archive-a.tar archive-b.tar

# bash: what readline does, by hand.  Words as COMP_WORDBREAKS cuts them: ':' and '=' are words.
tab_bash() {
	bash -c '
		compopt() { [ "$2" != default ] || echo ":file"; }
		source <(decant completion bash)
		COMP_WORDS=(decant "$@") COMP_CWORD=$#
		_decant
		printf "%s\n" "${COMPREPLY[@]}"' tab "$@" | sort | tr '\n' ' '
}
ln -s "$DECANT" bin/docker
is "bash: under the name docker" "$(bash -c 'source <(docker completion bash); complete -p docker; COMP_WORDS=(docker sen) COMP_CWORD=1; _docker; echo "${COMPREPLY[@]}"')" 'complete -F _docker docker
send'
like "zsh: under the name docker" "$(docker completion zsh)" '^#compdef docker'
like "fish: under the name docker" "$(docker completion fish)" '^complete -c docker '
like "bash: commands" "$(tab_bash sen)" '^send $'
like "bash: the second word" "$(tab_bash image l)" 'load ls|list load|load.*ls'
like "bash: the first of two words" "$(tab_bash cac)" '^cache $'
is "bash: the second word alone" "$(tab_bash cache p)" 'prune pull push '
like "bash: of the system" "$(tab_bash system r)" '^reset $'
like "bash: options" "$(tab_bash save --f)" '^--format $'
like "bash: values of options" "$(tab_bash save --format o)" '^oci oci-archive oci-dir $'
like "bash: behind an equals sign" "$(tab_bash save --format = o)" '^oci oci-archive oci-dir $'
like "bash: images" "$(tab_bash save al)" '^alpine:edge $'
like "bash: a tag alone" "$(tab_bash save alpine :)" '^edge $'
like "bash: behind a port" "$(tab_bash save reg.example.org : 5000/a)" '^5000/app:1 $'
like "bash: files are the shell's" "$(tab_bash load -i arch)" ':file'
for command in $(decant __man --list); do
	[ -n "$(tab_bash "$command" --he)" ] || { ok "bash: options of $command" false; break; }
done
ok "bash: all commands have options" true

if command -v zsh >/dev/null; then
	decant completion zsh >_decant
	tab_zsh() { # as the completion system calls it, with compadd that prints
		zsh -f -c '
			compdef() { }
			compadd() { print -rl -- $candidates }
			_files() { print :file }
			source ./_decant
			words=(decant "$@") CURRENT=$(($# + 1))
			_decant' tab "$@" 2>&1 | sort | tr '\n' ' '
	}
	like "zsh: commands" "$(tab_zsh sen)" '^send $'
	like "zsh: options" "$(tab_zsh save --f)" '^--format $'
	like "zsh: images" "$(tab_zsh save al)" '^alpine:edge $'
	like "zsh: files" "$(tab_zsh load -i arch)" ':file'
else
	skip "zsh" "not installed"
fi

if command -v fish >/dev/null; then
	decant completion fish >decant.fish
	tab_fish() { fish --no-config -c 'source decant.fish; complete -C "$argv"' -- "$1" 2>&1 | cut -f1 | sort | tr '\n' ' '; }
	like "fish: commands" "$(tab_fish 'decant sen')" '^send $'
	like "fish: options" "$(tab_fish 'decant save --f')" '^--format $'
	like "fish: images" "$(tab_fish 'decant save al')" '^alpine:edge $'
	like "fish: files" "$(tab_fish 'decant load -i arch')" 'archive-a\.tar archive-b\.tar'
else
	skip "fish" "not installed"
fi
done_testing
