"""page - results.html: plots and tables in one file that needs no other and no network."""
import html

from lab import plots, summary

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --card: #fff; --text: #1c1e21; }
@media (prefers-color-scheme: dark) { :root { --card: #1b1d20; --text: #e2e4e8; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1060px; padding: 1.5em;
  color: var(--text); background: var(--card); }
h1 { font-size: 1.6em; margin: 0 0 .3em; }
h2 { font-size: 1.25em; margin: 2em 0 .4em; padding-bottom: .2em;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05em; margin: 1.5em 0 .3em; }
p { margin: .3em 0 .6em; overflow-wrap: anywhere; }
code { background: var(--soft); padding: .1em .3em; }
.plots { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; max-width: 100%; }
svg { display: block; max-width: 100%; height: auto; }
.legend { position: sticky; top: 0; padding: .4em 0; margin-top: 2em;
  background: var(--card); z-index: 1; }
.legend span { white-space: nowrap; margin-right: 1.2em; }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88em; font-variant-numeric: tabular-nums; }
th, td { padding: .2em .7em; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.note { text-align: left; white-space: normal; min-width: 12em; }
tbody tr:hover { background: var(--soft); }
.missing { border-left: 3px solid #d55e00; padding-left: .8em; }
"""


def text(words):
    return html.escape(str(words))


def write(report, file):
    out = file.write
    out("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>Benchmark results</title>\n<style>%s</style>\n</head>\n<body>\n" % STYLE)
    write_head(report, out)
    for table in summary.leading(report):
        write_table(table, out, "h2")
    write_plots(report, out)
    for table in summary.overviews(report):
        write_table(table, out, "h2")
    out("<h2>Each row</h2>\n")
    for table in report.row_tables():
        write_table(table, out, "h3")
    out("</body>\n</html>\n")


def write_head(report, out):
    out("<h1>Benchmark results</h1>\n<p><code>%s</code></p>\n" % text(report.command))
    for sentence in report.facts():
        out("<p>%s</p>\n" % text(sentence))
    out("<ul>\n")
    for allocator in report.allocators:
        out("<li>%s: <code>%s</code></li>\n" % (
            text(allocator.name), text(allocator.place())))
    for sentence in report.missing:
        out("<li>%s</li>\n" % text(sentence))
    out("</ul>\n")


def write_plots(report, out):
    if not plots.can_draw():
        out("<h2>Plots</h2>\n<p class=\"missing\">There are no plots: no gnuplot here (Debian "
            "package gnuplot-nox).</p>\n")
        return
    out("<div class=\"legend\">%s</div>\n" % " ".join(
        "<span><i style=\"background:%s\"></i>%s</span>" % (plots.colour(index), text(a.name))
        for index, a in enumerate(report.allocators)))
    for title, words, pictures in plots.chapters(report):
        out("<h2>%s</h2>\n<p>%s</p>\n<div class=\"plots\">\n" % (text(title), text(words)))
        for name, picture in pictures:
            out("<figure aria-label=\"%s\">%s</figure>\n" % (text(name), picture))
        out("</div>\n")


def write_table(table, out, level):
    out("<%s>%s</%s>\n" % (level, text(table.title), level))
    if table.words:
        out("<p>%s</p>\n" % text(table.words))
    if not table.lines:
        return
    out("<div class=\"scroll\"><table>\n<thead><tr>%s</tr></thead>\n<tbody>\n" % "".join(
        "<th>%s</th>" % text(cell) for cell in table.header))
    for line in table.lines:
        cells = ["<td>%s</td>" % text(cell) for cell in line]
        if table.header[-1] == "note":
            cells[-1] = "<td class=\"note\">%s</td>" % text(line[-1])
        out("<tr>%s</tr>\n" % "".join(cells))
    out("</tbody></table></div>\n")
