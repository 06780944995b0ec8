"""scaling - writes docs/scaling.md: what the counts of shared writes mean for a larger machine."""
import os
import re
import subprocess
import tempfile
import time

from lab import allocators, shared

PATH = os.path.join(allocators.ROOT, "docs", "scaling.md")

TRANSFER_NS = 150   # for a cache line to come from another socket's cache
HOLD_LINES = 4      # lines that come while a lock is held: its own, and list neighbours
OPERATION_NS = 20   # of a malloc or free that meets nobody
PROCESSORS = 256
TOLD = 6            # places named for a pattern that misses the bar

HEAD = """\
# Scaling beyond the machine at hand

Written by `make benches counting && bench/shared --update` on %s. Do not edit: change
`bench/lab/scaling.py`, or the code, and write it anew.

No timing is in this document. `make counting` builds a library that counts, by its place in the
code and by its cache line, every atomic write to memory that other threads use, and every lock
taken; it is otherwise the same code, with the cache budget of a machine of %d processors. With one
thread the counts are exact; with several they vary with how the threads happen to meet, by a fifth
or more from run to run. An *operation* is one call of malloc or free or of their kin; births and
ends of threads, and the filling of the heap at the start, are in the counts.

- **shared**: writes to the library's own data and to lines that more than one thread wrote in the
  run. Writes of a thread to one line in a row count once, since the line comes once. A lock counts
  with its line, by being taken and, if another line was written meanwhile, by being dropped.
- **locks**: locks taken.
- **moved**: of the writes those to a line that another thread wrote last. On a machine with few
  processors threads meet rarely, so this is what happened here and *shared* is what could.
- **private**: writes to lines of slabs that one thread alone wrote in this run. They cost a locked
  instruction, but no line moves.

All four are per million operations. The bar: *shared* below 50,000 (one write per 20 operations),
and where every block is handed over to another thread, below 166,667 (one per 3 blocks).
"""

MODEL = """\
## What they mean for %(processors)d processors

A model with three numbers, which are assumptions: whoever has better ones puts them in. A line
that another socket's cache holds modified takes %(transfer)d ns to come (tables of core-to-core
latencies are in M. Velten and others, Memory Performance of AMD EPYC Rome and Intel Cascade Lake SP
Server Processors, 2022, arXiv 2204.03290, and in Core to Core Latency Data on Large Systems,
chipsandcheese.com, 2023). A lock is held while %(lines)d such lines come, %(hold)d ns. A call that
meets nobody takes %(operation)d ns, so that %(processors)d processors ask for %(demand)s operations
per second.

- **line**: the operations per second, of all processors together, at which the library's busiest
  line does nothing but move: 1 / (its writes per operation x %(transfer)d ns).
- **lock**: the same for the busiest lock: 1 / (how often it is taken per operation x %(hold)d ns).
  There is one lock per class (`shelves`), one for superslabs (`pool_of_supers`), one for huge
  mappings and one for births and ends of threads (`registry`).
- **processors**: how many of %(processors)d can be busy before the lower of the two is reached, if
  they do nothing but allocate. A program that also works asks for less; where blocks are large,
  touching one page takes longer than a call.
- **delay**: what an operation waits for lines at the most, if every shared write waits: *shared* x
  %(transfer)d ns.
"""

HEAP = """\
## What they mean for a heap of 1 TiB

Counts per million operations when one thread replaces random blocks of 16..128 bytes, by the number
of live blocks: what grows is how far apart the blocks lie that are flushed together, until each has
a slab of its own; it is bounded by two writes per block of a flush.

%(curve)s
By size, from the constants of `src/base/config.h` and the structures they make:

| what | now | at 1 TiB |
| --- | --- | --- |
| superslabs | one per 4 MiB | 262,144 |
| leaves of the slab map | 4.1 MiB of address space per 64 GiB | 16: 66 MiB, 0.006 %% |
| descriptors | %(descriptor)s KiB of address space per superslab | %(meta)s GiB, %(share)s %% |
| root of the slab map | 32 KiB, zero pages until used | the same |

Of a descriptor only the pages are touched whose classes of blocks are in use.

No step of a call walks a list that grows with the heap, in the standard mode of the backend:

- `units_take` looks at 16 superslabs of each of 7 bins, for the place with most resident units: at
  most 112.
- `pool_get` takes the first slab of one of 5 lists; `settle` and `let go` compare with the first.
- `units_give`, purging and the cache of empty superslabs use the ends of their lists.
- The cache of huge mappings holds %(kept)d, and what could not be unmapped is at most 256 ranges.
- With `HAKMEM_TINY_SS_SHARED` below 2, `first_of` walks its list for a slab of its own pool: that
  does grow with the heap.
- Statistics, `hak_check` and a forked child walk all superslabs or all threads.
"""


def grouped(number):
    return "{:,.0f}".format(number)


def per_million(count, events):
    return grouped(1e6 * events / count.operations)


def table(heads, rows):
    lines = ["| %s |" % " | ".join(heads), "| --- |" + " ---: |" * (len(heads) - 1)]
    return "\n".join(lines + ["| %s |" % " | ".join(row) for row in rows]) + "\n"


def verdict(count):
    return "holds" if count.holds() else "**misses**"


def counts_table(counts):
    return table(("pattern", "threads", "shared", "locks", "moved", "private", "bar"),
                 [(c.pattern.name, str(c.threads), per_million(c, c.several),
                   per_million(c, c.locks), per_million(c, c.moves),
                   per_million(c, c.private()), verdict(c)) for c in counts])


def limit(events_per_operation, nanoseconds):
    return 1e9 / (events_per_operation * nanoseconds) if events_per_operation else float("inf")


def rate(per_second):
    return "%s million" % grouped(per_second / 1e6)


def model_table(counts):
    rows = []
    for count in counts:
        line = count.hottest_line()
        by_line = limit(line.writes / count.operations, TRANSFER_NS)
        lock = count.busiest_lock()
        by_lock = limit(lock.writes / count.operations, HOLD_LINES * TRANSFER_NS)
        busy = min(by_line, by_lock) * OPERATION_NS / 1e9
        rows.append((count.pattern.name, str(count.threads), line.name, rate(by_line), lock.name,
                     rate(by_lock), "all" if busy >= PROCESSORS else grouped(max(busy, 1)),
                     "%.1f ns" % (count.shared() * TRANSFER_NS)))
    heads = ("pattern", "threads", "busiest line", "line", "busiest lock", "lock", "processors",
             "delay")
    return table(heads, rows)


def most_threads(counts):
    """Of each pattern the count with the most threads."""
    last = {count.pattern.name: count for count in counts}
    return list(last.values())


def misses(counts):
    text = ["## Where the bar is missed, and by what\n"]
    lost = [count for count in most_threads(counts) if not count.holds()]
    if not lost:
        return text[0] + "\nNowhere.\n"
    text.append("Writes per million operations by their place, private ones included; each\n"
                "pattern with its most threads.\n")
    for count in lost:
        places = ", ".join("%s %s" % (place.name, per_million(count, place.writes))
                           for place in count.places()[:TOLD])
        text.append("- **%s**, %d threads: %s." % (count.pattern.name, count.threads, places))
    return "\n".join(text) + "\n"


def descriptor_bytes():
    """The size of struct superslab, from an object that holds an array as long."""
    source = '#include "super/superslab.h"\nchar array[sizeof(struct superslab)];\n'
    with tempfile.NamedTemporaryFile(suffix=".o") as file:
        subprocess.run(["cc", "-D_GNU_SOURCE", "-I" + os.path.join(allocators.ROOT, "src"), "-c",
                        "-x", "c", "-o", file.name, "-"], input=source, text=True, check=True)
        return int(shared.output("nm", "-S", file.name).split()[1], 16)


def constant(name):
    """An enumerator of config.h that is given as a plain number."""
    with open(os.path.join(allocators.ROOT, "src/base/config.h")) as file:
        return int(re.search(r"^ *%s = (\d+)," % name, file.read(), re.MULTILINE).group(1))


def heap(counts):
    descriptor = descriptor_bytes()
    curve = [c for c in counts if c.pattern.name.startswith("curve-")]
    rows = [(grouped(float(c.pattern.name.split("-")[1])), per_million(c, c.several),
             per_million(c, c.private()), per_million(c, c.locks)) for c in curve]
    return HEAP % {
        "curve": table(("live blocks", "shared", "private", "locks"), rows),
        "descriptor": "%.1f" % (descriptor / 1024), "meta": "%.1f" % (descriptor * 2**18 / 2**30),
        "share": "%.2f" % (100 * descriptor / 2**22), "kept": constant("HUGE_KEPT")}


def write(counts):
    demand = PROCESSORS * 1e9 / OPERATION_NS
    model = MODEL % {"processors": PROCESSORS, "transfer": TRANSFER_NS, "lines": HOLD_LINES,
                     "hold": HOLD_LINES * TRANSFER_NS, "operation": OPERATION_NS,
                     "demand": rate(demand)}
    text = [HEAD % (time.strftime("%Y-%m-%d"), PROCESSORS), "## The counts\n", counts_table(counts),
            misses(counts), model, model_table(most_threads(counts)), heap(counts)]
    with open(PATH, "w", encoding="utf-8") as file:
        file.write("\n".join(text))
