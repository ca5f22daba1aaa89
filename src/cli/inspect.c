/* inspect.c - docker's JSON of images and containers, the members that there is something to say
 * for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "cli/inspect.h"

static const char *const maps[] = { "Annotations", "Data",       "DriverOpts", "ExposedPorts",
	                            "Labels",      "Networks",   "Options",    "PortBindings",
	                            "Ports",       "StorageOpt", "Sysctls",    "Tmpfs",
	                            "Volumes",     NULL };
/* Of docker's types, where an image or a container has nothing to say for them. */
static const char *const optional[] = { "AppArmorProfile",
	                                "Args",
	                                "ArgsEscaped",
	                                "AttachStderr",
	                                "AttachStdin",
	                                "AttachStdout",
	                                "Author",
	                                "AutoRemove",
	                                "Binds",
	                                "BlkioWeight",
	                                "Bridge",
	                                "CapAdd",
	                                "CapDrop",
	                                "Cgroup",
	                                "CgroupParent",
	                                "CgroupnsMode",
	                                "Cmd",
	                                "Comment",
	                                "Container",
	                                "ContainerConfig",
	                                "ContainerIDFile",
	                                "CpuCount",
	                                "CpuPeriod",
	                                "CpuQuota",
	                                "CpuShares",
	                                "CpusetCpus",
	                                "CpusetMems",
	                                "Created",
	                                "Dead",
	                                "Descriptor",
	                                "DeviceCgroupRules",
	                                "DeviceRequests",
	                                "Devices",
	                                "Dns",
	                                "DnsOptions",
	                                "DnsSearch",
	                                "DockerVersion",
	                                "Domainname",
	                                "Driver",
	                                "EndpointID",
	                                "Entrypoint",
	                                "Env",
	                                "Error",
	                                "ExecIDs",
	                                "ExitCode",
	                                "ExtraHosts",
	                                "FinishedAt",
	                                "Gateway",
	                                "GlobalIPv6Address",
	                                "GlobalIPv6PrefixLen",
	                                "GraphDriver",
	                                "GroupAdd",
	                                "HairpinMode",
	                                "Health",
	                                "Healthcheck",
	                                "HostConfig",
	                                "Hostname",
	                                "HostnamePath",
	                                "HostsPath",
	                                "IPAddress",
	                                "IPPrefixLen",
	                                "IPv6Gateway",
	                                "Identity",
	                                "Image",
	                                "ImageManifestDescriptor",
	                                "Init",
	                                "Interval",
	                                "IpcMode",
	                                "Isolation",
	                                "Layers",
	                                "LinkLocalIPv6Address",
	                                "LinkLocalIPv6PrefixLen",
	                                "Links",
	                                "LogConfig",
	                                "LogPath",
	                                "MacAddress",
	                                "Manifests",
	                                "MaskedPaths",
	                                "Memory",
	                                "MemoryReservation",
	                                "MemorySwap",
	                                "MemorySwappiness",
	                                "MountLabel",
	                                "Mounts",
	                                "NanoCpus",
	                                "NetworkDisabled",
	                                "NetworkID",
	                                "NetworkMode",
	                                "NetworkSettings",
	                                "OOMKilled",
	                                "OnBuild",
	                                "OomKillDisable",
	                                "OomScoreAdj",
	                                "OpenStdin",
	                                "OsVersion",
	                                "Path",
	                                "Paused",
	                                "Pid",
	                                "PidMode",
	                                "PidsLimit",
	                                "Platform",
	                                "Privileged",
	                                "ProcessLabel",
	                                "PublishAllPorts",
	                                "ReadonlyPaths",
	                                "ReadonlyRootfs",
	                                "ResolvConfPath",
	                                "RestartCount",
	                                "RestartPolicy",
	                                "Restarting",
	                                "Retries",
	                                "Runtime",
	                                "SandboxID",
	                                "SandboxKey",
	                                "SecondaryIPAddresses",
	                                "SecondaryIPv6Addresses",
	                                "SecurityOpt",
	                                "Shell",
	                                "ShmSize",
	                                "SizeRootFs",
	                                "SizeRw",
	                                "StartInterval",
	                                "StartPeriod",
	                                "StartedAt",
	                                "StdinOnce",
	                                "StopSignal",
	                                "StopTimeout",
	                                "Test",
	                                "Timeout",
	                                "Tty",
	                                "UTSMode",
	                                "Ulimits",
	                                "User",
	                                "UsernsMode",
	                                "Variant",
	                                "VirtualSize",
	                                "VolumeDriver",
	                                "VolumesFrom",
	                                "WorkingDir",
	                                NULL };
const TemplateShape inspect_shape = { .maps = maps, .optional = optional };

static bool is_among(const Str *list, size_t count, Str text)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(list[i], text))
			return true;
	return false;
}

/* RepoTags and RepoDigests. */
static Err *write_names(Store *s, Arena *a, const Image *image, JsonWriter *w)
{
	StoreRef *refs = NULL;
	size_t count = 0;
	TRY(store_ref_list(s, a, &refs, &count));
	Str *digested = arena_alloc(a, (count + 1) * sizeof *digested, _Alignof(Str));
	size_t digested_count = 0;
	for (int digests = 0; digests < 2; digests++) {
		json_write_key(w, digests ? "RepoDigests" : "RepoTags");
		json_write_array(w);
		for (size_t i = 0; i < count; i++) {
			Reference ref;
			if (!store_ref_has(&refs[i], &image->id) ||
			    str_starts(refs[i].name, STR("sha256:")))
				continue;
			TRY(reference_parse(a, refs[i].name, &ref));
			const Digest *d = store_ref_remote(&refs[i], &image->id);
			if (!digests && ref.tag.len && !ref.has_digest)
				json_write_str(w, reference_familiar(a, &ref));
			if (!digests || digest_is_zero(d))
				continue;
			Str text = arena_strf(a, "%s@%s", reference_familiar_name(a, &ref).ptr,
			                      digest_arena_text(a, d).ptr);
			if (is_among(digested, digested_count, text))
				continue; /* two tags of one repository */
			json_write_str(w, text);
			digested[digested_count++] = text;
		}
		json_write_array_end(w);
	}
	return NULL;
}

Err *inspect_config(const ImageConfig *c, Str more, JsonWriter *w)
{
	static const char *const always[] = { "Cmd", "Entrypoint", "Labels", "OnBuild", "Volumes" };
	static const char *const texts[] = { "User", "WorkingDir" };
	AUTO_BUF Buf own = BUF_INIT, all = BUF_INIT;
	JsonValue *is;
	image_config_format_run(c, &own);
	Str members = str_from_at(buf_str(&own), 1); /* without its first brace ... */
	members.len--;                               /* ... and its last one */
	buf_addf(&all, "{%.*s%s%.*s}", STR_ARG(more), more.len && members.len ? "," : "",
	         STR_ARG(members));
	TRY(json_parse(buf_str(&all), IMAGE_CONFIG_BYTES_MAX * 2, "config", &is));
	bool comma = json_member_count(is) > 0;
	all.len--;
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (!json_member(is, always[i])) {
			buf_addf(&all, "%s\"%s\":null", comma ? "," : "", always[i]);
			comma = true;
		}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!json_member(is, texts[i]))
			buf_addf(&all, ",\"%s\":\"\"", texts[i]);
	buf_add_char(&all, '}');
	json_free(is);
	json_write_key(w, "Config");
	json_write_raw(w, buf_str(&all));
	return NULL;
}

/* Where the manifest is: what a registry has it under.  Nothing as long as there is none. */
static void write_descriptor(Store *s, Arena *a, const Image *image, JsonWriter *w)
{
	const Digest *d = store_ref_manifest(&image->store_ref, &image->id);
	AUTO_BUF Buf text = BUF_INIT;
	Manifest m;
	if (!d || digest_is_zero(d))
		return;
	Err *e = store_blob_read(s, d, MANIFEST_BYTES_MAX, &text);
	e = e ? e : manifest_parse(a, buf_str(&text), "manifest", &m);
	bool whole = !e;
	err_free(e); /* damaged or gone: it is made anew when it is needed */
	if (!whole)
		return;
	json_write_key(w, "Descriptor");
	json_write_object(w);
	json_write_member(w, "mediaType",
	                  m.media_type.len ? m.media_type : STR(MEDIA_OCI_MANIFEST));
	json_write_member(w, "digest", digest_arena_text(a, d));
	json_write_key(w, "size");
	json_write_int(w, (int64_t)text.len);
	json_write_object_end(w);
}

/* Where its layers lie, as docker names it, and when it got its name. */
static void write_storage(Store *s, const Image *image, JsonWriter *w)
{
	char time[CLOCK_TEXT_BYTES];
	int64_t ns = 0;
	json_write_key(w, "GraphDriver");
	json_write_object(w);
	json_write_key(w, "Data");
	json_write_null(w);
	json_write_member(w, "Name", STR("overlayfs"));
	json_write_object_end(w);
	json_write_key(w, "Metadata");
	json_write_object(w);
	bool tagged = image->store_ref.name.len && store_ref_time(s, image->store_ref.name, &ns);
	json_write_member(w, "LastTagTime",
	                  tagged ? clock_format(ns, time) : STR("0001-01-01T00:00:00Z"));
	json_write_object_end(w);
}

Err *inspect_image(Store *s, Arena *a, const Image *image, JsonWriter *w)
{
	const ImageConfig *c = &image->config;
	char time[CLOCK_TEXT_BYTES];
	json_write_object(w);
	json_write_member(w, "Id", digest_arena_text(a, &image->id));
	TRY(write_names(s, a, image, w));
	json_write_member(w, "Parent", STR(""));
	json_write_member(w, "Comment",
	                  c->history_count ? c->history[c->history_count - 1].comment : STR(""));
	json_write_member(w, "Created",
	                  c->created_ns != IMAGE_TIME_NONE ? clock_format(c->created_ns, time)
	                                                   : STR(""));
	json_write_member(w, "DockerVersion", STR(""));
	json_write_member(w, "Author", c->author);
	TRY(inspect_config(c, STR(""), w));
	json_write_member(w, "Architecture", c->platform.arch);
	if (c->platform.variant.len)
		json_write_member(w, "Variant", c->platform.variant);
	json_write_member(w, "Os", c->platform.os);
	if (c->os_version.len)
		json_write_member(w, "OsVersion", c->os_version);
	json_write_key(w, "Size");
	json_write_int(w, (int64_t)image->size_bytes);
	json_write_key(w, "RootFS");
	json_write_object(w);
	json_write_member(w, "Type", STR("layers"));
	json_write_key(w, "Layers");
	json_write_array(w);
	for (size_t i = 0; i < c->diff_id_count; i++)
		json_write_str(w, digest_arena_text(a, &c->diff_ids[i]));
	json_write_array_end(w);
	json_write_object_end(w);
	write_storage(s, image, w);
	write_descriptor(s, a, image, w);
	json_write_object_end(w);
	return NULL;
}
