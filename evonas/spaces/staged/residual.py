"""Residual networks for small images (such as ResNet-20), with a precision and a width per layer.

After He 2016, "Deep residual learning for image recognition", section 4.2: three stages of basic blocks, shortcuts
without parameters. Two differences: modules are pre-activated by default (He 2016, "Identity mappings"), and a shortcut
that halves the side averages 2x2 pixels instead of taking every second one (its option A), then adds zero channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from evonas.architecture.fitting import Sides
from evonas.spaces.staged.settings import CONVS, STAGES, ResidualSettings
from evonas.spaces.staged.slots import Choice, Slot, fixed
from evonas.spaces.staged.staged_space import StagedSpace
from evonas.spaces.window_settings import sides


@dataclass(frozen=True)
class ResidualSpace(StagedSpace[ResidualSettings]):
    """Search space of residual networks.

    With weights float or ternary and all factors 1, networks for 3x32x32 pixels and 10 classes have exactly the
    published numbers of weights: 268,336 (ResNet-20), 461,872 (-32), 655,408 (-44), 848,944 (-56).
    """

    settings_type: ClassVar[type[ResidualSettings]] = ResidualSettings

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """See :class:`StagedSpace`. The stem has the width of the first stage."""
        last = "stem"
        slots = [self._stem(self._width("stage0/width", self.settings.channels), self.settings.stem_window)]
        for stage in range(STAGES):
            base = self.settings.channels << stage
            stream = self._width(f"stage{stage}/width", base)
            for index in range((self.settings.depth - 2) // (STAGES * CONVS)):
                block = f"stage{stage}/block{index}"
                is_first = stage > 0 and index == 0
                stride = sides(self.settings.strides[stage - 1]) if is_first else (1, 1)
                inner = self._width(f"{block}/width", base)
                first = self._conv(
                    f"{block}/conv0", last, channels=(inner,), kernel=self._conv_kernel(f"{block}/conv0")
                )
                second = self._conv(
                    f"{block}/conv1", first.name, channels=(stream,), kernel=self._conv_kernel(f"{block}/conv1")
                )
                slots.append(replace(first, stride=stride))
                shortcut = last
                if is_first:
                    before = self._width(f"stage{stage - 1}/width", base // 2)
                    slots += self._shortcut(block, last, widths=(before, stream), stride=stride)
                    shortcut = slots[-1].name
                last = f"{block}/sum"
                slots.append(second)  # directly in front of the sum, so that it is added as it is computed
                slots.append(Slot(last, "add", (second.name, shortcut), (stream,)))
        return (*slots, self._classifier(last))

    def _conv_kernel(self, name: str) -> Choice[Sides]:
        """Of a kernel: a gene only where there is a choice."""
        kernels = self.settings.kernels
        return self._kernel(name, kernels) if len(kernels) > 1 else fixed(sides(kernels[0]))
