"""objects - what Python programs allocate for: dicts, objects, strings, json, ast, regular
expressions, sorting, and cycles for the collector. Prints sums that depend on all of it."""
import ast
import json
import re

seed = 11


def number(limit):
    global seed
    seed = seed * 16807 % 2147483647
    return seed % limit


class Node:
    def __init__(self, name, parent):
        self.name = name
        self.parent = parent
        self.children = []
        self.marks = {}

    def depth(self):
        return 0 if self.parent is None else 1 + self.parent.depth()


def tree(size):
    nodes = [Node("root", None)]
    for i in range(size):
        parent = nodes[number(len(nodes))]
        node = Node("node-%d" % i, parent)
        parent.children.append(node)
        node.marks[i % 7] = str(i)
        nodes.append(node)
    return sum(node.depth() + len(node.children) for node in nodes)


def records(count):
    made = [{"id": i, "name": "name %d" % number(5000), "tags": ["t%d" % number(90)] * (i % 5),
             "price": number(100000) / 100, "nested": {"a": [i, i + 1], "b": None}}
            for i in range(count)]
    read = json.loads(json.dumps(made))
    groups = {}
    for record in read:
        groups.setdefault(record["name"], []).append(record)
    read.sort(key=lambda record: (record["name"], -record["price"]))
    return len(groups), read[0]["id"], len(json.dumps(read, indent=1))


def source(functions):
    text = "\n".join("def f%d(a, b=%d):\n    c = [a * x + b for x in range(%d) if x %% 3]\n"
                     "    return {'k%d': c, 'b': (a, b, '%s')}\n" % (i, i, i % 9, i, "s" * (i % 20))
                     for i in range(functions))
    parsed = ast.parse(text)
    names = [node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)]
    return len(names), len(ast.unparse(parsed))


def words(lines):
    text = "\n".join("line %d: key%d=value%d; word%s" % (
        i, number(300), number(9999), "x" * (i % 13)) for i in range(lines))
    pairs = re.findall(r"(\w+)=(\w+)", text)
    changed = re.sub(r"\bword(x*)", lambda match: "%d" % len(match.group(1)), text)
    counts = {}
    for word in re.split(r"\W+", changed):
        counts[word] = counts.get(word, 0) + 1
    return len(pairs), len(changed), len(counts), max(counts.values())


print(tree(80000))
print(records(20000))
print(source(800))
print(words(40000))
