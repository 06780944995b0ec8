"""summary - the tables of a report: means over rows, where hakmem is behind, each row by itself."""
import math

from lab import measure, paired

SUBJECT = "hakmem"
TIME_BAR, RSS_BAR = 1.05, 1.20      # above the best of the others, what is worth a line
GROUPS = {
    "pattern": "patterns", "real": "real programs", "scaling": "scaling over threads",
    "curve": "the working-set curve", "micro": "instructions per pair",
}


class Table:
    def __init__(self, title, header, lines, words=""):
        self.title = title
        self.header = header
        self.lines = lines
        self.words = words      # a sentence between title and table


def group_of(row):
    if row.measured is measure.counted:
        return "micro"
    return getattr(row, "group", "pattern")


def rows_of(report, *groups):
    return [row for row in report.rows if group_of(row) in groups]


def timed_rows(report):
    """All rows but those that count instructions."""
    return [row for row in report.rows if group_of(row) != "micro"]


def time_cost(row, cell):
    """The figure of a cell turned so that less is better; None where there is none."""
    value = cell.median() if cell.usable() else 0
    if value <= 0 or row.about == "memory":
        return None
    return 1 / value if row.more_is_better else value


def cpu_cost(row, cell):
    """User and system time: a busy machine disturbs it far less than the clock on the wall."""
    return cell.usable() and row.about == "time" and cell.cpu() or None


def held_cost(row, cell):
    """The figure of a row whose question is how much memory is held."""
    return cell.median() if cell.usable() and row.about == "memory" else None


def rss_cost(row, cell):
    known = row.memory and cell.usable() and all(sample.rss_kib for sample in cell.samples)
    return cell.median("rss_kib") if known else None


# What is compared: its name, its field in a sample, its cost, and the bar.
MEASURES = [("time", "value", time_cost, TIME_BAR),
            ("processor time", "cpu_s", cpu_cost, TIME_BAR),
            ("memory held", "value", held_cost, RSS_BAR),
            ("peak RSS", "rss_kib", rss_cost, RSS_BAR)]


def costs(report, row, cost):
    """name -> cost, for the allocators that have one in this row."""
    found = {name: cost(row, cell) for name, cell in report.cells[row.name].items()}
    return {name: value for name, value in found.items() if value is not None}


def best_other(report, row, name, cost):
    """The name of the best allocator beside NAME; None when there is none to compare."""
    found = costs(report, row, cost)
    others = {other: value for other, value in found.items() if other != name}
    return min(others, key=others.get) if name in found and others else None


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def against_others(report, rows, name, cost):
    """Ratios of NAME to the best of the others, one for each row that has both."""
    ratios = []
    for row in rows:
        other = best_other(report, row, name, cost)
        if other:
            found = costs(report, row, cost)
            ratios.append(found[name] / found[other])
    return ratios


def against_one(report, rows, name, other, cost):
    found = [costs(report, row, cost) for row in rows]
    return [each[name] / each[other] for each in found if name in each and other in each]


def mean_text(ratios):
    return "%.3f" % geometric_mean(ratios) if ratios else "-"


def group_table(report, title, words, measures):
    """A line for each group and measure: NAME and RATIOS(rows, name of an allocator)."""
    lines = []
    for group in GROUPS:
        rows = rows_of(report, group)
        for name, ratios in measures:
            found = [ratios(rows, a.name) for a in report.allocators]
            if any(found):
                lines.append(["%s: %s" % (GROUPS[group], name), str(max(map(len, found)))] +
                             list(map(mean_text, found)))
    return Table(title, ["group", "rows"] + [a.name for a in report.allocators], lines, words)


def means_table(report):
    """Each allocator against the best of all the others, by group."""
    return group_table(
        report, "Each allocator against the best of the others",
        "Geometric mean over the rows of a group; below 1 it leads. Time is the row's own figure, "
        "turned so that less is better; processor time is user and system.",
        [(title, lambda rows, name, cost=cost: against_others(report, rows, name, cost))
         for title, _, cost, _ in MEASURES])


def paired_table(report):
    """The same, with a rival for each round that the other rounds name."""
    return group_table(
        report, "The same, without the luck of the best",
        "The least of several noisy medians is lower than what its allocator takes: of equal "
        "allocators each would be behind the best of the others above. Here the rival of each "
        "round is the one that leads in the other rounds, and the ratio is to its run in the same "
        "round; the row's is the median over its rounds.",
        [(title, lambda rows, name, field=field: paired.ratios(report, rows, name, field))
         for title, field in (("time", "value"), ("processor time", "cpu_s"))])


def rivals_table(report):
    """hakmem against each competitor alone."""
    lines = []
    rows = timed_rows(report)
    for rival in (a.name for a in report.allocators if a.name != SUBJECT):
        time = against_one(report, rows, SUBJECT, rival, time_cost)
        cpu = against_one(report, rows, SUBJECT, rival, cpu_cost)
        rss = against_one(report, rows, SUBJECT, rival, rss_cost)
        lines.append([rival, str(len(time)), mean_text(time), mean_text(cpu), str(len(rss)),
                      mean_text(rss)])
    return Table("%s against each competitor" % SUBJECT,
                 ["competitor", "rows", "time", "processor time", "rows with RSS", "peak RSS"],
                 lines,
                 "Geometric mean of the ratio over all rows but those that count instructions; "
                 "below 1 %s is better." % SUBJECT)


def beyond(row, cell, other, field):
    """Is the worst round of OTHER still better than the best of CELL? One round cannot tell."""
    mine, theirs = cell.spread(field), other.spread(field)
    if len(cell.samples) < 2 or len(other.samples) < 2:
        return "one round"
    more = field == "value" and row.more_is_better
    return "yes" if (mine[1] < theirs[0] if more else mine[0] > theirs[1]) else "no"


def behind(report):
    """(row, what, ratio, best other, beyond the spread) of each row in which hakmem is behind."""
    found = []
    for what, field, cost, bar in MEASURES:
        for row in timed_rows(report):
            other = best_other(report, row, SUBJECT, cost)
            if not other:
                continue
            cells, all_costs = report.cells[row.name], costs(report, row, cost)
            ratio = all_costs[SUBJECT] / all_costs[other]
            if ratio > bar:
                found.append((row, what, ratio, other,
                              beyond(row, cells[SUBJECT], cells[other], field)))
    return found


def behind_table(report):
    lines = [[row.name, what, "%.2f" % ratio, other, clear]
             for row, what, ratio, other, clear in behind(report)]
    return Table("Rows in which %s is behind" % SUBJECT,
                 ["row", "in", "ratio", "best of the others", "beyond the spread"], lines,
                 "Above %.2f in time or %.2f in peak RSS of the best of the others%s" % (
                     TIME_BAR, RSS_BAR, "." if lines else ": none."))


def ratio_table(report, title, ratio):
    """Ratios by row, and their geometric mean over the rows that all took part in."""
    names = [a.name for a in report.allocators]
    lines, common = [], []
    for row in report.rows:
        cells = [report.cells[row.name][name] for name in names]
        found = [ratio(row, cell) if cell.usable() else None for cell in cells]
        if any(found):
            lines.append([row.name] + ["%.2f" % r if r else "-" for r in found])
        if all(found):
            common.append(found)
    if common:
        lines.append(["geometric mean"] + list(map(mean_text, zip(*common))))
    return Table(title, ["row"] + names, lines)


def leading(report):
    """The tables that say how hakmem stands."""
    found = [means_table(report), paired_table(report)]
    if any(a.name == SUBJECT for a in report.allocators):
        found += [rivals_table(report), behind_table(report)]
    return found


def overviews(report):
    """The tables of ratios with a line for each row."""
    return [ratio_table(report, *each) for each in (
        ("Ratio to the best of each row (1.00 is the best)", report.ratio),
        ("Peak RSS, ratio to the least of each row", report.rss_ratio),
        ("Processor time, ratio to the least of each row", report.cpu_ratio))]
