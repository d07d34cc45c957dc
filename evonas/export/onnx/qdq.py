"""QDQ: int8 weights and activations between QuantizeLinear and DequantizeLinear, as compilers of 8 bits read them.

Every code is stored and passed as one of 8 bits, however few it needs: that is what ONNX Runtime and other compilers
fuse into integer convolutions. Where a quantizer is all that reads a convolution, its norm goes into the convolution's
scales and its bias, and runtimes compute from integers to integers.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from evonas.export.onnx.compiler_graph import CompilerGraph
from evonas.export.onnx.values import Codes, Factors, Rounding, Value
from evonas.nets.frozen import FrozenConv, Kernel
from evonas.nets.quant.activation_rule import ActivationRule

LARGEST = 64  # of weights: on x86 without VNNI two products with 255 must not pass 2^15
SLACK = 1 / 2048  # of a quantizer's range, by which a bias of whole numbers may be off: 1/8 step of one of 8 bits
TRIED = 4  # whole numbers on each side
TINIEST = 1e-30  # scale that float32 holds
MOST_BIAS = 2**30  # the sum of products adds to it
INT8, UINT8 = np.iinfo(np.int8), np.iinfo(np.uint8)


class QdqGraph(CompilerGraph):
    """Standard ONNX with an 8-bit quantizer in front of each convolution.

    Binary signs, thresholds of each image's own and float activations stay float operations; codes of the former two
    are passed as int8. Kernels of several planes, or with a scale for each sign, are several convolutions.
    """

    pixel_type = TensorProto.UINT8
    batch: ClassVar[int | str] = "n"

    def input_codes(self, steps: str) -> Codes:
        """See :class:`CompilerGraph`."""
        form = self.frozen.codes
        one = np.float32(1 / form.per_one)
        if form.standards is not None:
            cut = self.nodes.add("Mul", self._clip(steps, form.low, form.high), self.nodes.number(float(one)))
            steps = self._quantized(cut, one, form.low)
        return Codes(self._dequantized(steps, one, form.low), step=float(one), low=form.low, most=form.high)

    def rounded(self, value: Value, how: Rounding, *, worth: float) -> Codes:
        """See :class:`CompilerGraph`."""
        low, high, scale = how
        x, step = self.plain(value, how), np.float32(scale)
        kind = _kind(low)
        x = self._dequantized(self._quantized(x, step, low), np.float32(worth), low)
        codes = Codes(x, step=float(np.float32(worth)), low=low, most=max(high, -low))
        if (low, high) == (kind.min, kind.max):
            return codes
        # cut behind it, as a quantizer right behind a convolution makes that one of integers
        return replace(codes, tensor=self._clip(x, low * codes.step, high * codes.step), is_open=True)

    def kept(self, value: Value, how: Rounding) -> Value:
        """See :class:`CompilerGraph`. Of 16 bits it stays float operations, since older compilers know no such type."""
        low, high, scale = how
        x, nodes = self.plain(value), self.nodes
        if high <= INT8.max:
            return Value(self._passed(x, np.float32(scale), low), value.channels)
        steps = nodes.add("Round", self._clip(nodes.add("Mul", x, nodes.number(1 / scale)), low, high))
        return Value(nodes.add("Mul", steps, nodes.number(scale)), value.channels)

    def marked(self, codes: str, act: ActivationRule) -> Codes:
        """See :class:`CompilerGraph`."""
        return Codes(codes, step=1.0, low=act.low, most=max(act.high, -act.low), is_open=True)

    def convolve(self, conv: FrozenConv, codes: Codes, form: dict[str, Any]) -> Value:
        """See :class:`CompilerGraph`."""
        channels, parts = conv.op.channels, []
        for place, (values, scale) in enumerate(_terms(conv.kernel)):
            write = partial(self._write, f"{conv.op.name}/{place}", codes, values, form)
            parts.append(Value("", channels, write=write).moved(scale.astype(np.float64) * codes.unit, 0))
        if len(parts) == 1:
            return parts[0]
        return Value(self.nodes.sum([self.plain(part) for part in parts]), channels)

    def _write(
        self,
        name: str,
        codes: Codes,
        values: NDArray[Any],
        form: dict[str, Any],
        factor: Factors,
        shift: Factors,
        reader: Rounding | None,
    ) -> str:
        """A convolution with factor and shift in its weights and its bias.

        In front of a quantizer the bias is of whole numbers, so that all of it is. They are finer than the codes' own,
        as weights and activations are stored as larger numbers of smaller steps. If that is too coarse still, a batch
        norm stands behind.
        """
        nodes = self.nodes

        def conv(x: str, *weights: str) -> str:
            return nodes.add("Conv", x, *weights, out=name, **form)

        def weight(codes: NDArray[Any], scale: Factors) -> str:
            stored, one = nodes.initializer(f"{name}/weight", codes.astype(np.int8)), _scalar(scale)
            # of its own: where ONNX Runtime makes weights uint8, it changes the zero of each
            zero = nodes.initializer(f"{name}/zero", np.zeros(one.shape, dtype=np.int8))
            return nodes.add("DequantizeLinear", stored, nodes.constant(one), zero, **_along(one))

        floats = [nodes.constant(np.broadcast_to(shift, len(values)).astype(np.float32))] if shift.any() else []
        if values.dtype == np.float32:
            scaled = values * factor.reshape(-1, 1, 1, 1).astype(np.float32)
            return conv(self._closed(codes), nodes.initializer(f"{name}/weight", scaled), *floats)
        turned, size = values * np.where(factor < 0, -1, 1).reshape(-1, 1, 1, 1), np.abs(factor)
        if size.min() > TINIEST and turned.max() <= INT8.max:
            if reader is None or not codes.step or not floats:
                return conv(self._closed(codes), weight(turned, size), *floats)
            finer, times = _room(LARGEST, np.abs(values).max()), _room(_kind(codes.low).max, codes.most)
            unit = np.float32(codes.step / times) * (size / finer).astype(np.float32)
            bias = _whole(np.broadcast_to(shift, len(values)), unit, finer * times, reader)
            slack = SLACK * reader.scale * (reader.high - reader.low)
            if np.abs(bias * unit - shift).max() <= slack and np.abs(bias).max() <= MOST_BIAS:
                stored = nodes.initializer(f"{name}/bias", bias.astype(np.int32))
                return conv(
                    self._closed(codes, times),
                    weight(turned * finer, size / finer),
                    nodes.add("DequantizeLinear", stored, nodes.constant(_scalar(unit)), **_along(unit)),
                )
        plain = conv(self._closed(codes), weight(values, np.ones(1)))
        return self.batch_norm(Value(plain, len(values), factor, shift))

    def _closed(self, codes: Codes, times: int = 1) -> str:
        """Codes that are stored as 8 bits, as numbers so many times as large."""
        if not codes.step or (times == 1 and not codes.is_open):
            return codes.tensor
        return self._passed(codes.tensor, np.float32(codes.step / times), codes.low)

    def _passed(self, x: str, step: np.float32, low: int) -> str:
        return self._dequantized(self._quantized(x, step, low), step, low)

    def _clip(self, x: str, low: Any, high: Any) -> str:
        return self.nodes.add("Clip", x, self.nodes.number(low), self.nodes.number(high))

    def _quantized(self, x: str, step: Any, low: int) -> str:
        zero = self.nodes.constant(np.array(0, dtype=_kind(low).dtype))
        return self.nodes.add("QuantizeLinear", x, self.nodes.number(step), zero)

    def _dequantized(self, codes: str, step: float | np.float32, low: int) -> str:
        zero = self.nodes.constant(np.array(0, dtype=_kind(low).dtype))
        return self.nodes.add("DequantizeLinear", codes, self.nodes.number(float(step)), zero)


def _kind(low: int) -> np.iinfo[Any]:
    """The type of 8 bits of codes whose smallest is ``low``."""
    return UINT8 if low >= 0 else INT8


def _along(step: NDArray[np.float32]) -> dict[str, Any]:
    """Attributes of scales that may be one for each filter."""
    return {"axis": 0} if step.size > 1 else {}


def _scalar(step: NDArray[Any]) -> NDArray[np.float32]:
    """Without its axis if it is one number."""
    array = np.asarray(step, dtype=np.float32)
    return array.reshape(()) if array.size == 1 else array


def _whole(shift: Factors, unit: NDArray[np.float32], lattice: int, reader: Rounding) -> Factors:
    """The whole numbers near ``shift / unit`` with which a quantizer makes the same code of as many sums as can be.

    Sums are multiples of ``lattice``. A threshold of the quantizer that lies between two of them may move up to those.
    """
    steps = np.broadcast_to(unit, len(shift)).astype(np.float64)[:, None, None]
    thresholds = (np.arange(reader.low, reader.high) + 0.5) * reader.scale / steps
    exact = (shift[:, None, None] / steps).astype(np.float64)
    tried = np.round(exact) + np.array(sorted(range(-TRIED, TRIED + 1), key=abs))[None, :, None]
    same = np.ceil((thresholds - exact) / lattice) == np.ceil((thresholds - tried) / lattice)
    best = same.sum(axis=2).argmax(axis=1)
    found: Factors = tried[np.arange(len(shift)), best, 0]
    return found


def _room(most: int, largest: int) -> int:
    """How many times as large numbers may become."""
    return max(1, most // max(1, int(largest)))


def _terms(kernel: Kernel) -> list[tuple[NDArray[Any], NDArray[np.float32]]]:
    """Kernels of int8, or float32, with their scales; odd codes beyond int8 are two, one of halves and one of ones."""
    if kernel.levels == 0:
        return [(kernel.values[0].astype(np.float32), np.ones(1, dtype=np.float32))]
    terms = []
    for values, scale in kernel.terms:
        if np.abs(values).max() <= INT8.max or (values.min() == INT8.min and values.max() <= INT8.max):
            terms.append((values, scale.reshape(-1)))
        else:
            terms += [((values - 1) // 2, 2 * scale.reshape(-1)), (np.ones_like(values), scale.reshape(-1))]
    return terms
