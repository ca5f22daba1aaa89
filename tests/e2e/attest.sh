#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Attestations of builds: provenance in both versions and modes, lists of packages, what never gets into them.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
needs python3
base busybox:latest

# q EXPRESSION < JSON: what a Python expression over the document d gives
q() { python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
shown() { decant attest "$1" "$2" | q "$3"; }

# --- what is listed ---------------------------------------------------------------------------------------------------
mkdir -p ctx/root/var/lib/dpkg ctx/root/etc ctx/root/srv ctx/root/lib/apk/db ctx/root/var/lib/rpm
printf 'ID=debian\nVERSION_ID="12"\n' >ctx/root/etc/os-release
printf 'Package: curl\nStatus: install ok installed\nMaintainer: C <c@example.org>\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u5\n\n' \
	>ctx/root/var/lib/dpkg/status
printf 'P:musl\nV:1.2.4\nA:x86_64\no:musl\nL:MIT\n\n' >ctx/root/lib/apk/db/installed
printf 'flask==2.0.1\n' >ctx/root/srv/requirements.txt
printf '{"packages":{"node_modules/ms":{"version":"2.1.3"}}}' >ctx/root/srv/package-lock.json
printf 'PK nothing' >ctx/root/srv/broken.jar
printf 'ms@2.1.2:\n  version "2.1.2"\n' >ctx/yarn.lock
printf 'secret==1.0\n' >ctx/requirements.txt
printf 'requirements.txt\n' >ctx/.dockerignore
python3 - ctx/root/var/lib/rpm/rpmdb.sqlite <<'P'
import sqlite3, struct, sys
index = store = b""
for tag, text in ((1000, "bash"), (1001, "5.2"), (1002, "1"), (1014, "GPLv3+"), (1022, "x86_64")):
    index += struct.pack(">IIII", tag, 6, len(store), 1)
    store += text.encode() + b"\0"
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
db.execute("INSERT INTO Packages (blob) VALUES (?)", (struct.pack(">II", len(index) // 16, len(store)) + index + store,))
db.commit()
P
cat >ctx/Dockerfile <<'D'
FROM busybox AS build
ARG BUILDKIT_SBOM_SCAN_STAGE=true
RUN mkdir -p /srv && printf 'numpy==1.0\n' >/srv/requirements.txt
FROM busybox AS unused
ARG BUILDKIT_SBOM_SCAN_STAGE=true
RUN false
FROM busybox
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true
ARG WHO
COPY root /
COPY --from=build /bin/true /bin/true-too
RUN --mount=type=secret,id=token echo "$WHO"
LABEL a=b
D
run decant build -t example.org/team/app:1 --sbom=true ctx
status "a build with a list of packages" 0
like "a file that cannot be read is a warning that names it" "$ERR" "'/srv/broken.jar' could not be read: it is no zip archive"
is "it is kept, with those of the stage and the context" "$(decant attest --format '{{.Name}}' example.org/team/app:1)" \
	"sbom.spdx.json
sbom-context.spdx.json
sbom-build.spdx.json"
purls='"\n".join(sorted(p["externalRefs"][0]["referenceLocator"] for p in d["packages"] if p["SPDXID"] != "SPDXRef-DocumentRoot"))'
is "packages of each kind, in their package URLs" "$(shown example.org/team/app:1 sbom "$purls")" \
	"pkg:apk/debian/musl@1.2.4?arch=x86_64&distro=debian-12
pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5?arch=amd64&distro=debian-12
pkg:npm/ms@2.1.3
pkg:pypi/flask@2.0.1
pkg:rpm/debian/bash@5.2-1?arch=x86_64&distro=debian-12"
is "of the stage" "$(shown example.org/team/app:1 sbom-build.spdx.json "$purls")" "pkg:pypi/numpy@1.0"
is "of the context, without what its ignore file leaves out" "$(shown example.org/team/app:1 sbom-context.spdx.json "$purls")" \
	"pkg:npm/ms@2.1.2
pkg:npm/ms@2.1.3
pkg:pypi/flask@2.0.1"
is "the document says that something is missing" "$(shown example.org/team/app:1 sbom 'd["comment"]')" \
	"not complete: '/srv/broken.jar' could not be read: it is no zip archive"
is "the image is what it describes" \
	"$(shown example.org/team/app:1 sbom '[(r["relationshipType"], r["relatedSpdxElement"]) for r in d["relationships"]][0]')" \
	"('DESCRIBES', 'SPDXRef-DocumentRoot')"
is "IDs are unique" "$(shown example.org/team/app:1 sbom 'len({p["SPDXID"] for p in d["packages"]}) == len(d["packages"])')" True
is "a licence that is no expression is quoted" "$(shown example.org/team/app:1 sbom '[l["extractedText"] for l in d["hasExtractedLicensingInfos"]]')" "['GPLv3+']"
diff_id=$(decant inspect -f '{{index .RootFS.Layers 1}}' example.org/team/app:1)
is "each package names its layer" "$(shown example.org/team/app:1 sbom 'sorted({p["comment"] for p in d["packages"] if "comment" in p})')" "['layerID: $diff_id']"

run decant sbom example.org/team/app:1
like "the command lists them" "$OUT" '^curl +7.88.1-10\+deb12u5 +deb$'
is "and writes the same document" "$(decant sbom --format spdx-json example.org/team/app:1 2>/dev/null | q "$purls")" "$(shown example.org/team/app:1 sbom "$purls")"
run decant sbom -o doc.json --format table example.org/team/app:1
status "a table does not go into a document's file" 2

# --- provenance -------------------------------------------------------------------------------------------------------
run decant build -t p --provenance=mode=min --build-arg WHO=hush --label mine=hush ctx
status "provenance, min" 0
kept=$(decant attest p provenance)
unlike "has no values of arguments" "$kept" hush
is "has the request" "$(q 'd["buildDefinition"]["externalParameters"]' <<<"$kept")" \
	"{'configSource': {'path': 'Dockerfile'}, 'request': {'frontend': 'dockerfile.v0', 'locals': [{'name': 'context'}, {'name': 'dockerfile'}]}}"
is "is honest about what it leaves out" "$(q 'd["runDetails"]["metadata"]["buildkit_completeness"]' <<<"$kept")" \
	"{'request': False, 'resolvedDependencies': False}"
is "names the base image" "$(q '[m["uri"].split("?")[0] for m in d["buildDefinition"]["resolvedDependencies"]]' <<<"$kept")" "['pkg:docker/busybox@latest']"
is "its name is the build's: decant why NAME tells more" "$(q 'd["runDetails"]["metadata"]["invocationId"]' <<<"$kept")" "$(decant builds -q 2>/dev/null | head -n 1)"
like "has times" "$(q 'd["runDetails"]["metadata"]["startedOn"] <= d["runDetails"]["metadata"]["finishedOn"]' <<<"$kept")" True

printf hidden-value >token
run decant build -t p --provenance=true --secret id=token,src=token --build-arg WHO=https://me:pass@h/x --label mine=hush \
	--attest type=provenance,mode=min ctx
status "--provenance=true is mode=max, and counts after --attest" 0
kept=$(decant attest p provenance)
is "arguments and labels are told, passwords in URLs masked" "$(q 'd["buildDefinition"]["externalParameters"]["request"]["args"]' <<<"$kept")" \
	"{'build-arg:WHO': 'https://xxxxx:xxxxx@h/x', 'label:mine': 'hush'}"
is "the secret by its id" "$(q 'd["buildDefinition"]["externalParameters"]["request"]["secrets"]' <<<"$kept")" "[{'id': 'token', 'optional': True}]"
unlike "no secret, no password" "$(python3 -c 'import sys; print(sys.stdin.read())' <<<"$kept")" 'hidden-value|me:pass'
is "the Dockerfile is in it" "$(q '__import__("base64").b64decode(d["runDetails"]["metadata"]["buildkit_metadata"]["source"]["infos"][0]["data"]).decode().splitlines()[0]' <<<"$kept")" \
	"FROM busybox AS build"
steps='d["buildDefinition"]["internalParameters"]["buildConfig"]["llbDefinition"]'
is "and the steps that the image needs" "$(q "[list(s['op']['Op'])[0] for s in $steps]" <<<"$kept")" \
	"['source', 'source', 'exec', 'source', 'file', 'file', 'exec']"
is "each step's layers are told" "$(q "d['runDetails']['metadata']['buildkit_metadata']['layers']['step4:0'][0][-1]['digest'] in '$(decant inspect -f '{{.RootFS.Layers}}' p)'" <<<"$kept")" True
last=$(q "d['runDetails']['metadata']['buildkit_metadata']['source']['locations']['step6']['locations'][0]['ranges'][0]['start']['line']" <<<"$kept")
is "with their lines" "$last" 12

run decant build -t p --provenance=version=v0.2,builder-id=https://ci.example.org/7 ctx
is "version 0.2" "$(shown p provenance '(d["builder"]["id"], d["buildType"], d["invocation"]["configSource"]["entryPoint"])')" \
	"('https://ci.example.org/7', 'https://mobyproject.org/buildkit@v1', 'Dockerfile')"
is "its predicate type" "$(decant attest --format '{{.PredicateType}}' p | tail -n 1)" "https://slsa.dev/provenance/v0.2"

run decant build -t p --provenance=complete-materials=true ctx
status "materials that are not complete are an error if that was asked for" 3
like "which says what is missing" "$ERR" "'context' is a local directory"

# --- a context that is a work tree --------------------------------------------------------------------------------------
if command -v git >/dev/null; then
	mkdir work
	printf 'FROM busybox\nCOPY Dockerfile /\n' >work/Dockerfile
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
	git -C work init -q && git -C work add . && git -C work commit -qm x && git -C work remote add origin https://me:pass@example.org/r.git
	run decant build -t work --provenance=mode=min work
	is "provenance has its commit and where it is from, without the password" \
		"$(shown work provenance 'd["runDetails"]["metadata"]["buildkit_metadata"]["vcs"]')" \
		"{'revision': '$(git -C work rev-parse HEAD)', 'source': 'https://xxxxx:xxxxx@example.org/r.git'}"
	BUILDX_GIT_INFO=false run decant build -t work --provenance=mode=min work
	is "unless git is not to be asked" "$(shown work provenance 'd["runDetails"]["metadata"]["buildkit_metadata"]')" "{}"
else
	skip "a work tree" "git is not installed"
fi

# --- kept, dropped, equal ---------------------------------------------------------------------------------------------
run decant build -t p --sbom=1 ctx
run decant build -t p ctx
is "a build that says nothing of them keeps none" "$(decant attest --format '{{.Type}}' p)" ""
run decant build -t p --sbom=1 --provenance=mode=min ctx
is "one that asks for both" "$(decant attest --format '{{.Type}}' p | sort -u | xargs)" "provenance sbom"
run decant build -t p --sbom=1 ctx
is "and for one: the last one decides" "$(decant attest --format '{{.Type}}' p | sort -u)" sbom
run decant build -t p --sbom=1 --provenance=complete-materials=true ctx
is "one that fails leaves nothing of an earlier one" "$(decant attest --format '{{.Type}}' p)" ""
run decant build -t p --sbom=1 --provenance=mode=min ctx
decant attest --remove p sbom-build.spdx.json
is "so does attest --remove" "$(decant attest --format '{{.Name}}' p | wc -l)" 3
decant attest --remove p
is "all of them" "$(decant attest --format '{{.Name}}' p)" ""
run decant attest p provenance
like "what is not there is an error that says how it comes" "$ERR" "'decant build' makes them with --provenance and --sbom"

export SOURCE_DATE_EPOCH=1700000000
decant save -o busybox.tar busybox # which fixes its manifest
decant build -q -t one --sbom=1 --provenance=mode=max ctx >/dev/null 2>&1
first=$(decant attest --format '{{.Digest}}' one)
decant --root "$T/second" load -qi busybox.tar >/dev/null
decant --root "$T/second" build -q -t one --sbom=1 --provenance=mode=max ctx >/dev/null 2>&1
is "with SOURCE_DATE_EPOCH two stores attest the same, byte for byte" "$(decant --root "$T/second" attest --format '{{.Digest}}' one)" "$first"
is "at that time" "$(shown one provenance 'd["runDetails"]["metadata"]["startedOn"]')" 2023-11-14T22:13:20Z
unset SOURCE_DATE_EPOCH

# --- the command line -------------------------------------------------------------------------------------------------
run decant build --attest type=vsa ctx
status "an unknown type" 2
like "has an answer" "$ERR" 'one of provenance, sbom'
run decant build --sbom=generator=docker/scout ctx
like "so has a generator" "$ERR" "leave 'generator=' out"
run env BUILDX_NO_DEFAULT_ATTESTATIONS=maybe "$DECANT" build ctx
like "the environment is read as buildx reads it" "$ERR" "invalid BUILDX_NO_DEFAULT_ATTESTATIONS 'maybe'"
# --- more packages than a document may hold ---
mkdir -p "$T/many" && python3 -c "
import json
print(json.dumps({'lockfileVersion': 3, 'packages': {'node_modules/p%d' % i: {'version': '1'} for i in range(120000)}}))" >"$T/many/package-lock.json"
printf 'FROM scratch\nCOPY package-lock.json /a/\n' >"$T/many/Dockerfile"
run decant build --progress=plain --sbom=true -t many "$T/many"
status "a list that is too large is no error" 0
like "is told" "$ERR" 'WARN: there is no SBOM: a list of 120000 packages has more than 40 MiB'
is "and is not there" "$(decant attest many | grep -c sbom)" 0
is "nothing stays mounted" "$(leftovers)" ""
done_testing
