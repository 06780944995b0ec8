"""rows - what is measured: each row is a benchmark with its arguments and the figure it gives."""
from lab import measure

PATTERN, CURVE, SCALING, MICRO = "pattern", "curve", "scaling", "micro"


class Row:
    def __init__(self, name, question, measured, words, key, unit, more_is_better,
                 group=PATTERN, memory=True, noted=(), runs=1, rounds=None):
        self.name = name
        self.question = question
        self.measured = measured              # how: a function of measure.py
        self.words = words                    # the program and its arguments
        self.key = key                        # the line of its output that holds the figure
        self.unit = unit
        self.more_is_better = more_is_better
        self.group = group                    # rows of one kind, whose ratios have a mean
        self.memory = memory                  # is the peak of resident memory to be compared too?
        self.noted = noted                    # further lines of the output that make the note
        self.runs = runs                      # executions behind one figure
        self.rounds = rounds                  # None: as many as the caller asks for

    def ratio(self, value, best):
        """How far VALUE is behind BEST: 1.00 is the best, 2.00 half as good."""
        good, bad = (value, best) if self.more_is_better else (best, value)
        return bad / good if good > 0 else float("inf")


def speed(name, question, words, **more):
    """A pattern whose figure is operations per second."""
    return Row(name, question, measure.timed, words, "ops/s", "ops/s", True, **more)


def held(name, question, words, key, unit="KiB", **more):
    """A pattern whose figure is resident memory."""
    return Row(name, question, measure.timed, words, key, unit, False, **more)


def mixed(slots, ops, low=16, high=1024):
    return speed("mixed-%d" % slots, "mallocs and frees of mixed sizes in random order, %d slots"
                 % slots, ["random_mixed", ops, slots, low, high, 1])


def larson(name, threads, ops, low, high, blocks):
    return speed("larson-%s-%d" % (name, threads),
                 "replacements of %d..%d bytes that pass through ten generations of %d threads"
                 % (low, high, threads), ["larson", ops, threads, low, high, blocks, 10])


def exchange(producers, consumers, ops):
    return speed("exchange-%d-%d" % (producers, consumers),
                 "blocks from %d allocating to %d freeing threads" % (producers, consumers),
                 ["exchange", ops, producers, consumers, 16, 512])


def batch(order, rounds):
    return speed("batch-" + order, "100,000 blocks allocated, then freed in %s order" % order,
                 ["batch", 100_000, rounds, 16, 256, order])


def sharing(mode, rounds):
    return speed("sharing-" + mode, "%s false sharing of cache lines by two threads" % mode,
                 ["sharing", rounds, 2, 8, 400, mode], memory=False)


def brief_threads(at_once):
    return Row("threads-%d" % at_once, "threads that come, allocate 64 KiB and go, %d at once"
               % at_once, measure.timed, ["threads", 10000, at_once, 64], "us/thread", "us", False,
               noted=["rss-start-kib", "rss-tenth-kib", "rss-end-kib"])


def phases(ops_or_memory):
    """Speed and peak in one row, what is left at the end in another: the runs are the same."""
    words = ["phases", 8, 32768, 16]
    noted = ["peak-live-kib", "peak-rss/live", "end-rss/live"]
    if ops_or_memory == "ops":
        return speed("phases", "sizes that shift over 8 phases while one block of 16 stays",
                     words, noted=noted)
    return held("phases-end", "resident over live bytes, when one block of 16 is left", words,
                "end-rss/live", "times", noted=noted)


def freed(when, question):
    return held("freed" if when == "freed" else "freed-" + when, question,
                ["freed", 8_000_000, 24, 64], "rss-%s-kib" % when,
                noted=["live-kib", "rss-live-kib", "rss-freed-kib", "rss-trimmed-kib"])


def scaling(few, many, ops, rounds, key, unit):
    return Row("scaling-%d-%d" % (few, many),
               "throughput of %d threads that share nothing over that of %d" % (many, few),
               measure.timed, ["scaling", ops, few, many, rounds], key, unit, True, group=SCALING,
               memory=False, noted=["growth", "growth-loop", "ops/s-few", "ops/s-many"])


def curve(live, ops):
    return Row("curve-%d" % live, "cost of a replacement with %d live blocks of 16..128 bytes"
               % live, measure.timed, ["curve", ops, live, 16, 128], "ns/op", "ns", False,
               group=CURVE)


def pairs(size):
    return Row("pairs-%d" % size, "instructions of a malloc with its free of %d bytes" % size,
               measure.counted, [size], "", "instructions", False, group=MICRO, memory=False,
               rounds=1)


# Operations are chosen so that a run takes about half a second here under an average allocator.
ROWS = [
    mixed(256, 30_000_000),
    mixed(8192, 30_000_000),
    mixed(65536, 15_000_000),
    mixed(400_000, 8_000_000),
    mixed(4_000_000, 7_000_000, 16, 64),
    larson("small", 1, 10_000_000, 8, 1000, 5000),
    larson("small", 2, 16_000_000, 8, 1000, 5000),
    larson("small", 8, 16_000_000, 8, 1000, 5000),
    larson("small", 32, 16_000_000, 8, 1000, 5000),
    larson("large", 1, 2_500_000, 2048, 32768, 1000),
    larson("large", 2, 3_000_000, 2048, 32768, 1000),
    larson("large", 8, 3_000_000, 2048, 32768, 1000),
    larson("large", 32, 3_000_000, 2048, 32768, 1000),
    exchange(1, 1, 4_000_000),
    exchange(4, 4, 6_000_000),
    held("oneway", "resident memory after long while one thread allocates and another frees",
         ["oneway", 4_000_000], "rss-end-kib", noted=["rss-tenth-kib", "ops/s"]),
    batch("same", 100),
    batch("reverse", 100),
    batch("random", 60),
    speed("pareto", "replacements of 16 bytes to 1 MiB, Pareto distributed",
          ["pareto", 20_000_000, 20000]),
    sharing("active", 4_000_000),
    sharing("passive", 4_000_000),
    speed("lifetimes", "short, long and shared lives, some ended by another of four threads",
          ["lifetimes", 30_000_000, 4]),
    brief_threads(1),
    brief_threads(8),
    speed("large-touch", "replacements of 100 KB..25 MB, every page written",
          ["large", 400, 16, "touch"]),
    speed("large-leave", "replacements of 100 KB..25 MB, nothing written",
          ["large", 100_000, 16, "leave"]),
    speed("grow-strings", "strings that grow by realloc to 4 KiB, some bytes at a time",
          ["grow", 10_000_000, 64, 4096, "strings"]),
    speed("grow-vectors", "vectors that double by realloc to 1 MB",
          ["grow", 60_000, 16, 1_048_576, "vectors"]),
    Row("grow-giant", "one vector that doubles by realloc to 1 GiB", measure.timed,
        ["grow", 25, 1, 1 << 30, "vectors"], "seconds", "s", False),
    speed("zeroed-small", "calloc of 16..1024 bytes", ["zeroed", 5_000_000, 4096, 16, 1024, 8]),
    speed("zeroed-large", "calloc of 64 KB..2 MB, every page written",
          ["zeroed", 6000, 64, 65536, 2_000_000, 4096]),
    speed("aligned", "blocks of alignments from 16 to 4096", ["aligned", 5_000_000, 4096, 16,
                                                               2048]),
    phases("ops"),
    phases("memory"),
    freed("freed", "resident memory right after the free of 8 million small blocks"),
    freed("trimmed", "the same after malloc_trim"),
    Row("empty", "wall clock of a process that does nothing, of a thousand", measure.startup,
        ["empty"], "spawn-wall-us", "us", False, runs=1000),
    scaling(1, 2, 6_000_000, 5, "growth/loop", "of the loop's"),
    scaling(2, 32, 16_000_000, 3, "growth", "times"),
    curve(100, 30_000_000),
    curve(1000, 30_000_000),
    curve(10_000, 20_000_000),
    curve(100_000, 10_000_000),
    curve(1_000_000, 4_000_000),
    curve(10_000_000, 2_000_000),
] + [pairs(size) for size in (16, 64, 256, 1000, 1280, 3000, 20000, 40000, 100_000)]
