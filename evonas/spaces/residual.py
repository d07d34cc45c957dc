"""Residual networks for small images (ResNet-20 and its kin), with a precision and a width a layer.

After He 2016, "Deep residual learning for image recognition", section 4.2: three stages of basic blocks, shortcuts
without parameters. Two differences: modules are pre-activated by default (He 2016, "Identity mappings"), and a shortcut
that halves the side averages 2x2 pixels instead of taking every second one (its option A), then adds zero channels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from evonas.errors import RunFileError
from evonas.spaces.stage_graph import Slot, fixed
from evonas.spaces.stages import StagedSpace

STAGES = 3
CONVS = 2  # of a basic block


@dataclass(frozen=True)
class ResidualSpace(StagedSpace):
    """Search space of residual networks; settings beside those of :class:`StagedSpace`:

    Attributes:
        depth: Layers with weights, ``6 n + 2`` for n blocks a stage: 20, 32, 44, 56, 110 in the paper.
        channels: Width of the first stage at factor 1; every further stage doubles it and halves the side.

    With weights float or ternary and all factors 1, networks for 3x32x32 pixels and 10 classes have exactly the
    published numbers of weights: 268,336 (ResNet-20), 461,872 (-32), 655,408 (-44), 848,944 (-56).
    """

    depth: int = 20
    channels: int = 16

    def __post_init__(self) -> None:
        per_block = STAGES * CONVS
        if self.depth < per_block + 2 or (self.depth - 2) % per_block:
            near = per_block * max(1, round((self.depth - 2) / per_block)) + 2
            raise RunFileError(
                f"a depth of {per_block} n + 2, such as 8, 14, 20, 32, 44, 56",
                found=str(self.depth),
                remedy=f"set depth = {near}",
            )
        if self.channels < 1:
            raise RunFileError("channels of at least 1", found=str(self.channels), remedy="set channels = 16")
        super().__post_init__()

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """See :class:`StagedSpace`. The stem has the width of the first stage."""
        last = "stem"
        slots = [self._stem(self._width("stage0/width", self.channels))]
        for stage in range(STAGES):
            base = self.channels << stage
            stream = self._width(f"stage{stage}/width", base)
            for index in range((self.depth - 2) // (STAGES * CONVS)):
                block = f"stage{stage}/block{index}"
                stride = 2 if stage > 0 and index == 0 else 1
                inner = self._width(f"{block}/width", base)
                first = self._conv(f"{block}/conv0", last, channels=(inner,), kernel=fixed(3))
                second = self._conv(f"{block}/conv1", first.name, channels=(stream,), kernel=fixed(3))
                slots += [replace(first, stride=stride), second]
                shortcut = last
                if stride == 2:
                    before = self._width(f"stage{stage - 1}/width", base // 2)
                    slots += self._shortcut(block, last, widths=(before, stream), stride=stride)
                    shortcut = slots[-1].name
                last = f"{block}/sum"
                slots.append(Slot(last, "add", (second.name, shortcut), (stream,)))
        return (*slots, self._classifier(last))


__all__ = ["ResidualSpace"]
