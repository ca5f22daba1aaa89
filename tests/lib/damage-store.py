#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""K08: every file of a store is damaged in eight ways; each is found, heals, and never gives wrong bytes.

damage-store.py STORE SCRATCH BASE_ARCHIVE CONTEXT [--all] [--only PATTERN] [--done FILE]

STORE holds the image "app" (built in CONTEXT), its base (in BASE_ARCHIVE), a container and whatever else; /made in
"app" has the bytes "one two". Without --all a sample: one way for the first files of each kind. PATTERN chooses among "HOW PATH". FILE holds the trials that
were done before, and what they found: stopped and begun again with the same STORE, only the others are tried."""
import argparse, os, re, shutil, stat, subprocess, sys

HOWS = ["delete", "empty", "half", "flip", "dir", "symlink", "mode", "owner"]

# What need not be found, and why.
NOT_FOUND = [
    (r"locks/.*|tmp/.*", None, "empty, made when needed"),
    (r"locks", {"delete"}, "the same"),
    (r"(refs|cache|ctx|builds|lists|attest|mounts)/.*|logs/.*|catalog|documents|.*\.ok|init|index|attest", {"delete"},
     "a thing that is not there is no damage: names, records and caches come and go"),
    (r"containers/[^/]*/(upper|work|scratch|log|log\.lines|lock)(/.*)?", None, "the container writes it"),
    (r"mounts/[^/]*/(\d+(/.*|\.lock)?|lock)", None, "the user's RUN writes it"),
    (r"blobs/sha256/.*", {"delete"}, "a blob that nothing needs, or the other form of a layer that is a directory"),
    (r"map/.*", {"delete"}, "the blob is packed again; if a manifest has it, it is found"),
    (r"containers/[^/]*", {"delete"}, "what 'rm' does: nothing else speaks of a container"),
    (r"damaged/[0-9a-f]{64}\.old-[^/]*", {"delete", "mode", "owner"}, "replaced: only containers that run over it read it"),
    (r"damaged/[0-9a-f]{64}\.old-[^/]*/.*", None, "the same"),
    (r"damaged/[0-9a-f]{64}\.(layer|blob)", {"delete"}, "a mark: what is marked is found again by itself"),
    (r"layers/[0-9a-f]{64}", {"delete"}, "a blob of the layer is here, and its files are made from that"),
]
# What the kernel reads for a RUN is not compared with anything (docs/store.md): a file of a layer's folder.
IN_FOLDER = re.compile(r"layers/[0-9a-f]{64}/")


def may_pass(path, how):
    return any(re.fullmatch(p, path) and (hows is None or how in hows) for p, hows, _ in NOT_FOUND)


def damage(path, how, scratch):
    """False: it is as it was."""
    st = os.lstat(path)
    is_file, is_dir = stat.S_ISREG(st.st_mode), stat.S_ISDIR(st.st_mode)
    if how in ("empty", "half", "flip"):
        if not is_file or st.st_size == 0 or st.st_nlink > 1:
            return False
        with open(path, "r+b") as f:
            if how == "flip":
                f.seek(st.st_size // 2)
                byte = f.read(1)
                f.seek(-1, 1)
                f.write(bytes([byte[0] ^ 0x04]))
            else:
                f.truncate(0 if how == "empty" else st.st_size // 2)
    elif how == "mode":
        if stat.S_ISLNK(st.st_mode) or st.st_mode & 0o7777 == 0:
            return False
        os.chmod(path, 0)
    elif how == "owner":
        os.chown(path, 7, 7, follow_symlinks=False)
    else:
        away = os.path.join(scratch, "away")
        shutil.rmtree(away, ignore_errors=True)
        os.mkdir(away)
        os.rename(path, away + "/was")
        if how == "dir":
            if is_dir:
                return False
            os.mkdir(path)
        elif how == "symlink":
            os.symlink(away + "/was", path)
    return True


def kind(path):
    path = re.sub(r"[0-9a-f]{64}", "H", path)
    return re.sub(r"^(refs|builds|logs|locks|mounts/H|init|containers/H|layers/H)/.*", r"\1/*", path)


class Trial:
    def __init__(self, store, scratch, archive, context):
        self.kept, self.scratch, self.archive, self.context = store, scratch, archive, context
        self.store = os.environ["DECANT_ROOT"]
        self.bad = []

    def run(self, *args):
        p = subprocess.run([os.environ["DECANT"], *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
        text = (p.stdout + p.stderr).decode(errors="replace")
        if p.returncode < 0 or re.search(r"Sanitizer|runtime error|Assertion|internal error", text):
            self.bad.append(f"{self.name}: {args[0]} crashed: {text[-400:]}")
        return p.returncode, text

    def restore(self):
        subprocess.run(["rm", "-rf", self.store], check=True)
        subprocess.run(["cp", "-a", self.kept, self.store], check=True)

    def heal(self):
        """As a user would: load the base again, build again."""
        self.run("load", "-q", "-i", self.archive)
        status, text = self.run("build", "-q", "--network=none", "-t", "app", self.context)
        if status:
            self.bad.append(f"{self.name}: no build after a repair: {text[-300:]}")
        status, text = self.run("run", "--rm", "--network=none", "app", "cat", "/made")
        if (status, text) != (0, "one two\n"):
            self.bad.append(f"{self.name}: after all that: {status} {text[-300:]}")
        status, text = self.run("fsck")
        if status:
            self.bad.append(f"{self.name}: not whole after all that: {text[-600:]}")

    def one(self, path, how):
        self.name = f"{how} {path}"
        self.restore()
        if not damage(os.path.join(self.store, path), how, self.scratch):
            return False
        status, text = self.run("fsck")
        if status == 0 and not may_pass(path, how):
            self.bad.append(f"{self.name}: not found")
        if status not in (0, 5) and path != "version":
            self.bad.append(f"{self.name}: fsck ends with {status}: {text[-300:]}")
        self.run("images")
        self.run("inspect", "app")
        status, text = self.run("run", "--rm", "--network=none", "app", "cat", "/made")
        if status == 0 and text != "one two\n" and not IN_FOLDER.match(path):
            self.bad.append(f"{self.name}: wrong bytes: {text[:200]!r}")
        status, text = self.run("fsck", "--repair")
        if (path, how) == ("version", "flip"):  # the number of a newer store, as far as anybody can tell
            if not status or "remove its file 'version'" not in text:
                self.bad.append(f"{self.name}: taken for ours: {text[-300:]}")
            os.unlink(os.path.join(self.store, path))
            status, text = self.run("fsck", "--repair")
        if status:
            self.bad.append(f"{self.name}: not repaired: {text[-600:]}")
        self.heal()
        return True


def all_paths(store):
    found = []
    for root, dirs, files in os.walk(store):
        for name in sorted(dirs + files):
            path = os.path.relpath(os.path.join(root, name), store)
            if not path.startswith(("tmp/", "lost+found")):
                found.append(path)
    return sorted(found)


class Done:
    """A line a trial: "ok" or "bad", its name; what was found follows, indented."""

    def __init__(self, path):
        self.file, self.names, self.bad = None, set(), []
        if not path:
            return
        if os.path.exists(path):
            for line in open(path, encoding="utf-8", errors="surrogateescape"):
                if line.startswith(" "):
                    self.bad.append(line.strip())
                else:
                    self.names.add(line.split(" ", 1)[1].rstrip("\n"))
        self.file = open(path, "a", encoding="utf-8", errors="surrogateescape")

    def add(self, name, bad):
        self.names.add(name)
        self.bad += bad
        if self.file:
            self.file.write(f"{'bad' if bad else 'ok'} {name}\n" + "".join(f"  {' '.join(line.split())}\n" for line in bad))
            self.file.flush()


def main():
    parser = argparse.ArgumentParser()
    for name in ("store", "scratch", "archive", "context"):
        parser.add_argument(name)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--done")
    options = parser.parse_args()
    trial = Trial(options.store, options.scratch, options.archive, options.context)
    done, seen, turn = Done(options.done), {}, 0
    before = len(done.names)
    for path in all_paths(options.store):
        hows = HOWS
        if not options.all:
            k = kind(path)
            seen[k] = seen.get(k, 0) + 1
            if seen[k] > 1 or may_pass(path, "flip"):
                continue
            turn += 3
            hows = [HOWS[turn % 8]]
        for how in hows:
            if f"{how} {path}" in done.names or not re.search(options.only, f"{how} {path}"):
                continue
            trial.bad = []
            if trial.one(path, how):
                done.add(f"{how} {path}", trial.bad)
    for line in done.bad:
        print(line)
    print(f"{len(done.names)} trials{f', {before} of them before' if before else ''}, {len(done.bad)} bad")
    sys.exit(bool(done.bad))


main()
