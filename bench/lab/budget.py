"""budget - the instructions of what is not a hit: per block, per thread, per process.

Each is counted under callgrind in an empty environment, so that no variable of the caller is read,
and net of what the same program does without the allocator's part.
"""
import os

from lab import allocators, measure

ROUNDS = 16        # of budget.c's phases; any number gives the same figure
THREADS = 50       # in the shorter of two runs; the longer one has twice as many
SWITCH = ("--toggle-collect=measured",)

# name -> the phase of budget.c, and the phase whose loop is the same under null_malloc.so
PHASES = {
    "refill": ("refill", "refill"),
    "flush": ("flush", "flush"),
    "scattered-flush": ("scatter", "scatter"),
    "remote-free": ("remote", "flush"),
    "calloc": ("calloc", "calloc"),
    "realloc": ("realloc", "realloc"),
    "aligned": ("aligned", "aligned"),
}

# How far a figure may be above its golden one; the others are exact.
TOLERANCE = {
    # The loader's work depends on the lengths of paths and on what libc and the program export.
    "process": 600,
}


def served_count(path, words, options=SWITCH):
    """The instructions of a run and the proof that the object PATH served it."""
    count, lines = measure.collected(path, words, options, {})
    if path == measure.NULL:
        if not os.path.samefile(lines.get("served-by", "/"), path):
            raise measure.Refused("null_malloc.so was meant, but %s served"
                                  % lines.get("served-by"))
    else:
        measure.prove(allocators.Allocator("hakmem", path), lines)
    return count, lines


def per_operation(path, phase):
    count, lines = served_count(path, ["budget", phase, ROUNDS])
    if not count:
        raise measure.Failed("nothing was collected in the phase %s" % phase)
    return count / measure.number(lines, "operations")


def per_thread(path, takes):
    """Of the library itself: whether a joined thread has ended before pthread_join asks, and thus
    what libc does, is the kernel's choice."""
    once, _ = measure.collected_in(path, ["budget", "threads", THREADS, takes])
    twice, lines = measure.collected_in(path, ["budget", "threads", 2 * THREADS, takes])
    measure.prove(allocators.Allocator("hakmem", path), lines)
    return (twice - once) / THREADS


def per_process(path):
    """An empty program with the library, without it taken away."""
    served_count(path, ["empty", "report"], ())
    return (measure.collected(path, ["empty"], (), {})[0]
            - measure.collected(None, ["empty"], (), {})[0])


def figures(path):
    """Every figure of the library at PATH: its name and its value."""
    loop = {}
    for name, (phase, alike) in PHASES.items():
        if alike not in loop:
            loop[alike] = per_operation(measure.NULL, alike)
        yield name, per_operation(path, phase) - loop[alike]
    yield "thread", per_thread(path, 1) - per_thread(path, 0)
    yield "process", per_process(path)
