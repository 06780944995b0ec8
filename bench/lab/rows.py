"""rows - what is measured: each row is a benchmark with its arguments and the figure it gives."""
from lab import measure, programs


class Row:
    def __init__(self, name, measured, words, key, unit, more_is_better, runs=1, rounds=None):
        self.name = name
        self.measured = measured              # how: a function of measure.py
        self.words = words                    # the program and its arguments
        self.key = key                        # the line of its output that holds the figure
        self.unit = unit
        self.more_is_better = more_is_better
        self.runs = runs                      # executions behind one figure
        self.rounds = rounds                  # None: as many as the caller asks for

    def ratio(self, value, best):
        """How far VALUE is behind BEST: 1.00 is the best, 2.00 half as good."""
        good, bad = (value, best) if self.more_is_better else (best, value)
        return bad / good if good > 0 else float("inf")


def mixed(slots, ops):
    return Row("mixed-%d" % slots, measure.timed, ["random_mixed", ops, slots, 16, 1024, 1],
               "ops/s", "ops/s", True)


def larson(name, threads, ops, low, high, blocks):
    return Row("larson-%s-%d" % (name, threads), measure.timed,
               ["larson", ops, threads, low, high, blocks, 10], "ops/s", "ops/s", True)


def brief_threads(at_once):
    return Row("threads-%d" % at_once, measure.threads, ["threads", 20000, at_once, 64],
               "us/thread", "us", False)


def pairs(size):
    return Row("pairs-%d" % size, measure.counted, [size], "", "instructions", False, rounds=1)


# Operations are chosen so that a run takes about a second here under an average allocator.
ROWS = [
    mixed(256, 60_000_000),
    mixed(8192, 50_000_000),
    mixed(65536, 25_000_000),
    mixed(400_000, 20_000_000),
    larson("small", 1, 30_000_000, 8, 1000, 5000),
    larson("small", 2, 60_000_000, 8, 1000, 5000),
    larson("small", 8, 60_000_000, 8, 1000, 5000),
    larson("large", 1, 6_000_000, 2048, 32768, 1000),
    larson("large", 2, 8_000_000, 2048, 32768, 1000),
    larson("large", 8, 8_000_000, 2048, 32768, 1000),
    Row("empty", measure.startup, ["empty"], "spawn-wall-us", "us", False, runs=200),
    brief_threads(1),
    brief_threads(8),
] + [pairs(size) for size in (16, 64, 256, 1000, 1280, 3000, 20000, 40000, 100_000)] + programs.ROWS
