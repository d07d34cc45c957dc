"""The handwritten digits inside scikit-learn: always there, small, and the default."""

from __future__ import annotations

from typing import Any

from evonas.config.sections import DataConfig
from evonas.plugins import resolve
from evonas.training.datasets.arrays import Parts


def fits(source: str) -> bool:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    return source == "digits"


def read(source: str, settings: DataConfig) -> Parts:
    """See :class:`evonas.training.datasets.readers.Reader`."""
    del source, settings
    digits: Any = resolve("sklearn.datasets:load_digits")()  # slow to load, and workers never read digits
    return Parts((digits.images / 16, digits.target))
