"""paired - how far from the best of the others, when chance has no say in which of them that is.

The least of five medians is below what its allocator takes: the noisier the row, the more it is the
luckiest. So the rival of each round is the one whose median is best in the other rounds, and the
ratio is to its run of the same round, which the same minute of the machine slowed down.
"""
import statistics

LEAST_ROUNDS = 3    # of which two choose


def cost(row, sample, field):
    """The figure of one run turned so that less is better; None where there is none."""
    value = getattr(sample, field)
    if not value:
        return None
    return 1 / value if field == "value" and row.more_is_better else value


def costs(report, row, field):
    """name -> a cost for each round, for the allocators that have all; as many from each."""
    found = {name: [cost(row, sample, field) for sample in cell.samples]
             for name, cell in report.cells[row.name].items() if cell.usable()}
    found = {name: each for name, each in found.items() if None not in each}
    rounds = min(map(len, found.values()), default=0)
    return {name: each[:rounds] for name, each in found.items()}


def without(values, turn):
    return values[:turn] + values[turn + 1:]


def ratio(report, row, name, field):
    """The median over the rounds of NAME's ratio to its rival; None where that cannot be told."""
    found = costs(report, row, field)
    mine = found.pop(name, [])
    if row.about == "memory" or not found or len(mine) < LEAST_ROUNDS:
        return None
    ratios = []
    for turn, own in enumerate(mine):
        rival = min(found, key=lambda other: statistics.median(without(found[other], turn)))
        ratios.append(own / found[rival][turn])
    return statistics.median(ratios)


def ratios(report, rows, name, field):
    found = [ratio(report, row, name, field) for row in rows]
    return [each for each in found if each is not None]
