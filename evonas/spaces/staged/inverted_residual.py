"""Inverted residual networks (MobileNetV2's blocks) with a kernel, ratio, widths and precisions per block.

After Sandler 2018, "MobileNetV2: inverted residuals and linear bottlenecks", section 3.3: expand by 1x1, filter each
channel alone, project by 1x1, add the block's input. Kernels, ratios, widths and bit widths are what low-precision
searches vary (LP-NAS, ICANN 2022). Differences to MobileNetV2: the first block of a stage has a shortcut unless told
otherwise; a ratio of 1 keeps the 1x1 convolution in front; there is no wide convolution before the classifier; modules
are pre-activated by default, so the narrow stream passes a quantizer on its way into a block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from evonas.architecture.fitting import Sides
from evonas.spaces.genome import Gene
from evonas.spaces.staged.settings import InvertedResidualSettings
from evonas.spaces.staged.slots import Choice, Slot, fixed
from evonas.spaces.staged.staged_space import StagedSpace
from evonas.spaces.window_settings import sides


@dataclass(frozen=True)
class InvertedResidualSpace(StagedSpace[InvertedResidualSettings]):
    """Search space of inverted residual networks."""

    settings_type: ClassVar[type[InvertedResidualSettings]] = InvertedResidualSettings

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """See :class:`StagedSpace`."""
        last, before = "stem", fixed(self.settings.stem_channels)
        slots = [self._stem(before, self.settings.stem_window)]
        for stage, (channels, blocks, stage_stride) in enumerate(self.settings.stages):
            stream = self._width(f"stage{stage}/width", channels)
            for index in range(blocks):
                block, stride = f"stage{stage}/block{index}", sides(stage_stride) if index == 0 else (1, 1)
                *inner, project = self._block(block, last, widths=(before, stream), stride=stride)
                slots += inner
                shortcut = last
                if index == 0 and self.settings.has_stage_shortcut:
                    slots += self._shortcut(block, last, widths=(before, stream), stride=stride)
                    shortcut = slots[-1].name
                slots.append(project)  # directly in front of the sum, so that it is added as it is computed
                if index > 0 or self.settings.has_stage_shortcut:
                    slots.append(Slot(f"{block}/sum", "add", (project.name, shortcut), (stream,)))
                last, before = slots[-1].name, stream
        return (*slots, self._classifier(last))

    def _block(
        self, name: str, source: str, *, widths: tuple[Choice[int], Choice[int]], stride: Sides
    ) -> tuple[Slot, Slot, Slot]:
        """The three convolutions; ``widths`` are those of the streams in front and behind."""
        ratio = Choice(
            self.settings.ratios, Gene(f"{name}/ratio", tuple(map(str, self.settings.ratios)), is_ordered=True)
        )
        kernel = self._kernel(name, self.settings.kernels)
        inner = (widths[0], ratio)
        expand = self._conv(f"{name}/expand", source, channels=inner)
        depthwise = self._conv(f"{name}/depthwise", expand.name, channels=inner, kernel=kernel)
        project = self._conv(f"{name}/project", depthwise.name, channels=widths[1:])
        return expand, replace(depthwise, stride=stride, is_depthwise=True), project
