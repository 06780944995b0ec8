"""report - what is written: results.csv for programs, results.md for people."""
import csv
import math
import os
import platform
import statistics
import time

COLUMNS = ["row", "allocator", "unit", "rounds", "median", "min", "max", "ratio_to_best",
           "peak_rss_kib", "minor_faults", "user_s", "system_s", "served_by", "blocks_refilled",
           "note"]


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
        times = [(sample.user_s, sample.system_s) for sample in self.samples]
        return None if (None, None) in times else statistics.median(map(sum, times))

    def spread(self):
        values = [sample.value for sample in self.samples]
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

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        replace(os.path.join(self.folder, "results.csv"), self.write_csv)
        replace(os.path.join(self.folder, "results.md"), self.write_markdown)

    def write_csv(self, file):
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for row in self.rows:
            for name, cell in self.cells[row.name].items():
                out.writerow(self.csv_line(row, name, cell))

    def csv_line(self, row, name, cell):
        if not cell.usable():
            return [row.name, name, row.unit, 0] + [""] * 10 + [cell.problem or "not run"]
        low, high = cell.spread()
        last = cell.samples[-1]
        return [row.name, name, row.unit, len(cell.samples), "%.6g" % cell.median(),
                "%.6g" % low, "%.6g" % high, "%.4f" % self.ratio(row, cell),
                cell.cost("rss_kib", whole), cell.cost("faults", whole),
                cell.cost("user_s", seconds), cell.cost("system_s", seconds),
                last.served_by, last.refilled, last.note]

    def write_markdown(self, file):
        file.write("# Benchmark results\n\n`%s`, %s, %s.\n\n" % (
            self.command, self.started, self.state))
        file.write("%s; %d CPUs; %s %s; load average %.1f at the start, %.1f at the end.\n\n" % (
            cpu_model(), os.cpu_count(), platform.system(), platform.release(), self.load,
            os.getloadavg()[0]))
        for allocator in self.allocators:
            file.write("- %s: `%s`\n" % (allocator.name, os.path.realpath(allocator.path)))
        for sentence in self.missing:
            file.write("- %s\n" % sentence)
        self.write_overviews(file)
        for row in self.rows:
            self.write_row(file, row)

    def write_overviews(self, file):
        """Ratios by the figures themselves, and by what a loaded machine disturbs far less."""
        self.write_overview(file, "Ratio to the best of each row (1.00 is the best)", self.ratio)
        self.write_overview(file, "Processor time, ratio to the least of each row", self.cpu_ratio)

    def write_overview(self, file, title, ratio):
        """A table of ratios, and their geometric mean over the rows that all took part in."""
        names = [a.name for a in self.allocators]
        file.write("\n## %s\n\n" % title)
        file.write(markdown(["row"] + names) + markdown(["---"] + ["---:"] * len(names)))
        common = []
        for row in self.rows:
            cells = [self.cells[row.name][name] for name in names]
            found = [ratio(row, c) if c.usable() else None for c in cells]
            if any(found):
                file.write(markdown([row.name] + ["%.2f" % r if r else "-" for r in found]))
            if all(found):
                common.append(found)
        if common:
            means = [math.exp(sum(map(math.log, column)) / len(common)) for column in zip(*common)]
            file.write(markdown(["geometric mean"] + ["%.2f" % mean for mean in means]))

    def write_row(self, file, row):
        words = " ".join(str(word) for word in row.words)
        if row.rounds is not None:
            words = "pairs " + words
        file.write("\n## %s\n\n`%s`, %s, %s is better.\n\n" % (
            row.name, words, row.unit, "more" if row.more_is_better else "less"))
        file.write(markdown(["allocator", "median", "min..max", "ratio", "peak RSS KiB",
                             "faults", "user s", "system s", "note"]))
        file.write(markdown(["---"] + ["---:"] * 7 + ["---"]))
        for name, cell in self.cells[row.name].items():
            file.write(self.markdown_line(row, name, cell))

    def markdown_line(self, row, name, cell):
        if not cell.usable():
            return markdown([name] + [""] * 7 + [cell.problem or "not run"])
        low, high = cell.spread()
        return markdown([
            name, figure(cell.median()), "%s..%s" % (figure(low), figure(high)),
            "%.2f" % self.ratio(row, cell), cell.cost("rss_kib", figure),
            cell.cost("faults", figure), cell.cost("user_s", seconds),
            cell.cost("system_s", seconds), cell.samples[-1].note])


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
