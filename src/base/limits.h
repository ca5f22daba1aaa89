/*
 * limits.h - every limit on a size that comes from outside, with its reason.
 *
 * A size read from a file, an archive or the network is compared with one of these
 * BEFORE anything is allocated for it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Dockerfile and ignore files: what is larger is an attack; nobody writes 16 MiB. */
#define DOCKERFILE_BYTES_MAX  (16u << 20)
#define IGNORE_FILE_BYTES_MAX (16u << 20)
/* --build-arg-file: a person writes it. */
#define BUILD_ARGS_BYTES_MAX (1u << 20)
/* What a cache mount says of itself: its id, where it began. */
#define MOUNT_INFO_BYTES_MAX (64u << 10)
/* A file of authorities' certificates: the usual one has 220 KiB. */
#define CA_BYTES_MAX (4u << 20)
/* One word after expansion: A=$B$B doubles a line; an environment string is 128 KiB
 * (MAX_ARG_STRLEN). */
#define EXPANSION_BYTES_MAX (1u << 20)
/* Expanding all of a plan's words: steps of matching, variables looked up, bytes copied.  A second
 * or so; a pattern of 100 on a value of 100 KiB is 10 M. */
#define EXPANSION_STEPS_MAX (256u << 20)
/* ${a:-${b:-...}}: nobody nests 10; each level costs stack. */
#define SUBSTITUTION_DEPTH_MAX 64u
/* COPY --chmod=u=rwX,...: read once a file; a sensible one has 20. */
#define CHMOD_BYTES_MAX 256u
/* All that a plan's texts and copies come to: words of many bytes in many lines. */
#define PLAN_BYTES_MAX (256u << 20)
/* ONBUILD ONBUILD ...: refused as a build step anyway; the reader recurses. */
#define ONBUILD_DEPTH_MAX 16u
/* Of one instruction; each word of a COPY is looked up among them. */
#define HEREDOCS_MAX 1024u
/* Targets times platforms of one build: each is planned by itself. */
#define BUILD_RESULTS_MAX 64u
/* Of one Dockerfile; a node is about 300 bytes.  The longest known one has some 2,000. */
#define INSTRUCTIONS_MAX (1u << 18)
/* Words, pairs or flags of one instruction. */
#define WORDS_MAX (1u << 18)

/* --secret: what BuildKit takes. */
#define SECRET_BYTES_MAX (500u * 1000)
/* A file of a private key for --ssh: what BuildKit takes. */
#define SSH_KEY_BYTES_MAX (100u << 10)
/* One message of the SSH agent's protocol: AGENT_MAX_LEN of OpenSSH. */
#define SSH_MESSAGE_BYTES_MAX (256u << 10)
/* CDI: a file of a vendor; nvidia-ctk writes some 100 KiB. */
#define CDI_FILE_BYTES_MAX (4u << 20)

/* Manifests and indexes: what registries accept (OCI distribution spec, "4 megabytes"). */
#define MANIFEST_BYTES_MAX (4u << 20)
/* index.json of a store: one entry a name, of some 300 bytes. */
#define INDEX_JSON_BYTES_MAX (256u << 20)
/* Image config: env and labels may be large; Docker Hub's largest known is under 1 MiB. */
#define IMAGE_CONFIG_BYTES_MAX (8u << 20)
/* Any other JSON we read: auth files, token answers, records. */
#define JSON_BYTES_MAX (8u << 20)
/* Nesting of any JSON document (jansson's own parser limit is 2048). */
#define JSON_DEPTH_MAX 64
/* Layers of one image: docker stops at 127; manifests may promise more. */
#define IMAGE_LAYERS_MAX 1024
/* Steps of a cache elsewhere: a build with ten thousand has two records each, some 300 bytes. */
#define CACHE_RECORDS_MAX (1u << 15)
/* An index inside an index inside ... (O13). */
#define INDEX_DEPTH_MAX 4

/* How patient a user may make us: more is a typing error.  A blob over many connections holds 4 MiB
 * for each. */
#define RETRIES_MAX       100
#define RETRY_SECONDS_MAX 3600
#define CONNECTIONS_MAX   16
#define CHUNK_BYTES_MIN   1024

/* One pax extended header (all records); GNU tar and libarchive use 1 MiB. */
#define PAX_HEADER_BYTES_MAX (8u << 20)
/* Longest path in a layer: PATH_MAX, with its NUL. */
#define PATH_BYTES_MAX 4096u
#define NAME_BYTES_MAX 255u
/* One xattr value: XATTR_SIZE_MAX of the kernel. */
#define XATTR_VALUE_BYTES_MAX 65536u
#define XATTRS_PER_FILE_MAX   1024u
/* One file in a layer: 8 EiB would overflow sums; 1 TiB is beyond any real layer. */
#define ENTRY_BYTES_MAX (1ull << 40)
/* One file that ADD downloads: model weights have tens of GB; the disk is full before this. */
#define DOWNLOAD_BYTES_MAX (256ull << 30)
/* Submodules in submodules: three are rare; three in each make millions of a dozen levels. */
#define SUBMODULE_DEPTH_MAX 8u
/* Of one checkout, each with its own fetch: Chromium, all told, has some 400. */
#define SUBMODULES_MAX 1000u
/* One file with holes in an archive: a few bytes can ask for all of it, and a layer has no holes.
 */
#define SPARSE_BYTES_MAX (64ull << 30)
/* A content list: 1,000,000 files at about 200 bytes; ten times that. */
#define LIST_BYTES_MAX (2ull << 30)

/* /etc/passwd and /etc/group of an image (CVE-2024-9676). */
#define PASSWD_BYTES_MAX (10u << 20)

/* A reference: OCI distribution spec, 255 for the repository, 128 for the tag, a digest. */
#define REFERENCE_BYTES_MAX 512u

/* Lists of what an image has in it (attest/).  A text database or lock file: the status file of a
 * Debian with 4,000 packages has 4 MiB. */
#define SBOM_FILE_BYTES_MAX (64u << 20)
/* rpmdb.sqlite of a full desktop has some 300 MiB; it is copied into memory. */
#define SBOM_RPM_BYTES_MAX (512u << 20)
/* What it says of one package: rpm's largest have a few MiB. */
#define SBOM_RPM_HEADER_BYTES_MAX (64u << 20)
/* Go's list of modules: 400 modules make 40 KiB. */
#define SBOM_GO_BYTES_MAX (8u << 20)
/* A file of properties in a jar. */
#define SBOM_JAR_MEMBER_BYTES_MAX (1u << 20)
/* Members of one jar. */
#define SBOM_JAR_MEMBERS_MAX 200000u
/* Packages of one image, and what is said of each: a name, a version, a licence. */
#define SBOM_PACKAGES_MAX   200000u
#define SBOM_TEXT_BYTES_MAX 4096u
#define SBOM_WARNINGS_MAX   100u
/* One predicate: what BuildKit takes. */
#define ATTEST_BYTES_MAX (40u << 20)
/* An answer of a docker or podman: its list of 10,000 images has some 12 MiB. */
#define ENGINE_BYTES_MAX (64u << 20)
/* Images of it that are looked at, newest first: a millisecond each. */
#define ENGINE_IMAGES_MAX 500u

/* Lists of a registry (catalogue, tags): pages that are followed, names that are kept.  Docker Hub
 * gives 1000 tags a page at most; ours. */
#define CATALOG_PAGES_MAX 1000
#define CATALOG_NAMES_MAX 1000000

/* A container's log has two files: one that is full takes the place of the one before it.  Ours. */
#define CONTAINER_LOG_BYTES_MAX (64u << 20)

/* Our own server.  Connections: a thread each, of which most wait; more wait in the kernel's queue.
 */
#define SERVER_CONNECTIONS_MAX 1024u
#define SERVER_STACK_BYTES     (1u << 20)
/* The memory of a connection: a head, and the piece of a body that is read at once.  Tokens may
 * have 16 KiB. */
#define SERVER_HEAD_BYTES_MAX (128u << 10)
/* Without a byte; until a head is whole; what a body brings in that time.  GPRS is quicker. */
#define SERVER_IDLE_S         60u
#define SERVER_HEAD_S         60u
#define SERVER_BODY_BYTES_MIN 1024u
/* What is read and thrown away so that a client sees a refusal. */
#define SERVER_DRAIN_BYTES_MAX (16u << 20)
/* A file of credentials: a person or a script writes it. */
#define SERVER_USERS_BYTES_MAX (1u << 20)
/* Answers of lists: names of one page. */
#define DISTRIBUTION_PAGE_MAX 10000u
/* Referrers of one manifest that are listed: some 300 bytes each, 4 MiB in all (what clients read).
 */
#define DISTRIBUTION_REFERRERS_MAX 10000u
