#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many processes on one store, and what must hold nevertheless (K11, K12, K21; standard library alone).

usage: stress.py --base ROOT.tar [--seconds N] [--seed N] [--workers N] [--decant PROGRAM] [--keep]

First eight pulls of one image at once: each layer is downloaded once and extracted once.  Then, for N seconds, workers that build,
pull, tag, remove, prune, save, load, read and run, each at random; some of what they start is killed, or stopped for a while.
A command may fail only for a reason that the others give it (EXPECTED); what it prints must be whole.  At the end every image that has
a name is whole, and nothing is left: no process, no lock, no mount, no scratch file.

The seed is printed; --seed repeats what each worker does (not how the machine interleaves it).  A command that takes longer than
LIMIT_S is a deadlock: where all processes of the store wait, and for which lock, is printed.  TAP on standard output.
"""
import argparse
import fcntl
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

LIMIT_S = 90
OCI = "application/vnd.oci.image."
# What others may do to a command: take away its image, or use one that it removes.
EXPECTED = re.compile(r"No such image|No such container|conflict: unable to |image is being used|is already in use|[Nn]o such build")
# What a user must never see, whatever the others do.
NEVER = re.compile(r"No such file|ENOENT|damaged|not in the store|no blob|no layer|Sanitizer|assert|Segmentation|core dumped|"
                   r"File exists|not empty|Stale|Bad file", re.I)


# --- a registry that counts --------------------------------------------------------------------------------------------------

class Registry(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, base):
        super().__init__(("127.0.0.1", 0), Answer)
        self.blobs, self.tags = {}, {}
        self.counts, self.lock = {}, threading.Lock()
        self.name = f"127.0.0.1:{self.server_address[1]}"
        base_layer = self.layer(base)
        common = self.layer(tar_of({"common": b"c" * 300_000}))
        for tag in ("v1", "v2", "v3"):
            top = self.layer(tar_of({"top": tag.encode() * 1000, "dir/file": random.Random(tag).randbytes(200_000)}))
            self.image(tag, [base_layer, common, top])
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # who asked was killed

    def put(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def layer(self, tar):
        packed = gzip.compress(tar, 1, mtime=0)
        return {"mediaType": OCI + "layer.v1.tar+gzip", "digest": self.put(packed), "size": len(packed)}, \
            "sha256:" + hashlib.sha256(tar).hexdigest()

    def image(self, tag, layers):
        config = json.dumps({"architecture": os.environ.get("STRESS_ARCH", machine()), "os": "linux", "config": {"Cmd": ["sh"]},
                             "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}}).encode()
        manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
                               "config": {"mediaType": OCI + "config.v1+json", "digest": self.put(config), "size": len(config)},
                               "layers": [descriptor for descriptor, _ in layers]}).encode()
        self.tags[tag] = self.put(manifest)

    def count(self, digest):
        with self.lock:
            self.counts[digest] = self.counts.get(digest, 0) + 1


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        kind, _, name = self.path.rpartition("/")
        digest = self.server.tags.get(name, name)
        data = b"{}" if self.path == "/v2/" else self.server.blobs.get(digest)
        if data is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", digest)
        self.send_header("Content-Type", OCI + "manifest.v1+json" if "/manifests" in kind else "application/octet-stream")
        self.end_headers()
        if self.command == "HEAD":
            return
        if "/blobs" in kind:
            self.server.count(digest)
        try:
            for at in range(0, len(data), 1 << 18):
                self.wfile.write(data[at:at + (1 << 18)])
                time.sleep(0.002)
        except OSError:
            self.close_connection = True  # who asked was killed


def machine():
    name = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


def tar_of(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 1_600_000_000
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


# --- running decant ----------------------------------------------------------------------------------------------------------

class Done:
    def __init__(self, argv, status, out, err, hurt):
        self.argv, self.status, self.out, self.err, self.hurt = argv, status, out, err, hurt

    def __str__(self):
        return f"decant {' '.join(self.argv)} -> {self.status}: {self.err.strip()[-1500:] or self.out.strip()[-300:]}"


class Stress:
    def __init__(self, options, work):
        self.decant, self.work, self.options = options.decant, work, options
        self.registry = Registry(pathlib.Path(options.base).read_bytes())
        self.environment = dict(os.environ, DECANT_ROOT=str(work / "store"), HOME=str(work), TMPDIR=str(work / "tmp"))
        (work / "tmp").mkdir()
        self.problems, self.done, self.lock = [], {}, threading.Lock()
        self.alive = set()
        self.stop = threading.Event()

    def problem(self, text):
        with self.lock:
            self.problems.append(text)
        print("# " + text.replace("\n", "\n#   "), flush=True)

    def run(self, *argv, chance=None, stdin=None, binary=False):
        """Run decant to its end.  CHANCE, a random.Random, may kill it or stop it for a while."""
        hurt = None
        with tempfile.TemporaryFile(dir=self.work) as out, tempfile.TemporaryFile(dir=self.work) as err:
            child = subprocess.Popen([self.decant, *argv], env=self.environment, cwd=self.work, stdout=out, stderr=err,
                                     stdin=stdin or subprocess.DEVNULL)
            with self.lock:
                self.alive.add(child.pid)
            if chance and chance.random() < 0.25:
                hurt = self.hurt(child, chance)
            try:
                child.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.problem(f"no end after {LIMIT_S} s: decant {' '.join(argv)}\n{waiting(self.environment['DECANT_ROOT'])}")
                self.stop.set()
                child.kill()
                child.wait()
            with self.lock:
                self.alive.discard(child.pid)
            out.seek(0), err.seek(0)
            data = out.read()
            done = Done(argv, child.returncode, data if binary else data.decode(errors="replace"), err.read().decode(errors="replace"), hurt)
        with self.lock:
            key = argv[0] if hurt != "killed" else "killed"
            self.done[key] = self.done.get(key, 0) + 1
        return done

    @staticmethod
    def hurt(child, chance):
        """How long until, what, and for how long: the same numbers are drawn whether it still lives or not."""
        delay, what, pause = chance.random() * 0.4, chance.random(), chance.random()
        try:
            child.wait(delay)
            return None
        except subprocess.TimeoutExpired:
            pass
        if what < 0.5:
            child.kill()
            return "killed"
        if what < 0.65:
            child.send_signal(signal.SIGTERM)
            return "killed"
        child.send_signal(signal.SIGSTOP)
        time.sleep(pause)
        child.send_signal(signal.SIGCONT)
        return "stopped"

    def check(self, done, expected=EXPECTED):
        """True if it succeeded.  What may not be is a problem."""
        if NEVER.search(done.err):
            self.problem(f"a message that nobody may see: {done}")
        elif done.hurt == "killed" or (done.status != 0 and expected.search(done.err)):
            pass
        elif done.status != 0:
            self.problem(f"failed: {done}")
        return done.status == 0 and done.hurt != "killed"


def waiting(store):
    """Where the processes of this store wait, and the locks that they have."""
    lines = []
    for proc in sorted(pathlib.Path("/proc").glob("[0-9]*"), key=lambda p: int(p.name)):
        try:
            if f"DECANT_ROOT={store}" not in (proc / "environ").read_text(errors="replace").split("\0"):
                continue
            lines.append(f"pid {proc.name}: {(proc / 'cmdline').read_text(errors='replace').replace(chr(0), ' ')}")
            for task in (proc / "task").iterdir():
                where = " ".join(read_or(task / name, "?").strip().replace("\n", " | ") for name in ("comm", "wchan", "stack"))
                lines.append(f"  thread {task.name}: {where}")
            for info in (proc / "fdinfo").iterdir():
                if "lock:" in read_or(info, ""):
                    lines.append(f"  holds {os.readlink(proc / 'fd' / info.name)}")
        except OSError:
            continue
    return "\n".join(lines)


def read_or(path, other):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return other


# --- one download, one extraction --------------------------------------------------------------------------------------------

def pull_at_once(stress):
    image = f"{stress.registry.name}/img:v1"
    results = []
    threads = [threading.Thread(target=lambda: results.append(stress.run("pull", image))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for done in results:
        stress.check(done, re.compile("$^"))
    for digest, times in stress.registry.counts.items():
        if times != 1 and len(stress.registry.blobs[digest]) > 2000:
            stress.problem(f"eight pulls at once: {digest} was downloaded {times} times")
    extracted = sum(done.out.count("Pull complete") + done.err.count("Pull complete") for done in results)
    if extracted != 3:
        stress.problem(f"eight pulls at once: {extracted} layers were extracted, of 3:\n" + "\n".join(done.out for done in results))


# --- what workers do ---------------------------------------------------------------------------------------------------------

DOCKERFILES = {
    # one Dockerfile, one tag
    "same": "FROM base\nARG V=0\nCOPY a /a\nRUN cat /a >/b && echo $V >/v\nRUN head -c 30000 /dev/urandom >/r\n",
    # other tags, the same layers
    "layers": "FROM base AS one\nRUN head -c 100000 /dev/zero >/z && echo a >/b\nFROM base\nCOPY --from=one /z /b /\nARG V=0\nLABEL v=$V\n",
    # more than one stage at once
    "wide": "FROM base AS one\nARG V=0\nRUN echo $V >/1\nFROM base AS two\nARG V=0\nRUN echo $V >/2\nFROM base AS three\nRUN echo a >/b\n"
            "FROM base\nCOPY --from=one /1 /1\nCOPY --from=two /2 /2\nCOPY --from=three /b /b\n",
}


class Worker(threading.Thread):
    def __init__(self, stress, number, seed):
        super().__init__()
        self.stress, self.number, self.chance = stress, number, random.Random(f"{seed}.{number}")
        self.count = 0
        self.names = ["same:one", "layers:1", "layers:2", "layers:3", "wide:1", "wide:2", "t:1", "t:2", "loaded:1",
                      *(f"{stress.registry.name}/img:v{i}" for i in (1, 2, 3))]
        self.prunes = stress.prunes

    def do(self, *argv, **how):
        done = self.stress.run(*argv, chance=self.chance, **how)
        return self.stress.check(done) and done

    def name(self):
        return self.chance.choice(self.names)

    def build(self):
        kind = self.chance.choice(list(DOCKERFILES))
        tag = {"same": "same:one", "layers": f"layers:{self.chance.randint(1, 3)}", "wide": f"wide:{self.chance.randint(1, 2)}"}[kind]
        flags = ["--no-cache"] if self.chance.random() < 0.3 else []
        self.do("build", "-q", "--network=none", "-f", kind, "--build-arg", f"V={self.chance.randint(0, 2)}", "-t", tag, *flags, "ctx")

    def build_pulled(self):
        """The base of this one comes and goes."""
        base = f"{self.stress.registry.name}/img:v{self.chance.randint(1, 3)}"
        with open(self.stress.work / f"from.{self.number}", "w", encoding="ascii") as file:
            file.write(f"FROM {base}\nRUN cat /common | wc -c >/b\n")
        self.do("build", "-q", "--network=none", "-f", f"from.{self.number}", "-t", f"wide:{self.chance.randint(1, 2)}", "ctx")

    def pull(self):
        self.do("pull", "-q", f"{self.stress.registry.name}/img:v{self.chance.randint(1, 3)}")

    def tag(self):
        self.do("tag", self.name(), self.chance.choice(["t:1", "t:2"]))

    def rmi(self):
        self.do("rmi", *(["-f"] if self.chance.random() < 0.5 else []), self.name())

    def prune(self):
        if self.prunes and self.chance.random() < 0.6:
            self.do(*self.chance.choice(self.prunes))
        elif self.do("tag", "base", f"gc:{self.number}"):
            self.do("rmi", f"gc:{self.number}")

    def save(self):
        """What was saved always loads: here and in a store of its own."""
        path = self.stress.work / f"saved.{self.number}.tar"
        path.unlink(missing_ok=True)
        if not self.do("save", "-o", str(path), self.name()):
            return
        done = self.stress.run("load", "-q", "-i", str(path))
        self.stress.check(done, re.compile("$^"))
        if self.chance.random() < 0.3:
            other = self.stress.work / f"other.{self.number}"
            done = self.stress.run("--root", str(other), "load", "-q", "-i", str(path))
            self.stress.check(done, re.compile("$^"))
            remove_tree(other)
        path.unlink(missing_ok=True)

    def read(self):
        what = self.chance.choice(["images", "table", "inspect", "history", "ps", "index"])
        if what == "images":
            done = self.do("images", "-a", "--no-trunc", "--format", "{{json .}}")
            for line in done.out.splitlines() if done else []:
                self.parse(done, line, "ID")
        elif what == "table":
            done = self.do("images", "-a")
            if done and not all(len(line.split()) >= 4 for line in done.out.splitlines()):
                self.stress.problem(f"a line that is not whole: {done.out}")
        elif what == "inspect":
            done = self.do("image", "inspect", self.name())
            if done:
                self.parse(done, done.out, None)
        elif what == "history":
            done = self.do("history", "--no-trunc", self.name())
            if done and "CREATED BY" not in done.out:
                self.stress.problem(f"half a history: {done.out}")
        elif what == "ps":
            self.do("ps", "-a")
        else:
            self.parse(None, (self.stress.work / "store/index.json").read_text(), None)

    def parse(self, done, text, member):
        try:
            value = json.loads(text)
            if member and not value[member]:
                raise ValueError(f"no {member}")
        except (ValueError, KeyError) as error:
            self.stress.problem(f"what was read is not whole ({error}): {done and ' '.join(done.argv)}: {text[:300]}")

    def container(self):
        image = self.chance.choice(["same:one", "layers:1", "layers:2", "wide:1", "base"])
        if self.chance.random() < 0.7:
            done = self.do("run", "--rm", "--pull=never", "--network=none", image, "sh", "-c", "cat /b 2>/dev/null; echo end")
            if done and not done.out.endswith("end\n"):
                self.stress.problem(f"a container that did not run to its end: {done}")
            return
        done = self.do("run", "-d", "--pull=never", "--network=none", image, "sleep", "100")
        if done:
            container = done.out.strip()
            if image != "base":  # the others need it
                self.do("rmi", image)
            self.stress.check(self.stress.run("rm", "-f", container))

    ACTIONS = [(build, 8), (build_pulled, 2), (pull, 3), (tag, 3), (rmi, 4), (prune, 4), (save, 4), (read, 8), (container, 3)]

    def run(self):
        actions = [action for action, weight in self.ACTIONS for _ in range(weight)]
        while not self.stress.stop.is_set():
            try:
                self.chance.choice(actions)(self)
            except Exception as error:  # the driver's own: told as such, not lost with its thread
                self.stress.problem(f"worker {self.number}: {type(error).__name__}: {error}")
                self.stress.stop.set()


def prunes_of(stress):
    """The commands that collect, as far as this decant has them."""
    known = []
    for argv in (["image", "prune", "-f"], ["image", "prune", "-a", "-f", "--filter", "label=v=1"], ["builder", "prune", "-f"], ["container", "prune", "-f"],
                 ["system", "prune", "-f"]):
        if stress.run(argv[0], argv[1], "--help").status == 0:
            known.append(argv)
    return known


# --- afterwards --------------------------------------------------------------------------------------------------------------

def remove_tree(path):
    """Files of a rootless store belong to subordinate ids."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", str(path)], check=False)


def check_after(stress):
    store = stress.work / "store"
    for container in stress.run("ps", "-a", "-q").out.split():
        stress.check(stress.run("rm", "-f", container))
    # One command that looks for leftovers reaps those of the dead.
    stress.check(stress.run("build", "-q", "--no-cache", "--network=none", "-f", "same", "-t", "same:one", "ctx"), re.compile("$^"))
    stress.check(stress.run("rmi", "same:one"))
    left = [str(path) for path in (store / "tmp").iterdir()]
    if left:
        stress.problem(f"left in tmp/: {left}")
    mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(stress.work) in line]
    if mounts:
        stress.problem(f"left mounted: {mounts}")
    if waiting(store):
        stress.problem(f"left running: {waiting(store)}")
    for path in (store / "locks").rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    stress.problem(f"left locked: {path}")
    check_images(stress)


def check_images(stress):
    done = stress.run("images", "-a", "-q", "--no-trunc")
    images = sorted(set(done.out.split()))
    if not stress.check(done, re.compile("$^")) or not images:
        stress.problem("no images are left")
    for image in images:
        stress.check(stress.run("save", "-o", "/dev/null", image), re.compile("$^"))
        path = stress.work / "store/blobs/sha256" / image.removeprefix("sha256:")
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            stress.problem(f"the config of {image} is not whole")
    for entry in json.loads((stress.work / "store/index.json").read_text())["manifests"]:
        path = stress.work / "store/blobs/sha256" / entry["digest"].removeprefix("sha256:")
        if not path.exists():
            stress.problem(f"index.json names {entry['digest']}, which is not there")
    if stress.run("fsck", "--help").status == 0:
        done = stress.run("fsck")
        if done.status != 0:
            stress.problem(f"fsck finds damage: {done.out[-2000:]} {done.err[-2000:]}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][len("usage: "):])
    parser.add_argument("--base", required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--decant", default=os.environ.get("DECANT", "build/decant"))
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.decant = os.path.abspath(options.decant)
    work = pathlib.Path(tempfile.mkdtemp(prefix="stress."))
    print(f"# seed {options.seed}, {options.workers} workers, {options.seconds:g} s, in {work}", flush=True)
    stress = Stress(options, work)
    try:
        (work / "ctx").mkdir()
        (work / "ctx/a").write_text("a\n", encoding="ascii")
        for name, text in DOCKERFILES.items():
            (work / name).write_text(text, encoding="ascii")
        pull_at_once(stress)
        result(1, "K11 eight pulls of one image: each layer downloaded once, extracted once", stress)
        stress.check(stress.run("import", os.path.abspath(options.base), "base"), re.compile("$^"))
        stress.prunes = prunes_of(stress)
        workers = [Worker(stress, number, options.seed) for number in range(options.workers)]
        end = time.monotonic() + options.seconds
        for worker in workers:
            worker.start()
        stress.stop.wait(max(0, end - time.monotonic()))
        stress.stop.set()
        for worker in workers:
            worker.join()
        result(2, "K11 K12 K21 workers at once: nothing fails, nothing waits for ever, what is read is whole, what was saved loads", stress)
        check_after(stress)
        result(3, "K11 afterwards every image is whole, and nothing is left", stress)
        print("# done: " + ", ".join(f"{count} {name}" for name, count in sorted(stress.done.items())))
        print("1..3")
    finally:
        if not options.keep:
            remove_tree(work)
    return 1 if stress.failed else 0


def result(number, name, stress):
    print(f"{'not ok' if stress.problems else 'ok'} {number} - {name}", flush=True)
    stress.failed = getattr(stress, "failed", False) or bool(stress.problems)
    stress.problems = []


if __name__ == "__main__":
    sys.exit(main())
