"""documents - makes a document of known results in a tree of its own; prints what is wrong.

    documents.py FOLDER     an empty folder
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "bench"))
from lab import allocators, code, document, measure, plots, report, rows  # noqa: E402

ROOT, OUT = (os.path.join(sys.argv[1], name) for name in ("tree", "out"))
SOURCE = os.path.join(ROOT, "src", "room", "box.c")
LIBRARY = os.path.join(ROOT, "library.so")
against = []


def wrong(what, *details):
    against.append(": ".join([what] + [str(detail) for detail in details]))


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def git(*words):
    subprocess.run(("git", "-C", ROOT, "-c", "user.name=x", "-c", "user.email=x@x") + words,
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def results(state="complete"):
    """A report of one row, with STATE as its end."""
    made = report.Report([allocators.Allocator("hakmem", LIBRARY), allocators.Allocator("a", "/a")],
                         [], OUT, "ROUNDS=3 bench/run")
    row = rows.speed("fast", "asked", ["none"])
    for index, cell in enumerate(made.open_row(row).values()):
        cell.samples = [measure.Sample(100 - 50 * index, {"rss-kib": "10"})]
    made.state = state
    made.code = code.facts(LIBRARY, ROOT)
    made.write()
    made.write_page()


def unfit(why, words):
    try:
        document.write(OUT, ROOT)
    except document.Unfit as problem:
        if words not in str(problem):
            wrong("refused otherwise", why, problem)
        return
    wrong("a document was made", why)


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def expect_age(when, words):
    found = document.age(ROOT)
    if bool(words) != bool(found) or words not in found:
        wrong("the age when %s" % when, repr(found))


plots.can_draw = lambda: False
put(SOURCE, "int x;\n")
put(os.path.join(ROOT, "docs", "other.md"), "")
shutil.copy(allocators.HAKMEM, LIBRARY)
expect_age("there is none", "there is no docs/benchmarks.md")
results("interrupted during fast")
unfit("it was interrupted", "not complete")
os.utime(LIBRARY, (1, 1))
results()
unfit("the library was older", "older than src")
os.utime(LIBRARY)
results()
document.write(OUT, ROOT)
made = text_of(document.PATH)
for words in ("| command | `ROUNDS=3 bench/run` |\n", ", complete |\n", " CPUs |\n", "| kernel | ",
              "| commit | ", "| src | `%s` |\n" % code.fingerprint(ROOT), "| date | 20",
              "- hakmem: `", "\n## fast\n", "hakmem against each competitor"):
    if words not in made:
        wrong("it lacks", words)
if not 0 < made.find("\n## Each allocator against") < made.find("\n## fast\n"):
    wrong("the summaries are not first")
if "GCC" not in made and "clang" not in made:
    wrong("no compiler is named")
if "</html>" not in text_of(document.PAGE) or code.fingerprint(ROOT) not in text_of(document.PAGE):
    wrong("the page is another")
expect_age("nothing changed", "")
os.utime(SOURCE)
expect_age("a file was touched", "")
put(SOURCE, "int y;\n")
expect_age("a file changed", "older than the code")
os.rename(SOURCE, SOURCE + ".c")
put(SOURCE + ".c", "int x;\n")
expect_age("a file was renamed", "older than the code")
os.rename(SOURCE + ".c", SOURCE)
expect_age("all is as before", "")
put(os.path.join(ROOT, document.PATH), made.replace("| src |", "| sources |"))
expect_age("it does not say", "does not say")
if shutil.which("git"):
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    if len(code.commit(ROOT)) < 12 or " " in code.commit(ROOT):
        wrong("the commit", code.commit(ROOT))
    put(SOURCE, "int z;\n")
    if "changes in src" not in code.commit(ROOT):
        wrong("a change is not told", code.commit(ROOT))
print("; ".join(against), end="")
