"""report - what was measured, written as results.csv and runs.csv for programs, results.md and
results.html."""
import csv
import os
import platform
import statistics
import time

from lab import code, page, summary
from lab.allocators import HAKMEM

COLUMNS = ["row", "group", "allocator", "unit", "rounds", "median", "min", "max", "ratio_to_best",
           "peak_rss_kib", "rss_ratio", "minor_faults", "user_s", "system_s", "cpu_ratio",
           "served_by", "blocks_refilled", "note"]
RUN_COLUMNS = ["row", "allocator", "round", "figure", "unit", "peak_rss_kib", "minor_faults",
               "user_s", "system_s"]
HEADER = ["allocator", "median", "min..max", "ratio", "peak RSS KiB", "faults", "user s",
          "system s", "served by", "note"]


class Cell:
    """One row under one allocator: its samples so far, or why there are none."""

    def __init__(self):
        self.samples = []
        self.problem = ""

    def usable(self):
        return bool(self.samples) and not self.problem

    def median(self, field="value"):
        return statistics.median(getattr(sample, field) for sample in self.samples)

    def cost(self, field, show):
        """The median of FIELD as SHOW writes it; nothing where the row does not measure it."""
        if any(getattr(sample, field) is None for sample in self.samples):
            return ""
        return show(self.median(field))

    def cpu(self):
        """The median of user and system time in seconds; None where it was not measured."""
        known = all(sample.cpu_s is not None for sample in self.samples)
        return self.median("cpu_s") if known else None

    def spread(self, field="value"):
        values = [getattr(sample, field) for sample in self.samples]
        return min(values), max(values)


class Report:
    def __init__(self, allocators, missing, folder, command):
        self.allocators = allocators
        self.missing = missing
        self.folder = folder
        self.command = command
        self.rows = []    # in the order in which they were begun
        self.cells = {}   # row name -> allocator name -> Cell
        self.state = "unfinished"
        self.code = code.facts(HAKMEM)
        self.load = os.getloadavg()[0]  # what else keeps the machine busy
        self.started = time.strftime("%Y-%m-%d %H:%M:%S %z")

    def open_row(self, row):
        self.rows.append(row)
        self.cells[row.name] = {a.name: Cell() for a in self.allocators}
        return self.cells[row.name]

    def best(self, row):
        """The best median of the row; None when nobody has one."""
        values = [c.median() for c in self.cells[row.name].values() if c.usable()]
        if not values:
            return None
        return max(values) if row.more_is_better else min(values)

    def ratio(self, row, cell):
        return row.ratio(cell.median(), self.best(row))

    def cpu_ratio(self, row, cell):
        """User and system time over the least of the row; None where the row has none."""
        times = [c.cpu() for c in self.cells[row.name].values() if c.usable()]
        return cell.cpu() / min(times) if all(times) else None

    def rss_ratio(self, row, cell):
        """Peak RSS over the least of the row; None where the row does not measure it."""
        found = summary.costs(self, row, summary.rss_cost)
        mine = summary.rss_cost(row, cell)
        return mine / min(found.values()) if mine else None

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        replace(os.path.join(self.folder, "results.csv"), self.write_csv)
        replace(os.path.join(self.folder, "runs.csv"), self.write_runs)
        replace(os.path.join(self.folder, "results.md"), self.write_markdown)

    def write_page(self):
        """The page, whose plots take a second: after each row, not after each round."""
        replace(os.path.join(self.folder, "results.html"), lambda file: page.write(self, file))

    def write_csv(self, file):
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for row in self.rows:
            for name, cell in self.cells[row.name].items():
                out.writerow(self.csv_line(row, name, cell))

    def write_runs(self, file):
        """Every single run, for who wants another statistic than the median."""
        out = csv.writer(file, lineterminator="\n")
        out.writerow(RUN_COLUMNS)
        for row in self.rows:
            for name, cell in self.cells[row.name].items():
                for turn, run in enumerate(cell.samples, 1):
                    out.writerow([row.name, name, turn, run.value, row.unit, run.rss_kib,
                                  run.faults, run.user_s, run.system_s])

    def csv_line(self, row, name, cell):
        start = [row.name, summary.group_of(row), name, row.unit]
        if not cell.usable():
            return start + [0] + [""] * (len(COLUMNS) - 6) + [cell.problem or "not run"]
        low, high = cell.spread()
        last = cell.samples[-1]
        return start + [
            len(cell.samples), "%.6g" % cell.median(), "%.6g" % low, "%.6g" % high,
            ratio_text(self.ratio(row, cell)), cell.cost("rss_kib", whole),
            ratio_text(self.rss_ratio(row, cell)), cell.cost("faults", whole),
            cell.cost("user_s", seconds), cell.cost("system_s", seconds),
            ratio_text(self.cpu_ratio(row, cell)), last.served_by, last.refilled, last.note]

    def facts(self):
        """What was run, when and where."""
        yield "%s, %s." % (self.started, self.state)
        yield "%s; %d CPUs; %s %s; load average %.1f at the start, %.1f at the end." % (
            cpu_model(), os.cpu_count(), platform.system(), platform.release(), self.load,
            os.getloadavg()[0])
        yield self.code

    def row_tables(self):
        return [self.row_table(row) for row in self.rows]

    def row_table(self, row):
        words = " ".join([*row.env, *(str(word) for word in row.words)])
        if row.rounds is not None:
            words = "pairs " + words
        lines = [self.row_line(row, name, cell) for name, cell in self.cells[row.name].items()]
        return summary.Table(row.name, HEADER, lines, "%s: %s, %s is better." % (
            words, row.unit, "more" if row.more_is_better else "less"))

    def row_line(self, row, name, cell):
        if not cell.usable():
            return [name] + [""] * (len(HEADER) - 2) + [cell.problem or "not run"]
        low, high = cell.spread()
        last = cell.samples[-1]
        served = os.path.basename(last.served_by)
        if last.refilled:
            served += ", %s blocks" % last.refilled
        return [name, figure(cell.median()), "%s..%s" % (figure(low), figure(high)),
                "%.2f" % self.ratio(row, cell), cell.cost("rss_kib", figure),
                cell.cost("faults", figure), cell.cost("user_s", seconds),
                cell.cost("system_s", seconds), served, last.note]

    def write_markdown(self, file):
        file.write("# Benchmark results\n\n`%s`\n\n" % self.command)
        for sentence in self.facts():
            file.write(sentence + "\n\n")
        for allocator in self.allocators:
            file.write("- %s: `%s`\n" % (allocator.name, allocator.place()))
        for sentence in self.missing:
            file.write("- %s\n" % sentence)
        for table in summary.leading(self) + summary.overviews(self) + self.row_tables():
            write_table(file, table)


def write_table(file, table):
    file.write("\n## %s\n\n" % table.title)
    if table.words:
        file.write(table.words + "\n\n")
    if not table.lines:
        return
    file.write(markdown(table.header) + markdown(["---"] + ["---:"] * (len(table.header) - 1)))
    for line in table.lines:
        file.write(markdown(line))


def replace(path, write):
    """Writes a file beside PATH and puts it in its place, so that PATH is whole at any time."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        write(file)
    os.replace(path + ".new", path)


def markdown(cells):
    return "| %s |\n" % " | ".join(cell.replace("|", "/") for cell in cells)


def figure(value):
    """A number as people read it: 4.21 M, 12,300, 61.25."""
    if value >= 1e6:
        return "%.2f M" % (value / 1e6)
    return "{:,.0f}".format(value) if value >= 1000 or value == int(value) else "%.2f" % value


def ratio_text(value):
    return "" if value is None else "%.4f" % value


def whole(value):
    return "%.0f" % value


def seconds(value):
    return "%.4g" % value


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
