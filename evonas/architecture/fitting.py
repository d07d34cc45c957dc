"""Kernels and strides that fit what they are laid on: no row or column of weights that can only ever meet padding.

Along an axis of length ``side``, the outermost weight of a kernel lies ``dilation * (kernel // 2)`` from the position
that it is computed for, which is at most ``side - 1`` from any other. What reaches further is cut off, on both sides
alike: what is computed stays the same.
"""

from __future__ import annotations

from typing import NamedTuple

Sides = tuple[int, int]
"""Along height and width."""


class Window(NamedTuple):
    """What a convolution or pool is computed from.

    Attributes:
        kernel: Height and width.
        stride: Along height and width.
        dilation: Of the kernel, along both.
    """

    kernel: Sides = (1, 1)
    stride: Sides = (1, 1)
    dilation: int = 1


def fit(window: Window, sides: Sides) -> Window:
    """Cut a kernel, and strides that lead out of the image, to what sides of an input have use for.

    Args:
        window: As it would be for an input of any size.
        sides: Height and width of the input.

    Returns:
        Of the same output sides, and the same values if the weights that are cut were dropped. Where the kernel is 1x1,
        its dilation is 1.
    """
    down, aside = window.kernel
    kernel = _side(down, sides[0], window.dilation), _side(aside, sides[1], window.dilation)
    stride = min(window.stride[0], sides[0]), min(window.stride[1], sides[1])
    return Window(kernel, stride, 1 if kernel == (1, 1) else window.dilation)


def _side(kernel: int, side: int, dilation: int) -> int:
    reach = (side - 1) // dilation
    return kernel if kernel // 2 <= reach else 2 * reach + 1
