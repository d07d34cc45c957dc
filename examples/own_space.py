"""A search space of one's own: ``evonas search examples/own_space.toml``, or ``evonas.search(space=Plain(...))``.

A plain stack of three convolutions; searched are the width and the precision of each. What matters is that ``decode``
names an operation the same whenever it is the same layer: by that name a supernet shares its weights.
"""

from dataclasses import dataclass

import numpy as np

from evonas import Architecture, Gene, NetworkSpace, Op, Scheme, check_genome, precision

WIDTHS = ("8", "16", "32")
PRECISIONS = ("binary", "ternary", "4-bit")
EIGHT_BIT = precision("8-bit")
CLASSIFIER = ("norm", "relu", "pool", "quant", "conv")
DEPTH = 3
METHODS = Scheme()  # how numbers are quantized, unless the run file says otherwise


@dataclass(frozen=True)
class Plain(NetworkSpace):
    """Three convolutions after the first one; ``stride`` is that of the second."""

    input_shape: tuple[int, int, int]
    n_classes: int
    scheme: Scheme = METHODS
    stride: int = 2

    @property
    def genes(self):
        widths = [Gene(f"conv{i}/width", WIDTHS, is_ordered=True) for i in range(DEPTH)]
        return (*widths, *(Gene(f"conv{i}/precision", PRECISIONS, is_ordered=True) for i in range(DEPTH)))

    def decode(self, genome):
        choice = self.describe(check_genome(genome, self.genes))
        ops = [Op("stem", "conv", ("input",), 8, kernel=(3, 3), weight=EIGHT_BIT, act=EIGHT_BIT, steps=("conv",))]
        for i in range(DEPTH):
            chosen = precision(choice[f"conv{i}/precision"])
            width, stride = int(choice[f"conv{i}/width"]), self.stride if i == 1 else 1
            before = ops[-1].name
            ops.append(
                Op(
                    f"conv{i}",
                    "conv",
                    (before,),
                    width,
                    kernel=(3, 3),
                    stride=(stride, stride),
                    weight=chosen,
                    act=chosen,
                )
            )
        head = {"steps": CLASSIFIER, "has_bias": True, "weight": EIGHT_BIT, "act": EIGHT_BIT}
        last = Op("classifier", "conv", (ops[-1].name,), self.n_classes, **head)
        return Architecture(self.input_shape, (*ops, last), self.scheme)

    def encode(self, architecture):
        convs = [op for op in architecture.ops if op.name.startswith("conv")]
        widths = [WIDTHS.index(str(op.channels)) for op in convs]
        return np.array(widths + [PRECISIONS.index(op.weight.name) for op in convs])

    def covering(self):
        widest = len(WIDTHS) - 1
        return [self.decode([widest] * DEPTH + [index] * DEPTH) for index in range(len(PRECISIONS))]
