"""results - reads the reports in a folder; prints what is wrong with them, else nothing.

    results.py FOLDER STATE     STATE: how the run ended, such as complete
"""
import csv
import math
import os
import re
import statistics
import sys

WANTED = ["row", "group", "allocator", "unit", "rounds", "median", "min", "max", "ratio_to_best",
          "peak_rss_kib", "rss_ratio", "minor_faults", "user_s", "system_s", "cpu_ratio",
          "served_by", "blocks_refilled", "note"]


def bad_line(line):
    """What is wrong with a CSV line of a measured cell."""
    for name in ("median", "min", "max", "ratio_to_best", "peak_rss_kib", "rss_ratio",
                 "minor_faults", "user_s", "system_s"):
        if not float(line[name]) >= 0 or name in ("median", "peak_rss_kib") and line[name] == "0":
            return name
    if not float(line["min"]) <= float(line["median"]) <= float(line["max"]):
        return "median outside min..max"
    if float(line["ratio_to_best"]) < 1 or float(line["rss_ratio"]) < 1:
        return "ratio below 1"
    mine = line["allocator"] == "hakmem"
    if ("hakmem" in os.path.basename(line["served_by"])) != mine:
        return "served_by"
    return "" if bool(line["blocks_refilled"]) == mine else "blocks_refilled"


def wrong_median(lines, folder):
    """The cell whose median is not that of its runs in runs.csv, or nothing."""
    with open(os.path.join(folder, "runs.csv"), encoding="utf-8", newline="") as file:
        runs = list(csv.DictReader(file))
    for line in lines:
        figures = [float(run["figure"]) for run in runs
                   if (run["row"], run["allocator"]) == (line["row"], line["allocator"])]
        if len(figures) != int(line["rounds"]) or figures and not math.isclose(
                statistics.median(figures), float(line["median"]), rel_tol=1e-4):
            return "%s %s" % (line["row"], line["allocator"])
    return ""


def problems(folder, state):
    with open(os.path.join(folder, "results.csv"), encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    if not lines or list(lines[0]) != WANTED:
        yield "the CSV has the columns %s" % (list(lines[0]) if lines else "of nothing")
        return
    measured = [line for line in lines if int(line["rounds"]) > 0]
    for line in measured:
        if bad_line(line):
            yield "the CSV line %s has a bad %s" % (list(line.values()), bad_line(line))
    wrong = wrong_median(lines, folder)
    if wrong:
        yield "runs.csv and results.csv disagree on " + wrong
    texts = []
    for name in ("results.md", "results.html"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            texts.append(file.read())
        for row in {line["row"] for line in measured} | {state, "Rows in which hakmem is behind"}:
            if row not in texts[-1]:
                yield "%s does not name %s" % (name, row)
    columns = {line.count("|") for line in re.findall(r"^\| (?:hakmem|glibc) \|.*", texts[0], re.M)}
    if not measured or columns - {11, 7}:
        yield "the Markdown tables have lines of %s bars" % columns
    if not texts[1].rstrip().endswith("</html>") or re.search(r"https?:|<script", texts[1]):
        yield "the page is cut short, or has a script or something from elsewhere"
    leftover = [name for name in os.listdir(folder) if name.endswith(".new")]
    if leftover:
        yield "left behind: %s" % leftover


print("; ".join(problems(sys.argv[1], sys.argv[2])), end="")
