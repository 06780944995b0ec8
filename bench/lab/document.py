"""document - docs/benchmarks.md and docs/benchmarks.html: the results of a run, made to be kept."""
import os
import re

from lab import allocators, code

PATH = os.path.join("docs", "benchmarks.md")
PAGE = os.path.join("docs", "benchmarks.html")
FACT = re.compile(r"^Code: commit (.+), src ([0-9a-f]{%d}), built by (.+)\.$" % code.DIGITS, re.M)
ROW = re.compile(r"^\| src \| `([0-9a-f]{%d})` \|$" % code.DIGITS, re.M)
HEAD = """# Benchmarks

Written by `make bench && bench/run --docs`. Do not edit: measure anew. `make release-check` fails
when src is no longer what was measured. The same figures with plots are in
[benchmarks.html](benchmarks.html); CONTRIBUTING.md tells how a row is made.

| what | |
| --- | --- |
| command | %(command)s |
| date | %(date)s, %(state)s |
| machine | %(machine)s |
| kernel | %(kernel)s |
| load | %(load)s |
| compiler | %(compiler)s |
| commit | %(commit)s |
| src | `%(src)s` |
"""


class Unfit(Exception):
    """The results cannot be a document."""


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise Unfit("%s: %s" % (path, error.strerror)) from None


def wanted(pattern, text, what):
    found = re.search(pattern, text, re.M)
    if not found:
        raise Unfit("the results do not say %s" % what)
    return found.groups()


def converted(results):
    """The document made of RESULTS, the text of results.md."""
    title, rest = results.partition("\n\n## ")[::2]
    date, state = wanted(r"^(\d{4}-\d\d-\d\d [\d:]+ [-+\d]+), (.+)\.$", title, "when they began")
    machine, kernel, load = wanted(r"^(.+; \d+ CPUs); (.+); load average (.+)\.$", title,
                                   "on which machine they were measured")
    made, src, compiler = wanted(FACT.pattern, title, "of which code they are")
    command, = wanted(r"^(`.+`)$", title, "which command gave them")
    if state != "complete":
        raise Unfit("the run is not complete, but %s" % state)
    if "not of this code" in title:
        raise Unfit("the library that was measured was older than src")
    who = [line for line in title.splitlines() if line.startswith("- ")]
    head = HEAD % {"command": command, "date": date, "state": state, "machine": machine,
                   "kernel": kernel, "load": load, "compiler": compiler, "commit": made, "src": src}
    return head + "\n" + "\n".join(who) + "\n\n## " + rest


def write(folder, root=allocators.ROOT):
    """Makes the documents of ROOT from the results in FOLDER; returns their names."""
    text = converted(read(os.path.join(folder, "results.md")))
    page = read(os.path.join(folder, "results.html"))
    for path, content in ((PATH, text), (PAGE, page)):
        lines = [line.rstrip().replace("\t", " ") for line in content.splitlines()]
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    return PATH, PAGE


def age(root=allocators.ROOT):
    """What is against the figures being those of the code in ROOT; empty when nothing is."""
    renew = "; `make bench && bench/run --docs` measures anew"
    path = os.path.join(root, PATH)
    if not os.path.exists(path):
        return "there is no %s%s" % (PATH, renew)
    text = read(path)
    found = ROW.search(text)
    if not found:
        return "%s does not say which src was measured%s" % (PATH, renew)
    now = code.fingerprint(root)
    if found.group(1) == now:
        return ""
    commit = re.search(r"^\| commit \| (.+) \|$", text, re.M)
    return "the figures in %s are older than the code: of src %s (commit %s), which is %s now%s" % (
        PATH, found.group(1), commit.group(1) if commit else "unknown", now, renew)
