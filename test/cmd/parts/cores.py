#!/usr/bin/env python3
"""cores - damages a core file in many ways and looks at what the command makes of each.

    cores.py COMMAND CORE DIR

A small core file is made of CORE: its notes, and the memory of libhakmem's mappings up to the next
file. It is cut at every 512 bytes, and bytes of it are changed. Each time the command must end by
itself with 0, 1 and not write more than one line on stderr; a cut one either gives the whole
answer, or none and one line. Prints lines as tests do.
"""
import os
import random
import struct
import subprocess
import sys

COMMAND, CORE, DIR = sys.argv[1:]
HEADER, SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
PT_LOAD, PT_NOTE, NT_FILE = 1, 4, 0x46494c45
STEP, FLIPS, LIMIT = 512, 400, 10


def file_note(note):
    """Where the note NT_FILE and its data begin, and the size of the data."""
    at = 0
    while True:
        names, size, kind = struct.unpack_from("<III", note, at)
        data = at + 12 + (names + 3 & ~3)
        if kind == NT_FILE:
            return at, data, size
        at = data + (size + 3 & ~3)


def mapped(note):
    """(start, end, path) of each file that the notes name."""
    _, at, size = file_note(note)
    count = struct.unpack_from("<QQ", note, at)[0]
    paths = note[at + 16 + 24 * count:at + size].split(b"\0")
    return [struct.unpack_from("<QQ", note, at + 16 + 24 * i) + (paths[i],) for i in range(count)]


def small(core):
    header = list(HEADER.unpack_from(core))
    found = [SEGMENT.unpack_from(core, header[5] + i * SEGMENT.size) for i in range(header[10])]
    note = next(core[s[2]:s[2] + s[5]] for s in found if s[0] == PT_NOTE)
    files = mapped(note)
    ours = [f for f in files if b"libhakmem" in f[2]]
    low = ours[0][0]
    high = min([f[0] for f in files if f[0] > low and f not in ours] + [ours[-1][1] + (1 << 18)])
    keep = [s for s in found if s[0] == PT_LOAD and low <= s[3] < high and s[5]]
    parts = [(PT_NOTE, 0, note)] + [(PT_LOAD, s[3], core[s[2]:s[2] + s[5]]) for s in keep]
    header[5], header[6], header[10], header[11:] = HEADER.size, 0, len(parts), [0, 0, 0]
    table, data, at = b"", b"", HEADER.size + len(parts) * SEGMENT.size
    for kind, start, held in parts:
        table += SEGMENT.pack(kind, 4, at + len(data), start, 0, len(held), len(held), 1)
        data += held
    return HEADER.pack(*header) + table + data, at + len(note), len(note)


def explain(data):
    path = os.path.join(DIR, "small")
    with open(path, "wb") as file:
        file.write(data)
    try:
        done = subprocess.run([COMMAND, "explain", path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return "no end", b"", b""
    return done.returncode, done.stdout, done.stderr


def lies(whole, notes, size):
    """The core file with sizes in it that are not true, each by its name."""
    at, data, length = (notes + n for n in file_note(whole[notes:notes + size]))
    length -= notes
    for name, place, form, value in (
            ("size of the note", at + 4, "<I", 0x7fffffff),
            ("size of its name", at, "<I", 0xfffffff0),
            ("number of files", data, "<Q", 1 << 40),
            ("number of files, one more", data, "<Q",
             struct.unpack_from("<Q", whole, data)[0] + 1),
            ("end of the last path", data + length - 1, "<B", 0x41),
            ("size of a segment", HEADER.size + 32, "<Q", 1 << 60),
            ("place of the headers", 32, "<Q", 1 << 63),
            ("number of headers", 56, "<H", 0xffff)):
        changed = bytearray(whole)
        struct.pack_into(form, changed, place, value)
        yield name, bytes(changed)


def report(promise, problems):
    print("FAIL: %s: %s" % (promise, problems[0]) if problems else "pass: " + promise)
    return 1 if problems else 0


def main():
    with open(CORE, "rb") as file:
        whole, front, size = small(file.read())
    status, full, said = explain(whole)
    failed = report("a core file with only the library's memory is explained",
                    [] if status == 0 and b"refusals" in full and not said else
                    ["status %s, %r, %r" % (status, full, said)])
    bad, refused = [], 0
    for cut in range(0, len(whole), STEP):
        status, out, said = explain(whole[:cut])
        refused += status == 1
        if (status, out, said) != (0, full, b"") and not (
                status == 1 and not out and said.count(b"\n") == 1):
            bad.append("cut at %d: status %s, %r %r" % (cut, status, out[:200], said))
    if refused < front // STEP:
        bad.append("only %d were refused" % refused)
    failed += report("a core file cut at every 512 bytes: the whole answer, or one line", bad)
    bad = []
    for name, data in lies(whole, front - size, size):
        status, out, said = explain(data)
        if status != 1 or out or said.count(b"\n") != 1:
            bad.append("%s: status %s, %r %r" % (name, status, out[:200], said))
    failed += report("a core file with a size that is not true is refused in one line", bad)
    bad = []
    chance = random.Random(1)
    for i in range(FLIPS):
        data = bytearray(whole)
        for _ in range(1 + i % 3):
            at = chance.randrange(front if i % 4 else len(data))
            data[at] = chance.choice((0, 0xff, 0x7f, data[at] ^ 1 << chance.randrange(8)))
        status, out, said = explain(bytes(data))
        if status not in (0, 1) or said.count(b"\n") > 1 or not out + said:
            bad.append("flip %d: status %s, %r %r" % (i, status, out[:200], said))
    failed += report("a core file with bytes changed: an answer or one line, no crash", bad)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
