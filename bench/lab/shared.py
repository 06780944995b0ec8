"""shared - how often a pattern writes to memory that threads share, from the counting build.

`make counting` builds a library that counts each atomic write to a shared line by its place in the
code and by its line, and each lock taken. HAKMEM_COUNT_CALLS=1 counts the calls: an operation is
one call of malloc or free or of their kin. Counts do not depend on the speed of the machine; with
several threads they vary a little with how the threads happen to meet.
"""
import os
import re
import subprocess

from lab import allocators, measure

COUNTING = os.path.abspath(os.environ.get("HAK_COUNTING") or os.path.join(
    allocators.ROOT, "build", "counting", "libhakmem.so"))

BAR = 1 / 20          # shared writes per operation
BAR_HANDED_OVER = 1 / 3  # per block, where every block is freed by another thread: two operations


class Pattern:
    """A benchmark program with its arguments for T threads at a SCALE of its length, 1 the full."""

    def __init__(self, name, threads, words, handed_over=False):
        self.name = name
        self.threads = threads
        self.words = words
        self.handed_over = handed_over

    def bar(self):
        """The shared writes per operation that the pattern must stay below."""
        return BAR_HANDED_OVER / 2 if self.handed_over else BAR

    def there(self):
        return os.path.exists(os.path.join(allocators.BUILD, "bench", self.words(1, 1)[0]))


ONE = (1,)
FEW = (1, 2, 4, 8, 16, 32)


def length(scale, operations):
    return max(1, int(operations * scale))


# A thread's work is the same whatever their number, so that births and ends weigh the same.
PATTERNS = [
    Pattern("mixed-256", ONE, lambda t, s: ["random_mixed", length(s, 8e6), 256, 16, 1024, 1]),
    Pattern("mixed-8192", ONE, lambda t, s: ["random_mixed", length(s, 8e6), 8192, 16, 1024, 1]),
    Pattern("mixed-400000", ONE,
            lambda t, s: ["random_mixed", length(s, 8e6), 400_000, 16, 1024, 1]),
    Pattern("larson-small", FEW,
            lambda t, s: ["larson", t * length(s, 1e6), t, 8, 1000, 5000, 10]),
    Pattern("larson-large", FEW,
            lambda t, s: ["larson", t * length(s, 4e5), t, 2048, 32768, 1000, 10]),
    Pattern("scaling", FEW, lambda t, s: ["scaling", t * length(s, 1e6), t, t, 1]),
    Pattern("lifetimes", FEW, lambda t, s: ["lifetimes", t * length(s, 1e6), t]),
    Pattern("sharing", FEW, lambda t, s: ["sharing", t * length(s, 1e6), t, 16, 1, "passive"]),
    Pattern("threads", FEW, lambda t, s: ["threads", length(s, 5000), t, 64]),
    Pattern("exchange", (2, 4, 8, 16, 32), lambda t, s:
            ["exchange", t * length(s, 2e5), max(1, t // 2), max(1, t // 2), 16, 1024], True),
    Pattern("oneway", (2,), lambda t, s: ["oneway", length(s, 2e6)], True),
    Pattern("curve-10000", ONE, lambda t, s: ["curve", length(s, 2e6), 10_000, 16, 128]),
    Pattern("curve-100000", ONE, lambda t, s: ["curve", length(s, 2e6), 100_000, 16, 128]),
    Pattern("curve-1000000", ONE, lambda t, s: ["curve", length(s, 2e6), 1_000_000, 16, 128]),
    Pattern("pareto", ONE, lambda t, s: ["pareto", length(s, 4e6), 10_000]),
    Pattern("batch-same", ONE, lambda t, s: ["batch", 100_000, length(s, 40), 16, 512, "same"]),
    Pattern("batch-random", ONE,
            lambda t, s: ["batch", 100_000, length(s, 40), 16, 512, "random"]),
    Pattern("phases", ONE, lambda t, s: ["phases", length(s, 10), 65536, 20]),
    Pattern("aligned", ONE, lambda t, s: ["aligned", length(s, 1e6), 1000, 16, 1024]),
    Pattern("zeroed-small", ONE, lambda t, s: ["zeroed", length(s, 1e6), 10_000, 16, 1024, 64]),
    Pattern("zeroed-large", ONE,
            lambda t, s: ["zeroed", length(s, 4e4), 100, 100_000, 1_000_000, 4096]),
    Pattern("large", ONE, lambda t, s: ["large", length(s, 2e4), 64, "leave"]),
    Pattern("grow", ONE, lambda t, s: ["grow", length(s, 1e6), 100, 1_000_000, "vectors"]),
]


class Place:
    def __init__(self, name, writes, moves):
        self.name = name
        self.writes = writes
        self.moves = moves


class Count:
    """What one run counted."""

    def __init__(self, pattern, threads, text):
        number = dict(re.findall(r"^([a-z_.]+) +(\d+)  ", text, re.M))
        self.pattern = pattern
        self.threads = threads
        self.operations = int(number["front.malloc_calls"]) + int(number["front.free_calls"])
        self.atomics = int(number["scaling.atomic_writes"])
        self.writes = int(number["scaling.shared_writes"])
        self.several = int(number["scaling.several_writers"])
        self.locks = int(number["scaling.locks"])
        self.moves = int(number["scaling.moved_lines"])
        self.offsets = {kind: [(int(o, 16), int(w), int(m)) for o, w, m in re.findall(
            r"^scaling\.%s 0x([0-9a-f]+) +(\d+) +(\d+)$" % kind, text, re.M)]
                        for kind in ("place", "line", "lock")}
        if self.operations == 0 or int(number["scaling.lost"]):
            raise measure.Failed("%s was not counted in full" % pattern.name)

    def shared(self):
        """Writes per operation to the library's own data and to lines that several threads wrote.

        A slab that one thread alone ever used is not among them: its line moves nowhere.
        """
        return self.several / self.operations

    def private(self):
        """The other writes; threads that still end while the sums are read may take some."""
        return max(0, self.writes - self.several)

    def holds(self):
        return self.shared() < self.pattern.bar()

    def places(self):
        """The places that write, the busiest first."""
        names = place_names([offset for offset, _, _ in self.offsets["place"]])
        total = {}
        for offset, writes, moves in self.offsets["place"]:
            place = total.setdefault(names[offset], Place(names[offset], 0, 0))
            place.writes += writes
            place.moves += moves
        return sorted(total.values(), key=lambda place: -place.writes)

    def busiest_lock(self):
        """The lock that is taken most; its writes are how often."""
        offset, taken, _ = max(self.offsets["lock"], key=lambda lock: lock[1])
        return Place(data_name(offset, 1), taken, 0)

    def hottest_line(self):
        """The line of the library's own data that is written most: every thread's one."""
        offset, writes, moves = max(self.offsets["line"], key=lambda line: line[1])
        return Place(data_name(offset), writes, moves)


def run(pattern, threads, scale=1.0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HAKMEM_")}
    environment.update(LD_PRELOAD=COUNTING, HAKMEM_COUNT_CALLS="1", HAKMEM_SHOW_STATS="1")
    words = pattern.words(threads, scale)
    command = [measure.program(words[0])] + [str(word) for word in words[1:]]
    out, err = measure.execute(command, environment=environment)
    measure.prove(allocators.Allocator("hakmem", COUNTING), measure.named_lines(out))
    return Count(pattern, threads, err)


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


# What a place does, by the helper that it is in; the caller tells where.
HELPERS = {"lock_take": "lock", "lock_drop": "unlock", "lock_try": "lock", "count_any": "counter",
           "count_down_any": "counter", "purge_retain": "counter", "purge_release": "counter"}


def place_names(offsets):
    """offset -> what the code there does and for whom; the offset is behind the call."""
    text = output("addr2line", "-i", "-f", "-a", "-e", COUNTING,
                  *[hex(offset - 1) for offset in offsets])
    names = {}
    for part in re.split(r"^0x", text, flags=re.M)[1:]:
        lines = part.splitlines()
        chain = lines[1::2]
        deeds = [HELPERS[name] for name in chain if name in HELPERS]
        inside = [name for name in chain if name not in HELPERS] or chain
        names[int(lines[0], 16) + 1] = (deeds[0] + " in " if deeds else "") + inside[0]
    return names


def data_name(offset, size=64):
    """The variables of the library that share the SIZE bytes at OFFSET."""
    found = []
    for line in output("nm", "-S", COUNTING).splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "bBdD":
            start, length_here = int(words[0], 16), int(words[1], 16)
            if start < offset + size and offset < start + length_here:
                found.append(words[3])
    return ", ".join(found[:3] + ["..."] * (len(found) > 3)) or hex(offset)
