"""dom - reads the page as a browser understood it; prints what is missing, else nothing.

    dom.py FILE     the dumped document of a run of the rows threads-1, empty and real-python
"""
import html.parser
import sys


class Page(html.parser.HTMLParser):
    def __init__(self):
        html.parser.HTMLParser.__init__(self)
        self.count = {}
        self.drawn = 0      # paths and rectangles inside the svg elements
        self.inside = False
        self.tables = {}    # heading -> rows of the table below it
        self.heading = ""
        self.in_heading = False

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.inside = self.inside or tag == "svg"
        self.drawn += self.inside and tag in ("path", "polygon", "use", "polyline")
        self.in_heading = tag in ("h2", "h3")
        if tag == "tr":
            self.tables[self.heading] = self.tables.get(self.heading, 0) + 1

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "svg"
        self.in_heading = False

    def handle_data(self, data):
        if self.in_heading:
            self.heading = data


page = Page()
with open(sys.argv[1], encoding="utf-8") as dom:
    page.feed(dom.read())
against = []
# Bars and a scatter, each for the patterns and for the real programs.
if page.count.get("svg", 0) != 4:
    against.append("%d svg elements" % page.count.get("svg", 0))
if page.drawn < 40:
    against.append("%d shapes in them" % page.drawn)
if "script" in page.count:
    against.append("a script")
for wanted, rows in (("threads-1", 3), ("empty", 3), ("real-python", 3),
                     ("hakmem against each competitor", 2),
                     ("Each allocator against the best of the others", 7)):
    if page.tables.get(wanted) != rows:
        against.append("%s rows below %s" % (page.tables.get(wanted), wanted))
print("; ".join(against), end="")
