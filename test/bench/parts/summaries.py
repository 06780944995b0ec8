"""summaries - gives a report known figures, checks its summaries, and writes its page to FILE as
where no gnuplot is. Prints what is wrong, else nothing.
"""
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "bench"))
from lab import allocators, measure, page, plots, report, rows, summary  # noqa: E402


class Rate(rows.Row):
    """A row of which more is better, in seconds it would be 1 over its figure."""

    def __init__(self, name, group):
        rows.Row.__init__(self, name, "asked", None, ["none"], "", "ops/s", True)
        self.group = group


class Held(rows.Row):
    """A row whose figure is memory: it enters no mean of times, nor of peaks."""

    def __init__(self):
        rows.Row.__init__(self, "kept", "asked", None, ["none"], "", "KiB", False,
                          about="memory", memory=False)


class Count(rows.Row):
    def __init__(self):
        rows.Row.__init__(self, "count", "asked", measure.counted, [16], "", "instructions", False,
                          rounds=1)


def filled(figures):
    """A report of the allocators hakmem, a, b with {row: [(value, RSS, user time or nothing)] in
    their order}; system time is a tenth of a second."""
    names = ["hakmem", "a", "b"]
    made = report.Report([allocators.Allocator(name, "/" + name) for name in names], [], "", "none")
    for row, values in figures.items():
        cells = made.open_row(row)
        for name, (value, rss, *user) in zip(names, values):
            lines = {"rss-kib": str(rss)} if rss else {}
            if user:
                lines.update({"spawn-user-s": str(user[0]), "spawn-system-s": "0.1"})
            cells[name].samples = [measure.Sample(value * by, lines) for by in (1, 1, 1.01)]
    return made


def close(one, other):
    return abs(one - other) < 1e-9


made = filled({
    Rate("fast", "pattern"): [(200, 10), (100, 20), (50, 40)],          # time 0.5, RSS 0.5
    Rate("slow", "pattern"): [(100, 50), (200, 40), (50, 25)],          # time 2, RSS 2
    Rate("real-even", "real"): [(100, 30, 1.9), (100, 30, 0.9), (100, 30, 3.9)],
    Rate("near", "scaling"): [(100, 30), (104, 30), (50, 30)],          # within both bars
    Held(): [(300, 90), (100, 10), (400, 10)],
    Count(): [(900, None), (9, None), (9, None)],
})
against = []
patterns = summary.rows_of(made, "pattern")
if summary.held_cost(patterns[0], made.cells["fast"]["a"]) is not None:
    against.append("a time was taken for memory held")
for found, wanted in (
        (summary.against_others(made, patterns, "hakmem", summary.time_cost), [0.5, 2.0]),
        (summary.against_others(made, patterns, "hakmem", summary.rss_cost), [0.5, 2.0]),
        (summary.against_others(made, patterns, "b", summary.time_cost), [4.0, 4.0]),
        (summary.against_one(made, summary.timed_rows(made), "hakmem", "a", summary.time_cost),
         [0.5, 2.0, 1.0, 1.04])):
    if len(found) != len(wanted) or not all(map(close, found, wanted)):
        against.append("%s where %s was due" % (found, wanted))
if not close(summary.geometric_mean([0.5, 2.0, 8.0]), 2.0) or math.isnan(
        summary.geometric_mean([1.0])):
    against.append("the geometric mean is none")
lines = summary.behind_table(made).lines
if lines != [["slow", "time", "2.00", "a", "yes"],
             ["real-even", "processor time", "2.00", "a", "yes"],
             ["kept", "memory held", "3.00", "a", "yes"],
             ["slow", "peak RSS", "2.00", "b", "yes"]]:
    against.append("behind: %s" % lines)
# By hand: a leads by its median, 8, but in the rounds that others than its good ones choose it has
# a bad one. hakmem to b in round 1, to a in rounds 2 and 3: 10/20, 10/8, 10/20.
lucky = filled({Rate("lucky", "pattern"): [(1, 1), (1, 1), (1, 1)]})
for name, times in (("hakmem", (10, 10, 10)), ("a", (8, 8, 20)), ("b", (20, 12, 12))):
    for sample, time in zip(lucky.cells["lucky"][name].samples, times):
        sample.value = 1 / time
for lines, wanted in ((summary.means_table(lucky).lines[0], "1.250"),
                      (summary.paired_table(lucky).lines[0], "0.500")):
    if lines[:3] != ["patterns: time", "1", wanted]:
        against.append("%s where %s was due" % (lines, wanted))
rivals = summary.rivals_table(made).lines
if rivals[0] != ["a", "4", "1.010", "2.000", "4", "0.889"]:
    against.append("against a: %s" % rivals[0])

plots.can_draw = lambda: False
with open(sys.argv[1], "w", encoding="utf-8") as file:
    page.write(made, file)
print("; ".join(against), end="")
