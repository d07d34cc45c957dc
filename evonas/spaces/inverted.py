"""Inverted residual networks (MobileNetV2's blocks) with a kernel, an expansion ratio, widths and precisions a block.

After Sandler 2018, "MobileNetV2: inverted residuals and linear bottlenecks", section 3.3: expand by 1x1, filter each
channel alone, project by 1x1, add the block's input. Kernels, ratios, widths and bit widths are what low-precision
searches vary (LP-NAS, ICANN 2022). Differences to MobileNetV2: the first block of a stage has a shortcut unless told
otherwise; a ratio of 1 keeps the 1x1 convolution in front; there is no wide convolution before the classifier; modules
are pre-activated by default, so the narrow stream passes a quantizer on its way into a block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from evonas.errors import RunFileError
from evonas.genome import Gene
from evonas.spaces.stage_graph import Searched, Slot, fixed
from evonas.spaces.stages import StagedSpace


@dataclass(frozen=True)
class InvertedResidualSpace(StagedSpace):
    """Search space of inverted residual networks; settings beside those of :class:`StagedSpace`:

    Attributes:
        stem_channels: Output channels of the first convolution.
        stages: Channels at factor 1, blocks, and stride of the first block, of each stage.
        kernels: Odd sides that a depthwise kernel may have, ascending.
        ratios: Whole factors from a block's input channels to its inner ones, ascending.
        has_stage_shortcut: Whether a stage's first block has a shortcut too, average-pooled and with channels cut or
            zero-padded. MobileNetV2 has none there; but a supernet of low-bit paths then hardly learns.
    """

    stem_channels: int = 16
    stages: tuple[tuple[int, int, int], ...] = ((16, 1, 1), (24, 2, 2), (40, 2, 2))
    kernels: tuple[int, ...] = (3, 5)
    ratios: tuple[int, ...] = (1, 3, 6)
    has_stage_shortcut: bool = True

    def __post_init__(self) -> None:
        for name, wanted, is_right in (
            ("stem_channels", "at least 1", self.stem_channels >= 1),
            ("stages", "triples of channels, blocks and a stride of 1 or 2", _are_stages(self.stages)),
            ("kernels", "odd, ascending", _is_ascending(self.kernels) and all(side % 2 for side in self.kernels)),
            ("ratios", "whole, from 1, ascending", _is_ascending(self.ratios)),
        ):
            if not is_right:
                default = type(self).__dataclass_fields__[name].default
                raise RunFileError(
                    f"{name}: {wanted}", found=repr(getattr(self, name)), remedy=f"the default is {default}"
                )
        super().__post_init__()

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """See :class:`StagedSpace`."""
        last, before = "stem", fixed(self.stem_channels)
        slots = [self._stem(before)]
        for stage, (channels, blocks, stage_stride) in enumerate(self.stages):
            stream = self._width(f"stage{stage}/width", channels)
            for index in range(blocks):
                block, stride = f"stage{stage}/block{index}", stage_stride if index == 0 else 1
                slots += self._block(block, last, widths=(before, stream), stride=stride)
                end, shortcut = slots[-1].name, last
                if index == 0 and self.has_stage_shortcut:
                    slots += self._shortcut(block, last, widths=(before, stream), stride=stride)
                    shortcut = slots[-1].name
                if index > 0 or self.has_stage_shortcut:
                    slots.append(Slot(f"{block}/sum", "add", (end, shortcut), (stream,)))
                last, before = slots[-1].name, stream
        return (*slots, self._classifier(last))

    def _block(
        self, name: str, source: str, *, widths: tuple[Searched[int], Searched[int]], stride: int
    ) -> tuple[Slot, Slot, Slot]:
        """The three convolutions; ``widths`` are those of the streams in front and behind."""
        ratio = Searched(self.ratios, Gene(f"{name}/ratio", tuple(map(str, self.ratios)), is_ordered=True))
        kernel = Searched(self.kernels, Gene(f"{name}/kernel", tuple(map(str, self.kernels)), is_ordered=True))
        inner = (widths[0], ratio)
        expand = self._conv(f"{name}/expand", source, channels=inner)
        depthwise = self._conv(f"{name}/depthwise", expand.name, channels=inner, kernel=kernel)
        project = self._conv(f"{name}/project", depthwise.name, channels=widths[1:])
        return expand, replace(depthwise, stride=stride, is_depthwise=True), project


def _is_ascending(values: tuple[int, ...]) -> bool:
    return len(values) > 0 and all(low < high for low, high in pairwise((0, *values)))


def _are_stages(stages: tuple[tuple[int, int, int], ...]) -> bool:
    return len(stages) > 0 and all(
        len(stage) == 3 and stage[0] >= 1 and stage[1] >= 1 and stage[2] in (1, 2) for stage in stages
    )


__all__ = ["InvertedResidualSpace"]
