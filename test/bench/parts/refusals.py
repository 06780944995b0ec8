"""refusals - has real.py measure programs that must be refused, and one that must not. Prints what
went otherwise, else nothing.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "bench"))
from lab import allocators, measure, real  # noqa: E402

there = {each.name: each for each in allocators.find()[0]}
hakmem, libc = there["hakmem"], there["glibc"]


def refused(row, allocator, words):
    """What is against the row being refused with these WORDS."""
    try:
        row.measured(allocator, row)
    except measure.Refused as problem:
        return "" if words in str(problem) else "%s: refused with: %s" % (row.name, problem)
    except measure.Failed as problem:
        return "%s failed: %s" % (row.name, problem)
    return "%s was measured" % row.name


def shell(name, script):
    return real.Program(name, "bash", ["bash", "-c", script])


class Elsewhere(allocators.Allocator):
    """Claims to be hakmem, and leaves the program with libc's malloc."""

    def environment(self):
        return []


honest = shell("honest", "echo the same")
against = [refused(shell("unserved", "echo"), Elsewhere("hakmem", hakmem.path), "hakmem was meant"),
           refused(shell("unlike", "echo $$"), hakmem, "the output under hakmem is not that")]
for allocator in (hakmem, libc):
    sample = honest.measured(allocator, honest)
    if not allocator.served(sample.served_by) or bool(sample.refilled) != (allocator is hakmem):
        against.append("under %s %s served" % (allocator.name, sample.served_by))
print("; ".join(filter(None, against)), end="")
