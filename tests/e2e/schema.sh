#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# debug schema: what it lists is what the reader takes, and nothing else.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3

run decant debug schema
status "debug schema" 0
printf '%s\n' "$OUT" >schema.json
run python3 -c 'import json; print(*sorted(json.load(open("schema.json"))))'
is "one JSON document" "$OUT" "decant directives instructions mounts"

# Files of one instruction with one of its flags, and with flags of others.
cat >files.py <<'P'
import json
schema = json.load(open("schema.json"))
words = {"words": "a b", "words or json": "a b", "assignments": "a=b", "text or json": "CMD a", "json": '["a"]', "text": "a",
         "instruction": "RUN a"}
for instruction in schema["instructions"]:
    name = instruction["name"]
    rest = "a" if name == "FROM" else words[instruction["form"]]

    def write(number, kind, flags):
        open(f"{name}.{number}.{kind}", "w").write(f"FROM a\n{name} {flags} {rest}\n")

    tries = [""]
    for flag in instruction["flags"]:
        tries += [f"--{flag['name']}={value}" for value in flag.get("choices", ["x"])]
        if flag["repeatable"]:
            tries.append(f"--{flag['name']}=x --{flag['name']}=y")
    for number, flags in enumerate(tries):
        write(number, "good", flags)
    taken = {flag["name"] for flag in instruction["flags"]}
    others = {flag["name"] for other in schema["instructions"] for flag in other["flags"]}
    for number, flag in enumerate(["no-such-flag", *sorted(others - taken)[::5]]):
        write(number, "bad", f"--{flag}=true")
print(*(directive["name"] for directive in schema["directives"]))
P
run python3 files.py
is "the directives" "$OUT" "escape syntax check"
good=(./*.good) wrong=
ok "every instruction" [ ${#good[@]} -ge 18 ]
for file in "${good[@]}"; do
	run decant debug ast --strict "$file"
	# What a value may be is not the matter here.
	[[ $ERR != *unknown* && $ERR != *duplicate* && $ERR != *"is true or false"* ]] || wrong+=" $file: $ERR"
done
is "every instruction takes its flags" "$wrong" ""
wrong=
for file in ./*.bad; do
	run decant debug ast --strict "$file"
	[[ $ERR == *"unknown flag of"* ]] || wrong+=" $file"
done
is "a flag that is not listed is unknown" "$wrong" ""

run decant debug schema --markdown
status "the same as Markdown" 0
run decant debug schema --yaml
status "nothing else" 2
done_testing
