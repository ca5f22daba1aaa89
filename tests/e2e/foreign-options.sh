#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every option of build that docker, buildah, podman and kaniko have is known: it is done, taken without effect, or
# refused with a sentence that says what to use instead.
. "$(dirname "$0")/../lib/e2e.sh"

docker='add-host allow annotation attest build-arg build-context builder cache-from cache-to call cgroup-parent check compress
cpu-period cpu-quota cpu-shares cpuset-cpus cpuset-mems debug file force-rm iidfile isolation label load memory memory-swap
metadata-file network no-cache no-cache-filter output platform policy print progress provenance pull push quiet resource rm
sbom secret security-opt shm-size squash ssh tag target ulimit'
buildah='all-platforms arch authfile build-arg-file cache-ttl cap-add cap-drop cert-dir cgroupns compat-volumes
compression-format compression-level cpp-flag creds cw decryption-key device disable-content-trust dns dns-option dns-search
env force-compression format from group-add hooks-dir http-proxy identity-label ignorefile iidfile-raw inherit-annotations
inherit-labels ipc jobs layer-label layers logfile logsplit manifest mount no-hostname no-hosts omit-history os os-feature
os-version pid pull-always pull-never retry retry-delay rewrite-timestamp runtime runtime-flag save-stages sbom-image-output
sbom-image-purl-output sbom-merge-strategy sbom-output sbom-purl-output sbom-scanner-command sbom-scanner-image sign-by
signature-policy skip-unused-stages source-date-epoch source-policy-file squash-all stage-labels stdin timestamp tls-verify
unsetannotation unsetenv unsetlabel userns userns-gid-map userns-gid-map-group userns-uid-map userns-uid-map-user uts variant
volume'
kaniko='cache cache-copy-layers cache-dir cache-repo cache-run-layers cleanup compressed-caching context context-sub-path
credential-helpers custom-platform destination digest-file dockerfile dryrun force git ignore-path ignore-var-run
image-download-retry image-fs-extract-retry image-name-tag-with-digest-file image-name-with-digest-file insecure insecure-pull
insecure-registry kaniko-dir log-format log-timestamp materialize no-push no-push-cache oci-layout-path pre-cleanup
preserve-context push-ignore-immutable-tag-errors push-retry registry-certificate registry-client-cert registry-map
registry-mirror reproducible single-snapshot skip-default-registry-fallback skip-push-permission-check skip-tls-verify
skip-tls-verify-pull skip-tls-verify-registry snapshot-mode tar-path use-new-run verbosity'

unknown="" silent=""
for name in $docker $buildah $kaniko; do
	run decant build "--$name=x" --check "$T/nowhere"
	case $ERR in
	*"unknown flag"*) unknown="$unknown $name" ;;
	*"--$name is not supported"*)
		grep -q 'note: ' <<<"$ERR" && ! grep -q 'not supported yet' <<<"$ERR" || silent="$silent $name"
		;;
	esac
done
is "every option is known" "$unknown" ""
is "what is refused says what to use instead" "$silent" ""

mkdir c && printf 'FROM scratch\nENV A=1 B=2\nLABEL x=1 y=2\nCOPY f /\n' >c/Dockerfile && echo hi >c/f
run decant build --rm --force-rm --layers --squash --isolation default --snapshot-mode redo --verbosity=info -t t c
status "what has no effect" 0
like "is said if somebody may miss it" "$ERR" 'warning: --squash has no effect: '
unlike "and not else" "$ERR" 'snapshot-mode|--layers'
run decant build --unsetenv A --unsetlabel x --omit-history -t t c
is "--unsetenv, --unsetlabel" "$(decant inspect t --format '{{json .Config.Env}} {{json .Config.Labels}}')" \
	'["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","B=2"] {"y":"2"}'
is "--omit-history" "$(decant history -q t | wc -l)" 1
run decant build --context "dir://$PWD/c" --dockerfile c/Dockerfile -t t2
status "kaniko's --context and --dockerfile" 0
run decant build --context c c
status "two contexts" 2
run decant build --context s3://bucket/x
like "what cannot be fetched" "$ERR" 'standard input'
run decant build --arch arm64 --variant v8 -t arm c
is "--arch, --variant" "$(decant inspect arm --format '{{.Architecture}}')" arm64
run decant build --reproducible -t r c
is "--reproducible" "$(decant inspect r --format '{{.Created}}')" 1970-01-01T00:00:00Z
printf 'FROM nowhere.example/x\n' >c/never
run decant build --pull=never -f c/never c
status "--pull=never" 3
like "says that it is not here" "$ERR" "is not in the store"
run decant build --pull=sometimes c
status "an unknown --pull" 2
run decant build --pull=never -t t c
status "--pull=never without a base image" 0
if command -v docker-registry >/dev/null && command -v busybox >/dev/null; then
	# shellcheck disable=SC2119 # no login is wanted
	registry_start
	base "$REGISTRY/base:1"
	decant push -q "$REGISTRY/base:1" >/dev/null
	printf 'FROM %s/base:1\nCOPY f /\n' "$REGISTRY" >c/based
	run decant build --pull=newer -f c/based c
	like "--pull=newer asks" "$ERR" 'load metadata for'
	registry_stop
	run decant build --pull=newer -f c/based c
	status "--pull=newer goes on without an answer" 0
	run decant build --pull -f c/based c
	ok "--pull does not" [ "$STATUS" -ne 0 ]
else
	skip "--pull=newer" "'docker-registry' or 'busybox' is not installed"
fi
is "nothing left over" "$(leftovers)" ""
done_testing
