"""Fully connected networks for features that are no grid; layers, widths and precisions are searched.

Features are channels of one pixel, where a 1x1 convolution is a fully connected layer, so all is quantized, counted and
exported as in the other spaces. The first hidden layer reads 8-bit features as the first layer of the others reads
pixels; the hidden layers behind it are modules, and the last of them may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from evonas.errors import RunFileError
from evonas.spaces.genome import Gene
from evonas.spaces.staged.settings import DenseSettings
from evonas.spaces.staged.slots import Choice, Slot
from evonas.spaces.staged.staged_space import StagedSpace


@dataclass(frozen=True)
class DenseSpace(StagedSpace[DenseSettings]):
    """Search space of fully connected networks, for inputs ``(features, 1, 1)``.

    Raises:
        RunFileError: Images or signals.
    """

    settings_type: ClassVar[type[DenseSettings]] = DenseSettings

    def __post_init__(self) -> None:
        super().__post_init__()
        features, height, width = self.input_shape
        if (height, width) != (1, 1):
            raise RunFileError(
                "features without rows and columns, (features, 1, 1)",
                found=f"{features} x {height} x {width} (channels, height, width)",
                remedy='choose another kind of space, or set axes = "features" under [data] with rows of numbers',
            )

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """See :class:`StagedSpace`. The first hidden layer is the stem."""
        count = range(1, self.settings.layers + 1)
        n_layers = Gene("layers", tuple(map(str, count)), is_ordered=True)
        slots = [self._stem(self._width("stem/width", self.settings.units))]
        for index in count[:-1]:
            name = f"layer{index}"
            layer = self._conv(name, slots[-1].name, channels=(self._width(f"{name}/width", self.settings.units),))
            slots.append(replace(layer, is_there=Choice(tuple(index < number for number in count), n_layers)))
        return (*slots, self._classifier(slots[-1].name))

    def _precision_owner(self, name: str) -> str:
        return name if self.settings.precision_scope == "layer" else "hidden"
