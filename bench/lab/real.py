"""real - rows that run real programs: what they need, their input, their run, and the proof.

A real program does not say who served it, so the dynamic linker does. Before the first run under an
allocator counts, a proving run of the same command has the linker list its bindings (LD_DEBUG): all
calls of malloc and its kin, from whatever object of whatever process, must be bound to the
allocator that was meant. hakmem's own statistics of that run must hold refilled blocks of the
program. What the program writes must be the same under all allocators.
"""
import atexit
import glob
import hashlib
import os
import re
import shutil
import subprocess

from lab import measure
from lab.allocators import BUILD, ROOT

WORK = os.path.join(BUILD, "bench", "work.%d" % os.getpid())   # removed when this process ends
PLACES = {
    "own": os.path.join(ROOT, "bench", "input"),
    "test": os.path.join(ROOT, "test", "programs", "input"),
    "made": os.path.join(WORK, "made"),     # input that a script makes, once per process
}
HERE = os.path.join(WORK, "here")           # the current directory of a run, emptied before it
PROOFS = os.path.join(WORK, "proofs")       # what a proving run leaves
SYSTEM = "/usr/bin:/bin:"                   # before what else a user has on PATH
NAMES = r"malloc|calloc|realloc|free"
BINDING = re.compile(r"binding file (.*) \[\d+\] to (.*) \[\d+\]: normal symbol `(%s)'" % NAMES)
SAME = ["LC_ALL=C", "TZ=UTC", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"]

atexit.register(shutil.rmtree, WORK, ignore_errors=True)


class Program:
    """A row; see rows.Row for what it has in common with the others."""

    group = "real"
    about = "time"
    memory = True
    noted = ()
    unit = "s"
    more_is_better = False
    rounds = None
    own_allocator = False    # linked with another malloc than libc's: libc, too, must be preloaded

    def __init__(self, name, package, words, needs=(), env=(), stdin="", keep=""):
        self.name = "real-" + name
        self.question = "how long does a job of %s take?" % name
        self.package = package    # Debian's, to name when the program is missing
        self.words = words        # program and arguments; {own}, {test}, {made} are PLACES
        self.needs = needs        # names of INPUTS that have to be made
        self.env = list(env)
        self.stdin = stdin        # a file, or nothing
        self.keep = keep          # what of its output must be the same; "" all of it, and files
        self.proofs = {}          # allocator name -> lines of its proving run
        self.reference = None     # (allocator name, digest) of the first run

    def ratio(self, value, best):
        return value / best if best > 0 else float("inf")

    def measured(self, allocator, row):
        if allocator.name not in self.proofs:
            self.proofs[allocator.name] = self.prove(allocator)
        lines = dict(self.run(allocator), **self.proofs[allocator.name])
        return measure.Sample(self.figure(lines), lines)

    def figure(self, lines):
        return float(lines["spawn-wall-us"]) / 1e6

    def missing(self):
        """What keeps this row from being run; empty when nothing does."""
        if not self.program():
            return "no %s here (Debian package %s)" % (self.words[0], self.package)
        return ""

    def program(self):
        """The path of the program. cc1 and its like are known to their driver: gcc:cc1."""
        driver, colon, part = self.words[0].partition(":")
        found = shutil.which(driver, path=SYSTEM + os.environ.get("PATH", ""))
        if not found or not colon:
            return found
        path = subprocess.run([found, "-print-prog-name=" + part], stdout=subprocess.PIPE,
                              text=True, check=False).stdout.strip()
        return path if os.path.isabs(path) else None

    def command(self, allocator, extra=()):
        words = [word.format(**PLACES) for word in self.words[1:]]
        served = allocator.environment()
        if self.own_allocator:
            served = ["LD_PRELOAD=" + allocator.path]
        command = [measure.program("spawn"), "1"] + served + SAME + self.env
        command += list(extra) + [">stdout"]
        if self.stdin:
            command.append("<" + self.stdin.format(**PLACES))
        return command + ["--", self.program()] + words

    def run(self, allocator, extra=()):
        """One run in an empty directory, with its output compared; returns spawn's lines."""
        for name in self.needs:
            make_input(name)
        empty(HERE)
        lines = self.execute(self.command(allocator, extra))
        found = digest(self.keep)
        if self.reference is None:
            self.reference = (allocator.name, found)
        first, wanted = self.reference
        if found != wanted:
            raise measure.Refused("the output under %s is not that under %s" % (
                allocator.name, first))
        return lines

    def execute(self, command):
        return measure.named_lines(measure.execute(command, HERE)[0])

    def prove(self, allocator):
        """A run that is not measured, which shows who serves the program."""
        empty(PROOFS)
        stats = os.path.join(PROOFS, "stats")
        self.run(allocator, ["LD_DEBUG=bindings", "LD_DEBUG_OUTPUT=%s/bindings" % PROOFS,
                             "HAKMEM_SHOW_STATS=1", "HAKMEM_LOG=" + stats])
        lines = {"served-by": bound_to(glob.glob(PROOFS + "/bindings.*"), allocator)}
        if os.path.exists(stats):
            lines[measure.COUNTER] = str(refilled(stats, os.path.basename(self.program())))
        measure.prove(allocator, lines)
        empty(PROOFS)
        return lines


class Server(Program):
    """A row whose program serves a client, a script that also ends it. The figure is the processor
    time that it takes for a fixed load: its wall clock would be the client's."""

    unit = "cpu s"
    own_allocator = True

    def __init__(self, name, package, words, client, client_stdin, client_tool, **more):
        Program.__init__(self, name, package, words, **more)
        self.client = client
        self.client_stdin = client_stdin
        self.client_tool = client_tool    # (program, package)

    def missing(self):
        tool, package = self.client_tool
        if not shutil.which(tool):
            return "no %s here (Debian package %s)" % (tool, package)
        return Program.missing(self)

    def figure(self, lines):
        return float(lines["spawn-user-s"]) + float(lines["spawn-system-s"])

    def execute(self, command):
        clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        server = subprocess.Popen(command, cwd=HERE, stdin=subprocess.DEVNULL, env=clean, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  start_new_session=True)
        try:
            with open(self.client_stdin.format(**PLACES), encoding="utf-8") as load:
                said, _ = measure.execute(["bash", self.client.format(**PLACES)], HERE, load)
            out, _ = server.communicate(timeout=measure.TIMEOUT)
        except BaseException as reason:
            out = measure.end_group(server)
            if isinstance(reason, (measure.Failed, subprocess.TimeoutExpired)):
                raise measure.Failed("%s; the server: %s" % (reason, out.strip())) from None
            raise
        if server.returncode:
            raise measure.Failed("the server: %s" % out.strip())
        with open(os.path.join(HERE, "answers"), "w", encoding="utf-8") as file:
            file.write(said)
        return measure.named_lines(out)


def empty(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)


# name -> the command that makes it, in PLACES["made"]; $own and $test are the scripts' places
INPUTS = {}
MADE = set()


def make_input(name):
    """Makes an input unless this process has made it before."""
    if name in MADE:
        return
    if not MADE:
        empty(PLACES["made"])
    environment = dict(os.environ, **PLACES)
    environment.update(word.split("=", 1) for word in SAME)
    environment.pop("LD_PRELOAD", None)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", INPUTS[name]], cwd=PLACES["made"],
                          env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise measure.Failed("its input %s cannot be made: %s" % (name, done.stdout.strip()[-300:]))
    MADE.add(name)


def digest(keep):
    """A hash of all that the run left in its directory, or of what matches KEEP in its output."""
    found = hashlib.sha256()
    if keep:
        with open(os.path.join(HERE, "stdout"), encoding="utf-8", errors="replace") as file:
            kept = re.findall(keep, file.read())
        if not kept:
            raise measure.Failed("it printed nothing like %s" % keep)
        found.update("\n".join(kept).encode())
        return found.hexdigest()
    for folder, folders, files in os.walk(HERE):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                found.update(os.path.relpath(path, HERE).encode() + b"\0")
                with open(path, "rb") as file:
                    found.update(file.read())
    return found.hexdigest()


def bindings(path, allocator):
    """(caller, name) -> the object that serves the name, of one process. An allocator itself may
    look up the next one, for blocks that it did not give; that is left out."""
    found = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for match in filter(None, map(BINDING.search, file)):
            caller, target, name = match.groups()
            if target == caller:
                found.setdefault((caller, name), target)
            elif not allocator.served(caller):
                found[caller, name] = target
    return found


def bound_to(paths, allocator):
    """The one object that serves malloc and its kin, by the dynamic linker's account in PATHS."""
    objects = {}
    for found in (bindings(path, allocator) for path in paths):
        for (caller, name), target in found.items():
            # Where a program takes a function's address, all get that of the program's own jump to
            # it, and the jump is bound as well.
            target = found.get((target, name), target)
            objects.setdefault(os.path.realpath(target), "%s of %s" % (name, caller))
    if not objects:
        return "nobody, by the dynamic linker (LD_DEBUG=bindings)"
    if len(objects) == 1:
        return next(iter(objects))
    return ", ".join("%s (%s)" % item for item in sorted(objects.items()))


def refilled(path, program):
    """The blocks that hakmem's statistics in PATH say it refilled in processes named PROGRAM."""
    name, blocks = "", 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for words in map(str.split, file):
            if len(words) > 4 and words[0] == "hakmem" and words[2] == "pid":
                name = os.path.basename(words[4])
            elif len(words) > 1 and words[0] == measure.COUNTER and name.startswith(program[:15]):
                blocks += int(words[1])
    return blocks
