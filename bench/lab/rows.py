"""rows - what is measured: each row is a benchmark with its arguments and the figure it gives."""
from lab import measure, programs

PATTERN, CURVE, SCALING, MICRO = "pattern", "curve", "scaling", "micro"


class Row:
    env = ()                                  # what only a real program is set to

    def __init__(self, name, question, measured, words, key, unit, more_is_better,
                 group=PATTERN, about="time", memory=True, noted=(), runs=1, rounds=None):
        self.name = name
        self.question = question
        self.measured = measured              # how: a function of measure.py
        self.words = words                    # the program and its arguments
        self.key = key                        # the line of its output that holds the figure
        self.unit = unit
        self.more_is_better = more_is_better
        self.group = group                    # rows of one kind, whose ratios have a mean
        self.about = about                    # what the figure is of: "time" or "memory"
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
    return Row(name, question, measure.timed, words, key, unit, False, about="memory", **more)


def mixed(slots, ops, low=16, high=1024):
    asked = "how many mallocs and frees of mixed sizes in random order, %d slots?" % slots
    return speed("mixed-%d" % slots, asked, ["random_mixed", ops, slots, low, high, 1])


def larson(name, threads, ops, low, high, blocks):
    asked = ("how many replacements of %d..%d bytes, handed down 10 times by each of %d threads?"
             % (low, high, threads))
    return speed("larson-%s-%d" % (name, threads), asked,
                 ["larson", ops, threads, low, high, blocks, 10])


def exchange(producers, consumers, ops):
    asked = "how many blocks go from %d allocating to %d freeing threads?" % (producers, consumers)
    return speed("exchange-%d-%d" % (producers, consumers), asked,
                 ["exchange", ops, producers, consumers, 16, 512])


def batch(order, rounds):
    asked = "how many blocks, when 100,000 are allocated and freed in %s order?" % order
    return speed("batch-" + order, asked, ["batch", 100_000, rounds, 16, 256, order])


def sharing(mode, rounds):
    return speed("sharing-" + mode, "does %s false sharing slow down two threads?" % mode,
                 ["sharing", rounds, 2, 8, 400, mode], memory=False)


def brief_threads(at_once):
    asked = "what does a thread cost that allocates 64 KiB and ends, %d at once?" % at_once
    return Row("threads-%d" % at_once, asked, measure.timed, ["threads", 10000, at_once, 64],
               "us/thread", "us", False, noted=["rss-start-kib", "rss-tenth-kib", "rss-end-kib"])


# Speed and peak in one row, what is left at the end in another, from the same program.
PHASES = ["phases", 8, 32768, 16]
PHASES_NOTED = ["peak-live-kib", "peak-rss/live", "end-rss/live"]


def freed(name, question, key):
    return held(name, question, ["freed", 8_000_000, 24, 64], key,
                noted=["live-kib", "rss-live-kib", "rss-freed-kib", "rss-trimmed-kib"])


def scaling(few, many, ops, rounds, key, unit):
    asked = "what is the throughput of %d threads that share nothing over that of %d?" % (many, few)
    return Row("scaling-%d-%d" % (few, many), asked, measure.timed,
               ["scaling", ops, few, many, rounds], key, unit, True, group=SCALING, memory=False,
               noted=["growth", "growth-loop", "ops/s-few", "ops/s-many"])


def curve(live, ops):
    asked = "what does a replacement cost with %d live blocks of 16..128 bytes?" % live
    return Row("curve-%d" % live, asked, measure.timed, ["curve", ops, live, 16, 128], "ns/op",
               "ns", False, group=CURVE)


def pairs(size):
    asked = "how many instructions do a malloc and its free of %d bytes take?" % size
    return Row("pairs-%d" % size, asked, measure.counted, [size], "", "instructions", False,
               group=MICRO, memory=False, rounds=1)


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
    larson("small", 32, 10_000_000, 8, 1000, 5000),
    larson("large", 1, 2_500_000, 2048, 32768, 1000),
    larson("large", 2, 3_000_000, 2048, 32768, 1000),
    larson("large", 8, 3_000_000, 2048, 32768, 1000),
    larson("large", 32, 2_000_000, 2048, 32768, 1000),
    exchange(1, 1, 4_000_000),
    exchange(4, 4, 6_000_000),
    held("oneway", "does memory stay flat while one thread only allocates and another only frees?",
         ["oneway", 4_000_000], "rss-end-kib", noted=["rss-tenth-kib", "ops/s"]),
    batch("same", 80),
    batch("reverse", 100),
    batch("random", 60),
    speed("pareto", "how many replacements of 16 bytes to 1 MiB, by Pareto's distribution?",
          ["pareto", 20_000_000, 20000]),
    sharing("active", 3_000_000),
    sharing("passive", 3_000_000),
    speed("lifetimes", "how many blocks of short, long and shared lives, of four threads?",
          ["lifetimes", 20_000_000, 4]),
    brief_threads(1),
    brief_threads(8),
    speed("large-touch", "how many replacements of 100 KB..25 MB, with every page written?",
          ["large", 400, 16, "touch"]),
    speed("large-leave", "how many replacements of 100 KB..25 MB, with nothing written?",
          ["large", 100_000, 16, "leave"]),
    speed("grow-strings", "how many reallocs of strings that grow to 4 KiB, some bytes at a time?",
          ["grow", 10_000_000, 64, 4096, "strings"]),
    speed("grow-vectors", "how many reallocs of vectors that double up to 1 MiB?",
          ["grow", 60_000, 16, 1_048_576, "vectors"]),
    Row("grow-giant", "what does one vector cost that doubles by realloc to 1 GiB?", measure.timed,
        ["grow", 25, 1, 1 << 30, "vectors"], "seconds", "s", False),
    speed("zeroed-small", "how many callocs of 16..1024 bytes?",
          ["zeroed", 5_000_000, 4096, 16, 1024, 8]),
    speed("zeroed-large", "how many callocs of 64 KiB..2 MB, with every page written?",
          ["zeroed", 4000, 64, 65536, 2_000_000, 4096]),
    speed("aligned", "how many blocks of alignments from 16 to 4096?",
          ["aligned", 5_000_000, 4096, 16, 2048]),
    speed("phases", "how many blocks, when sizes shift over 8 phases and one block of 16 stays?",
          PHASES, noted=PHASES_NOTED),
    held("phases-end", "how much memory is held per live byte when one block of 16 is left?",
         PHASES, "end-rss/live", "times", noted=PHASES_NOTED),
    freed("freed", "how much memory is held right after the free of 8 million small blocks?",
          "rss-freed-kib"),
    freed("freed-trimmed", "how much is held after the allocator's own call for giving it back?",
          "rss-trimmed-kib"),
    # Five rounds start a thousand processes.
    Row("empty", "how long does a process take that does nothing?",
        measure.startup, ["empty"], "spawn-wall-us", "us", False, runs=200),
    scaling(1, 2, 5_000_000, 5, "growth/loop", "of the loop's"),
    scaling(2, 32, 10_000_000, 3, "growth", "times"),
    curve(100, 30_000_000),
    curve(1000, 30_000_000),
    curve(10_000, 20_000_000),
    curve(100_000, 10_000_000),
    curve(1_000_000, 4_000_000),
    curve(10_000_000, 2_000_000),
] + [pairs(size) for size in (16, 64, 256, 1000, 1280, 3000, 20000, 40000, 100_000)] + programs.ROWS
