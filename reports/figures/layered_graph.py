"""Where the boxes of a layered graph go: rows by longest path, few crossings, short lines.

The method of Sugiyama, Tagawa and Toda (1981) with the barycentres that they order rows by. A long edge takes a place
of its own in every row that it passes, so that lines run through no box; all long edges of one source share theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf

Place = tuple[str, int]
"""A node and a row: the node itself in its own row, in rows below it the line to its readers further down."""
Neighbours = dict[Place, list[Place]]
Room = Callable[[Place], float]

SWEEPS = 24
STRAIGHT = 8.0  # pull between two places of one long line, against 1 of other neighbours
CENTRING = 0.05  # pull to the middle of the drawing, so that it does not drift sideways


@dataclass(frozen=True)
class LayeredGraph:
    """A drawing's plan.

    Attributes:
        rank: Row of every node, the topmost is 0.
        rows: Places from left to right, the topmost row first.
        x: Centre of every place, the leftmost edge at 0; in the unit of the widths.
        lines: Pairs of places in neighbouring rows that a line joins, the upper one first.
    """

    rank: dict[str, int]
    rows: list[list[Place]]
    x: dict[Place, float]
    lines: list[tuple[Place, Place]]


def layered_graph(
    inputs: Mapping[str, Sequence[str]], width: Callable[[str], float], *, gap: float, sweeps: int = SWEEPS
) -> LayeredGraph:
    """Place the nodes of an acyclic directed graph, sources at the top.

    Args:
        inputs: Names of what each node reads, by name; every input comes before its reader.
        width: Of a node by name.
        gap: Smallest distance between two nodes of a row.
        sweeps: How hard to try; time grows with it.
    """
    rank = _ranks(inputs)
    lines: dict[tuple[Place, Place], None] = {}  # a set that keeps its order
    for name, sources in inputs.items():
        for source in sources:
            for row in range(rank[source], rank[name] - 1):
                lines[(source, row), (source, row + 1)] = None
            lines[(source, rank[name] - 1), (name, rank[name])] = None
    places = dict.fromkeys([*rank.items(), *(place for line in lines for place in line)])
    rows: list[list[Place]] = [[] for _ in range(max(rank.values()) + 1)]
    for place in places:
        rows[place[1]].append(place)
    above: Neighbours = {place: [] for place in places}
    below: Neighbours = {place: [] for place in places}
    for upper, lower in lines:
        above[lower].append(upper)
        below[upper].append(lower)
    rows = _ordered(rows, above, below, sweeps=sweeps)

    def room(place: Place) -> float:
        return width(place[0]) if rank[place[0]] == place[1] else gap / 2

    x = _positions(rows, above, below, room=room, gap=gap, sweeps=sweeps)
    _straighten(x, rows, rank, room=room, gap=gap)
    left = min(x[place] - room(place) / 2 for place in x)
    return LayeredGraph(rank, rows, {place: centre - left for place, centre in x.items()}, list(lines))


def _ranks(inputs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Longest path from a source; then nodes with room below move to their first reader, if that lengthens no line."""
    rank: dict[str, int] = {}
    readers: dict[str, list[str]] = {name: [] for name in inputs}
    for name, sources in inputs.items():
        rank[name] = 1 + max((rank[source] for source in sources), default=-1)
        for source in sources:
            readers[source].append(name)
    for name in reversed(list(inputs)):
        if readers[name] and len(readers[name]) >= len(inputs[name]):
            rank[name] = min(rank[reader] for reader in readers[name]) - 1
    return rank


def _ordered(rows: list[list[Place]], above: Neighbours, below: Neighbours, *, sweeps: int) -> list[list[Place]]:
    """Sort each row by the mean position of its neighbours, down and up in turns; the best of all sweeps."""
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(sweeps):
        neighbours, order = (below, rows[::-1]) if sweep % 2 else (above, rows)
        position = {place: float(index) for row in rows for index, place in enumerate(row)}
        done = []
        for row in order:
            mean = {place: _mean([position[other] for other in neighbours[place]], position[place]) for place in row}
            ordered = sorted(row, key=mean.__getitem__)
            position.update((place, float(index)) for index, place in enumerate(ordered))
            done.append(ordered)
        rows = done[::-1] if sweep % 2 else done
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: list[list[Place]], below: Neighbours) -> int:
    total = 0
    position = {place: index for row in rows for index, place in enumerate(row)}
    for row in rows:
        ends = [position[lower] for upper in row for lower in sorted(below[upper], key=position.__getitem__)]
        total += sum(left > right for left, right in combinations(ends, 2))
    return total


def _positions(
    rows: list[list[Place]], above: Neighbours, below: Neighbours, *, room: Room, gap: float, sweeps: int
) -> dict[Place, float]:
    """Move every row to the mean of its neighbours, as near as order and gaps allow, until it rests."""
    offsets: dict[Place, float] = {}
    for row in rows:
        edge = 0.0
        for place in row:
            offsets[place] = edge + room(place) / 2
            edge += room(place) + gap
        for place in row:
            offsets[place] -= (edge - gap) / 2
    pulls = {
        place: [(other, STRAIGHT if other[0] == place[0] else 1.0) for other in (*above[place], *below[place])]
        for place in offsets
    }
    x = dict(offsets)
    for sweep in range(4 * sweeps):
        for row in rows[::-1] if sweep % 2 else rows:
            masses = [sum(pull for _, pull in pulls[place]) + CENTRING for place in row]
            wanted = [sum(pull * x[other] for other, pull in pulls[place]) for place in row]
            shifts = [want / mass - offsets[place] for want, mass, place in zip(wanted, masses, row, strict=True)]
            for place, shift in zip(row, _ascending(shifts, masses), strict=True):
                x[place] = offsets[place] + shift
    return x


def _straighten(
    x: dict[Place, float],
    rows: list[list[Place]],
    rank: Mapping[str, int],
    *,
    room: Room,
    gap: float,
) -> None:
    """Give every passing line as few bends as its neighbours in the rows allow, from the top down."""
    beside = {
        place: (row[index - 1] if index else None, row[index + 1] if index + 1 < len(row) else None)
        for row in rows
        for index, place in enumerate(row)
    }

    def freedom(place: Place) -> tuple[float, float]:
        left, right = beside[place]
        low = -inf if left is None else x[left] + (room(left) + room(place)) / 2 + gap
        return low, inf if right is None else x[right] - (room(right) + room(place)) / 2 - gap

    for name, top in rank.items():
        line = [place for row in range(top + 1, len(rows)) if (place := (name, row)) in x]
        while line:
            low, high = freedom(line[0])
            run = [line.pop(0)]
            while line:
                least, most = freedom(line[0])
                if max(low, least) > min(high, most):
                    break
                low, high = max(low, least), min(high, most)
                run.append(line.pop(0))
            x.update(dict.fromkeys(run, min(max(_mean([x[place] for place in run], 0.0), low), high)))


def _ascending(values: list[float], weights: list[float]) -> list[float]:
    """The nearest non-decreasing numbers in weighted least squares: pool adjacent violators (Ayer 1955)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, mass, n = pools.pop()
            total = mass + pool[1]
            pool = ((mean * mass + pool[0] * pool[1]) / total, total, n + pool[2])
        pools.append(pool)
    return [mean for mean, _, n in pools for _ in range(n)]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
