"""evonas: evolutionary, multi-objective neural architecture search of very small ternary, binary and low-bit networks.

Three lines are a whole search:

    import evonas
    run = evonas.search()      # scikit-learn's digits; evonas.search("run.toml") for your own images
    print(run.front())         # a pandas DataFrame, one row per network

Rooms, from top to bottom; a room may use only the rooms below it:

- ``cli``: the command line.
- ``workflows``: what is done with runs: train, trust, export, batch, compare.
- ``run``: one search, from the run file to the report.
- ``algorithms``: ask and tell.
- ``evaluation``: from a genome to its values.
- ``training``: supernets, single networks, data sets.
- ``config``: the run file.
- ``export``: files for other runtimes.
- ``spaces``: search spaces.
- ``nets``: networks that run, quantizers.
- ``architecture``: what a network is, as plain data.

Beside them ``errors``, ``files``, ``plugins``, ``progress``, ``seeding`` and ``version``, which every room may use.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evonas.version import __version__

if TYPE_CHECKING:
    from evonas.architecture.graph import Architecture, Op
    from evonas.architecture.methods import Method
    from evonas.architecture.precision import Precision, precision
    from evonas.architecture.scheme import Scheme
    from evonas.errors import EvonasError
    from evonas.export.c.targets.simulate import Simulation
    from evonas.nets.network import Network
    from evonas.nets.quant.quantizer import Quantizer
    from evonas.spaces.choices import FloatRange, IntRange
    from evonas.spaces.genome import Gene, check_genome
    from evonas.spaces.problem import Problem
    from evonas.spaces.space import NetworkSpace, Space, TableSpace
    from evonas.workflows.api import batch, compare, open_run, resume, search
    from evonas.workflows.batch import Batch
    from evonas.workflows.export_picks import Verification
    from evonas.workflows.run_handle import Run
    from evonas.workflows.train_picks import Training
    from objectives import Layer, Objective
    from reports.comparison.comparison import Comparison

_EXPORTS = {
    "Architecture": "evonas.architecture.graph",
    "Batch": "evonas.workflows.batch",
    "Comparison": "reports.comparison.comparison",
    "EvonasError": "evonas.errors",
    "FloatRange": "evonas.spaces.choices",
    "Gene": "evonas.spaces.genome",
    "IntRange": "evonas.spaces.choices",
    "Layer": "objectives",
    "Method": "evonas.architecture.methods",
    "Network": "evonas.nets.network",
    "NetworkSpace": "evonas.spaces.space",
    "Objective": "objectives",
    "Op": "evonas.architecture.graph",
    "Precision": "evonas.architecture.precision",
    "Problem": "evonas.spaces.problem",
    "Quantizer": "evonas.nets.quant.quantizer",
    "Run": "evonas.workflows.run_handle",
    "Scheme": "evonas.architecture.scheme",
    "Simulation": "evonas.export.c.targets.simulate",
    "Space": "evonas.spaces.space",
    "TableSpace": "evonas.spaces.space",
    "Training": "evonas.workflows.train_picks",
    "Verification": "evonas.workflows.export_picks",
    "batch": "evonas.workflows.api",
    "check_genome": "evonas.spaces.genome",
    "compare": "evonas.workflows.api",
    "open_run": "evonas.workflows.api",
    "precision": "evonas.architecture.precision",
    "resume": "evonas.workflows.api",
    "search": "evonas.workflows.api",
}
"""Where each public name lives; it is loaded at first use, because most names need a large library."""

__all__ = [
    "Architecture",
    "Batch",
    "Comparison",
    "EvonasError",
    "FloatRange",
    "Gene",
    "IntRange",
    "Layer",
    "Method",
    "Network",
    "NetworkSpace",
    "Objective",
    "Op",
    "Precision",
    "Problem",
    "Quantizer",
    "Run",
    "Scheme",
    "Simulation",
    "Space",
    "TableSpace",
    "Training",
    "Verification",
    "__version__",
    "batch",
    "check_genome",
    "compare",
    "open_run",
    "precision",
    "resume",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_EXPORTS[name]), name)
    return found


def _check_siblings() -> None:
    """evonas comes with three packages of plain names; raise an error if a user's file hides one of them."""
    home = Path(__file__).resolve().parent.parent
    for name in ("objectives", "surrogates", "reports"):
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin != home / name / "__init__.py":
            raise ImportError(
                f"evonas needs its own package {name!r} ({home / name}), but Python finds {origin} first. "
                "Rename that file, or run the command evonas, which does not look there."
            )


_check_siblings()
