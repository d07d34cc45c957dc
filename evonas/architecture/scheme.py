"""Which method quantizes what: one method name per role and kind of precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evonas.architecture.methods import QUANTIZERS, Method
from evonas.architecture.precision import Precision, precision
from evonas.errors import RunFileError, nearest
from evonas.plugins import is_path, load_object


@dataclass(frozen=True, slots=True)
class Scheme:
    """Names from ``QUANTIZERS``, or ``"file.py:NAME"`` of a user's own :class:`Method`.

    Attributes:
        binary_weight, ternary_weight, multibit_weight: For weights of one bit, three levels, and 2 to 8 bits.
        binary_act, ternary_act, multibit_act: The same for activations.
        input_values: Numbers of four bytes that a file stores to standardise the input; 0 for pixels.
    """

    binary_weight: str = "xnor"
    ternary_weight: str = "tga"
    multibit_weight: str = "lsq_weight"
    binary_act: str = "approx_sign"
    ternary_act: str = "lsq"
    multibit_act: str = "lsq"
    input_values: int = 0

    def weight(self, number_format: Precision) -> Method | None:
        """The method for weights of a precision; None for float."""
        return _method(getattr(self, f"{_kind(number_format)}_weight")) if number_format.levels else None

    def act(self, number_format: Precision) -> Method | None:
        """The method for activations of a precision; None for float."""
        return _method(getattr(self, f"{_kind(number_format)}_act")) if number_format.levels else None

    def check(self, *, weights: Iterable[str], acts: Iterable[str]) -> None:
        """Make sure that every precision has a method that serves it.

        Raises:
            RunFileError: A method is unknown, is for the other role, or does not serve a precision.
        """
        for role, names, method_of in (("weight", weights, self.weight), ("act", acts, self.act)):
            for name in dict.fromkeys(names):
                chosen = precision(name)
                method = method_of(chosen)
                if method is None or (method.role == role and name in method.serves):
                    continue
                key = f"{_kind(chosen)}_{role}"
                fitting = [known for known, m in QUANTIZERS.items() if m.role == role and name in m.serves]
                raise RunFileError(
                    f"a method for {name} under quantizers.{key}",
                    found=f"{getattr(self, key)!r}, which quantizes {method.role}s of {', '.join(method.serves)}",
                    remedy=f"choose among {', '.join(fitting)}",
                )


def _kind(number_format: Precision) -> str:
    return {2: "binary", 3: "ternary"}.get(number_format.levels, "multibit")


def _method(name: str) -> Method:
    if name in QUANTIZERS:
        return QUANTIZERS[name]
    if is_path(name):
        return load_object(name, Method)
    raise RunFileError(
        "the name of a quantizer, or file.py:NAME of a Method of your own",
        found=repr(name),
        remedy=nearest(name, QUANTIZERS),
    )


DEFAULT_SCHEME = Scheme()
