#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nobody says where the store is: each command of an ordinary user works on the same one, in his data directory.
. "$(dirname "$0")/../lib/e2e.sh"
needs tar
mkdir tree
echo hello >tree/hello
tar -C tree -cf base.tar hello
printf 'FROM base:1\nCOPY hello /copy\n' >tree/Dockerfile
chmod -R a+rX "$T" tree base.tar
cat >commands <<'C'
import base.tar base:1
build -q -t app:1 tree
images
tag app:1 app:2
inspect app:1
history app:1
save -o SCRATCH/app.tar app:1
load -i SCRATCH/app.tar
export -o SCRATCH/root.tar app:1
publish app:1
push app:1 dir:SCRATCH/app
ps -a
diff base:1 app:1
system df
system df -v
du
du --why app:1
builder du
cache ls
cache export -o SCRATCH/cache.tar
cache import SCRATCH/cache.tar
why
builds
fsck
rmi app:2
container prune -f
image prune -f
builder prune -f
system prune -f
C
cat >all.sh <<'S'
# Each line of `commands`: its status, what it said where that is not 0, and which stores there are.
unset DECANT_ROOT XDG_DATA_HOME
mkdir "$HOME/scratch"
while read -r words; do
	# shellcheck disable=SC2086 # words
	said=$("$DECANT" $(echo "$words" | sed "s,SCRATCH,$HOME/scratch,") 2>&1 </dev/null) && echo "0 $words" || echo "$? $words: $said"
done <commands
[ -f "$HOME/.local/share/decant/version" ] && echo "the store is there"
XDG_DATA_HOME=$HOME/data "$DECANT" import base.tar other:1 >/dev/null && XDG_DATA_HOME=$HOME/data "$DECANT" system df >/dev/null &&
	[ -f "$HOME/data/decant/version" ] && echo "and where XDG_DATA_HOME says"
S
if [ "$(id -u)" -eq 0 ]; then
	as_user bash all.sh >said 2>&1
else
	bash all.sh >said 2>&1
fi
while read -r words; do
	ok "$words" grep -qxF "0 $words" said
done <commands
ok "in the user's data directory" grep -qx "the store is there" said
ok "or where XDG_DATA_HOME says" grep -qx "and where XDG_DATA_HOME says" said
[ "$E2E_FAILED" -eq 0 ] || diag "$(grep -v "^0" said)"
done_testing
