# shifting - a program whose sizes shift from phase to phase while some of each phase live on. After
# each line on standard input it does one phase, or with "tick" a little, and prints the bytes that
# its objects take by Python's own count.
import random
import sys

draw = random.Random(7)
kept = {"strings": [], "records": [], "buffers": []}


def strings(count, least, most):
    kept["strings"] += [("%d-" % i) * draw.randint(least // 8, most // 8) for i in range(count)]


def records(count):
    kept["records"] += [{"id": i, "tags": [str(i)] * draw.randint(1, 6), "at": (i, i * 0.5)}
                        for i in range(count)]


def buffers(count, least, most):
    kept["buffers"] += [bytearray(draw.randint(least, most)) for i in range(count)]


def drop(kind, part):
    kept[kind] = [item for item in kept[kind] if draw.random() >= part]


def size(item):
    total = sys.getsizeof(item)
    if isinstance(item, dict):
        total += sum(size(value) for value in item.values())
    if isinstance(item, (list, tuple)):
        total += sum(size(value) for value in set(item))
    return total


PHASES = [
    lambda: strings(300000, 40, 200),
    lambda: (drop("strings", 0.8), records(60000)),
    lambda: (drop("records", 0.8), buffers(30000, 500, 3000)),
    lambda: (drop("buffers", 0.8), strings(50000, 400, 1200)),
    lambda: (drop("strings", 0.7), buffers(3000, 8000, 40000)),
    lambda: [drop(kind, 0.8) for kind in kept],
]

phase = 0
for line in sys.stdin:
    if line.strip() == "tick":
        [str(i) for i in range(20000)]
    else:
        PHASES[phase]()
        phase += 1
    print(sum(sys.getsizeof(items) + sum(map(size, items)) for items in kept.values()), flush=True)
