#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The page of our registry in a real browser: on a phone and on a desk, light and dark, with and without a script, by keyboard.
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/serve.sh
. "$E2E_ROOT/tests/lib/serve.sh"
needs python3
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || skip_all "no chromium is installed"
P=$DECANT_ROOT/proj/default
mkdir -p "$P/builds" "$P/logs" "$P/bc" "$P/is"
long=$(printf 'x%.0s' $(seq 57))
python3 - "$P" "$long" <<'E2'
import json, sys
root, long = sys.argv[1:]
for number, phase in ((1, "Complete"), (2, "Failed"), (3, "Running")):
    name = "%s-%d" % (long, number)
    json.dump({"kind": "Build", "apiVersion": "build.openshift.io/v1",
               "metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z",
                            "labels": {"buildconfig": long}, "annotations": {"openshift.io/build-config.name": long, "openshift.io/build.number": str(number)}},
               "spec": {"source": {"type": "Git", "git": {"uri": "https://example.org/" + "y" * 200 + ".git"}}, "strategy": {"type": "Docker", "dockerStrategy": {}},
                        "revision": {"type": "Git", "git": {"commit": "a" * 40, "message": "<img src=x onerror=document.title=1>" + "z" * 200}}},
               "status": {"phase": phase, "startTimestamp": "2026-01-01T00:00:00Z"}}, open("%s/builds/%s.json" % (root, name), "w"))
E2
printf '<script>document.title = "broken into"</script>\n%s\n' "$(printf 'w%.0s' $(seq 3000))" >"$P/logs/$long-2.log"
printf 'begun\n' >"$P/logs/$long-3.log"
SERVE_ROOT=$DECANT_ROOT
serve_start
look() { run timeout 300 "$E2E_ROOT/tests/lib/browser" "$@"; }

BUILD=http://$SERVE/p/default/builds/$long-2
for width in 390 1280; do
	for mode in '' --dark; do
		for url in "http://$SERVE/" "$BUILD"; do
			# shellcheck disable=SC2086 # no mode is none
			look --width "$width" $mode "$url" 'document.documentElement.scrollWidth + " " + document.images.length + " " + document.scripts.length'
			is "$width wide ${mode:-light} ${url##*/}: nothing sticks out, is loaded from elsewhere or complained about" "$OUT$ERR" "\"$width 0 1\""
		done
	done
done
look "$BUILD" 'document.title'
is "a log's markup stays a text" "$OUT" "\"$long-2 – decant\""
contrast='(() => {
	const rgb = s => s.match(/[0-9.]+/g).slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
	const light = s => { const [r, g, b] = rgb(s); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c !== "rgba(0, 0, 0, 0)") return c; } return "rgb(255, 255, 255)"; };
	let worst = 99;
	for (const e of document.querySelectorAll("a,td,th,dt,dd,code,pre,button,h1,h2,p,.phase")) {
		const a = light(getComputedStyle(e).color), b = light(ground(e));
		worst = Math.min(worst, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
	}
	return worst >= 4.5 || worst;
})()'
look "http://$SERVE/" "$contrast"
is "light: a contrast of 4.5 and more" "$OUT" true
look --dark "http://$SERVE/" "$contrast"
is "dark: a contrast of 4.5 and more" "$OUT" true
look --type-tab "http://$SERVE/" '(() => { const e = document.activeElement, s = getComputedStyle(e); return [e.className, s.outlineStyle, e.getBoundingClientRect().left >= 0]; })()'
is "the first tab shows the way to the content" "$OUT" '["skip", "solid", true]'
look "http://$SERVE/" 'document.querySelectorAll("button:not([hidden])").length > 0'
is "with a script commands can be copied" "$OUT" true
look --no-script "http://$SERVE/" '[document.querySelectorAll("button:not([hidden])").length, document.querySelectorAll("tbody tr").length]'
is "without one there are no dead buttons, and all else" "$OUT" "[0, 3]"

# --- a log that grows
mkfifo held
python3 -c '
import fcntl, sys
f = open(sys.argv[1], "w")
fcntl.lockf(f, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()' "$P/builds/$long-3.lock" <held >locked &
HOLDER=$!
E2E_PIDS+=("$HOLDER")
exec 4>held
for _ in $(seq 300); do [ ! -s locked ] || break; sleep 0.1; done
timeout 300 "$E2E_ROOT/tests/lib/browser" --wait 'document.getElementById("log").textContent.includes("grown")' "http://$SERVE/p/default/builds/$long-3" 'document.getElementById("log").textContent' >grew 2>&1 &
BROWSER=$!
for _ in $(seq 600); do ! grep -q '/log" 200' "$T/serve.log" || break; sleep 0.1; done
printf 'grown\n' >>"$P/logs/$long-3.log"
wait "$BROWSER"
is "a log grows while it is read" "$(cat grew)" '"begun\ngrown\n"'
exec 4>&-
wait "$HOLDER"
serve_stop
done_testing
