"""plots - the pictures of the page, drawn by gnuplot as SVG that stands in the page itself."""
import html
import os
import re
import shutil
import subprocess

from lab import summary

# Told apart also by those who see few colours, on white and on black; hakmem has the first.
COLOURS = ["#d55e00", "#8a8d91", "#2f86c8", "#1a9e77", "#cc79a7", "#d9a400", "#7d6bd0", "#5fa32b"]
PER_CHART = 6       # rows in one chart of bars
CUT = 3.0           # a longer bar is cut and bears its number
FAMILY = re.compile(r"(.+)-(1|2|8|32)$")
CURVE = re.compile(r"curve-(\d+)$")
DRAWN = {}          # script -> picture, so that a plot is drawn again only when it has changed


def colour(index):
    return COLOURS[index % len(COLOURS)]


def can_draw():
    return shutil.which("gnuplot") is not None


def chapters(report):
    """(title, words, [(name, picture)]), without those that have nothing to show."""
    for title, words, pictures in (
            ("Ratio to the best of each row", "Shorter is better; 1 is the best of the row. A bar "
             "above %g is cut and bears its number." % CUT, bars(report)),
            ("Time against memory", "Each small dot is a row, each large one the geometric mean: "
             "ratios to the best of the row, so bottom left is best.", scatters(report)),
            ("Scaling over threads", "The figure of each row over its number of threads.",
             scaling(report)),
            ("Cost over the working set", "Live blocks against the cost of an operation, both on "
             "logarithmic axes; lower is better.", curve(report))):
        drawn = [(name, draw(name, size, script)) for name, size, script in pictures]
        if drawn:
            yield title, words, drawn


def draw(name, size, script):
    """The SVG of a script, made to stand in a page: colours of the page, names of its own."""
    if script in DRAWN:
        return DRAWN[script]
    name = re.sub(r"\W+", "_", name)
    head = ("set encoding utf8\nset terminal svg size %d,%d noenhanced font 'sans-serif,12' "
            "name '%s'\nunset key\nset border 3 lc rgb '#808080'\nset tics nomirror out\n"
            "set grid ytics lc rgb '#808080' lw 0.4 dt 3\n" % (size[0], size[1], name))
    done = subprocess.run(["gnuplot"], input=head + script, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False,
                          env=dict(os.environ, LC_ALL="C"))
    if done.returncode or "</svg>" not in done.stdout:
        return "<p class=\"missing\">gnuplot cannot draw this: %s</p>" % html.escape(
            done.stderr.strip()[-300:])
    DRAWN[script] = inline(done.stdout, name)
    return DRAWN[script]


def inline(svg, name):
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r"<desc>.*?</desc>\s*|<filter.*?</filter>\s*|\sid=.gnuplot_canvas.", "", svg,
                 flags=re.S)
    svg = re.sub(r"(id=['\"]|href=['\"]#|url\(#)gp", r"\1%s_gp" % name, svg)
    svg = re.sub(r"(fill|stroke|color)=(['\"])(?:black|rgb\(\s*0,\s*0,\s*0\))\2",
                 r"\1=\2currentColor\2", svg)
    return svg.strip()


def first_on_top(report):
    """(index, allocator), the first one last: what is drawn last hides what lies below it."""
    return reversed(list(enumerate(report.allocators)))


def block(name, points):
    """A named data block; gnuplot wants at least one line in it."""
    lines = [" ".join("%.6g" % value for value in point) for point in points]
    return "$%s << EOD\n%s\nEOD\n" % (name, "\n".join(lines or ["NaN NaN"]))


def quoted(words):
    return "'%s'" % words.replace("'", "''")


def bars(report):
    for group, title in summary.GROUPS.items():
        rows = [row for row in summary.rows_of(report, group) if report.best(row)]
        for first in range(0, len(rows), PER_CHART):
            chosen = rows[first:first + PER_CHART]
            yield "bars %s %d" % (title, first), (1000, 260), bar_script(report, title, chosen)


def bar_script(report, title, rows):
    count = len(report.allocators)
    width = 0.84 / count
    script, parts, highest = "", [], 1.0
    for index, allocator in enumerate(report.allocators):
        points = []
        for at, row in enumerate(rows):
            cell = report.cells[row.name][allocator.name]
            if not cell.usable():
                continue
            ratio, x = report.ratio(row, cell), at + (index - (count - 1) / 2) * width
            points.append((x, min(ratio, CUT)))
            highest = max(highest, min(ratio, CUT))
            if ratio > CUT:
                script += "set label '%.1f' at %.4f,%g center offset 0,0.45 font ',9'\n" % (
                    ratio, x, CUT)
        script += block("d%d" % index, points)
        parts.append("$d%d using 1:2 with boxes fs solid noborder lc rgb '%s'" % (
            index, colour(index)))
    names = ", ".join("%s %d" % (quoted(row.name), at) for at, row in enumerate(rows))
    script += "set xtics (%s) scale 0\nset xrange [-0.6:%g]\nset yrange [0:%.3f]\n" % (
        names, max(len(rows), PER_CHART) - 0.4, highest * 1.1)
    script += "set ylabel %s\nset boxwidth %.4f\n" % (quoted(title), width * 0.92)
    script += "set arrow from graph 0,first 1 to graph 1,first 1 nohead lc rgb '#808080' lw 1\n"
    return script + "plot " + ", ".join(parts) + "\n"


def scatters(report):
    for group, title in summary.GROUPS.items():
        script = scatter_script(report, title, summary.rows_of(report, group))
        if script:
            yield "time against memory, " + title, (495, 400), script


def scatter_points(report, rows, allocator):
    """(time ratio, RSS ratio) of the rows in which the allocator has both."""
    points = []
    for row in rows:
        cell = report.cells[row.name][allocator.name]
        memory = report.rss_ratio(row, cell)
        if memory and cell.usable():
            points.append((report.ratio(row, cell), memory))
    return points


def scatter_script(report, title, rows):
    script, parts, most = "", [], [1.2, 1.2]
    for index, allocator in first_on_top(report):
        points = scatter_points(report, rows, allocator)
        if not points:
            continue
        axes = list(zip(*points))
        most = [max(limit, *axis) for limit, axis in zip(most, axes)]
        script += block("r%d" % index, points)
        script += block("m%d" % index, [map(summary.geometric_mean, axes)])
        parts.append("$r%d using 1:2 with points pt 7 ps 0.5 lc rgb '%s'" % (
            index, colour(index)))
        parts.append("$m%d using 1:2 with points pt 7 ps 1.1 lc rgb '%s'" % (index, colour(index)))
    if not parts:
        return ""
    parts.sort(key=lambda part: part[1] == "m")
    for axis, limit in zip("xy", most):
        script += "set logscale %s\nset %stics (%s)\nset %srange [0.95:%g]\n" % (
            axis, axis, log_tics(limit), axis, limit * 1.15)
    script += "set title %s\nset xlabel 'time'\nset ylabel 'peak RSS'\n" % quoted(title)
    return script + "set grid xtics\nplot " + ", ".join(parts) + "\n"


def log_tics(limit):
    """Numbers along a ratio's logarithmic axis, fewer the longer it is."""
    steps = [1, 1.1, 1.2, 1.5, 2] if limit < 2.5 else [1, 1.5, 2, 3, 5, 10] if limit < 15 else \
        [10.0 ** power for power in range(12)]
    return ", ".join("'%g' %g" % (step, step) for step in steps if step <= limit * 1.15)


def lines_script(report, points_of):
    """Lines with a mark at each point, one for each allocator; "" when nobody has two points."""
    script, parts = "", []
    for index, allocator in first_on_top(report):
        points = points_of(allocator.name)
        if len(points) < 2:
            continue
        script += block("l%d" % index, points)
        parts.append("$l%d using 1:2 with linespoints pt 7 ps 0.4 lw 1.8 lc rgb '%s'" % (
            index, colour(index)))
    return script + "plot " + ", ".join(parts) + "\n" if parts else ""


def usable_points(report, rows, name, value):
    """(x, VALUE) of the rows (x, row) in which the allocator NAME has a figure."""
    return [(x, value(row, report.cells[row.name][name])) for x, row in rows
            if report.cells[row.name][name].usable()]


def scaling(report):
    families = {}
    for row in summary.rows_of(report, "pattern", "scaling"):
        match = FAMILY.match(row.name)
        if match:
            families.setdefault(match.group(1), []).append((int(match.group(2)), row))
    for name, rows in families.items():
        rows.sort(key=lambda pair: pair[0])
        unit, more = rows[0][1].unit, rows[0][1].more_is_better
        prefix, factor = magnitude(report, rows)
        plot = lines_script(report, lambda allocator, rows=rows, factor=factor: usable_points(
            report, rows, allocator, lambda _, cell: cell.median() / factor))
        if plot:
            head = ("set logscale x 2\nset xtics (1, 2, 4, 8, 16, 32)\nset xlabel 'threads'\n"
                    "set xrange [0.9:%g]\nset yrange [0:*]\nset title %s\nset ylabel %s\n" % (
                        rows[-1][0] * 1.12, quoted("%s (%s is better)" % (
                            name, "more" if more else "less")), quoted(prefix + unit)))
            yield "scaling of " + name, (330, 270), head + plot


def magnitude(report, rows):
    """A prefix for the unit, and what it stands for, so that the numbers on an axis are short."""
    most = max([report.best(row) or 0 for _, row in rows])
    for prefix, factor in (("billion ", 1e9), ("million ", 1e6), ("thousand ", 1e3)):
        if most >= factor:
            return prefix, factor
    return "", 1


def curve(report):
    rows = [(int(CURVE.match(row.name).group(1)), row) for row in summary.rows_of(report, "curve")
            if CURVE.match(row.name)]
    rows.sort(key=lambda pair: pair[0])
    if not rows:
        return
    rate = rows[0][1].more_is_better

    def points_of(allocator):
        return usable_points(report, rows, allocator, lambda _, cell: (
            1e9 / cell.median() if rate else cell.median()))
    plot = lines_script(report, points_of)
    if plot:
        costs = [cost for a in report.allocators for _, cost in points_of(a.name)]
        tics = ", ".join("'%s' 1e%d" % (text, power) for power, text in enumerate(
            "1 10 100 1,000 10,000 100,000 1M 10M 100M".split()))
        yield "curve", (1000, 400), (
            "set logscale xy\nset xtics (%s)\nset ytics (%s)\nset xlabel 'live blocks'\n"
            "set xrange [%g:%g]\nset yrange [%g:%g]\nset ylabel %s\n" % (
                tics, steps_1_2_5(max(costs)), rows[0][0] * 0.9, rows[-1][0] * 1.1,
                min(costs) * 0.85, max(costs) * 1.15, quoted(
                    "ns per operation" if rate else rows[0][1].unit + " per operation"))) + plot


def steps_1_2_5(most):
    """Numbers along the logarithmic axis of a cost: it grows by a power of ten or two."""
    steps = [step * 10 ** power for power in range(7) for step in (1, 2, 5)]
    return ", ".join("'%d' %d" % (step, step) for step in steps if step <= 2 * most)
