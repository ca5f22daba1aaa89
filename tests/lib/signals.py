#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands that are told to end at a moment by chance (K06; standard library alone).

usage: signals.py --base ROOT.tar --push HOST:PORT [--times N] [--seed N] [--decant PROGRAM]

build, pull, push, load, save and run, each with SIGINT, SIGTERM, SIGHUP, a reader that closes the pipe, or a terminal whose other end
goes away with the parent; when, is drawn over the time that the command takes undisturbed.  Each must end within LIMIT_S (a busy
machine gives more), with 128 + the signal's number, and leave no process, no mount and no scratch file.  At the end every image is
whole.  TAP on standard output.
"""
import argparse
import os
import pathlib
import pty
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stress import Registry, check_images, remove_tree, waiting  # noqa: E402

LIMIT_S = 2
HEARD = 9  # exit status of the container, which is told of signals and ends as it likes
SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "HUP": signal.SIGHUP}
WAYS = [*SIGNALS, "INT", "TERM", "pipe", "terminal"]
DOCKERFILE = "FROM base AS a\nRUN sleep 0.3; echo a >/a\nFROM base AS b\nCOPY . /files/\nRUN head -c 3000000 /dev/urandom >/b\n" \
             "FROM base\nCOPY --from=a /a /\nCOPY --from=b /b /\nRUN for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; cat /a /b | wc -c\n"


class Bench:
    """What stress.py's checks want of a Stress, and a run that is disturbed."""

    def __init__(self, options, work):
        self.decant, self.work = options.decant, work
        self.environment = dict(os.environ, DECANT_ROOT=str(work / "store"), HOME=str(work), TMPDIR=str(work / "tmp"))
        (work / "tmp").mkdir()
        self.problems = []

    def problem(self, text):
        self.problems.append(text)
        print("# " + text.replace("\n", "\n#   "), flush=True)

    def run(self, *argv):
        done = subprocess.run([self.decant, *argv], env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", check=False)
        done.status, done.out, done.err = done.returncode, done.stdout, done.stderr
        return done

    def check(self, done, _expected=None):
        if done.status != 0:
            self.problem(f"failed: {done.args[1:]} -> {done.status}: {done.err[-1000:]}")
        return done.status == 0

    def timed(self, argv):
        start = time.monotonic()
        self.check(self.run(*argv))
        return time.monotonic() - start

    def leftovers(self):
        """What is there a moment after the end: the kernel needs one to take namespaces down."""
        for _ in range(40):
            left = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(self.work / "store") in line]
            left += [str(path) for path in (self.work / "store/tmp").iterdir()]
            left += [line for line in waiting(self.work / "store").splitlines() if line.startswith("pid")]
            if not left:
                break
            time.sleep(0.05)
        return left

    def disturb(self, argv, way, after):
        """(status, seconds from the disturbance to the end, whether it was still alive by then)"""
        reader, writer = pty.openpty() if way == "terminal" else os.pipe()
        with open(self.work / "log", "wb") as log:
            child = subprocess.Popen([self.decant, *argv], env=self.environment, cwd=self.work, stdin=writer if way == "terminal" else
                                     subprocess.DEVNULL, stdout=writer if way in ("terminal", "pipe") else log,
                                     stderr=writer if way in ("terminal", "pipe") else log, start_new_session=True,
                                     preexec_fn=(lambda: take_terminal(writer)) if way == "terminal" else default_signals)
        os.close(writer)
        status, alive = wait_for(child, after, reader), False
        start = time.monotonic()
        if status is None:
            alive = True
            if way in SIGNALS:
                child.send_signal(SIGNALS[way])
        if way not in SIGNALS:
            os.close(reader)
        status = wait_for(child, 60, None)
        if way in SIGNALS:
            os.close(reader)
        took = time.monotonic() - start
        if status is None:
            self.problem(f"no end: {argv}\n{waiting(self.work / 'store')}")
            child.kill()
            child.wait()
        return status, took, alive


def default_signals():
    for number in SIGNALS.values():
        signal.signal(number, signal.SIG_DFL)


def take_terminal(fd):
    import fcntl
    import termios
    default_signals()
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def wait_for(child, seconds, reader):
    """Its status, or None if it is not over; what it writes is read meanwhile."""
    if reader is not None:
        os.set_blocking(reader, False)
    end = time.monotonic() + seconds
    while True:
        try:
            while reader is not None and os.read(reader, 65536):
                pass
        except OSError:
            pass
        if child.poll() is not None:
            return child.returncode
        if time.monotonic() >= end:
            return None
        time.sleep(0.002)


def is_right(name, way, alive, status):
    if name == "run" and status == HEARD:
        return True
    number = SIGNALS.get(way, signal.SIGHUP)
    if way in ("pipe", "terminal") and alive:  # what it could not say is no success, unless it had nothing to say
        return status is not None and (status >= 0 or -status in (signal.SIGPIPE, signal.SIGHUP))
    # Done in the very moment, or before there was a handler: 0, or by the signal itself
    return status in (128 + number, -number, 0) if alive else status == 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1][len("usage: "):])
    parser.add_argument("--base", required=True)
    parser.add_argument("--push", required=True)
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--decant", default=os.environ.get("DECANT", "build/decant"))
    options = parser.parse_args()
    options.decant = os.path.abspath(options.decant)
    work = pathlib.Path(tempfile.mkdtemp(prefix="signals."))
    print(f"# seed {options.seed}, {options.times} times, in {work}", flush=True)
    try:
        bench = Bench(options, work)
        torment(bench, options)
        print(f"{'not ok' if bench.problems else 'ok'} 1 - K06 {options.times} commands that are told to end: at once, rightly, nothing left")
        failed, bench.problems = bool(bench.problems), []
        bench.check(bench.run("build", "-q", "--no-cache", "--network=none", "-f", "Dockerfile", "-t", "after", "ctx"))
        check_images(bench)
        print(f"{'not ok' if bench.problems else 'ok'} 2 - K06 afterwards every image is whole, and the next build works\n1..2")
        return 1 if failed or bench.problems else 0
    finally:
        remove_tree(work)


def prepare(bench, options, registry):
    """The commands, and how long each takes undisturbed."""
    (bench.work / "ctx").mkdir()
    for number in range(300):
        (bench.work / f"ctx/{number}").write_text(str(number) * 1000, encoding="ascii")
    (bench.work / "Dockerfile").write_text(DOCKERFILE, encoding="ascii")
    bench.check(bench.run("import", os.path.abspath(options.base), "base"))
    bench.check(bench.run("build", "-q", "--network=none", "-f", "Dockerfile", "-t", f"{options.push}/big", "-t", "big", "ctx"))
    bench.check(bench.run("save", "-o", "kept.tar", "big"))
    commands = {
        "build": ["build", "--progress=plain", "--no-cache", "--network=none", "-f", "Dockerfile", "-t", "built", "ctx"],
        "pull": ["pull", f"{registry.name}/img:v1"],
        "push": ["push", f"{options.push}/big"],
        "load": ["load", "-i", "kept.tar"],
        "save": ["save", "-o", "saved.tar", "big"],
        "run": ["run", "--rm", "--pull=never", "--network=none", "base", "sh", "-c", f"trap 'exit {HEARD}' INT TERM HUP; echo x; sleep 1 & wait; echo y"],
    }
    return commands, {name: bench.timed(argv) for name, argv in commands.items()}


def torment(bench, options):
    chance = random.Random(options.seed)
    registry = Registry(pathlib.Path(options.base).read_bytes())
    commands, times = prepare(bench, options, registry)
    slowest = {}
    for number in range(options.times):
        name, way = chance.choice(list(commands)), chance.choice(WAYS)
        if name == "run" and way == "pipe":  # as in docker, a container goes on without a listener; its log has all
            way = "TERM"
        after = chance.random() * times[name] * 1.1
        if name == "pull":
            bench.run("rmi", "-f", f"{registry.name}/img:v1")
        if name == "push":  # nothing of it is there yet
            bench.run("tag", "big", f"{options.push}/big{number}")
            commands[name][-1] = f"{options.push}/big{number}"
        status, took, alive = bench.disturb(commands[name], way, after)
        what = f"{name}, {way} after {after:.3f} s"
        limit = LIMIT_S * max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
        if alive and took > limit:  # the load of the last minute says little of now
            limit += 20 * bench.timed(["--version"])
        if alive and took > limit:
            bench.problem(f"{what}: ended only after {took:.1f} s")
        if not is_right(name, way, alive, status):
            bench.problem(f"{what}: status {status}: {(bench.work / 'log').read_text(errors='replace')[-800:]}")
        left = bench.leftovers()
        if left:
            bench.problem(f"{what}: left: {left}")
        if alive:
            slowest[name] = max(slowest.get(name, 0), took)
    print("# slowest end: " + ", ".join(f"{name} {took:.2f} s" for name, took in sorted(slowest.items())))


if __name__ == "__main__":
    sys.exit(main())
