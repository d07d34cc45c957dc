"""A table of results as a search space: NAS-Bench-Macro (Su 2021), 6,561 networks trained on CIFAR-10.

[space]
kind = "examples/nasbench_macro.py:NasBenchMacro"
options = { file = "nasbench_macro.csv" }   # columns arch (eight digits), err, flops, params

[search]
objectives = ["err", "flops"]
"""

from pathlib import Path

import numpy as np
import pandas as pd

from evonas import Gene, Objective, TableSpace

STAGES = ((0, 2), (2, 5), (5, 8))  # layers of a stage; an identity that is not first in its stage may sit anywhere
IDENTITY = 0


class NasBenchMacro(TableSpace):
    """Eight layers, each an identity or one of two inverted-residual blocks."""

    def __init__(self, file: str) -> None:
        table = pd.read_csv(Path(file).expanduser(), dtype={"arch": str})
        self.rows = table.set_index("arch")[["err", "flops", "params"]].to_dict("index")

    @property
    def genes(self):
        return tuple(Gene(f"layer{i}", ("identity", "3x3, expansion 3", "5x5, expansion 6")) for i in range(8))

    @property
    def objectives(self):
        return {
            "err": Objective(name="err", unit="%", title="test error", is_log=False),
            "flops": Objective(name="flops", unit="", title="FLOPs"),
            "params": Objective(name="params", unit="", title="parameters"),
        }

    def canonical(self, genome):
        genome = np.asarray(genome)
        parts = []
        for start, end in STAGES:
            first, rest = genome[start : start + 1], genome[start + 1 : end]
            parts += [first, rest[rest != IDENTITY], rest[rest == IDENTITY]]
        return np.concatenate(parts)

    def look_up(self, genome):
        return self.rows["".join(map(str, genome))]

    def count(self, genome):
        row = self.rows["".join(map(str, genome))]
        return {"flops": row["flops"], "params": row["params"]}  # what a formula would give; the error is looked up
