"""The first convolution of a network as the run file gives it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from evonas.architecture.fitting import Window
from evonas.spaces.settings import NetworkSpaceSettings
from evonas.spaces.window_settings import Kernel, StemStride, side_label, sides


class StemSettings(NetworkSpaceSettings):
    """Settings of spaces whose networks begin with a convolution over rows and columns.

    Long signals and large images want a wide kernel with a wide stride there, as in networks that read raw audio
    (Dai 2017, "Very deep convolutional neural networks for raw waveforms": 80 taps, every fourth position).
    """

    stem_kernel: Kernel = Field(3, description="of the first convolution: an odd side, or a pair such as [1, 31]")
    stem_stride: StemStride = Field(1, description="of the first convolution: 1 to 64, or a pair such as [1, 16]")

    @model_validator(mode="after")
    def _reads_all(self) -> Self:
        if any(step > side for step, side in zip(self.stem_window.stride, self.stem_window.kernel, strict=True)):
            kernel, stride = side_label(self.stem_kernel), side_label(self.stem_stride)
            raise ValueError(f"a stem_stride of {stride} passes over pixels that a stem_kernel of {kernel} leaves out")
        return self

    @property
    def stem_window(self) -> Window:
        """Kernel and stride of the first convolution."""
        return Window(sides(self.stem_kernel), sides(self.stem_stride))
