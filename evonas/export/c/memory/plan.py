"""Where each tensor of a network lies in the C code's one block of memory, and which tensors are stored as codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.export.c.kernels.choice import Choice, choose
from evonas.export.c.memory.placing import Buffer, Move, Places, place_all
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from objectives.device.storage import storage

CELL = 4  # bytes: a float, or a sum


@dataclass(frozen=True)
class Plan:
    """Memory of a whole network.

    Attributes:
        places: Where its buffers lie: outputs under the names of the operations, see :func:`work_of`.
        step: Of each operation that computes.
        home: For operations that share another one's buffer, its name; a name that is missing has its own.
        readers: For a convolution whose output is stored as codes, the one that reads them.
        added: For a convolution that is added to a sum as it is computed, the sum, whose inputs are tensors.
        choices: For each convolution, how it is computed.
    """

    places: Places
    step: Mapping[str, int]
    home: Mapping[str, str]
    readers: Mapping[str, str]
    added: Mapping[str, Op]
    choices: Mapping[str, Choice]

    @property
    def cells(self) -> int:
        """Size of the whole block."""
        return self.places.cells

    def at(self, name: str, *, by: str) -> int:
        """Where the output of an operation lies when another one runs, in cells."""
        name = self.home.get(name, name)
        place = self.places.offsets[name]
        for move in self.places.moves:
            place = move.to if move.name == name and move.step <= self.step[by] else place
        return place

    def reads(self, name: str, *, by: str) -> int:
        """Where an operation finds a tensor, in cells; below zero: in the image."""
        return -1 if self.home.get(name, name) == INPUT else self.at(name, by=by)

    def moves(self, name: str) -> list[Move]:
        """What moves before an operation."""
        return [move for move in self.places.moves if move.step == self.step.get(name)]


def work_of(name: str) -> str:
    """Name of the buffer for what a convolution reads."""
    return f"{name} reads"


def plan_memory(frozen: FrozenNetwork) -> Plan:
    """Give every tensor a place, so that those alive at once do not overlap.

    Which there are, how wide and for how long, is what :func:`objectives.device.storage.storage` says. The image has a
    place, too: where a caller may write it.
    """
    architecture, layers = frozen.architecture, frozen.architecture.layers
    kept, ops = storage(layers), {op.name: op for op in frozen.architecture.ops}
    views = _views(architecture)
    home = dict(views)
    names, step = [layer.name for layer in layers], {layer.name: index for index, layer in enumerate(layers)}
    last = {name: int(end) for name, end in zip(names, kept.end[:, 0], strict=True)}
    for index, (name, over) in enumerate(zip(names, kept.over[:, 0], strict=True)):
        if over >= 0:
            place = home.get(names[over], names[over])
            home |= {view: place for view in home if home[view] == name} | {name: place}
            last[place] = max(last[place], int(kept.end[index, 0]))
    readers, added = {}, {}
    for index, name in enumerate(names):
        if kept.is_coded[index, 0] or kept.is_added[index, 0]:
            (reader,) = [layer.name for layer in layers if name in layer.inputs]
            if kept.is_coded[index, 0]:
                readers[name] = reader
            else:
                added[name] = replace(ops[reader], inputs=tuple(views.get(one, one) for one in ops[reader].inputs))
                home[name] = home.get(reader, reader)
    fixed = [
        Buffer(name, int(size) // CELL, int(begin), last[name])
        for name, size, begin in zip(names, kept.n_bytes[:, 0], kept.begin[:, 0], strict=True)
        if size and name not in home
    ]
    for name in frozen.convs:
        if cells := int(kept.work[step[name], 0]) // CELL:
            fixed.append(Buffer(work_of(name), cells, step[name], step[name]))
    alive, most = kept.alive()[:, 0] // CELL, int(kept.alive().max()) // CELL
    choices = {}
    for name, conv in frozen.convs.items():
        room = most - int(alive[step[name]] - kept.scratch[step[name], 0] // CELL)
        choices[name] = choose(conv, room=room)
    scratches = {name: (step[name], one.scratch) for name, one in choices.items()}
    places = place_all(fixed, scratches, cells=most)
    return Plan(places, step, home, readers, added, choices)


def front_steps(conv: FrozenConv) -> tuple[str, ...]:
    """Steps in front of the convolution."""
    return conv.op.steps[: conv.op.steps.index("conv")]


def _views(architecture: Architecture) -> dict[str, str]:
    """Operations that hand their input on, each with the one whose output that is."""
    home: dict[str, str] = {}
    for op in architecture.ops:
        if architecture.is_view(op):
            home[op.name] = home.get(op.inputs[0], op.inputs[0])
    return home
