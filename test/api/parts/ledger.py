"""ledger - reads what hakmem writes: JSON, XML or text on stdin, as the argument says.

Prints what does not hold, a line each; nothing when all does.
"""
import json
import re
import sys
import xml.etree.ElementTree

MIB = 1 << 20


def of_json(text):
    told = json.loads(text)
    assert len(told["classes"]) > 0 and all(row["slabs"] for row in told["classes"])
    assert all(line["shrink"] for line in told["lines"])
    assert told["bytes"] - told["not_resident"] == told["resident"]
    class_224 = {row["size"]: row for row in told["classes"]}[224]
    assert 200 <= class_224["live"] < 210 and class_224["free"] > 0, class_224
    lines = {line["name"]: (line["bytes"], line["resident"]) for line in told["lines"]}
    return lines, told["bytes"], told["resident"], told["kernel_resident"]


def of_xml(text):
    root = xml.etree.ElementTree.fromstring(text)
    assert root.tag == "malloc"
    rest = root.find("total[@type='rest']")
    sizes = root.findall("heap/sizes/size")
    assert sum(int(size.get("count")) for size in sizes) == int(rest.get("count"))
    assert all(int(size.get("from")) <= int(size.get("to")) for size in sizes)
    assert root.find("total[@type='mmap']").attrib == {
        "type": "mmap", "count": "1", "size": str(5 * MIB)}
    assert int(root.find("system[@type='current']").get("size")) % (4 * MIB) == 0
    total = root.find("ledger/sum")
    lines = {line.get("name"): (int(line.get("bytes")), int(line.get("resident")))
             for line in root.findall("ledger/line")}
    return (lines, int(total.get("bytes")), int(total.get("resident")),
            int(total.get("kernel_resident")))


def of_text(text):
    head, ledger = text.split("ledger  ", 1)
    if head.startswith("     size"):  # hak_ledger_print: the classes come first
        rows = [[int(cell) for cell in row.split()] for row in head.splitlines()[1:]]
        assert 200 <= {row[0]: row for row in rows}[224][2] < 210, rows
    table = ledger.splitlines()[1:]
    lines, single = {}, {}
    for row in table:
        match = re.match(r"([a-z._]+) +(\d+) +(\d+)  \S", row)
        if match:
            lines[match.group(1)] = (int(match.group(2)), int(match.group(3)))
            continue
        match = re.match(r"(.*?) +[-=]? *(\d+)", row)
        single[match.group(1)] = int(match.group(2))
    held = single["sum"] + single["not resident"]
    return lines, held, single["sum"], single["VmRSS"]


def main():
    lines, held, resident, kernel = globals()["of_" + sys.argv[1]](sys.stdin.read())
    assert sum(line[0] for line in lines.values()) == held, (lines, held)
    assert sum(line[1] for line in lines.values()) == resident, (lines, resident)
    assert lines["live.runs"] == (MIB, MIB), lines
    assert lines["live.huge"] == (5 * MIB, 5 * MIB), lines
    assert lines["not_ours"][1] > MIB // 4 and lines["free.blocks"][1] > 0, lines
    # statm, from which VmRSS is read, is kept per processor on some kernels
    assert abs(resident - kernel) <= kernel // 100 + 512 * 1024, (resident, kernel)


try:
    main()
except (AssertionError, ValueError, KeyError, AttributeError, StopIteration) as error:
    print(type(error).__name__, error)
