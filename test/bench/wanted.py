"""wanted - what the rows of bench/lab/rows.py read from the benchmark programs, for patterns.sh.

Prints `PROGRAM NAME...`, the lines that a row reads from the output of its program, and `wrong
WHAT` for what a row lacks.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench"))

from lab import measure, rows  # noqa: E402

FIELDS = ("question", "group", "about", "memory")


def main():
    seen = set()
    for row in rows.ROWS:
        if row.name in seen:
            print("wrong", row.name, "is there twice")
        seen.add(row.name)
        for field in FIELDS:
            if getattr(row, field, "") == "":
                print("wrong", row.name, "has no", field)
        if row.measured is measure.timed:
            print(row.words[0], row.key, *row.noted)


if __name__ == "__main__":
    main()
