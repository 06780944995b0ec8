"""measure - one run of a benchmark under one allocator, with the proof that this one served it."""
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile

from lab.allocators import BUILD

NULL = os.path.join(BUILD, "bench", "null_malloc.so")
COUNTER = "front.blocks_refilled"
TIMEOUT = 120     # seconds that one run may take before it counts as hanging
DEPTH = 8         # blocks that pairs.c holds at a time
ROUNDS = 4000     # its rounds in the shorter of two runs; the longer one has twice as many


class Failed(Exception):
    """The benchmark ended badly: a crash, a corrupted block, no memory."""


class Refused(Exception):
    """The figure is not that of the allocator that was meant: it must not be used."""


class Sample:
    """What one run gave; what it does not measure is None."""

    def __init__(self, value, lines, note=""):
        self.value = value
        self.note = note
        self.rss_kib = number(lines, "rss-kib", number(lines, "spawn-peak-rss-kib"))
        self.faults = number(lines, "spawn-minor-faults")
        self.user_s = number(lines, "spawn-user-s")
        self.system_s = number(lines, "spawn-system-s")
        self.cpu_s = None if self.user_s is None else self.user_s + self.system_s
        self.served_by = lines.get("served-by", "")
        self.refilled = lines.get(COUNTER, "")


def program(name):
    path = os.path.join(BUILD, "bench", name)
    if not os.path.exists(path):
        raise SystemExit("bench: there is no %s; `make bench` builds it" % path)
    return path


def number(lines, name, default=None):
    return float(lines[name]) if name in lines else default


def named_lines(text):
    return dict(re.findall(r"^([\w./-]+): (.*)$", text, re.M))


def end_group(child):
    """Ends CHILD and all that it started; returns what it had left to say."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # on Ctrl-C communicate itself waits a moment, and may have seen it end
    return child.communicate()[0]


def execute(command, folder=None, stdin=subprocess.DEVNULL, environment=None):
    """Runs COMMAND in FOLDER, in this process's environment unless one is given; returns its
    standard output and its standard error.

    It gets a process group of its own, so that a time-out or Ctrl-C leaves none of it running.
    """
    if environment is None:
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    child = subprocess.Popen(command, cwd=folder, stdin=stdin, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, errors="replace",
                             env=environment, start_new_session=True)
    try:
        out, err = child.communicate(timeout=TIMEOUT)
    except BaseException as reason:
        end_group(child)
        if isinstance(reason, subprocess.TimeoutExpired):
            raise Failed("it did not end within %d s" % TIMEOUT) from None
        raise
    if child.returncode:
        said = [line for line in (out + err).splitlines() if line.strip()]
        raise Failed("exit status %d: %s" % (child.returncode, " | ".join(said[-3:])))
    return out, err


def prove(allocator, lines):
    """Refuses a run that another allocator served."""
    where = lines.get("served-by", "nobody")
    if not allocator.served(where):
        raise Refused("%s was meant (%s), but %s served" % (allocator.name, allocator.path, where))
    if allocator.name == "hakmem" and int(lines.get(COUNTER, 0)) == 0:
        raise Refused("hakmem was meant, but its counter %s does not say so" % COUNTER)
    if allocator.name != "hakmem" and COUNTER in lines:
        raise Refused("%s was meant, but hakmem is in the process" % allocator.name)


def spawn(allocator, runs, words):
    """Runs a benchmark RUNS times; a small driver does it, because a child's peak memory starts
    at that of the process that execs it, and this one is large."""
    command = [program("spawn"), str(runs)] + allocator.environment()
    command += ["--", program(words[0])] + [str(word) for word in words[1:]]
    return named_lines(execute(command)[0])


def timed(allocator, row):
    """One run that reports its own figure under the name row.key, and what the row wants noted."""
    lines = spawn(allocator, 1, row.words)
    prove(allocator, lines)
    for name in [row.key, *row.noted]:
        if name not in lines:
            raise Failed("it printed no %s" % name)
    note = ", ".join("%s %s" % (name, lines[name]) for name in row.noted)
    return Sample(number(lines, row.key), lines, note)


def startup(allocator, row):
    """The median of many runs that do nothing; memory from one more run that reports it."""
    report = spawn(allocator, 1, row.words + ["report"])
    prove(allocator, report)
    lines = spawn(allocator, row.runs, row.words)
    lines.update({key: report[key] for key in report if not key.startswith("spawn-")})
    note = "fastest of %d: %s us" % (row.runs, lines["spawn-wall-least-us"])
    return Sample(number(lines, row.key), lines, note)


def loader():
    """The dynamic loader that the benchmarks name."""
    with open(program("pairs"), "rb") as file:
        image = file.read(4096)
    offset, = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for i in range(count):
        kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", image, offset + i * size)
        if kind == 3:  # PT_INTERP
            return image[at:at + length].rstrip(b"\0").decode()
    raise SystemExit("bench: %s names no dynamic loader" % program("pairs"))


def collected(path, words, options=(), environment=None, profile="/dev/null"):
    """Instructions of one run of a benchmark with the object PATH preloaded, and its lines.

    The loader itself preloads: LD_PRELOAD would load the object into valgrind's own programs too.
    """
    command = [shutil.which("valgrind"), "--tool=callgrind", "--callgrind-out-file=" + profile]
    command += list(options) + [loader()]
    if path:
        command += ["--preload", path]
    command += [program(words[0])] + [str(word) for word in words[1:]]
    out, err = execute(command, environment=environment)
    found = re.search(r"Collected : (\d+)", err)
    if not found:
        raise Failed("valgrind printed no count: %s" % err.strip()[-200:])
    return int(found.group(1)), named_lines(out)


def spent_in(profile, path):
    """The instructions that a callgrind PROFILE tells for the object at PATH itself, without what
    it called. A number in brackets stands for a name once it was given; what follows a line
    `calls=` is the cost of the callee."""
    names = {}
    count, here, callee = 0, False, False
    for line in profile:
        named = re.match(r"(c?)ob=\((\d+)\)(?: (.*))?", line)
        if named:
            callers, number_of, name = named.groups()
            if name:
                names[number_of] = name
            if not callers:
                here = os.path.realpath(names[number_of]) == os.path.realpath(path)
        elif line.startswith("calls="):
            callee = True
        elif re.match(r"[-+*\d]", line):
            count += int(line.split()[1]) if here and not callee else 0
            callee = False
    return count


def collected_in(path, words):
    """As collected, but of the object PATH itself: not libc's part, which waits and wakes."""
    with tempfile.NamedTemporaryFile("r", prefix="hakmem-callgrind.") as profile:
        _, lines = collected(path, words, environment={}, profile=profile.name)
        with open(profile.name, encoding="utf-8", errors="replace") as told:
            count = spent_in(told, path)
    if not count:
        raise Failed("the profile of %s knows no instruction of %s" % (words, path))
    return count, lines


def per_pair(path, size):
    """Instructions per pair, loop included, what is outside the loop not; and the proof."""
    once, _ = collected(path, ["pairs", size, DEPTH, ROUNDS])
    twice, lines = collected(path, ["pairs", size, DEPTH, 2 * ROUNDS])
    return (twice - once) / (ROUNDS * DEPTH), lines


def can_count():
    return shutil.which("valgrind") is not None


LOOP = {}  # size -> instructions per pair of the loop itself


def instructions(allocator, size):
    """Instructions per malloc/free pair of SIZE bytes, net of the loop; and the proof."""
    if size not in LOOP:
        program("null_malloc.so")
        LOOP[size], lines = per_pair(NULL, size)
        if not os.path.samefile(lines.get("served-by", "/"), NULL):
            raise Refused("null_malloc.so was meant, but %s served" % lines.get("served-by"))
    gross, lines = per_pair(allocator.path if allocator.preload else None, size)
    prove(allocator, lines)
    return gross - LOOP[size], lines


def counted(allocator, row):
    net, lines = instructions(allocator, row.words[0])
    return Sample(net, lines)
